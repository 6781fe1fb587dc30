"""What users copy from the documentation of `bench` is what the command takes."""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterator
from pathlib import Path

import pytest
import yaml

from pygateway.bench.objectives import InvalidObjective, parse_objective
from pygateway.cli import build_parser

DOCS = Path(__file__).parents[2] / "docs"
GUIDE = (DOCS / "latency-in-ci.md").read_text()
WORKFLOW = (DOCS / "examples" / "latency.yml").read_text()


SLIP = "p99<5"
"""The guide shows what becomes of a mistake."""


def commands(script: str) -> Iterator[list[str]]:
    """Every command of ours in a script, without what is the shell's."""
    for line in script.replace("\\\n", " ").splitlines():
        words = line.strip().removeprefix("$ ")
        if not words.startswith("pygateway "):
            continue
        ours = re.split(r" (?:>|2>|&|\|)", words)[0].replace('"${baseline[@]}"', "")
        yield shlex.split(ours.replace('"$URL"', "http://127.0.0.1/").replace('"$RATE"', "9"))[1:]


def steps() -> list[str]:
    (job,) = yaml.safe_load(WORKFLOW)["jobs"].values()
    return [step["run"] for step in job["steps"] if "run" in step]


WORKFLOW_COMMANDS = [each for script in steps() for each in commands(script)]
GUIDE_COMMANDS = list(commands(GUIDE))


def test_there_is_something_to_copy() -> None:
    assert [each[0] for each in WORKFLOW_COMMANDS] == ["echo", "run", "bench", "run", "bench"]
    assert sum(each[0] == "bench" for each in GUIDE_COMMANDS) >= 3


@pytest.mark.parametrize("command", [*WORKFLOW_COMMANDS, *GUIDE_COMMANDS], ids=" ".join)
def test_every_command_is_one(command: list[str]) -> None:
    parsed = build_parser().parse_args(command)
    for objective in getattr(parsed, "slo", ()):
        if objective != SLIP:
            parse_objective(objective)


def test_both_measurements_of_the_workflow_can_be_compared() -> None:
    before, now = (
        build_parser().parse_args(each) for each in WORKFLOW_COMMANDS if each[0] == "bench"
    )
    for name in ("rate", "rounds", "duration", "connections"):
        assert getattr(before, name) == getattr(now, name)


def test_objectives_of_the_guide_are_such() -> None:
    rows = re.findall(r"^\| `([^`]+)` \|", GUIDE, re.MULTILINE)
    assert len(rows) >= 5
    for row in rows:
        try:
            parse_objective(row)
        except InvalidObjective as error:
            pytest.fail(f"{row}: {error}")
