from __future__ import annotations

from pathlib import Path

import pytest

from pygateway.cli.configuration import find_file
from pygateway.cli.failure import CommandFailed
from tests.cli.conftest import GOOD, Run


def test_the_option_wins(tmp_path: Path) -> None:
    (tmp_path / "gateway.yaml").touch()
    assert find_file(Path("a.yaml"), {"PYGATEWAY_CONFIG": "b.yaml"}) == Path("a.yaml")


def test_then_the_variable(tmp_path: Path) -> None:
    (tmp_path / "gateway.yaml").touch()
    assert find_file(None, {"PYGATEWAY_CONFIG": "b.yaml"}) == Path("b.yaml")


def test_then_the_file_that_is_here(tmp_path: Path) -> None:
    (tmp_path / "gateway.yaml").touch()
    assert find_file(None, {"PYGATEWAY__WORKERS": "1"}) == Path("gateway.yaml")


@pytest.mark.parametrize("name", ["PYGATEWAY__WORKERS", "JWT_SECRET_KEY", "REDIS_URL"])
def test_then_the_environment_alone(name: str) -> None:
    assert find_file(None, {name: "1"}) is None


def test_nothing_at_all_is_said_to_be_nothing() -> None:
    with pytest.raises(CommandFailed, match="no configuration: give -c FILE") as caught:
        find_file(None, {"PATH": "/bin", "PYGATEWAY_CONFIG": ""})
    assert caught.value.code == 78


@pytest.mark.parametrize("command", ["run", "check", "routes"])
def test_every_command_says_so(run: Run, command: str) -> None:
    outcome = run(command)
    assert (outcome.code, outcome.out) == (78, "")
    assert outcome.err.startswith("pygateway: no configuration: ")


def test_problems_go_to_stderr_where_stdout_is_for_answers(run: Run, bad: Path) -> None:
    outcome = run("routes", "-c", bad)
    assert (outcome.code, outcome.out) == (78, "")
    assert outcome.err.endswith("2 errors\n")


def test_the_file_that_is_here_is_loaded(run: Run, tmp_path: Path) -> None:
    (tmp_path / "gateway.yaml").write_text(GOOD)
    assert run("check").code == 0
