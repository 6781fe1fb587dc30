"""Renders the problems of a configuration: for people, for programs, for GitHub's annotations."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable

from pygateway.cli.output import Style, visible
from pygateway.errors import ConfigurationProblem

SHOWN_LINE = 160
"""Characters of a source line that are shown at most, around the column in question."""


def location(problem: ConfigurationProblem) -> str:
    """Give `file:line:column`, as far as it is known."""
    parts = (problem.file or "configuration", problem.line, problem.column)
    return ":".join(str(part) for part in parts if part is not None)


def as_text(problem: ConfigurationProblem, style: Style) -> str:
    """Give a problem as a few lines, like a compiler's."""
    paint = style.red if problem.severity == "error" else style.yellow
    lines = [
        f"{style.bold(visible(location(problem)))}: {paint(problem.severity)}: "
        f"{visible(problem.message)} {style.faint(f'[{problem.code}]')}"
    ]
    if problem.source_line is not None:
        lines += _excerpt(problem.source_line, problem.line or 0, problem.column, paint("^"))
    if problem.allowed:
        lines.append(f"    allowed: {visible(', '.join(problem.allowed))}")
    if problem.suggestion:
        lines.append(f"    did you mean {visible(problem.suggestion)}?")
    return "\n".join(lines)


def _excerpt(source_line: str, line: int, column: int | None, caret: str) -> list[str]:
    start = 0
    if column is not None and column > SHOWN_LINE:
        start = column - SHOWN_LINE // 2
    shown = source_line[start : start + SHOWN_LINE].replace("\t", " ")
    number = str(line)
    lines = [f"{number:>5} | {visible(shown)}"]
    if column is not None:
        before = visible(shown[: column - 1 - start])
        lines.append(f"{'':>5} | {' ' * len(before)}{caret}")
    return lines


def as_data(problem: ConfigurationProblem) -> dict[str, object]:
    """Give a problem as a JSON object."""
    return dataclasses.asdict(problem)


def as_annotation(problem: ConfigurationProblem) -> str:
    """Give a problem as a workflow command, which GitHub shows at the line."""
    properties = {
        "file": problem.file,
        "line": problem.line,
        "col": problem.column,
        "title": problem.code,
    }
    listed = ",".join(
        f"{name}={_escaped(str(value), ':,')}"
        for name, value in properties.items()
        if value is not None
    )
    message = problem.message
    if problem.suggestion:
        message += f" (did you mean {problem.suggestion}?)"
    return f"::{problem.severity} {listed}::{_escaped(message, '')}"


def _escaped(text: str, special: str) -> str:
    return "".join(f"%{ord(each):02X}" if each in "%\r\n" + special else each for each in text)


def report(problems: Iterable[ConfigurationProblem], style: Style) -> str:
    """Give all problems for people, with a last line that counts them."""
    problems = list(problems)
    errors = sum(problem.severity == "error" for problem in problems)
    counted = [_count(errors, "error"), _count(len(problems) - errors, "warning")]
    summary = ", ".join(each for each in counted if each)
    return "\n".join([*(as_text(problem, style) for problem in problems), summary])


def _count(number: int, noun: str) -> str:
    return f"{number} {noun}{'' if number == 1 else 's'}" if number else ""
