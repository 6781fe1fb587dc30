"""The report as a test result: a test case for each objective, in the XML of JUnit.

There is no standard; this is what Jenkins, GitLab and the usual actions of GitHub read alike:
`testsuites` with a `testsuite`, whose cases have a `failure` with a message and text where they
failed.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final
from xml.etree import ElementTree as Tree

from pygateway.bench import words

if TYPE_CHECKING:
    from pygateway.bench.report import Report

# What XML 1.0 (section 2.2) cannot hold in any form.
_IMPOSSIBLE: Final = re.compile("[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")

CLASS: Final = "pygateway.bench"


def as_junit(report: Report, text: str) -> str:
    """Render a report.

    Args:
        report: What to render.
        text: The same for people; shown with failures and as output of the suite.
    """
    cases = _cases(report)
    failures = sum(failure is not None for _, failure in cases)
    counts = {"tests": str(len(cases)), "failures": str(failures), "errors": "0", "skipped": "0"}
    seconds = f"{sum(each.seconds for each in report.rounds):.3f}"
    root = Tree.Element("testsuites", {"name": "pygateway bench", **counts, "time": seconds})
    suite = Tree.SubElement(
        root,
        "testsuite",
        {
            "name": _possible(f"pygateway bench {report.setting.url}"),
            **counts,
            "time": seconds,
            "timestamp": report.began.strftime("%Y-%m-%dT%H:%M:%S"),
        },
    )
    properties = Tree.SubElement(suite, "properties")
    for name, value in _properties(report).items():
        Tree.SubElement(properties, "property", {"name": name, "value": _possible(value)})
    for name, failure in cases:
        attributes = {"classname": CLASS, "name": _possible(name), "time": seconds}
        case = Tree.SubElement(suite, "testcase", attributes)
        if failure is not None:
            element = Tree.SubElement(
                case, "failure", {"message": _possible(failure), "type": "objective"}
            )
            element.text = _possible(f"{failure}\n\n{text}")
    Tree.SubElement(suite, "system-out").text = _possible(text)
    Tree.indent(root)
    document = Tree.tostring(root, encoding="unicode")
    return f'<?xml version="1.0" encoding="UTF-8"?>\n{document}\n'


def _cases(report: Report) -> list[tuple[str, str | None]]:
    """Give every case, and why it failed if it did."""
    cases: list[tuple[str, str | None]] = [
        (
            judgement.objective,
            None
            if judgement.holds
            else f"{judgement.figure} was {words.measured(judgement)},"
            f" which is not {judgement.objective.removeprefix(judgement.figure).strip()}",
        )
        for judgement in report.objectives
    ]
    for change in report.comparison.changes if report.comparison else ():
        failure = f"{change.figure} is {words.share(change.worse)} worse than the baseline"
        cases.append(
            (f"{change.figure} beside the baseline", failure if change.regressed else None)
        )
    note = "; ".join(report.notes) or "see the output"
    kept = report.valid and not report.interrupted
    cases.append(("the load kept its own time", None if kept else note))
    return cases


def _properties(report: Report) -> dict[str, str]:
    setting = report.setting
    return {
        "url": setting.url,
        "load": words.headline(report),
        "pygateway": report.pygateway,
        "system": report.machine.system,
        "processor": f"{report.machine.processor}, {report.machine.cores} cores",
    }


def _possible(text: str) -> str:
    return _IMPOSSIBLE.sub("\N{REPLACEMENT CHARACTER}", text)
