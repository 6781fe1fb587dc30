"""Responses of upstreams, answers of routes, and cross-origin policies."""

from __future__ import annotations

from dataclasses import dataclass

from hypothesis import strategies as st

from tests.door.model.specification import Cors, Redirect, Respond, Route, Specification
from tests.door.model.verdict import Field, Fields
from tests.door.strategies.common import Asked, some
from tests.door.strategies.framing import framing_fields
from tests.door.strategies.requests import (
    HOP_BY_HOP,
    TRUSTED_NETWORKS,
    connection_fields,
    fields_named,
    header_policies,
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


def asking_origins() -> st.SearchStrategy[bytes]:
    friends = st.sampled_from([b"https://a.example", b"https://x.example.com", b"null"])
    return st.one_of(friends, st.sampled_from(ASKING_ORIGINS))


@st.composite
def cors_policies(draw: st.DrawFn) -> Cors:
    origins = draw(some(ORIGINS, 3))
    return Cors(
        origins=origins,
        methods=draw(some(("GET", "POST", "PUT"), 3)) or ("GET",),
        headers=draw(st.sampled_from([(), ("*",), ("X-Custom", "Content-Type")])),
        expose=draw(some(("X-One", "X-Two"), 2)),
        # An origin list with `*` and credentials is a configuration error.
        credentials="*" not in origins and draw(st.booleans()),
        max_age=draw(st.sampled_from([None, 0, 600])),
    )


@st.composite
def answering_specifications(draw: st.DrawFn) -> Specification:
    """One route, with all that shapes a response head."""
    own_security = draw(st.sampled_from([None, (), (("X-Frame-Options", "SAMEORIGIN"),)]))
    route = Route(
        name="only",
        response_headers=draw(
            header_policies(
                ("X-Custom", "X-Frame-Options", "X-Added", "Server"), ("X-Powered-By", "x-foo")
            )
        ),
        security_headers=own_security,
        hsts=None if own_security is None else "max-age=1",
        cors=draw(st.one_of(st.none(), cors_policies())),
    )
    return Specification(
        routes=(route,),
        trusted_proxies=TRUSTED_NETWORKS,
        security_headers=draw(st.sampled_from([(), SECURITY])),
        hsts=draw(st.sampled_from([None, "max-age=63072000"])),
    )


@dataclass(frozen=True)
class Answered:
    """A response head as an upstream sends it."""

    status: int
    reason: bytes
    fields: Fields
    version: int


@st.composite
def upstream_responses(draw: st.DrawFn) -> Answered:
    status = draw(st.sampled_from(STATUSES * 3 + BROKEN_STATUSES))
    good: list[list[Field]] = [
        [],
        [(b"Content-Length", b"0")],
        [(b"content-length", b"17")],
        [(b"Transfer-Encoding", b"chunked")],
        [(b"transfer-encoding", b"Chunked")],
    ]
    framing = draw(st.one_of(st.sampled_from(good), st.sampled_from(good), framing_fields()))
    date: list[Field] = [(b"date", b"Sun, 06 Nov 1994 08:49:37 GMT")]
    via: list[Field] = [(b"Via", b"1.1 inner")]
    vary: list[Field] = [(b"Vary", b"Accept, Origin"), (b"vary", b"Cookie")]
    broken: list[list[Field]] = [[(b"X Y", b"1")], [(b"X", b"a\x00b")], [(b"", b"1")]]
    fields = [
        *framing,
        *draw(st.sampled_from([date, []])),
        *draw(st.sampled_from([via, []])),
        *draw(st.sampled_from([vary, vary[1:], []])),
        *draw(fields_named(RESPONSE_ORDINARY, False, 4)),
        *draw(fields_named(RESPONSE_OWN, False, 2)),
        *draw(fields_named(HOP_BY_HOP, False, 2)),
        *draw(connection_fields(RESPONSE_OPTIONS)),
        *draw(st.sampled_from([[]] * 15 + broken)),
    ]
    return Answered(
        status,
        draw(st.sampled_from([b"OK", b"", b"Whatever it is", b"na\xefve"])),
        draw(st.permutations(fields)),
        draw(st.sampled_from([10, 11, 11, 11])),
    )


@st.composite
def plain_requests(draw: st.DrawFn) -> Asked:
    """Requests whose responses are looked at."""
    version = draw(st.sampled_from([10, 11, 11]))
    origin = draw(st.one_of(st.none(), asking_origins()))
    fields: list[Field] = [(b"Host", b"a.example")]
    if origin is not None:
        fields.append((b"Origin", origin))
    fields += draw(connection_fields(("close", "keep-alive", "x-foo")))
    return Asked(draw(st.sampled_from([b"GET", b"HEAD", b"POST"])), b"/a", fields, version)


MOSTLY = st.sampled_from([True] * 9 + [False])


@st.composite
def preflights(draw: st.DrawFn) -> Asked:
    """OPTIONS that are preflights, and some that are not quite."""
    asked = draw(st.sampled_from([b"GET", b"POST", b"PUT", b"GET", b"DELETE", b"get"]))
    names = draw(some(("X-Custom", "x-custom", "content-type", "X-Other"), 3))
    fields: list[Field] = [(b"Host", b"a.example")]
    if draw(MOSTLY):
        fields.append((b"Origin", draw(asking_origins())))
    if draw(MOSTLY):
        fields.append((b"Access-Control-Request-Method", asked))
    if names:
        fields.append((b"Access-Control-Request-Headers", ", ".join(names).encode()))
    return Asked(b"OPTIONS", draw(st.sampled_from([b"/a", b"/a", b"/a", b"/b"])), fields)


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
