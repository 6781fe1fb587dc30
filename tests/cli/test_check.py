from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.cli.conftest import Run


def test_what_can_run_is_said_to_be_fine(run: Run, good: Path) -> None:
    outcome = run("check", "-c", good)
    assert outcome.code == 0
    assert outcome.out.endswith(f"{good}: fine (1 listener, 4 routes, 2 upstreams)\n")


def test_every_problem_is_reported_at_once(run: Run, bad: Path) -> None:
    outcome = run("check", "-c", bad)
    assert outcome.code == 78
    assert f"{bad}:2:1: error[unknown-key]: " in outcome.out
    assert f"{bad}:5:15: error[" in outcome.out
    assert "did you mean `workers`?" in outcome.out
    assert outcome.out.endswith("2 errors\n")
    assert "fine" not in outcome.out


def test_a_caret_shows_the_place(run: Run, bad: Path) -> None:
    lines = run("check", "-c", bad).out.splitlines()
    index = lines.index("     5 |     upstream: nowhere")
    assert lines[index + 1] == "       |               ^"


def test_json(run: Run, good: Path, bad: Path) -> None:
    for option in (["--json"], ["--format", "json"]):
        outcome = run("check", "-c", bad, *option)
        document = json.loads(outcome.out)
        assert (outcome.code, document["valid"]) == (78, False)
        first = document["problems"][0]
        assert (first["code"], first["line"], first["column"]) == ("unknown-key", 2, 1)
        assert first["file"] == str(bad)
    assert json.loads(run("check", "-c", good, "--json").out)["valid"] is True


def test_github_annotations(run: Run, bad: Path, good: Path) -> None:
    outcome = run("check", "-c", bad, "--format", "github")
    assert outcome.code == 78
    assert outcome.out.splitlines()[0].startswith(
        f"::error file={bad},line=2,col=1,title=unknown-key::"
    )
    for line in run("check", "-c", good, "--format", "github").out.splitlines():
        assert line.startswith("::warning ")


def test_warnings_do_not_fail(run: Run, good: Path) -> None:
    outcome = run("check", "-c", good, "--json")
    problems = json.loads(outcome.out)["problems"]
    assert {problem["severity"] for problem in problems} == {"warning"}
    assert outcome.code == 0
    assert "warning" in run("check", "-c", good).out


def test_a_missing_file_is_one_problem(run: Run, tmp_path: Path) -> None:
    outcome = run("check", "-c", tmp_path / "missing.yaml")
    assert outcome.code == 78
    assert f"{tmp_path}/missing.yaml: error[" in outcome.out


def test_the_environment_alone_can_be_checked(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PYGATEWAY__HEALTH_PATH", "/up")
    outcome = run("check")
    assert outcome.code == 0
    assert outcome.out.endswith("environment: fine (1 listener, 0 routes, 0 upstreams)\n")


def test_what_only_building_finds_out_is_reported(
    run: Run, good: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    # A file that could be read a moment ago, when the configuration was validated.
    def unreadable(self: object, config: object) -> None:
        raise PermissionError(13, "Permission denied", "/etc/authority.pem")

    monkeypatch.setattr("pygateway.gateway.Gateway.__init__", unreadable)
    outcome = run("check", "-c", good, "--json")
    assert outcome.code == 78
    (problem,) = [p for p in json.loads(outcome.out)["problems"] if p["severity"] == "error"]
    assert problem["code"] == "cannot-build"
    assert "/etc/authority.pem" in problem["message"]
