from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import pytest

from pygateway.cli import main
from pygateway.cli.configuration import SEED_VARIABLES

GOOD = """\
version: 1
listen: 127.0.0.1:0
workers: 1
upstreams:
  users: {endpoints: ["http://127.0.0.1:9001"]}
  canary: {endpoints: ["http://127.0.0.1:9002"]}
routes:
  - name: users
    match: {hosts: [api.example], paths: ["/users/{id}"], methods: [GET], headers: {X-Env: prod}}
    upstream: users
    auth: none
  - name: split
    match: {paths: ["/split/*"], query: {debug: , mode: "1"}}
    upstream: [{name: users, weight: 9}, {name: canary, weight: 1}]
    auth: none
  - name: old
    match: {paths: [/old]}
    redirect: /new
    auth: none
  - name: hello
    match: {paths: [/hello]}
    respond: {status: 201, body: hi}
    auth: none
"""

BAD = """\
version: 1
wrokers: 2
routes:
  - name: a
    upstream: nowhere
"""


@dataclass(frozen=True)
class Outcome:
    """What a command did."""

    code: int
    out: str
    err: str


Run = Callable[..., Outcome]


@pytest.fixture(autouse=True)
def bare_environment(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """No variable and no file of the machine says anything."""
    for name in os.environ:
        if name.startswith("PYGATEWAY_") or name in SEED_VARIABLES:
            monkeypatch.delenv(name)
    monkeypatch.chdir(tmp_path)


@pytest.fixture
def good(tmp_path: Path) -> Path:
    file = tmp_path / "good.yaml"
    file.write_text(GOOD)
    return file


@pytest.fixture
def bad(tmp_path: Path) -> Path:
    file = tmp_path / "bad.yaml"
    file.write_text(BAD)
    return file


@pytest.fixture
def run(capsys: pytest.CaptureFixture[str]) -> Run:
    """Run a command in this process."""

    def run_it(*arguments: str | Path) -> Outcome:
        words: Sequence[str] = [str(argument) for argument in arguments]
        try:
            code = main(words)
        except SystemExit as exit_request:  # argparse ends the program by itself
            code = int(exit_request.code or 0)
        captured = capsys.readouterr()
        return Outcome(code, captured.out, captured.err)

    return run_it
