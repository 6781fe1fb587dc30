"""Fields on their way to the upstream, and routes that rewrite."""

from __future__ import annotations

import re
from collections.abc import Sequence

from hypothesis import strategies as st

from tests.door.model.specification import HeaderPolicy, LiteralHost, Pair, Rewrite, Route
from tests.door.model.verdict import Field, Fields
from tests.door.strategies.common import (
    ORDERS,
    Asked,
    aliases,
    each_with,
    repeated,
    shuffled,
    some,
    spellings,
)

TRUSTED_NETWORKS = ("10.0.0.0/8", "2001:db8::/32", "192.0.2.7/32")
TRUSTED = ("10.0.0.1", "10.255.0.9", "2001:db8::1", "192.0.2.7")
UNTRUSTED = ("198.51.100.7", "203.0.113.9", "2001:db9::1", "11.0.0.1", "192.0.2.8")


ORDINARY = ("Accept", "User-Agent", "X-Custom", "x-foo", "X_Foo", "Content-Type", "X-Secret")
ESSENTIAL = ("Cookie", "Authorization")
HOP_BY_HOP = (
    "Keep-Alive",
    "Proxy-Connection",
    "Proxy-Authenticate",
    "Proxy-Authorization",
    "TE",
    "Trailer",
    "HTTP2-Settings",
)
FORGED = (
    "X-Forwarded-Port",
    "X-Forwarded-Prefix",
    "X-Forwarded-User",
    "Forwarded",
    "X-Real-IP",
    "X-Original-URL",
    "X-Rewrite-URL",
    "X-User-ID",
)
ALIASED = ("Content-Length", "Transfer-Encoding", "Host", "Connection", "Authorization", "Cookie")
BELIEVED = {
    "X-Forwarded-Proto": ("https", "http", "gopher:", "", "ht tp"),
    "X-Forwarded-Host": ("front.example", "front.example:8443", "u@evil", "a b", ""),
    "X-Request-ID": ("trace.me-1", "a" * 128, "a" * 129, "", "no spaces", "quo'te", "a/b+c=d~:@"),
    "tracestate": ("vendor=1", "a=1,b=2", " a=1 ,, t@v=x y", "A=1", "a", "a=" + "x" * 257),
    "traceparent": (
        "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01",
        "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-00",
        "00-00000000000000000000000000000000-b7ad6b7169203331-01",
        "00-0af7651916cd43dd8448eb211c80319c-0000000000000000-01",
        "00-0AF7651916CD43DD8448EB211C80319C-b7ad6b7169203331-01",
        "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01-x",
        "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331",
        "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-ff",
        "cc-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-03-what-comes",
        "cc-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-03x",
        "ff-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01",
        "",
    ),
}
OPTIONS = (
    "close",
    "keep-alive",
    "Keep-Alive",
    "x-custom",
    "X-FOO",
    "x_foo",
    "authorization",
    "Cookie",
    "host",
    "content-length",
    "transfer-encoding",
    "X-Forwarded-For",
    "x-request-id",
    "traceparent",
    "via",
    "te",
    "x-absent",
    "",
)
HOPS = (*TRUSTED, *UNTRUSTED, "unknown", "999.1.1.1", "evil")


VALUES = (b"1", b"two words", b"x=y; z", b"caf\xe9", b"", b"  padded\t", b"a,b")


def named(names: Sequence[str]) -> list[Field]:
    """These names in several cases, each with several values."""
    return each_with([text for name in names for text in spellings(name)], VALUES)


FORGED_FIELDS = each_with(
    # Routes set this one: it has to meet them often enough.
    [text for name in (*FORGED, *("X-User-ID",) * 6) for text in aliases(name)],
    [b"forged"],
)
ALIASED_FIELDS = each_with(
    [
        text.replace(b"-", b"_")
        for name in ALIASED
        for text in spellings(name if "-" in name else f"_{name}")
    ]
    + [
        b"Transfer--Encoding",
        b"transfer.encoding",
        b"ContentLength",
        b"-Content-Length",
        b"X-Content-Length",
        b"Content-Lengths",
    ],
    [b"17"],
)
UNDERSCORED_FIELDS = each_with(
    [b"X_Forwarded-For", b"X-Request_ID", b"x_forwarded_proto"], [b"forged"]
)


def believed_fields() -> st.SearchStrategy[Fields]:
    """What a trusted proxy says, each at most once, and some forgeries with `_`."""
    claims = [
        repeated(each_with(spellings(name), [text.encode() for text in texts]), 1)
        for name, texts in BELIEVED.items()
    ]
    hops = some([hop.encode() for hop in HOPS], 2).map(b", ".join)
    lines = st.lists(st.tuples(st.sampled_from(spellings("X-Forwarded-For")), hops), max_size=2)
    return joined(*claims, lines, repeated(UNDERSCORED_FIELDS, 1))


def joined(*parts: st.SearchStrategy[Fields]) -> st.SearchStrategy[Fields]:
    return st.tuples(*parts).map(lambda lists: [field for fields in lists for field in fields])


def connection_fields(options: Sequence[str] = OPTIONS) -> st.SearchStrategy[Fields]:
    lines = some([option.encode() for option in options], 2).map(b", ".join)
    return st.lists(st.tuples(st.sampled_from(spellings("Connection")), lines), max_size=2)


def upgrade_fields() -> st.SearchStrategy[Fields]:
    """A wish to change protocols, whole or in part."""
    upgrade: Field = (b"uPgRADE", b"websocket")
    option: Field = (b"CONNECTION", b"Upgrade")
    lower: Field = (b"Connection", b"keep-alive, upgrade")
    choices: list[Fields] = [[], [upgrade], [option], [upgrade, option], [upgrade, lower]]
    return st.sampled_from([[], [], *choices])


BODIES: list[Fields] = [
    [],
    [(b"Content-Length", b"0")],
    [(b"content-length", b"12")],
    [(b"Content-Length", b"12"), (b"expect", b"100-Continue")],
    [(b"Transfer-Encoding", b"chunked")],
    [(b"Transfer-Encoding", b"chunked"), (b"Expect", b"100-continue")],
]
VIAS: list[Fields] = [
    [],
    [(b"Via", b"1.0 fred, 1.1 p.example")],
    [(b"Via", b"1.0 fred, 1.1 p.example"), (b"via", b"1.1 last")],
]
BUSY_HOSTS: list[Fields] = [
    [(b"Host", b"A.example")],
    [(b"hOST", b"a.example:8080")],
    [(b"host", b"B_c.example")],
]
BUSY_TARGETS = [
    path + query
    for path in (b"/a/b", b"/a/bc", b"/a/b/c", b"/a/b/c/", b"/a/%62/%C3%A9", b"/a/b/x,y")
    for query in (b"", b"?a=1&b=%zz", b"?q=<\"'{}|^`>/../;")
]
OTHER_FIELDS = joined(
    st.sampled_from(VIAS),
    repeated(named((*ORDINARY, *ESSENTIAL, *HOP_BY_HOP)), 6),
    repeated([*FORGED_FIELDS, *ALIASED_FIELDS], 4),
    believed_fields(),
    connection_fields(),
    upgrade_fields(),
)


@st.composite
def busy_requests(draw: st.DrawFn) -> Asked:
    """Requests with everything that a head may carry, in any order."""
    method = draw(st.sampled_from([b"GET", b"HEAD", b"POST", b"PUT", b"DELETE", b"PATCH"]))
    version = draw(st.sampled_from([10, 11, 11]))
    body = draw(st.sampled_from(BODIES if version == 11 else BODIES[:4]))
    host = draw(st.sampled_from(BUSY_HOSTS if version == 11 else [*BUSY_HOSTS, []]))
    fields = [*host, *body, *draw(OTHER_FIELDS)]
    target = draw(st.sampled_from(BUSY_TARGETS))
    return Asked(method, target, shuffled(fields, draw(ORDERS)), version)


def header_policies(
    names: Sequence[str], removable: Sequence[str]
) -> st.SearchStrategy[HeaderPolicy]:
    """Different names to set, to add and to remove."""

    def by_route(chosen: Sequence[str]) -> tuple[Pair, ...]:
        return tuple((name, f"by route {name}") for name in chosen)

    return st.builds(
        lambda chosen, split, removed: HeaderPolicy(
            set=by_route(chosen[:split]), add=by_route(chosen[split:]), remove=removed
        ),
        some(names, 4),
        st.integers(0, 4),
        some(removable, 2),
    )


PREFIXES = (None, "/a", "/a/b", "/x", "/a/b/c")
HOST_RULES: list[str | LiteralHost] = ["preserve", "upstream", LiteralHost("literal.example:1")]
REWRITES = [
    (pattern, rewrite)
    for pattern, templates in (
        ("/a/*", ("/r/{rest}", "{path}", "/pre{path}", "/h/{host}/{rest}")),
        ("/{tenant}/b/*", ("/t/{tenant}", "/{tenant}/{rest}", "/fixed")),
        ("/*", ("/all/{rest}", "{path}")),
    )
    for host in HOST_RULES
    for rewrite in (
        *(Rewrite(path=template, host=host) for template in templates),
        *(
            Rewrite(strip_prefix=strip, add_prefix=add, host=host)
            for strip in PREFIXES
            for add in (None, "/v1", "/v1/x")
        ),
    )
]


def rewriting_routes() -> st.SearchStrategy[Route]:
    """One route that takes most requests of `busy_requests`."""
    policies = header_policies(
        ("X-User-ID", "X-Added", "User-Agent", "X-Env"), ("X-Secret", "Accept")
    )
    return st.builds(
        lambda chosen, policy: Route(
            name="only", paths=(chosen[0],), rewrite=chosen[1], request_headers=policy
        ),
        st.sampled_from(REWRITES),
        policies,
    )


_TOKENS = re.compile(rb"[!#$%&'*+.^_`|~0-9A-Za-z-]+")


def any_fields() -> st.SearchStrategy[Fields]:
    """Arbitrary bytes, with real names often enough to reach every rule."""
    names = st.one_of(
        st.binary(max_size=12),
        st.from_regex(_TOKENS, fullmatch=True),
        st.sampled_from([*ORDINARY, *HOP_BY_HOP, *FORGED, *ALIASED, *BELIEVED, "Host", "Via"]).map(
            str.encode
        ),
    )
    values = st.one_of(st.binary(max_size=20), st.sampled_from((*VALUES, b"a.example")))
    return st.lists(st.tuples(names, values), max_size=8)
