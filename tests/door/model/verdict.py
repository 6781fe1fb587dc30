"""What the model answers, and what it refuses with."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from tests.door.model.authentication.finding import Accepted, Pending

Field = tuple[bytes, bytes]
Fields = list[Field]


class RefusedError(Exception):
    """A request that a guard refuses; `reason` is the problem's name."""

    def __init__(self, reason: str, detail: str) -> None:
        super().__init__(detail)
        self.reason = reason


class UpstreamProtocolError(Exception):
    """A response of an upstream that a guard refuses."""


@dataclass(frozen=True)
class Peer:
    """The other end of the client connection."""

    address: str
    secure: bool
    trusted: bool


@dataclass(frozen=True)
class Request:
    """A request head whose guards have all been passed."""

    method: bytes
    path: str
    query: bytes | None
    asterisk: bool
    host: bytes | None
    fields: Fields
    version: int
    body_length: int
    peer: Peer

    @property
    def host_name(self) -> str:
        """Host without its port, in lower case; empty without a Host."""
        text = (self.host or b"").decode("ascii").lower()
        if text.startswith("["):
            return text[: text.index("]") + 1]
        return text.partition(":")[0]


@dataclass(frozen=True)
class Head:
    """A message head: what was passed through, in its order, and what the gateway added."""

    start: bytes
    passed: Fields
    own: Fields


@dataclass(frozen=True)
class Refusal:
    """Refused. With several faults in one request, any of `reasons` will do.

    `keep_alive` is None where the design leaves it open, as long as the client wishes it.
    """

    reasons: frozenset[str]
    allow: tuple[str, ...] = ()
    keep_alive: bool | None = None
    route: int | None = None


@dataclass(frozen=True)
class Forwarding:
    """Passed on to the upstream of `route`."""

    request: Request
    route: int
    captures: dict[str, str]
    keep_alive: bool
    expects_continue: bool
    upgrade: bool
    idempotent: bool
    body_limit: int
    known: Accepted | None = None


@dataclass(frozen=True)
class Answer:
    """Answered by the gateway: fixed, redirect, preflight or health."""

    kind: str
    request: Request
    route: int | None
    status: int
    keep_alive: bool
    fields: Fields
    body: bytes
    known: Accepted | None = None


@dataclass(frozen=True)
class Undecided:
    """Nobody knows yet who asks."""

    request: Request
    route: int
    keep_alive: bool
    expects_continue: bool
    body_limit: int
    pending: Pending


Verdict = Refusal | Forwarding | Answer | Undecided
