from __future__ import annotations

import json
import platform

from pygateway import __version__
from tests.cli.conftest import Run


def test_one_line_for_people(run: Run) -> None:
    outcome = run("version")
    assert outcome.code == 0
    assert outcome.out.startswith(f"pygateway {__version__} (python {platform.python_version()}, ")
    assert outcome.out.count("\n") == 1


def test_json_for_programs(run: Run) -> None:
    versions = json.loads(run("version", "--json").out)
    assert versions["pygateway"] == __version__
    assert set(versions) >= {"python", "uvloop", "httptools", "pydantic", "pyyaml", "structlog"}
