"""Reads YAML into a document, with positions, duplicate keys refused and every size bounded.

The parser's events are used rather than its loader: they come one at a time, so depth and size are
bounded before anything is built, and each carries its position.
"""

from __future__ import annotations

import os
import re
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final, Protocol

import yaml

from .document import (
    Entry,
    MappingNode,
    Node,
    Position,
    ScalarNode,
    SequenceNode,
    Source,
)
from .findings import Findings
from .syntax.json_values import looks_like_json

MAXIMUM_FILE: Final = 16 * 1024**2
"""Bytes of a file; ten thousand routes take about 3 MiB."""

MAXIMUM_DEPTH: Final = 32
"""Nested lists and mappings; the configuration itself has 8."""

MAXIMUM_ALIASED: Final = 100_000
"""Values that aliases may add. Each is short to write, so the file's size does not bound them
("billion laughs")."""

NO_VALUE: Final = frozenset({"", "~", "null", "Null", "NULL"})
"""Plain scalars that are no value (YAML 1.2 core schema)."""

_TAGS_WITHOUT_MEANING: Final = {
    None,
    "!",
    "tag:yaml.org,2002:str",
    "tag:yaml.org,2002:seq",
    "tag:yaml.org,2002:map",
}
_BRACE_IN_TEXT: Final = re.compile(r"/\{")
"""A parameter of a path pattern, which YAML takes for a mapping inside of brackets."""

_LOADER: Final[Any] = getattr(yaml, "CSafeLoader", yaml.SafeLoader)


class Mark(Protocol):
    """A place in YAML text; both of the parser's implementations count from 0."""

    @property
    def line(self) -> int:
        """Line, from 0."""

    @property
    def column(self) -> int:
        """Column in characters, from 0."""


class _UnreadableError(Exception):
    """Reading stops here."""

    def __init__(self, code: str, message: str, mark: Mark | None) -> None:
        super().__init__(message)
        self.code, self.message, self.mark = code, message, mark


def read_file(path: Path, findings: Findings) -> tuple[Node | None, Source]:
    """Read a file; no document if it cannot be read, which is then among the findings.

    An empty file is an empty mapping.
    """
    source = Source(str(path))
    text = _read_bounded(path, source, findings)
    return (None if text is None else read_text(text, source, findings)), source


def _read_bounded(path: Path, source: Source, findings: Findings) -> str | None:
    try:
        with path.open("rb") as file:
            content = file.read(MAXIMUM_FILE + 1)
    except OSError as error:
        reason = os.strerror(error.errno) if error.errno else "no reason given"
        findings.add("unreadable-file", f"cannot read the file: {reason}", Position(source))
        return None
    if len(content) > MAXIMUM_FILE:
        message = f"the file has more than {MAXIMUM_FILE // 1024**2} MiB"
        findings.add("too-large", message, Position(source))
        return None
    try:
        return content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = content.count(b"\n", 0, error.start) + 1
        column = error.start - content.rfind(b"\n", 0, error.start)
        findings.add("bad-yaml", "the file is not UTF-8", Position(source, line, column))
        return None


def read_text(text: str, source: Source, findings: Findings) -> Node | None:
    """Read a document; None if it is no YAML, which is then among the findings."""
    source.lines = text.splitlines()
    builder = _Builder(source, findings)
    try:
        for event in yaml.parse(text, Loader=_LOADER):
            builder.take(event)
    except _UnreadableError as error:
        findings.add(error.code, error.message, builder.position(error.mark))
        return None
    except yaml.MarkedYAMLError as error:
        position = _last_within(builder.position(error.problem_mark or error.context_mark))
        if "nesting depth" in (error.problem or ""):
            # The parser's own limit, which it meets while it looks ahead for us.
            findings.add("too-large", f"nested more than {MAXIMUM_DEPTH} levels deep", position)
            return None
        what = ", ".join(part for part in (error.context, error.problem) if part)
        written = "".join(source.lines[(position.line or 1) - 1 : position.line])
        if "${" in written:
            what += "; inside { } and [ ], ${...} needs quotes"
        elif _BRACE_IN_TEXT.search(written):
            what += "; inside { } and [ ], text with { or } needs quotes"
        findings.add("bad-yaml", f"not YAML: {what}", position)
        return None
    except yaml.YAMLError as error:
        # Unprintable characters; the exception has an offset at most.
        offset = getattr(error, "position", None)
        before = text[:offset] if isinstance(offset, int) else ""
        line, column = before.count("\n") + 1, len(before) - before.rfind("\n")
        message = "not YAML: there is a character that YAML does not allow"
        findings.add("bad-yaml", message, Position(source, line, column))
        return None
    if builder.root is None or (isinstance(builder.root, ScalarNode) and builder.root.text is None):
        return MappingNode(Position(source, 1, 1))
    return builder.root


def _last_within(position: Position) -> Position:
    """Move a position that is after the end of the text to the end of its last line."""
    lines = position.source.lines
    if position.line is None or position.line <= len(lines):
        return position
    return Position(position.source, len(lines), len(lines[-1]) + 1 if lines else 1)


def _end_of(mark: Mark | None) -> tuple[int, int] | None:
    return None if mark is None else (mark.line + 1, mark.column + 1)


@dataclass(slots=True)
class _Frame:
    """A list or mapping that is not complete yet."""

    node: SequenceNode | MappingNode
    anchor: str | None
    key: str | None = None
    key_mark: Mark | None = None
    key_end: Mark | None = None
    merged: list[Node] = field(default_factory=list)


class _Builder:
    """Builds nodes from events."""

    def __init__(self, source: Source, findings: Findings) -> None:
        self.root: Node | None = None
        self._source = source
        self._findings = findings
        self._stack: list[_Frame] = []
        self._anchors: dict[str, Node] = {}
        self._aliased = 0
        self._documents = 0

    def position(self, mark: Mark | None) -> Position:
        """Translate a mark of the parser, which counts from 0."""
        if mark is None:
            return Position(self._source)
        return Position(self._source, mark.line + 1, mark.column + 1)

    def take(self, event: yaml.Event) -> None:
        """Go on by one event."""
        match event:
            case yaml.DocumentStartEvent():
                self._documents += 1
                if self._documents > 1:
                    raise _UnreadableError(
                        "bad-yaml", "a configuration is one YAML document", event.start_mark
                    )
            case yaml.ScalarEvent():
                self._take_scalar(event)
            case yaml.AliasEvent():
                self._take_alias(event)
            case yaml.SequenceStartEvent():
                self._open(SequenceNode(self.position(event.start_mark)), event)
            case yaml.MappingStartEvent():
                self._open(MappingNode(self.position(event.start_mark)), event)
            case yaml.SequenceEndEvent() | yaml.MappingEndEvent():
                self._close()
            case _:
                pass

    def _open(self, node: SequenceNode | MappingNode, event: yaml.CollectionStartEvent) -> None:
        if len(self._stack) >= MAXIMUM_DEPTH:
            raise _UnreadableError(
                "too-large", f"nested more than {MAXIMUM_DEPTH} levels deep", event.start_mark
            )
        if self._expects_key():
            raise _UnreadableError("bad-yaml", "a key is text", event.start_mark)
        self._check_tag(event)
        self._stack.append(_Frame(node, event.anchor))

    def _close(self) -> None:
        frame = self._stack.pop()
        if isinstance(frame.node, MappingNode):
            for merged in frame.merged:
                self._merge(frame.node, merged)
        self._complete(frame.node, frame.anchor)

    def _take_scalar(self, event: yaml.ScalarEvent) -> None:
        self._check_tag(event)
        if self._expects_key():
            frame = self._stack[-1]
            frame.key, frame.key_mark, frame.key_end = event.value, event.start_mark, event.end_mark
            return
        plain_and_empty = event.implicit[0] and not event.tag and event.value in NO_VALUE
        node = ScalarNode(
            self.position(event.start_mark),
            None if plain_and_empty else event.value,
            _end_of(event.end_mark),
            bare=event.implicit[0] and not event.tag and looks_like_json(event.value),
        )
        self._complete(node, event.anchor)

    def _take_alias(self, event: yaml.AliasEvent) -> None:
        if self._expects_key():
            raise _UnreadableError("bad-yaml", "a key is text, not an alias", event.start_mark)
        anchored = self._anchors.get(event.anchor or "")
        if anchored is None:
            # An anchor is known once its value is complete, so no value can contain itself.
            self._findings.add(
                "bad-yaml",
                "the alias stands for nothing: its anchor is not defined before it",
                self.position(event.start_mark),
            )
            anchored = ScalarNode(self.position(event.start_mark), None)
        self._complete(self._copy(anchored, event.start_mark), None)

    def _complete(self, node: Node, anchor: str | None) -> None:
        """Put a complete value where it belongs."""
        if anchor is not None:
            self._anchors[anchor] = node
        if not self._stack:
            self.root = node
            return
        frame = self._stack[-1]
        if isinstance(frame.node, SequenceNode):
            frame.node.items.append(node)
            return
        key, mark, end = frame.key or "", frame.key_mark, frame.key_end
        frame.key = frame.key_mark = frame.key_end = None
        if key == "<<":
            frame.merged.extend(node.items if isinstance(node, SequenceNode) else [node])
            return
        entry = Entry(self.position(mark), node, _end_of(end))
        first = frame.node.entries.get(key)
        if first is not None:
            self._findings.add(
                "duplicate-key",
                f"the key is already there, in line {first.key.line}",
                entry.key,
            )
            frame.node.duplicates.append((key, entry))
            return
        frame.node.entries[key] = entry

    def _merge(self, into: MappingNode, merged: Node) -> None:
        """Add the keys of `<<` that are not there yet (YAML's merge key type)."""
        if not isinstance(merged, MappingNode):
            self._findings.add(
                "bad-yaml", "`<<` merges mappings and lists of mappings", merged.position
            )
            return
        for key, entry in merged.entries.items():
            into.entries.setdefault(key, entry)

    def _copy(self, node: Node, mark: Mark | None) -> Node:
        """Copy what an alias stands for, so that no two places share a value."""
        self._aliased += node.size()
        if self._aliased > MAXIMUM_ALIASED:
            raise _UnreadableError(
                "too-large", f"aliases add more than {MAXIMUM_ALIASED} values", mark
            )
        return node.copied()

    def _expects_key(self) -> bool:
        if not self._stack:
            return False
        frame = self._stack[-1]
        return isinstance(frame.node, MappingNode) and frame.key is None

    def _check_tag(self, event: yaml.ScalarEvent | yaml.CollectionStartEvent) -> None:
        if event.tag not in _TAGS_WITHOUT_MEANING:
            self._findings.add(
                "bad-yaml", "tags have no meaning here", self.position(event.start_mark)
            )
