from __future__ import annotations

from pathlib import Path

import pytest

from benches.peers.installation import Installation, Missing


def put(folder: Path, path: str, says: str) -> Path:
    program = folder / path
    program.parent.mkdir(parents=True)
    program.write_text(f"#!/bin/sh\necho '{says}'\n")
    program.chmod(0o755)
    return program


def test_a_program_is_found_whatever_the_version_of_python(tmp_path: Path) -> None:
    there = put(tmp_path, "wheels/lib/python3.14/site-packages/envoy/_bin/envoy", "")
    assert Installation(tmp_path).program("envoy") == there


def test_what_is_not_there_has_a_reason(tmp_path: Path) -> None:
    installation = Installation(tmp_path, {"debian": "this is another system"})
    with pytest.raises(Missing, match="another system"):
        installation.program("nginx")
    with pytest.raises(Missing, match="caddy"):
        installation.program("caddy")


def test_the_version_is_not_taken_from_the_path(tmp_path: Path) -> None:
    path = "wheels/lib/python3.11/site-packages/envoy/_bin/envoy"
    put(tmp_path, path, f"{tmp_path / path}  version: 9e55/1.40.0/Clean")
    assert Installation(tmp_path).version("envoy") == "1.40.0"
