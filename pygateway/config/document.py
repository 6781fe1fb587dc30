"""A configuration document: values that remember where they were written.

Every scalar stays text; the models say what it means. So `on`, `no` and `1.10` are what they look
like, whatever YAML 1.1 makes of them, and the value of an environment variable is read like one
of a file. Only a plain empty value, `~` and `null` are no value at all.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Final

from .section import BareText, PlainText

Path = tuple[str | int, ...]
"""Keys and indexes from the root of a document down to a value."""

KEY_MARK: Final = "[key]"
"""Last part of pydantic's location of a mapping's key, rather than of its value."""


@dataclass(slots=True, eq=False)
class Source:
    """Where text comes from: a file, an environment variable or a command line option.

    Attributes:
        name: File name as it was given, `environment` or `command line`.
        lines: The lines of a file, as reports may show them.
        variable: Name of the environment variable or the option.
    """

    name: str
    lines: list[str] = field(default_factory=list)
    variable: str | None = None


@dataclass(frozen=True, slots=True)
class Position:
    """A place in a source; line and column count from 1."""

    source: Source
    line: int | None = None
    column: int | None = None


@dataclass(slots=True, eq=False)
class Node(ABC):
    """A value. One that validation gave up on is `dropped`, and then it is as if it were absent."""

    position: Position
    dropped: bool = field(default=False, kw_only=True)

    @abstractmethod
    def children(self) -> Iterator[tuple[str | int, Node]]:
        """Yield what is inside, dropped values included, with its key or index."""

    @abstractmethod
    def values(self) -> object:
        """Return plain text, None, lists and mappings, without what is dropped.

        Lists are to be compacted before.
        """

    @abstractmethod
    def copied(self) -> Node:
        """Return an equal value that shares nothing with this one."""

    def size(self) -> int:
        """Return how many values this is, the ones inside included."""
        return 1 + sum(child.size() for _, child in self.children())


@dataclass(slots=True, eq=False)
class ScalarNode(Node):
    """Text, or no value at all.

    Attributes:
        text: The text; None for no value.
        end: Line and column just after it, in a file.
        splits: Whether the text is split at commas where a list is wanted.
        bare: Whether it was written without quotes and JSON would read it as a number or a truth
            value.
    """

    text: str | None
    end: tuple[int, int] | None = None
    splits: bool = False
    bare: bool = False

    def children(self) -> Iterator[tuple[str | int, Node]]:
        """Yield nothing."""
        return iter(())

    def values(self) -> object:
        """Return the text, marked if it is split at commas or could be no text in JSON."""
        if self.text is None:
            return None
        if self.splits:
            return PlainText(self.text)
        return BareText(self.text) if self.bare else self.text

    def copied(self) -> ScalarNode:
        """Return equal text."""
        return ScalarNode(self.position, self.text, self.end, self.splits, self.bare)


@dataclass(slots=True, eq=False)
class SequenceNode(Node):
    """A list.

    Attributes:
        items: The items.
        removed: How many more were written, which `compact` removed.
    """

    items: list[Node] = field(default_factory=list)
    removed: int = 0

    def children(self) -> Iterator[tuple[str | int, Node]]:
        """Yield the items with their indexes."""
        return enumerate(self.items)

    def values(self) -> object:
        """Return the plain values of the items."""
        return [item.values() for item in self.items]

    def copied(self) -> SequenceNode:
        """Return a list of copies."""
        return SequenceNode(self.position, [item.copied() for item in self.items])


@dataclass(slots=True, eq=False)
class Entry:
    """A key of a mapping and its value.

    Attributes:
        key: Where the key is.
        value: The value.
        end: Line and column just after the key, in a file.
    """

    key: Position
    value: Node
    end: tuple[int, int] | None = None


@dataclass(slots=True, eq=False)
class MappingNode(Node):
    """A mapping.

    Attributes:
        entries: Keys and values; the first one of duplicate keys.
        duplicates: The other ones, which only redaction looks at.
    """

    entries: dict[str, Entry] = field(default_factory=dict)
    duplicates: list[tuple[str, Entry]] = field(default_factory=list)

    def children(self) -> Iterator[tuple[str | int, Node]]:
        """Yield the values with their keys."""
        return ((key, entry.value) for key, entry in self.entries.items())

    def values(self) -> object:
        """Return the plain values by key."""
        return {
            key: entry.value.values()
            for key, entry in self.entries.items()
            if not entry.value.dropped
        }

    def copied(self) -> MappingNode:
        """Return a mapping of copies."""
        entries = {
            key: Entry(entry.key, entry.value.copied(), entry.end)
            for key, entry in self.entries.items()
        }
        return MappingNode(self.position, entries)


@dataclass(frozen=True, slots=True)
class Found:
    """What `locate` found.

    Attributes:
        node: The value, or the nearest one around it that was written.
        position: What a report should point at.
        complete: Whether the value itself was found.
    """

    node: Node
    position: Position
    complete: bool


def locate(root: Node, path: Path, *, key: bool = False) -> Found:
    """Find the value at `path`, in a document without dropped values in lists (see `compact`).

    Args:
        root: Where the path starts.
        path: Keys and indexes. Those that were never written, because they stand inside a short
            form, are passed over.
        key: Whether to point at the value's key rather than at the value.
    """
    node, position, complete = root, root.position, True
    wants_key = key or path[-1:] == (KEY_MARK,)
    for step in path:
        if step == KEY_MARK:
            continue
        child = _child(node, step)
        if child is None:
            complete = False
            continue
        complete = True
        node, key_position = child
        position = key_position if wants_key and key_position else node.position
    return Found(node, position, complete)


def _child(node: Node, step: str | int) -> tuple[Node, Position | None] | None:
    if isinstance(node, MappingNode):
        entry = node.entries.get(str(step))
        if entry is not None and not entry.value.dropped:
            return entry.value, entry.key
    elif isinstance(node, SequenceNode) and isinstance(step, int) and step < len(node.items):
        return node.items[step], None
    return None


def compact(node: Node) -> None:
    """Remove dropped items from every list, so that indexes count what is not dropped."""
    if isinstance(node, SequenceNode):
        kept = [item for item in node.items if not item.dropped]
        node.removed += len(node.items) - len(kept)
        node.items = kept
    for _, child in node.children():
        compact(child)


def node_of(value: object, position: Position) -> Node:
    """Make nodes of plain values, for configurations that are not written in a file."""
    if isinstance(value, Mapping):
        entries = {str(k): Entry(position, node_of(v, position)) for k, v in value.items()}
        return MappingNode(position, entries)
    if isinstance(value, list | tuple):
        return SequenceNode(position, [node_of(item, position) for item in value])
    if isinstance(value, bool):
        return ScalarNode(position, "true" if value else "false", bare=True)
    bare = isinstance(value, int | float)
    return ScalarNode(position, None if value is None else str(value), bare=bare)
