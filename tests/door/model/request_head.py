"""The head that the upstream receives."""

from __future__ import annotations

from tests.door.model.fields import values
from tests.door.model.forwarded import forwarded_fields
from tests.door.model.framing import CHUNKED
from tests.door.model.hop_by_hop import passed_to_upstream
from tests.door.model.identity import believed_tracestate
from tests.door.model.specification import LiteralHost, Route, Specification
from tests.door.model.template import rewritten_path
from tests.door.model.verdict import Fields, Forwarding, Head

BODY_EXPECTED = {b"POST", b"PUT", b"PATCH"}


def host_from_endpoint(route: Route, host: bytes | None) -> bool:
    """Whether the endpoint's own authority becomes the Host."""
    return route.rewrite.host == "upstream" or (route.rewrite.host == "preserve" and host is None)


def upstream_target(forwarding: Forwarding, route: Route) -> bytes:
    """RFC 9112 section 3.2.1, or `*` where nothing rewrites it."""
    request = forwarding.request
    rewrite = route.rewrite
    untouched = rewrite.strip_prefix is rewrite.add_prefix is rewrite.path is None
    if request.asterisk and untouched:
        return b"*"
    meanings = {**forwarding.captures, "path": request.path, "host": request.host_name}
    path = rewritten_path(rewrite, request.path, meanings).encode("ascii")
    return path if request.query is None else path + b"?" + request.query


def framing_fields(forwarding: Forwarding) -> Fields:
    request = forwarding.request
    if request.body_length == CHUNKED:
        return [(b"Transfer-Encoding", b"chunked")]
    stated = bool(values(request.fields, b"content-length"))
    if request.body_length > 0 or stated or request.method in BODY_EXPECTED:
        return [(b"Content-Length", str(request.body_length).encode())]
    return []


def request_head(
    specification: Specification, forwarding: Forwarding, request_id: bytes, traceparent: bytes
) -> Head:
    """The head without Host; `request_id` and `traceparent` are what the gate made up."""
    request = forwarding.request
    route = specification.routes[forwarding.route]
    policy = route.request_headers
    passed = passed_to_upstream(request.fields, [name for name, _ in policy.set], policy.remove)
    own = forwarded_fields(request.fields, request.peer, request.host)
    own.append((b"X-Request-ID", request_id))
    own.append((b"traceparent", traceparent))
    own += [(b"tracestate", line) for line in believed_tracestate(request.fields, request.peer)]
    received = b"1.0" if request.version == 10 else b"1.1"
    own += [(b"Via", line) for line in values(request.fields, b"via")]
    own.append((b"Via", received + b" " + specification.via.encode()))
    own += framing_fields(forwarding)
    if forwarding.expects_continue and request.body_length != 0:
        own.append((b"Expect", b"100-continue"))
    if forwarding.upgrade:
        own.append((b"Connection", b"upgrade"))
        own += [(b"Upgrade", value) for value in values(request.fields, b"upgrade")]
    own += [(name.encode(), value.encode()) for name, value in (*policy.set, *policy.add)]
    if isinstance(route.rewrite.host, LiteralHost):
        own.append((b"Host", route.rewrite.host.text.encode()))
    elif route.rewrite.host == "preserve" and request.host is not None:
        own.append((b"Host", request.host))
    start = request.method + b" " + upstream_target(forwarding, route) + b" HTTP/1.1"
    return Head(start, passed, own)
