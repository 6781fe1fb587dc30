"""JSON objects as a token may carry them: read by one grammar, and in one way only."""

from __future__ import annotations

import json
import math
from collections.abc import Sequence

DEEPEST = 32
"""Containers within each other, the outermost object among them."""

MOST = 512
"""Members and elements in one part of a token, at all levels."""


class UnfitError(ValueError):
    """Text that is no JSON object, or that two readers could take for two different ones."""


def parse_object(text: bytes) -> dict[str, object]:
    """RFC 8259, in UTF-8 and without duplicates; every number is one that a double can hold."""
    try:
        value = json.loads(
            text.decode("utf-8"),
            object_pairs_hook=unique_members,
            parse_constant=refuse_constant,
            parse_float=finite,
            parse_int=whole,
        )
    except (ValueError, RecursionError) as error:
        raise UnfitError(str(error)) from error
    if not isinstance(value, dict):
        raise UnfitError("no object")
    if depth(value) > DEEPEST:
        raise UnfitError("too deep")
    return value


def unique_members(pairs: Sequence[tuple[str, object]]) -> dict[str, object]:
    members = dict(pairs)
    if len(members) != len(pairs):
        raise UnfitError("a name stands twice in one object")
    for name, value in pairs:
        check_text(name)
        check_texts(value)
    return members


def check_texts(value: object) -> None:
    """Objects have been looked at when they were read."""
    if isinstance(value, str):
        check_text(value)
    if isinstance(value, list):
        for element in value:
            check_texts(element)


def check_text(text: str) -> None:
    if any(0xD800 <= ord(character) <= 0xDFFF for character in text):
        raise UnfitError("half of a surrogate pair is no character")


def refuse_constant(text: str) -> float:
    raise UnfitError(f"{text} is no JSON number")


def finite(text: str) -> float:
    number = float(text)
    if not math.isfinite(number):
        raise UnfitError("number is too large")
    return number


def whole(text: str) -> int:
    finite(text)
    return int(text)


def size(value: object) -> int:
    """How many members and elements there are, at all levels."""
    inner = value.values() if isinstance(value, dict) else value if isinstance(value, list) else ()
    return sum(1 + size(element) for element in inner)


def depth(value: object) -> int:
    if isinstance(value, dict):
        return 1 + max(map(depth, value.values()), default=0)
    if isinstance(value, list):
        return 1 + max(map(depth, value), default=0)
    return 0
