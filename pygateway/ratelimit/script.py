"""The scripts that Redis runs, what they are told and what they answer.

They are called by their digest, and sent as text to a Redis that does not know it: that needs no
right to load scripts, and a Redis that was restarted learns them from the first request.
"""

from __future__ import annotations

import hashlib
from importlib import resources
from typing import Final, NamedTuple, TypeAlias

Word: TypeAlias = bytes | str | int
Words: TypeAlias = tuple[Word, ...]
"""One command; its first word is its name."""


class Script(NamedTuple):
    """A script of Redis.

    Attributes:
        text: What Redis runs.
        digest: By which Redis knows it: the SHA-1 in hexadecimal.
    """

    text: bytes
    digest: bytes


class Answer(NamedTuple):
    """What `ACQUIRE` answers.

    Attributes:
        granted: What was charged, and may be spent.
        remaining: What is left of the quota.
        bucket: Where it was charged; needed to give it back.
        reset_ms: Milliseconds until the bucket ends.
        retry_ms: Milliseconds until the least that was asked for is admitted.
    """

    granted: int
    remaining: int
    bucket: int
    reset_ms: int
    retry_ms: int


def _load(name: str) -> Script:
    source = resources.files(__package__).joinpath(name).read_text("ascii")
    # The comments are for us: a Redis that has forgotten the script is sent it with every command.
    lines = [line.strip() for line in source.splitlines()]
    text = "\n".join(line for line in lines if line and not line.startswith("--")).encode()
    return Script(text, hashlib.sha1(text, usedforsecurity=False).hexdigest().encode())


ACQUIRE: Final = _load("acquire.lua")
HEARTBEAT: Final = _load("heartbeat.lua")

TEXTS: Final = {script.digest: script.text for script in (ACQUIRE, HEARTBEAT)}

_CALL, _DIGEST, _ONE_KEY = b"EVALSHA", ACQUIRE.digest, 1


def window_prefix(prefix: str, policy: str) -> str:
    """The beginning of the names of a policy's windows; a digest and a brace follow."""
    return f"{prefix}:window:{policy}:{{"


def window_key(prefix: str, policy: str, digest: str) -> str:
    """Name the window of a key; its digest alone decides where a cluster keeps it."""
    return f"{window_prefix(prefix, policy)}{digest}}}"


def acquire(
    key: str,
    quota: int,
    window: int,
    want: int,
    least: int,
    divisor: int,
    debt_bucket: int,
    debt_previous: int,
    debt_current: int,
) -> Words:
    """Ask for up to `want`, and for `least` at least; lengths are in milliseconds."""
    # Every word is a tenth of a microsecond, and there is hardly ever a debt.
    words = (_CALL, _DIGEST, _ONE_KEY, key, quota, window, want, least, divisor)
    if debt_previous or debt_current:
        return (*words, debt_bucket, debt_previous, debt_current)
    return words


def give_back(key: str, quota: int, window: int, amount: int, bucket: int) -> Words:
    """Give back what was charged in `bucket` and not spent."""
    return (_CALL, _DIGEST, _ONE_KEY, key, quota, window, -amount, 0, 1, 0, 0, 0, bucket)


def heartbeat(tag: str, machine: str, incarnation: int, patience: int) -> Words:
    """Say that `machine` lives; `tag` decides where a cluster keeps that."""
    gateways, lifetime = f"{{{tag}}}:live", f"{{{tag}}}:incarnation"
    return (_CALL, HEARTBEAT.digest, 2, gateways, lifetime, machine, incarnation, patience)


def with_text(words: Words) -> Words:
    """The same command for a Redis that does not know the script."""
    return (b"EVAL", TEXTS[words[1]], *words[2:])  # type: ignore[index]


def read(reply: object) -> Answer | None:
    """Read an answer of `ACQUIRE`; None if it is no such thing."""
    if type(reply) is list and len(reply) == len(Answer._fields):
        return Answer._make(reply)
    return None
