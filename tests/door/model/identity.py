"""Request ids (UUIDv7, RFC 9562 section 5.7) and traceparent (W3C Trace Context)."""

from __future__ import annotations

import re
import uuid
from dataclasses import dataclass

from tests.door.model.fields import values
from tests.door.model.verdict import Fields, Peer

REQUEST_ID = re.compile(rb"[A-Za-z0-9._~+/=:@-]{1,128}")
TRACEPARENT = re.compile(
    rb"([0-9a-f]{2})-([0-9a-f]{32})-([0-9a-f]{16})-([0-9a-f]{2})(-.*)?", re.DOTALL
)
TRACESTATE_MEMBER = re.compile(rb"[a-z0-9][a-z0-9_*/@-]{0,255}=[ -+\--<>-~]{1,256}")
SAMPLED, RANDOM = 1, 2


@dataclass(frozen=True)
class Trace:
    """What a traceparent says; of its flags, those of Level 2."""

    trace_id: bytes
    parent_id: bytes
    flags: int


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
    """Strict: lower-case hex, and neither id all zero. Versions after 00 may say more than that."""
    found = TRACEPARENT.fullmatch(text)
    if found is None or found[1] == b"ff" or (found[1] == b"00" and found[5] is not None):
        return None
    if set(found[2]) == {ord("0")} or set(found[3]) == {ord("0")}:
        return None
    return Trace(found[2], found[3], int(found[4], 16) & (SAMPLED | RANDOM))


def believed_trace(fields: Fields, peer: Peer) -> Trace | None:
    """The trace that a trusted peer is in; None starts a new one."""
    given = values(fields, b"traceparent")
    return parse_traceparent(given[0]) if peer.trusted and len(given) == 1 else None


def believed_tracestate(fields: Fields, peer: Peer) -> list[bytes]:
    """Worth something only beside a traceparent that is continued, and as a whole."""
    given = b",".join(values(fields, b"tracestate")).split(b",")
    members = [member for member in (part.strip(b" \t") for part in given) if member]
    state = b",".join(members)
    well_formed = all(TRACESTATE_MEMBER.fullmatch(member) for member in members)
    if not well_formed or len(members) > 32 or len(state) > 512 or not state:
        return []
    return [state] if believed_trace(fields, peer) else []
