from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from tests.cli.conftest import Run
from tests.support.patience import PATIENCE
from tests.toys.program import PYGATEWAY

COMMANDS = (
    *("demo", "run", "proxy", "echo", "check", "routes", "token", "key", "revoke", "status"),
    *("reload", "drain", "bench", "schema", "version"),
)


def test_help_names_every_command_and_exit_code(run: Run) -> None:
    outcome = run("--help")
    assert outcome.code == 0
    for command in COMMANDS:
        assert f"\n    {command} " in outcome.out
    assert "78 bad configuration" in outcome.out


@pytest.mark.parametrize("command", [*COMMANDS, "routes match", "token mint", "key mint"])
def test_every_command_has_help(run: Run, command: str) -> None:
    outcome = run(*command.split(), "--help")
    assert outcome.code == 0
    assert outcome.out.startswith(f"usage: pygateway {command}")


@pytest.mark.parametrize(
    "arguments", [[], ["unknown"], ["run", "--unknown"], ["run", "--work", "2"], ["proxy"]]
)
def test_wrong_usage_is_2(run: Run, arguments: list[str]) -> None:
    outcome = run(*arguments)
    assert (outcome.code, outcome.out) == (2, "")
    assert "usage: pygateway" in outcome.err


def test_the_module_is_the_program() -> None:
    done = subprocess.run(
        [*PYGATEWAY, "version"], capture_output=True, timeout=PATIENCE, check=True
    )
    assert done.stdout.startswith(b"pygateway ")


def test_a_reader_that_has_had_enough_is_no_traceback() -> None:
    command = f"{sys.executable} -P -m pygateway schema | head -c 10"
    done = subprocess.run(
        ["bash", "-c", f"{command}; echo; echo ${{PIPESTATUS[0]}}"],
        capture_output=True,
        timeout=PATIENCE,
        check=True,
    )
    assert done.stderr == b""
    assert done.stdout.splitlines()[-1] in {b"0", b"1"}


def test_the_load_of_bench_is_loaded_for_bench_alone() -> None:
    code = (
        "import sys; from pygateway.cli import main; main(['version']);"
        " sys.exit(any(name.startswith('pygateway.bench') for name in sys.modules))"
    )
    subprocess.run([sys.executable, "-P", "-c", code], timeout=PATIENCE, check=True)


def test_an_interrupt_is_no_traceback(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    def interrupted(*_: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("pygateway.cli.version.print", interrupted, raising=False)
    outcome = run("version")
    assert (outcome.code, outcome.err) == (1, "")


def test_output_that_nobody_takes_is_no_traceback(
    run: Run, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    def broken(*_: object) -> None:
        raise BrokenPipeError

    monkeypatch.setattr("pygateway.cli.version.print", broken, raising=False)
    with (tmp_path / "out").open("w") as out:
        monkeypatch.setattr(sys, "stdout", out)
        assert run("version").code == 1


def test_without_standard_output_the_exit_code_is_the_commands(
    run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As with `>&-`, and in services that close it."""
    monkeypatch.setattr(sys, "stdout", None)
    outcome = run("version")
    assert (outcome.code, outcome.err) == (0, "")
