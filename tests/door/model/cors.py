"""Cross-origin answers (WHATWG Fetch, CORS protocol)."""

from __future__ import annotations

import re

from tests.door.model.fields import elements, values
from tests.door.model.specification import Cors
from tests.door.model.verdict import Fields

PREFLIGHT_VARY = {b"origin", b"access-control-request-method", b"access-control-request-headers"}


def origin_allowed(cors: Cors, origin: str) -> bool:
    return any(origin_matches(pattern, origin) for pattern in cors.origins)


def origin_matches(pattern: str, origin: str) -> bool:
    """`*`, the very origin, or `scheme://*.suffix` for one or more labels before the suffix."""
    if pattern == "*":
        return True
    if "://*." in pattern:
        scheme, suffix = pattern.split("://*.")
        labels = r"[A-Za-z0-9_-]+(\.[A-Za-z0-9_-]+)*"
        expression = f"{re.escape(scheme)}://{labels}{re.escape('.' + suffix)}"
        return re.fullmatch(expression, origin) is not None
    return pattern == origin


def request_origin(fields: Fields) -> str | None:
    given = values(fields, b"origin")
    return given[0].decode("latin-1") if given else None


def allow_origin(cors: Cors, origin: str) -> Fields:
    """Who may read the answer: everyone, or this origin."""
    anyone = "*" in cors.origins and not cors.credentials
    allowed = b"*" if anyone else origin.encode("latin-1")
    written = [(b"Access-Control-Allow-Origin", allowed)]
    if cors.credentials:
        written.append((b"Access-Control-Allow-Credentials", b"true"))
    return written


def depends_on_origin(cors: Cors) -> bool:
    return "*" not in cors.origins or cors.credentials


def actual_fields(cors: Cors | None, fields: Fields) -> Fields:
    """Fields of an answer that is not a preflight's."""
    if cors is None:
        return []
    written: Fields = []
    origin = request_origin(fields)
    if origin is not None and origin_allowed(cors, origin):
        written += allow_origin(cors, origin)
        if cors.expose:
            written.append((b"Access-Control-Expose-Headers", ", ".join(cors.expose).encode()))
    if depends_on_origin(cors):
        written.append((b"Vary", b"Origin"))
    return written


def is_preflight(method: bytes, fields: Fields) -> bool:
    asked = values(fields, b"access-control-request-method")
    return method == b"OPTIONS" and bool(asked) and request_origin(fields) is not None


def requested_method(fields: Fields) -> str:
    return values(fields, b"access-control-request-method")[0].decode("latin-1")


def requested_headers(fields: Fields) -> set[bytes]:
    asked = elements(values(fields, b"access-control-request-headers"))
    return {name.lower() for name in asked}


def preflight_allowed(cors: Cors, fields: Fields) -> bool:
    """Whether the request that the browser asks about may be sent."""
    origin = request_origin(fields)
    if origin is None or not origin_allowed(cors, origin):
        return False
    if requested_method(fields) not in cors.methods:
        return False
    known = {name.lower().encode() for name in cors.headers}
    return "*" in cors.headers or requested_headers(fields) <= known
