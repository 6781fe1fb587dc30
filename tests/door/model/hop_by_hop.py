"""Which fields end at the gateway (RFC 9110 section 7.6.1) and which only it may write."""

from __future__ import annotations

from collections.abc import Iterable

from tests.door.model.fields import connection_options
from tests.door.model.verdict import Fields

HOP_BY_HOP = {
    b"connection",
    b"keep-alive",
    b"proxy-connection",
    b"proxy-authenticate",
    b"proxy-authorization",
    b"te",
    b"trailer",
    b"transfer-encoding",
    b"upgrade",
    b"http2-settings",
}
RESERVED = {
    b"forwarded",
    b"x-real-ip",
    b"x-request-id",
    b"traceparent",
    b"tracestate",
    b"x-original-url",
    b"x-rewrite-url",
    b"via",
}
ESSENTIAL = {b"host", b"content-length", b"transfer-encoding", b"authorization", b"cookie"}
NEVER_WITH_UNDERSCORE = ESSENTIAL | {b"connection"}
WRITTEN_BY_THE_GATEWAY = {b"host", b"content-length", b"expect"}


def folded(name: bytes) -> bytes:
    """The spelling that CGI-like upstreams cannot tell from others."""
    return name.lower().replace(b"_", b"-")


def passes_for_another(name: bytes) -> bool:
    """Whether a careless upstream takes this for a field that it must not find twice."""
    if b"_" in name and folded(name) in NEVER_WITH_UNDERSCORE:
        return True
    squeezed = bytes(byte for byte in name.lower() if bytes([byte]).isalnum())
    return squeezed in {b"contentlength", b"transferencoding"}


def is_reserved(name: bytes) -> bool:
    return folded(name).startswith(b"x-forwarded-") or folded(name) in RESERVED


def nominated(fields: Fields) -> set[bytes]:
    """Names that Connection takes along; nominating what must travel end to end is ignored."""
    return {
        option
        for option in connection_options(fields)
        if not is_reserved(option) and folded(option) not in ESSENTIAL
    }


def passed_to_upstream(
    fields: Fields,
    replaced: Iterable[str],
    removed: Iterable[str],
    identity: Iterable[str] = (),
) -> Fields:
    """The client's fields that travel on, in order, but for those the route sets or removes.

    Those that tell an upstream who asks are the gateway's alone, on every route.
    """
    gone = HOP_BY_HOP | WRITTEN_BY_THE_GATEWAY | nominated(fields)
    written = {folded(name.encode()) for name in (*replaced, *removed, *identity)}
    kept = []
    for name, value in fields:
        if name.lower() in gone or is_reserved(name) or folded(name) in written:
            continue
        if not passes_for_another(name):
            kept.append((name, value))
    return kept


def passed_to_client(fields: Fields) -> Fields:
    """An upstream's fields that travel on, in order."""
    gone = HOP_BY_HOP | nominated(fields) | {b"content-length", b"x-request-id", b"via"}
    return [(name, value) for name, value in fields if name.lower() not in gone]
