"""`${NAME}` and `${NAME:-default}` in values.

A default stands in for a variable that is not set or empty, as in a shell, and reaches to the next
`}`. `$${` is a literal `${`. What is put in is text of one value: it can add no keys. Where a list
is wanted, it is split at commas.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Final

from .document import Node, Position, ScalarNode
from .findings import Findings
from .refusal import nearest

_REFERENCE: Final = re.compile(
    r"\$\$\{|\$\{(?P<name>[A-Za-z_][A-Za-z0-9_]*)(?::-(?P<default>[^}]*))?\}|(?P<broken>\$\{)",
    re.ASCII,
)


def interpolate(node: Node, environment: Mapping[str, str], findings: Findings) -> None:
    """Replace the references in every value inside `node`; a value that cannot be is dropped."""
    if isinstance(node, ScalarNode):
        if node.text is not None and "${" in node.text:
            _interpolate_scalar(node, node.text, environment, findings)
        return
    for _, child in node.children():
        interpolate(child, environment, findings)


def _interpolate_scalar(
    node: ScalarNode, text: str, environment: Mapping[str, str], findings: Findings
) -> None:
    def replace(match: re.Match[str]) -> str:
        if match[0] == "$${":
            return "${"
        node.splits = True
        name, default = match["name"], match["default"]
        if name is None:
            findings.add(
                "bad-interpolation",
                "must be ${NAME} or ${NAME:-default}; $${ stands for the characters ${",
                _inside(node, text, match.start()),
            )
            node.dropped = True
            return ""
        value = environment.get(name)
        if default is not None:
            return value or default
        if value is None:
            findings.add(
                "undefined-variable",
                f"the environment variable {name} is not set and has no default",
                _inside(node, text, match.start()),
                suggestion=nearest(name, environment),
            )
            node.dropped = True
            return ""
        return value

    node.text = _REFERENCE.sub(replace, text)


def _inside(node: ScalarNode, text: str, offset: int) -> Position:
    """Return the position of a character of a plain value, or else of the value."""
    position, source = node.position, node.position.source
    if position.line is None or position.column is None:
        return position
    line = source.lines[position.line - 1] if position.line <= len(source.lines) else ""
    start = position.column - 1
    start += line[start : start + 1] in {"'", '"'}
    if line[start : start + len(text)] == text:
        return Position(source, position.line, start + 1 + offset)
    return position
