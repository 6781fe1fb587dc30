"""Keeps secrets out of reports: their lines are shown with asterisks in place of them."""

from __future__ import annotations

import re
from typing import Final

from .document import MappingNode, Node, Path, ScalarNode, Source

_SECRET_KEY: Final = re.compile(
    r"secret|passw|pepper|token|credential(?!s$)|api[_-]?key|private[_-]?key|authorization|cookie|signature",
    re.IGNORECASE,
)
_SECRET_LINE: Final = re.compile(
    rf"(?P<key>(?:{_SECRET_KEY.pattern}|\b(?:value|hash|pem)\b)[^:]*:\s*)(?P<value>\S.*)"
    r"|^(?P<indent>\s*)(?P<body>[A-Za-z0-9+/=_-]{32,})\s*$",  # a line of a key in PEM form
    re.IGNORECASE,
)
_ONLY_A_REFERENCE: Final = re.compile(r"(Bearer |Basic )?\$\{[A-Za-z0-9_]+\}", re.ASCII)
_USER_INFORMATION: Final = re.compile(r"(?<=://)\S+(?=@)")
_HEADER_CHANGES: Final = ("set", "add")
_IN_AUTH: Final = frozenset({"value", "hash", "pem"})
"""Keys inside of `auth` that hold a secret, or may hold one by mistake."""

_NOT_IN_AUTH: Final = frozenset({"token_bytes", "token_from", "claims_to_headers"})
"""Keys inside of `auth` that sound like secrets and hold names and numbers."""


def redact(source: Source, root: Node | None, within: Path = ()) -> None:
    """Mask every value in the source's lines that may be a secret.

    Masked are the values of header changes, of keys that sound like secrets, and user information
    in URLs. Without a document, because it is no YAML, keys are recognised line by line.

    Args:
        source: What is masked.
        root: The document in it.
        within: Where the document belongs, if it is a part of another one.
    """
    for node in _secret_scalars(root, within) if root else ():
        _mask(source, node)
    for index, line in enumerate(source.lines):
        shown = _USER_INFORMATION.sub(_stars, line)
        if root is None:
            shown = _SECRET_LINE.sub(_masked_line, shown)
        source.lines[index] = shown


def _secret_scalars(node: Node, path: Path) -> list[ScalarNode]:
    if isinstance(node, ScalarNode):
        shown = node.text is None or _ONLY_A_REFERENCE.fullmatch(node.text)
        return [node] if _is_secret(path) and not shown else []
    found = [s for key, child in node.children() for s in _secret_scalars(child, (*path, key))]
    if isinstance(node, MappingNode):
        for key, duplicate in node.duplicates:
            found += _secret_scalars(duplicate, (*path, key))
    return found


def _is_secret(path: Path) -> bool:
    keys = [key for key in path if isinstance(key, str)]
    if keys and keys[-1].endswith("_file"):
        return False
    if keys[:2] == ["routes", "headers"] and any(change in keys for change in _HEADER_CHANGES):
        return True
    if keys[:1] == ["auth"] and keys[-1] in _IN_AUTH:
        return True
    if keys[:1] == ["auth"] and not _NOT_IN_AUTH.isdisjoint(keys):
        return False
    if keys[:2] == ["routes", "auth"]:
        return False
    return bool(keys) and bool(_SECRET_KEY.search(keys[-1]))


def _mask(source: Source, node: ScalarNode) -> None:
    """Replace a value by as many asterisks, so that columns stay where they are."""
    if node.end is None or node.position.line is None or node.position.column is None:
        return
    last_line, last_column = node.end
    for number in range(node.position.line, min(last_line, len(source.lines)) + 1):
        line = source.lines[number - 1]
        start = node.position.column - 1 if number == node.position.line else 0
        end = last_column - 1 if number == last_line else len(line)
        source.lines[number - 1] = line[:start] + "*" * (end - start) + line[end:]


def _masked_line(match: re.Match[str]) -> str:
    if match["value"] is None:
        return match["indent"] + "*" * len(match["body"])
    return match["key"] + "*" * len(match["value"])


def _stars(match: re.Match[str]) -> str:
    return "*" * len(match[0])
