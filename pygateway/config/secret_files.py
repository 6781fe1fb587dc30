"""Reads secrets that are in files of their own: `value_file` in place of a header's value."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Final

from .document import Entry, MappingNode, Node, ScalarNode, SequenceNode
from .findings import Findings

MAXIMUM_SECRET: Final = 65_536
"""Bytes of a file that holds one secret."""

VALUE_FILE: Final = "value_file"

_HEADER_VALUES: Final = (
    ("routes", "*", "headers", "*", "set"),
    ("routes", "*", "headers", "*", "add"),
    ("tracing", "headers"),
)
"""Where mappings of header names to values are, `*` for any name or index."""


def read_secret_files(root: Node, directory: Path | None, findings: Findings) -> None:
    """Replace every `{value_file: path}` among values of headers by what is in the file.

    A final line break is left off. Paths are relative to `directory`, the configuration file's.
    """
    for parent, key, node in _header_values(root):
        if not isinstance(node, MappingNode) or set(node.entries) != {VALUE_FILE}:
            continue
        written = node.entries[VALUE_FILE].value
        text = _content(written, directory, findings)
        replacement = ScalarNode(written.position, text)
        replacement.dropped = text is None
        if isinstance(parent, MappingNode):
            parent.entries[str(key)] = Entry(parent.entries[str(key)].key, replacement)
        elif isinstance(parent, SequenceNode) and isinstance(key, int):
            parent.items[key] = replacement


def _content(written: Node, directory: Path | None, findings: Findings) -> str | None:
    if not isinstance(written, ScalarNode) or not written.text:
        findings.add("wrong-type", "must be the path of a file", written.position)
        return None
    path = os.path.join(directory or "", written.text)
    try:
        with open(path, "rb") as file:
            content = file.read(MAXIMUM_SECRET + 1)
        text = content.decode("utf-8")
    except OSError as error:
        reason = os.strerror(error.errno) if error.errno else "no reason given"
        findings.add("unreadable-file", f"cannot read the file: {reason}", written.position)
        return None
    except ValueError:
        findings.add("unreadable-file", "the file cannot be read as UTF-8 text", written.position)
        return None
    if len(content) > MAXIMUM_SECRET:
        findings.add("too-large", f"a secret has at most {MAXIMUM_SECRET} bytes", written.position)
        return None
    return text.removesuffix("\n").removesuffix("\r")


def _header_values(root: Node) -> list[tuple[Node, str | int, Node]]:
    """Return every value of a header that is written, and list items in them."""
    mappings = [node for path in _HEADER_VALUES for node in _at(root, path)]
    values = [(node, key, child) for node in mappings for key, child in node.children()]
    inside = [
        (child, index, item)
        for _, _, child in values
        if isinstance(child, SequenceNode)
        for index, item in child.children()
    ]
    return values + inside


def _at(root: Node, path: tuple[str, ...]) -> list[Node]:
    """Return what is at a path, `*` for any step."""
    nodes = [root]
    for step in path:
        children = [pair for node in nodes for pair in node.children()]
        nodes = [child for key, child in children if step in ("*", key)]
    return nodes
