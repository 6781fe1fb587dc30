"""The head that the upstream receives."""

from __future__ import annotations

from tests.door.model.authentication.credential import beside, without
from tests.door.model.authentication.specification import Bearer, ForwardAuth, Source
from tests.door.model.fields import values
from tests.door.model.forwarded import forwarded_fields
from tests.door.model.framing import CHUNKED
from tests.door.model.hop_by_hop import folded, passed_to_upstream
from tests.door.model.identity import believed_tracestate
from tests.door.model.specification import HeaderPolicy, LiteralHost, Route, Specification
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


def fields_without_credentials(specification: Specification, forwarding: Forwarding) -> Fields:
    """What the client sent, without what only the gateway was meant to see.

    Of what could say who asks, only the one that counted is passed on. Where that is to be removed,
    nothing is left where the route's providers look, also if they found nothing there.
    """
    protection = specification.routes[forwarding.route].auth
    fields = forwarding.request.fields
    if specification.auth is None or protection is None:
        return fields
    providers = [specification.auth.providers[index] for index in protection.providers]
    sources: list[Source] = [source for provider in providers for source in provider.sources]
    if protection.authorization == "pass":
        counted = forwarding.known.source if forwarding.known else None
        sources = beside(counted, sources) if counted else []
    elif any(isinstance(provider.kind, ForwardAuth) for provider in providers):
        sources.append(Bearer())
    for source in sources:
        fields = without(fields, source)
    return fields


def identity_fields(forwarding: Forwarding, policy: HeaderPolicy) -> Fields:
    """The principal's lines, which the route may replace or remove."""
    changed = {folded(name.encode()) for name, _ in policy.set}
    changed |= {folded(name.encode()) for name in policy.remove}
    lines = forwarding.known.principal.lines if forwarding.known else []
    return [(name, value) for name, value in lines if folded(name) not in changed]


def request_head(
    specification: Specification, forwarding: Forwarding, request_id: bytes, traceparent: bytes
) -> Head:
    """The head without Host; `request_id` and `traceparent` are what the gate made up."""
    request = forwarding.request
    route = specification.routes[forwarding.route]
    policy = route.request_headers
    replaced = [name for name, _ in policy.set]
    shown = fields_without_credentials(specification, forwarding)
    passed = passed_to_upstream(shown, replaced, policy.remove, specification.identity_names)
    own = forwarded_fields(request.fields, request.peer, request.host)
    own.append((b"X-Request-ID", request_id))
    own.append((b"traceparent", traceparent))
    own += [(b"tracestate", line) for line in believed_tracestate(request.fields, request.peer)]
    received = b"1.0" if request.version == 10 else b"1.1"
    own += [(b"Via", line) for line in values(request.fields, b"via")]
    own.append((b"Via", received + b" " + specification.via.encode()))
    own += identity_fields(forwarding, policy)
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
