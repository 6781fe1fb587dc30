"""Shows problems: as text for people, as JSON for programs, as annotations for GitHub."""

from __future__ import annotations

import json
import unicodedata
from collections.abc import Sequence
from typing import Final

from pygateway.errors import ConfigurationProblem

WIDTH: Final = 120
"""Columns of a source line that are shown; longer lines are cut around the caret."""

_RESET: Final = "\x1b[0m"
_BOLD: Final = "\x1b[1m"
_COLOURS: Final = {"error": "\x1b[31m", "warning": "\x1b[33m"}


def as_text(problems: Sequence[ConfigurationProblem], *, colour: bool = False) -> str:
    """Render problems for people, with source lines, carets and a count at the end."""
    blocks = [_block(problem, colour=colour) for problem in problems]
    return "\n".join([*blocks, summary(problems)]) + "\n"


def as_json(problems: Sequence[ConfigurationProblem]) -> str:
    """Render problems for programs: `valid`, and `problems` with every attribute of each."""
    rendered = [
        {
            "code": problem.code,
            "severity": problem.severity,
            "message": problem.message,
            "file": problem.file,
            "line": problem.line,
            "column": problem.column,
            "source_line": problem.source_line,
            "allowed": list(problem.allowed),
            "suggestion": problem.suggestion,
        }
        for problem in problems
    ]
    document = {"valid": not _count(problems, "error"), "problems": rendered}
    return json.dumps(document, indent=2, ensure_ascii=False) + "\n"


def as_github(problems: Sequence[ConfigurationProblem]) -> str:
    """Render problems as workflow commands, which GitHub shows beside the lines."""
    return "".join(_annotation(problem) + "\n" for problem in problems)


def summary(problems: Sequence[ConfigurationProblem]) -> str:
    """Return one line that counts errors and warnings."""
    counts = [(_count(problems, severity), severity) for severity in ("error", "warning")]
    parts = [f"{count} {word}{'' if count == 1 else 's'}" for count, word in counts if count]
    return ", ".join(parts) or "no problems"


def _count(problems: Sequence[ConfigurationProblem], severity: str) -> int:
    return sum(problem.severity == severity for problem in problems)


def _block(problem: ConfigurationProblem, *, colour: bool) -> str:
    place = ":".join(
        str(part) for part in (problem.file, problem.line, problem.column) if part is not None
    )
    label = f"{problem.severity}[{problem.code}]"
    if colour:
        place = f"{_BOLD}{place}{_RESET}" if place else ""
        label = f"{_COLOURS[problem.severity]}{label}{_RESET}"
    lines = [f"{place + ': ' if place else ''}{label}: {_visible(problem.message)}"]
    if problem.source_line is not None and problem.line is not None:
        lines += _excerpt(problem.source_line, problem.line, problem.column)
    if problem.suggestion is not None:
        lines.append(f"    did you mean `{_visible(problem.suggestion)}`?")
    if problem.allowed:
        lines.append(f"    allowed: {_visible(', '.join(problem.allowed))}")
    return "\n".join(lines) + "\n"


def _excerpt(source_line: str, number: int, column: int | None) -> list[str]:
    """Return the source line and, below it, the caret."""
    offset = max(0, min((column or 1) - 1, len(source_line)))
    start = max(0, offset - WIDTH // 2) if len(source_line) > WIDTH else 0
    shown = _visible(source_line[start : start + WIDTH].replace("\t", " "))
    before = _visible(source_line[start:offset].replace("\t", " "))
    gutter = f"{number:>6} | "
    lines = [gutter + shown]
    if column is not None:
        lines.append(" " * 6 + " | " + " " * _columns(before) + "^")
    return lines


def _columns(text: str) -> int:
    """Return the columns of a terminal that text takes (Unicode standard annex 11)."""
    return sum(
        0 if unicodedata.combining(character) else 1 + (_is_wide(character)) for character in text
    )


def _is_wide(character: str) -> bool:
    return unicodedata.east_asian_width(character) in {"F", "W"}


def _visible(text: str) -> str:
    """Replace what could drive a terminal: control and format characters."""
    return "".join(
        "\N{REPLACEMENT CHARACTER}" if unicodedata.category(c) in {"Cc", "Cf"} else c for c in text
    )


def _annotation(problem: ConfigurationProblem) -> str:
    properties = {
        "file": problem.file,
        "line": problem.line,
        "col": problem.column,
        "title": problem.code,
    }
    written = ",".join(
        f"{name}={_escape_property(str(value))}"
        for name, value in properties.items()
        if value is not None
    )
    message = problem.message
    if problem.suggestion is not None:
        message += f"; did you mean `{problem.suggestion}`?"
    if problem.allowed:
        message += f" (allowed: {', '.join(problem.allowed)})"
    return f"::{problem.severity} {written}::{_escape(message)}"


def _escape(text: str) -> str:
    return text.replace("%", "%25").replace("\r", "%0D").replace("\n", "%0A")


def _escape_property(text: str) -> str:
    return _escape(text).replace(":", "%3A").replace(",", "%2C")
