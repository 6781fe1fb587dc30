"""What several generators share.

Alternatives are listed once, when a module is imported, and drawn whole: that is many times
faster than drawing their parts, and leaves time for more examples.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import permutations, product
from typing import TypeVar
from zlib import crc32

from hypothesis import strategies as st

from tests.door.model.verdict import Field, Fields

Item = TypeVar("Item")


@dataclass(frozen=True)
class Asked:
    """A request head as bytes."""

    method: bytes
    target: bytes
    fields: Fields
    version: int = 11


def some(items: Sequence[Item], most: int = 3) -> st.SearchStrategy[tuple[Item, ...]]:
    """A few different items, in any order."""
    return st.sampled_from(
        [chosen for size in range(most + 1) for chosen in permutations(items, size)]
    )


def spellings(name: str) -> list[bytes]:
    """A field name in several cases."""
    return [text.encode() for text in (name, name.lower(), name.upper(), name.swapcase())]


def aliases(name: str) -> list[bytes]:
    """A field name in several cases, with `_` in place of none, some or all `-`."""
    found = []
    for text in spellings(name):
        first, *rest = text.split(b"-")
        for joints in product(b"-_", repeat=len(rest)):
            pairs = zip(joints, rest, strict=True)
            found.append(first + b"".join(bytes([joint]) + part for joint, part in pairs))
    return found


def each_with(names: Sequence[bytes], values: Sequence[bytes]) -> list[Field]:
    """Every name with every value."""
    return list(product(names, values))


def repeated(fields: Sequence[Field], most: int) -> st.SearchStrategy[Fields]:
    """A few of these fields, also more than once."""
    return st.lists(st.sampled_from(fields), max_size=most)


ORDERS = st.integers(0, 9999)


def shuffled(fields: Fields, order: int) -> Fields:
    """The fields in the order of this number."""
    return sorted(fields, key=lambda field: crc32(b"%d %b %b" % (order, *field)))
