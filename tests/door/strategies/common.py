"""What several generators share."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TypeVar

from hypothesis import strategies as st

from tests.door.model.verdict import Fields

Item = TypeVar("Item")


def some(items: Sequence[Item], most: int = 3) -> st.SearchStrategy[tuple[Item, ...]]:
    """A few different items, in any order."""
    return st.lists(st.sampled_from(items), max_size=most, unique=True).map(tuple)


@st.composite
def spelled(draw: st.DrawFn, name: str, aliases: bool = False) -> bytes:
    """A field name in random case and, where asked for, with `_` in place of some `-`."""
    text = draw(st.sampled_from([name, name.lower(), name.upper(), name.swapcase()]))
    if aliases:
        parts = text.split("-")
        joints = draw(st.lists(st.sampled_from("-_"), min_size=len(parts), max_size=len(parts)))
        text = "".join(f"{part}{joint}" for part, joint in zip(parts, joints, strict=True))[:-1]
    return text.encode()


@dataclass(frozen=True)
class Asked:
    """A request head as bytes."""

    method: bytes
    target: bytes
    fields: Fields
    version: int = 11
