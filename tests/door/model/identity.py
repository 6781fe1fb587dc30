"""Request ids (UUIDv7, RFC 9562 section 5.7) and traceparent (W3C Trace Context)."""

from __future__ import annotations

import re
import uuid
from dataclasses import dataclass

from tests.door.model.fields import values
from tests.door.model.verdict import Fields, Peer

REQUEST_ID = re.compile(rb"[A-Za-z0-9._~+/=:@-]{1,128}")
TRACEPARENT = re.compile(rb"00-([0-9a-f]{32})-([0-9a-f]{16})-([0-9a-f]{2})")


@dataclass(frozen=True)
class Trace:
    """A traceparent of version 00."""

    trace_id: bytes
    parent_id: bytes
    flags: bytes


def believed_request_id(fields: Fields, peer: Peer) -> bytes | None:
    """The request id that a trusted peer gave; None means a fresh one."""
    given = values(fields, b"x-request-id")
    if peer.trusted and given and REQUEST_ID.fullmatch(given[0]):
        return given[0]
    return None


def is_uuid7(text: str, now: float) -> bool:
    """A UUIDv7 in its canonical form whose milliseconds are those of `now` (Unix seconds)."""
    identifier = uuid.UUID(text)
    return (
        str(identifier) == text
        and identifier.version == 7
        and identifier.variant == uuid.RFC_4122
        and identifier.int >> 80 == int(now * 1000)
    )


def parse_traceparent(text: bytes) -> Trace | None:
    """Strict: lower-case hex, and neither id all zero."""
    found = TRACEPARENT.fullmatch(text)
    if found is None or set(found[1]) == {ord("0")} or set(found[2]) == {ord("0")}:
        return None
    return Trace(found[1], found[2], found[3])


def believed_trace(fields: Fields, peer: Peer) -> Trace | None:
    """The trace that a trusted peer is in; None starts a new one."""
    given = values(fields, b"traceparent")
    return parse_traceparent(given[0]) if peer.trusted and len(given) == 1 else None


def believed_tracestate(fields: Fields, peer: Peer) -> list[bytes]:
    """Worth something only beside a traceparent that is continued."""
    return values(fields, b"tracestate") if believed_trace(fields, peer) else []
