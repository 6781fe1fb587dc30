from __future__ import annotations

import json

import pytest

from pygateway.config.report import WIDTH, as_github, as_json, as_text, summary
from pygateway.errors import ConfigurationProblem

PROBLEM = ConfigurationProblem(
    code="unknown-key",
    message="`listne` is not a key here",
    file="gateway.yaml",
    line=2,
    column=3,
    source_line="  listne: 127.0.0.1:8000",
    allowed=("listen", "workers"),
    suggestion="listen",
)
WARNING = ConfigurationProblem("open-routes", "every route is open", "warning")


def test_text_shows_the_line_and_points_at_the_column() -> None:
    assert as_text([PROBLEM, WARNING]) == (
        "gateway.yaml:2:3: error[unknown-key]: `listne` is not a key here\n"
        "     2 |   listne: 127.0.0.1:8000\n"
        "       |   ^\n"
        "    did you mean `listen`?\n"
        "    allowed: listen, workers\n"
        "\n"
        "warning[open-routes]: every route is open\n"
        "\n"
        "1 error, 1 warning\n"
    )


def test_colour_is_there_only_when_asked_for() -> None:
    assert "\x1b" not in as_text([PROBLEM])
    assert "\x1b[31merror[unknown-key]\x1b[0m" in as_text([PROBLEM], colour=True)
    assert "\x1b[33mwarning" in as_text([WARNING], colour=True)


def caret_column(source_line: str, column: int) -> tuple[str, int]:
    problem = ConfigurationProblem("c", "m", line=1, column=column, source_line=source_line)
    _, excerpt, caret, *_ = as_text([problem]).splitlines()
    assert caret.startswith("       | ")
    return excerpt[9:], caret.index("^") - 9


@pytest.mark.parametrize(
    ("source_line", "column", "expected"),
    [
        ("ab: c", 5, 4),
        ("\tab: c", 2, 1),
        ("名前: c", 5, 6),  # two columns each
        ("e\N{COMBINING ACUTE ACCENT}: c", 5, 3),
        ("ab", 9, 2),  # after the end
    ],
)
def test_the_caret_stands_below_its_column(source_line: str, column: int, expected: int) -> None:
    assert caret_column(source_line, column)[1] == expected


def test_long_lines_are_cut_around_the_caret() -> None:
    source_line = "x" * 500 + "HERE" + "y" * 500
    shown, column = caret_column(source_line, 501)
    assert len(shown) == WIDTH
    assert shown[column : column + 4] == "HERE"


def test_nothing_drives_the_terminal() -> None:
    problem = ConfigurationProblem(
        "c", "m\x1b[2J", line=1, column=1, source_line="\x1b]0;x\x07\u202e"
    )
    text = as_text([problem])
    assert all(character.isprintable() or character == "\n" for character in text)


def test_json_has_every_attribute() -> None:
    document = json.loads(as_json([PROBLEM, WARNING]))
    assert document["valid"] is False
    assert document["problems"][0] == {
        "code": "unknown-key",
        "severity": "error",
        "message": "`listne` is not a key here",
        "file": "gateway.yaml",
        "line": 2,
        "column": 3,
        "source_line": "  listne: 127.0.0.1:8000",
        "allowed": ["listen", "workers"],
        "suggestion": "listen",
    }


@pytest.mark.parametrize("problems", [[], [WARNING]])
def test_json_without_errors_is_valid(problems: list[ConfigurationProblem]) -> None:
    assert json.loads(as_json(problems))["valid"] is True


def test_github_shows_annotations_at_the_line() -> None:
    assert as_github([PROBLEM, WARNING]) == (
        "::error file=gateway.yaml,line=2,col=3,title=unknown-key::`listne` is not a key here;"
        " did you mean `listen`? (allowed: listen, workers)\n"
        "::warning title=open-routes::every route is open\n"
    )


def test_github_commands_are_escaped() -> None:
    problem = ConfigurationProblem("c", "100%\nof: a, b", file="a:b,c%.yaml")
    assert as_github([problem]) == "::error file=a%3Ab%2Cc%25.yaml,title=c::100%25%0Aof: a, b\n"


@pytest.mark.parametrize(
    ("problems", "text"),
    [
        ([], "no problems"),
        ([WARNING], "1 warning"),
        ([PROBLEM, PROBLEM], "2 errors"),
        ([PROBLEM, WARNING, WARNING], "1 error, 2 warnings"),
    ],
)
def test_summary_counts(problems: list[ConfigurationProblem], text: str) -> None:
    assert summary(problems) == text
