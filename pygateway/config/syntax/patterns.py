"""Regular expressions that the native gate takes: those of the Rust crate regex-lite.

What is let through here compiles there, so that a bad pattern is shown where it was written. The
crate's expressions take time linear in the text, because what makes that impossible is left out of
them: backreferences and look-around.
"""

from __future__ import annotations

import re
import warnings
from typing import Annotated, Final

from pydantic import AfterValidator

from ..refusal import refusal

MAXIMUM_PATTERN: Final = 512
"""Characters of a pattern; it is compared on every new token."""

MAXIMUM_REPETITION: Final = 100
"""Of a counted repetition: each is compiled into so many copies."""

_ESCAPES: Final = frozenset("dswDSWbBAzafntrv")
# Without `x`, which would make comments of what is looked at here.
_FLAGS = re.compile(r"\(\?(?P<flags>[ims]*(-[ims]+)?)(?P<end>[:)])")
_NAME = re.compile(r"\(\?P?<[A-Za-z_][A-Za-z0-9_]*>", re.ASCII)
_COUNT = re.compile(r"\{(\d{1,3})(?:(,)(\d{0,3}))?\}", re.ASCII)
_POSIX = re.compile(r"\[:\^?[a-z]+:\]", re.ASCII)
_HEX = re.compile(r"\\x[0-9A-Fa-f]{2}", re.ASCII)


class _Unsupported(ValueError):
    """The pattern has what the native gate's expressions leave out."""


def check_pattern(pattern: str) -> str:
    """Return `pattern` if the native gate takes it.

    Raises:
        PydanticCustomError: it is no regular expression, or one with parts that are left out.
    """
    if len(pattern) > MAXIMUM_PATTERN:
        raise refusal("bad-pattern", f"a pattern has at most {MAXIMUM_PATTERN} characters")
    try:
        translated = _translated(pattern)
    except _Unsupported as error:
        raise refusal("bad-pattern", str(error)) from None
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # what Python means to change is nothing to us
            re.compile(translated)
    except (re.error, OverflowError, RecursionError):
        raise refusal("bad-pattern", "is no regular expression") from None
    return pattern


def _translated(pattern: str) -> str:
    """Return what Python reads in the same way, only to learn whether it is well-formed."""
    translated: list[str] = []
    position = 0
    while position < len(pattern):
        character = pattern[position]
        if character == "\\":
            piece, text = _escape(pattern, position)
        elif character == "[":
            piece, text = _set(pattern, position)
        elif character == "(":
            piece, text = _group(pattern, position)
        elif character == "{":
            piece = text = _count(pattern, position)
        else:
            piece = text = character
        translated.append(text)
        position += len(piece)
    return "".join(translated)


def _escape(pattern: str, position: int) -> tuple[str, str]:
    piece = pattern[position : position + 2]
    letter = piece[1:]
    if letter.isdigit():
        raise _Unsupported("has no backreferences: they make matching slow")
    if letter in {"p", "P"}:
        raise _Unsupported(r"has no Unicode classes: `\w`, `\d` and `\s` are ASCII's")
    if letter == "x":
        match = _HEX.match(pattern, position)
        if match is None:
            raise _Unsupported(r"`\x` is followed by two hexadecimal digits")
        return match[0], match[0]
    if letter.isalpha() and letter not in _ESCAPES:
        raise _Unsupported(f"`{piece}` has no meaning")
    return piece, r"\Z" if letter == "z" else piece


def _group(pattern: str, position: int) -> tuple[str, str]:
    if pattern[position + 1 : position + 2] != "?":
        return "(", "("
    if match := _NAME.match(pattern, position):
        return match[0], match[0].replace("(?<", "(?P<")
    match = _FLAGS.match(pattern, position)
    if match is None:
        raise _Unsupported("has no look-around, and no flags but i, m and s")
    if match[0] == "(?)" or len(set(match["flags"])) != len(match["flags"]):
        raise _Unsupported(f"`{match[0]}` has no meaning")
    # Flags change nothing about whether the rest is well-formed.
    return match[0], "(?:" if match["end"] == ":" else ""


def _count(pattern: str, position: int) -> str:
    match = _COUNT.match(pattern, position)
    if match is None:
        raise _Unsupported(r"`{` begins a number of repetitions; the character itself is `\{`")
    if any(int(number) > MAXIMUM_REPETITION for number in match.group(1, 3) if number):
        raise _Unsupported(f"repeats at most {MAXIMUM_REPETITION} times")
    return match[0]


def _set(pattern: str, position: int) -> tuple[str, str]:
    """Return a set in brackets, as it is and as Python reads it."""
    end = position + 1
    end += pattern[end : end + 1] == "^"
    translated = pattern[position:end]
    first = True
    while end < len(pattern) and (first or pattern[end] != "]"):
        if pattern[end] == "\\":
            piece, text = _escape(pattern, end)
            if piece[1:] in {"b", "B", "A", "z"}:
                raise _Unsupported(f"`{piece}` has no meaning inside of brackets")
        elif pattern[end] == "[":
            match = _POSIX.match(pattern, end)
            if match is None:
                raise _Unsupported(r"`[` inside of brackets is written `\[`")
            piece, text = match[0], "a-z"
        elif pattern[end : end + 2] in {"&&", "--", "~~"}:
            raise _Unsupported("has no operations on sets in brackets")
        else:
            piece = text = pattern[end]
        translated += text
        end += len(piece)
        first = False
    if end >= len(pattern):
        raise _Unsupported("a bracket is not closed")
    return pattern[position : end + 1], translated + "]"


Pattern = Annotated[str, AfterValidator(check_pattern)]
