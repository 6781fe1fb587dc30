from __future__ import annotations

from pygateway.config.document import (
    KEY_MARK,
    MappingNode,
    Position,
    ScalarNode,
    SequenceNode,
    Source,
    compact,
    locate,
    node_of,
)
from pygateway.config.findings import Findings
from pygateway.config.reader import read_text
from pygateway.config.section import PlainText


def document(text: str) -> MappingNode:
    node = read_text(text, Source("test"), Findings())
    assert isinstance(node, MappingNode)
    return node


def at(position: Position) -> tuple[int | None, int | None]:
    return position.line, position.column


def test_locate_points_at_values_and_keys() -> None:
    root = document("a:\n  b: [x, y]\n")
    assert at(locate(root, ("a", "b", 1)).position) == (2, 10)
    assert at(locate(root, ("a", "b"), key=True).position) == (2, 3)
    assert at(locate(root, ("a", "b", KEY_MARK)).position) == (2, 3)


def test_locate_passes_over_what_was_never_written() -> None:
    root = document("a: text\n")
    found = locate(root, ("a", "url", "host"))
    assert at(found.position) == (1, 4)
    assert not found.complete


def test_locate_does_not_find_what_is_dropped() -> None:
    root = document("a: {b: 1}\n")
    root.entries["a"].value.dropped = True
    assert locate(root, ("a", "b")).node is root


def test_compact_moves_indexes_and_counts_what_it_removes() -> None:
    root = document("a: [x, y, z]\n")
    list_ = root.entries["a"].value
    assert isinstance(list_, SequenceNode)
    list_.items[0].dropped = True
    compact(root)
    assert root.values() == {"a": ["y", "z"]}
    assert list_.removed == 1
    assert at(locate(root, ("a", 0)).position) == (1, 8)


def test_copies_share_nothing() -> None:
    root = document("a: {b: [x]}\n")
    copy = root.copied()
    copy.entries["a"].value.dropped = True
    assert root.values() == {"a": {"b": ["x"]}}
    assert copy.values() == {}
    assert root.size() == 4


def test_text_that_splits_is_marked() -> None:
    node = ScalarNode(Position(Source("test")), "a,b", splits=True)
    assert isinstance(node.values(), PlainText)


def test_plain_values_become_text() -> None:
    node = node_of({"a": [1, True, None, 1.5, "x"]}, Position(Source("test")))
    assert node.values() == {"a": ["1", "true", None, "1.5", "x"]}
