"""Responses of upstreams, answers of routes, and cross-origin policies."""

from __future__ import annotations

from dataclasses import dataclass

from hypothesis import strategies as st

from tests.door.model.specification import Cors, Pair, Redirect, Respond, Route, Specification
from tests.door.model.verdict import Fields
from tests.door.strategies.common import ORDERS, Asked, repeated, shuffled, some
from tests.door.strategies.framing import SOUND, framing_fields
from tests.door.strategies.requests import (
    HOP_BY_HOP,
    TRUSTED_NETWORKS,
    connection_fields,
    header_policies,
    joined,
    named,
)

STATUSES = (200, 200, 201, 205, 206, 302, 404, 500, 503, 599, 204, 304, 204, 304)
BROKEN_STATUSES = (100, 101, 103, 199, 600, 999)
SECURITY = (("X-Frame-Options", "DENY"), ("X-Content-Type-Options", "nosniff"))
RESPONSE_ORDINARY = (
    "Server",
    "Set-Cookie",
    "Content-Type",
    "ETag",
    "X-Custom",
    "x-foo",
    "X-Powered-By",
)
RESPONSE_OWN = (
    "X-Request-ID",
    "X-Frame-Options",
    "Access-Control-Allow-Origin",
    "Access-Control-Expose-Headers",
)
RESPONSE_OPTIONS = ("close", "keep-alive", "x-custom", "X-Foo", "content-length", "x-absent")
ORIGINS = ("*", "https://a.example", "https://*.example.com", "null", "http://b.example:81")
ASKING_ORIGINS = (
    b"https://a.example",
    b"https://A.example",
    b"http://a.example",
    b"https://a.example:443",
    b"https://x.example.com",
    b"https://y.x.example.com",
    b"https://example.com",
    b"https://.example.com",
    b"https://x.example.com.evil",
    b"https://evil/.example.com",
    b"https://evil@x.example.com",
    b"https://x.example.com:8443",
    b"http://b.example:81",
    b"null",
    b"",
)


def cors_policies() -> st.SearchStrategy[Cors]:
    """Policies of all kinds but one: `*` together with credentials is a configuration error."""
    return st.builds(
        lambda origins, methods, headers, expose, credentials, max_age: Cors(
            origins, methods, headers, expose, credentials and "*" not in origins, max_age
        ),
        some(ORIGINS, 3),
        st.sampled_from([("GET",), ("GET", "POST"), ("PUT", "POST")]),
        st.sampled_from([(), ("*",), ("X-Custom", "Content-Type")]),
        some(("X-One", "X-Two"), 2),
        st.booleans(),
        st.sampled_from([None, 0, 600]),
    )


SECURITY_RULES: list[tuple[tuple[Pair, ...] | None, str | None]] = [
    (None, None),
    ((), "max-age=1"),
    ((("X-Frame-Options", "SAMEORIGIN"),), "max-age=1"),
]


def answering_specifications() -> st.SearchStrategy[Specification]:
    """One route, with all that shapes a response head."""
    policies = header_policies(
        ("X-Custom", "X-Frame-Options", "X-Added", "Server"), ("X-Powered-By", "x-foo")
    )
    routes = st.builds(
        lambda policy, security, cors: Route(
            name="only",
            response_headers=policy,
            security_headers=security[0],
            hsts=security[1],
            cors=cors,
        ),
        policies,
        st.sampled_from(SECURITY_RULES),
        st.one_of(st.none(), cors_policies()),
    )
    return st.builds(
        lambda route, security, hsts: Specification(
            routes=(route,),
            trusted_proxies=TRUSTED_NETWORKS,
            security_headers=security,
            hsts=hsts,
        ),
        routes,
        st.sampled_from([(), SECURITY]),
        st.sampled_from([None, "max-age=63072000"]),
    )


@dataclass(frozen=True)
class Answered:
    """A response head as an upstream sends it."""

    status: int
    reason: bytes
    fields: Fields
    version: int


DATES: list[Fields] = [[], [(b"date", b"Sun, 06 Nov 1994 08:49:37 GMT")]]
VIAS: list[Fields] = [[], [(b"Via", b"1.1 inner")]]
VARIES: list[Fields] = [
    [],
    [(b"vary", b"Cookie")],
    [(b"Vary", b"Accept, Origin"), (b"vary", b"Cookie")],
]
BROKEN: list[Fields] = [[(b"X Y", b"1")], [(b"X", b"a\x00b")], [(b"", b"1")]]
NOT_BROKEN: list[Fields] = [[]]


def upstream_responses() -> st.SearchStrategy[Answered]:
    """Responses, most of them sound."""
    fields = joined(
        st.one_of(st.sampled_from(SOUND), st.sampled_from(SOUND), framing_fields()),
        st.sampled_from(DATES),
        st.sampled_from(VIAS),
        st.sampled_from(VARIES),
        repeated(named((*RESPONSE_ORDINARY, *RESPONSE_OWN, *HOP_BY_HOP)), 7),
        connection_fields(RESPONSE_OPTIONS),
        st.sampled_from(NOT_BROKEN * 15 + BROKEN),
    )
    return st.builds(
        lambda status, reason, unordered, order, version: Answered(
            status, reason, shuffled(unordered, order), version
        ),
        st.sampled_from(STATUSES * 3 + BROKEN_STATUSES),
        st.sampled_from([b"OK", b"", b"Whatever it is", b"na\xefve"]),
        fields,
        ORDERS,
        st.sampled_from([10, 11, 11, 11]),
    )


def origin_fields() -> st.SearchStrategy[Fields]:
    """An Origin, mostly; half of them are known to some policy."""
    friends = (b"https://a.example", b"https://x.example.com", b"null") * 4
    present: list[Fields] = [[(b"Origin", text)] for text in (*friends, *ASKING_ORIGINS)]
    return st.sampled_from([[], [], *present])


def plain_requests() -> st.SearchStrategy[Asked]:
    """Requests whose responses are looked at."""
    return st.builds(
        lambda method, origin, connection, version: Asked(
            method, b"/a", [(b"Host", b"a.example"), *origin, *connection], version
        ),
        st.sampled_from([b"GET", b"HEAD", b"POST"]),
        origin_fields(),
        connection_fields(("close", "keep-alive", "x-foo")),
        st.sampled_from([10, 11, 11]),
    )


REQUESTED: list[Fields] = [
    [],
    *(
        [(b"Access-Control-Request-Method", method)]
        for method in (b"GET", b"GET", b"POST", b"PUT", b"DELETE", b"get")
    ),
]


def preflights() -> st.SearchStrategy[Asked]:
    """OPTIONS that are preflights, and some that are not quite."""
    names = some((b"X-Custom", b"x-custom", b"content-type", b"X-Other"), 3).map(b", ".join)
    line = st.tuples(st.just(b"Access-Control-Request-Headers"), names)
    return st.builds(
        lambda path, fields: Asked(b"OPTIONS", path, [(b"Host", b"a.example"), *fields]),
        st.sampled_from([b"/a", b"/a", b"/a", b"/b"]),
        joined(origin_fields(), st.sampled_from(REQUESTED), st.lists(line, max_size=1)),
    )


LOCATIONS = (
    "https://new.example{path}",
    "/moved/{rest}",
    "https://{host}/x?from={path}",
    "/q{query}",
)


def answering_routes() -> st.SearchStrategy[Route]:
    redirects = st.builds(
        Redirect, st.sampled_from([301, 302, 307, 308]), st.sampled_from(LOCATIONS)
    )
    fixed = st.builds(
        Respond,
        st.sampled_from([200, 204, 404, 503]),
        some((("Content-Type", "text/plain"), ("Retry-After", "7"))),
        st.sampled_from(["", "hello", "gr\u00fc\u00df"]),
    )
    actions = st.one_of(redirects, fixed)
    return st.builds(
        Route, paths=st.just(("/*",)), action=actions, body_bytes=st.sampled_from([None, 10])
    )
