"""Warnings about logs and traces that may not arrive where they were meant to."""

from __future__ import annotations

from pathlib import Path

import pytest

from pygateway.config import check
from tests.config.reading import UPSTREAM

HEADERS = "headers: {Authorization: Bearer of-the-collector}"


@pytest.mark.parametrize(
    ("section", "codes"),
    [
        ("", []),
        ("access_log: stdout", []),
        ("access_log: off", []),
        ("access_log: requests.log", []),
        ("access_log: stdot", ["unlikely-path"]),
        ("access_log: {path: sdterr}", ["unlikely-path"]),
        ("tracing: http://127.0.0.1:4318", []),
        ("tracing: http://127.0.0.1:4317", ["unlikely-port"]),
        ("tracing: {endpoint: 'http://collector.test:4317/v1/traces'}", ["unlikely-port"]),
        (f"tracing: {{endpoint: 'https://collector.test', {HEADERS}}}", []),
        (f"tracing: {{endpoint: 'http://127.0.0.1:4318', {HEADERS}}}", []),
        (f"tracing: {{endpoint: 'http://[::1]:4318', {HEADERS}}}", []),
        (f"tracing: {{endpoint: 'http://localhost:4318', {HEADERS}}}", []),
        (f"tracing: {{endpoint: 'http://10.0.0.9:4318', {HEADERS}}}", ["readable-credentials"]),
        (f"tracing: {{endpoint: 'http://collector:4318', {HEADERS}}}", ["readable-credentials"]),
    ],
)
def test_warnings(tmp_path: Path, section: str, codes: list[str]) -> None:
    file = tmp_path / "gateway.yaml"
    file.write_text(f"{UPSTREAM}routes: [{{name: a, upstream: users}}]\n{section}\n")
    config, problems = check(file, {})
    assert config is not None, problems
    assert [each.code for each in problems if each.code != "open-routes"] == codes
    assert all(each.severity == "warning" for each in problems)
    assert not any("of-the-collector" in each.message for each in problems)


def test_a_misspelt_word_is_named(tmp_path: Path) -> None:
    file = tmp_path / "gateway.yaml"
    file.write_text(f"{UPSTREAM}routes: [{{name: a, upstream: users}}]\naccess_log: stdot\n")
    _, problems = check(file, {})
    (found,) = (each for each in problems if each.code == "unlikely-path")
    assert "did you mean `stdout`?" in found.message
    assert found.line == file.read_text().splitlines().index("access_log: stdot") + 1
