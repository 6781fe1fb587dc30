from __future__ import annotations

from pygateway.config.document import Position, Source
from pygateway.config.findings import Findings


def test_problems_are_in_the_order_of_the_source() -> None:
    source = Source("f", ["one", "two"])
    findings = Findings()
    findings.add("b", "second", Position(source, 2, 1))
    findings.add("a", "first", Position(source, 1, 2))
    findings.add("a", "at once", Position(source, 1, 1))
    assert [problem.message for problem in findings.problems()] == ["at once", "first", "second"]


def test_a_problem_is_reported_once() -> None:
    findings = Findings()
    for _ in range(2):
        findings.add("a", "again", None)
    assert len(findings.problems()) == 1


def test_lines_are_shown_as_they_are_when_the_report_is_made() -> None:
    source = Source("f", ["secret"])
    findings = Findings()
    findings.add("a", "m", Position(source, 1, 1))
    source.lines[0] = "******"
    assert findings.problems()[0].source_line == "******"


def test_warnings_are_no_errors() -> None:
    findings = Findings()
    findings.add("a", "m", None, severity="warning")
    assert not findings.has_errors()
    findings.add("b", "m", None)
    assert findings.has_errors()
