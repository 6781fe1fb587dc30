"""The head that the client receives: of an upstream's response, or of the gateway's own reply."""

from __future__ import annotations

from dataclasses import dataclass
from email.utils import formatdate

from tests.door.model.cors import actual_fields
from tests.door.model.fields import check_size, check_syntax, stripped, values
from tests.door.model.framing import CHUNKED, UNTIL_CLOSE, response_length
from tests.door.model.hop_by_hop import passed_to_client
from tests.door.model.specification import HeaderPolicy, Route, Specification
from tests.door.model.verdict import (
    Fields,
    Forwarding,
    Head,
    Peer,
    RefusedError,
    UpstreamProtocolError,
)

PHRASES = {
    200: b"OK",
    201: b"Created",
    202: b"Accepted",
    204: b"No Content",
    301: b"Moved Permanently",
    302: b"Found",
    303: b"See Other",
    304: b"Not Modified",
    307: b"Temporary Redirect",
    308: b"Permanent Redirect",
    400: b"Bad Request",
    401: b"Unauthorized",
    403: b"Forbidden",
    404: b"Not Found",
    405: b"Method Not Allowed",
    408: b"Request Timeout",
    413: b"Content Too Large",
    414: b"URI Too Long",
    417: b"Expectation Failed",
    429: b"Too Many Requests",
    431: b"Request Header Fields Too Large",
    500: b"Internal Server Error",
    501: b"Not Implemented",
    502: b"Bad Gateway",
    503: b"Service Unavailable",
    504: b"Gateway Timeout",
    505: b"HTTP Version Not Supported",
}


@dataclass(frozen=True)
class Context:
    """What a head for the client is written from, besides the response itself."""

    specification: Specification
    route: Route | None
    peer: Peer
    request_fields: Fields
    request_version: int
    request_id: bytes
    now: float


@dataclass(frozen=True)
class UpstreamResponse:
    """A response head as the upstream sent it; version 10 or 11."""

    status: int
    reason: bytes
    fields: Fields
    version: int = 11


@dataclass(frozen=True)
class Reply:
    """A reply of the gateway; `closes` ends the client's connection."""

    status: int
    fields: Fields
    content_length: int
    closes: bool


@dataclass(frozen=True)
class ClientResponse:
    """A response head for the client, and how its body travels."""

    head: Head
    chunked: bool
    length: int
    bodiless: bool
    closes: bool


def has(fields: Fields, name: str) -> bool:
    return bool(values(fields, name.lower().encode()))


def encoded(pairs: tuple[tuple[str, str], ...]) -> Fields:
    return [(name.encode(), value.encode()) for name, value in pairs]


def security_fields(context: Context) -> Fields:
    """The route's, or the gateway's; Strict-Transport-Security over TLS only (RFC 6797)."""
    route, specification = context.route, context.specification
    if route is not None and route.security_headers is not None:
        pairs, hsts = route.security_headers, route.hsts
    else:
        pairs, hsts = specification.security_headers, specification.hsts
    written = encoded(pairs)
    if context.peer.secure and hsts is not None:
        written.append((b"Strict-Transport-Security", hsts.encode()))
    return written


def without(fields: Fields, policy: HeaderPolicy) -> Fields:
    """What is left when the route has removed and is about to replace."""
    gone = {name.lower().encode() for name in policy.remove}
    gone |= {name.lower().encode() for name, _ in policy.set}
    return [(name, value) for name, value in fields if name.lower() not in gone]


def gateway_fields(context: Context, given: Fields) -> tuple[Fields, Fields]:
    """(Given fields that stay, fields that the gateway adds), apart from framing and Via."""
    route = context.route
    policy = route.response_headers if route is not None else HeaderPolicy()
    cors = route.cors if route is not None else None
    kept = given
    if cors is not None:
        kept = [(name, value) for name, value in given if not is_cors(name)]
    own = [(b"X-Request-ID", context.request_id)]
    if not has(given, "Date"):
        own.append((b"Date", formatdate(int(context.now), usegmt=True).encode()))
    for name, value in security_fields(context):
        if not has(given, name.decode()):
            own.append((name, value))
    own = without(own, policy) + encoded(policy.set) + encoded(policy.add)
    own += actual_fields(cors, context.request_fields)
    return without(kept, policy), own


def is_cors(name: bytes) -> bool:
    return name.lower().startswith(b"access-control-")


def connection_fields(closes: bool, version: int) -> Fields:
    if closes:
        return [(b"Connection", b"close")]
    return [(b"Connection", b"keep-alive")] if version == 10 else []


def check_response(specification: Specification, status: int, fields: Fields) -> None:
    limits = specification.limits
    if not 200 <= status <= 599 and status != 101:
        raise UpstreamProtocolError("status outside 200 to 599")
    try:
        check_size(fields, limits.header_count, limits.header_bytes)
        check_syntax(fields)
    except RefusedError as error:
        raise UpstreamProtocolError(str(error)) from None


def response_head(
    context: Context, forwarding: Forwarding, response: UpstreamResponse
) -> ClientResponse:
    """An upstream's final response, or its 101, for the client."""
    request, status = forwarding.request, response.status
    fields = stripped(response.fields)
    check_response(context.specification, status, fields)
    if status == 101 and not forwarding.upgrade:
        raise UpstreamProtocolError("101 without an upgrade")
    length = response_length(fields, response.version, status, request.method == b"HEAD")
    unknown = length in {CHUNKED, UNTIL_CLOSE}
    closes = (unknown and request.version == 10) or not forwarding.keep_alive
    chunked = unknown and request.version == 11
    passed, own = gateway_fields(context, passed_to_client(fields))
    received = b"1.0" if response.version == 10 else b"1.1"
    own += [(b"Via", line) for line in values(fields, b"via")]
    own.append((b"Via", received + b" " + context.specification.via.encode()))
    if chunked:
        own.append((b"Transfer-Encoding", b"chunked"))
    stated = values(fields, b"content-length")
    if stated and status not in {101, 204}:
        own.append((b"Content-Length", str(int(stated[0])).encode()))
    if status == 101:
        own.append((b"Connection", b"upgrade"))
        own += [(b"Upgrade", value) for value in values(fields, b"upgrade")]
    else:
        own += connection_fields(closes, request.version)
    return ClientResponse(
        head=Head(b"HTTP/1.1 " + str(status).encode() + b" " + response.reason, passed, own),
        chunked=chunked,
        length=-1 if length is None or unknown else length,
        bodiless=length is None,
        closes=closes,
    )


def reply_head(context: Context, reply: Reply) -> Head:
    """A reply that the gateway makes itself."""
    passed, own = gateway_fields(context, reply.fields)
    if reply.status >= 200 and reply.status not in {204, 304}:
        own.append((b"Content-Length", str(reply.content_length).encode()))
    own += connection_fields(reply.closes, context.request_version)
    start = b"HTTP/1.1 " + str(reply.status).encode() + b" " + PHRASES[reply.status]
    return Head(start, passed, own)
