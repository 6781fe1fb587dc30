from __future__ import annotations

import io

from pygateway.cli.output import Style
from pygateway.cli.problems import as_annotation, as_text, report
from pygateway.errors import ConfigurationProblem

PLAIN = Style(io.StringIO())


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


def test_what_is_not_known_is_left_out() -> None:
    problem = ConfigurationProblem("x", "wrong")
    assert as_text(problem, PLAIN) == "configuration: error: wrong [x]"
    assert as_annotation(problem) == "::error title=x::wrong"


def test_what_is_allowed_and_meant_is_listed() -> None:
    problem = ConfigurationProblem("x", "wrong", allowed=("a", "b"), suggestion="a")
    assert as_text(problem, PLAIN).splitlines()[1:] == [
        "    allowed: a, b",
        "    did you mean a?",
    ]


def test_a_tab_before_the_column_keeps_the_caret_in_place() -> None:
    problem = ConfigurationProblem("x", "wrong", line=3, column=4, source_line="\ta: b")
    shown, caret = as_text(problem, PLAIN).splitlines()[1:]
    assert shown.index("a") + 2 == caret.index("^")


def test_a_long_line_is_cut_around_the_column() -> None:
    source_line = "a" * 5000 + "HERE" + "b" * 5000
    problem = ConfigurationProblem("x", "wrong", line=1, column=5001, source_line=source_line)
    shown, caret = as_text(problem, PLAIN).splitlines()[1:]
    assert len(shown) < 200
    assert shown.index("HERE") == caret.index("^")


def test_control_characters_are_shown_and_not_obeyed() -> None:
    problem = ConfigurationProblem(
        "x", "wrong\x1b[2J", file="a\x07.yaml", line=1, column=3, source_line="\x1b[2Jb"
    )
    text = as_text(problem, PLAIN)
    assert "\x1b" not in text
    assert "\x07" not in text
    assert r"wrong\x1b[2J" in text


def test_an_annotation_cannot_be_broken_out_of() -> None:
    problem = ConfigurationProblem("x", "50%\n::error::fake", file="a,b:c.yaml", suggestion="y")
    assert as_annotation(problem) == (
        "::error file=a%2Cb%3Ac.yaml,title=x::50%25%0A::error::fake (did you mean y?)"
    )


def test_the_report_counts() -> None:
    error = ConfigurationProblem("x", "wrong")
    warning = ConfigurationProblem("y", "odd", severity="warning")
    assert report([error, error, warning], PLAIN).splitlines()[-1] == "2 errors, 1 warning"
    assert report([warning, warning], PLAIN).splitlines()[-1] == "2 warnings"


def test_terminals_get_colours() -> None:
    style = Style(Terminal())
    assert "\x1b[31merror\x1b[0m" in as_text(ConfigurationProblem("x", "wrong"), style)
    warning = ConfigurationProblem("x", "odd", severity="warning")
    assert "\x1b[33mwarning\x1b[0m" in as_text(warning, style)
