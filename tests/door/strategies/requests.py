"""Fields on their way to the upstream, and routes that rewrite."""

from __future__ import annotations

import re
from collections.abc import Sequence

from hypothesis import strategies as st

from tests.door.model.specification import HeaderPolicy, LiteralHost, Pair, Rewrite, Route
from tests.door.model.verdict import Field
from tests.door.strategies.common import Asked, some, spelled

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
    "tracestate": ("vendor=1", "a=1,b=2"),
    "traceparent": (
        "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01",
        "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-00",
        "00-00000000000000000000000000000000-b7ad6b7169203331-01",
        "00-0af7651916cd43dd8448eb211c80319c-0000000000000000-01",
        "00-0AF7651916CD43DD8448EB211C80319C-b7ad6b7169203331-01",
        "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01-x",
        "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331",
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


def short_values() -> st.SearchStrategy[bytes]:
    return st.sampled_from([b"1", b"two words", b"x=y; z", b"caf\xe9", b"", b"  padded\t", b"a,b"])


@st.composite
def fields_named(draw: st.DrawFn, names: Sequence[str], aliases: bool, most: int) -> list[Field]:
    chosen = draw(st.lists(st.sampled_from(names), max_size=most))
    return [(draw(spelled(name, aliases)), draw(short_values())) for name in chosen]


@st.composite
def aliased_fields(draw: st.DrawFn) -> list[Field]:
    """Names with `_` that some upstreams cannot tell from the framing's."""
    chosen = draw(some(ALIASED, 2))
    names = [name if "-" in name else f"_{name}" for name in chosen]
    return [(draw(spelled(name)).replace(b"-", b"_"), b"17") for name in names]


@st.composite
def believed_fields(draw: st.DrawFn) -> list[Field]:
    """What a trusted proxy says, each at most once, and some forgeries with `_`."""
    chosen = draw(some(tuple(BELIEVED), 5))
    fields = [
        (draw(spelled(name)), draw(st.sampled_from(BELIEVED[name])).encode()) for name in chosen
    ]
    lines = draw(st.lists(st.lists(st.sampled_from(HOPS), max_size=3), max_size=2))
    fields += [(draw(spelled("X-Forwarded-For")), ", ".join(line).encode()) for line in lines]
    forged = draw(some(("X_Forwarded-For", "X-Request_ID", "x_forwarded_proto"), 1))
    return fields + [(name.encode(), b"forged") for name in forged]


@st.composite
def connection_fields(draw: st.DrawFn, options: Sequence[str] = OPTIONS) -> list[Field]:
    lines = draw(st.lists(st.lists(st.sampled_from(options), max_size=3), max_size=2))
    return [(draw(spelled("Connection")), ", ".join(line).encode()) for line in lines]


@st.composite
def upgrade_fields(draw: st.DrawFn) -> list[Field]:
    """A wish to change protocols, whole or in part."""
    upgrade: Field = (draw(spelled("Upgrade")), b"websocket")
    option: Field = (draw(spelled("Connection")), draw(st.sampled_from([b"Upgrade", b"upgrade"])))
    return draw(st.sampled_from([[], [], [], [upgrade], [option], [upgrade, option]]))


@st.composite
def busy_requests(draw: st.DrawFn) -> Asked:
    """Requests with everything that a head may carry, in any order."""
    method = draw(st.sampled_from([b"GET", b"HEAD", b"POST", b"PUT", b"DELETE", b"PATCH"]))
    framing = draw(st.sampled_from(["", "", "length", "zero", "chunked"]))
    body: dict[str, list[Field]] = {
        "": [],
        "length": [(b"content-length", b"12")],
        "zero": [(b"Content-Length", b"0")],
        "chunked": [(b"Transfer-Encoding", b"chunked")],
    }
    version = 11 if framing == "chunked" else draw(st.sampled_from([10, 11, 11]))
    expect: list[Field] = [(b"Expect", b"100-continue")] if framing in {"length", "chunked"} else []
    via: list[Field] = [(b"Via", b"1.0 fred, 1.1 p.example"), (b"via", b"1.1 last")]
    host: list[Field] = [
        (b"Host", draw(st.sampled_from([b"A.example", b"a.example:8080", b"[::1]:1"])))
    ]
    if version == 10 and draw(st.booleans()):
        host = []
    fields = [
        *host,
        *body[framing],
        *draw(st.sampled_from([expect, []])),
        *draw(st.sampled_from([via, via[:1], []])),
        *draw(fields_named(ORDINARY, False, 4)),
        *draw(fields_named(ESSENTIAL, False, 2)),
        *draw(fields_named(HOP_BY_HOP, False, 2)),
        *draw(fields_named(FORGED, True, 3)),
        *draw(aliased_fields()),
        *draw(believed_fields()),
        *draw(connection_fields()),
        *draw(upgrade_fields()),
    ]
    query = draw(st.sampled_from([b"", b"", b"?a=1&b=%zz", b"?q=<\"'{}|^`>/../;"]))
    path = draw(st.sampled_from([b"/a/b", b"/a/b/c", b"/a/b/c/", b"/a/%62/%C3%A9", b"/a/b/x,y"]))
    return Asked(method, path + query, draw(st.permutations(fields)), version)


def header_policies(
    names: Sequence[str], removable: Sequence[str]
) -> st.SearchStrategy[HeaderPolicy]:
    """Different names to set, to add and to remove."""

    def named(pairs: Sequence[str]) -> tuple[Pair, ...]:
        return tuple((name, f"by route {name}") for name in pairs)

    return st.builds(
        lambda chosen, split, removed: HeaderPolicy(
            set=named(chosen[:split]), add=named(chosen[split:]), remove=removed
        ),
        some(names, 4),
        st.integers(0, 4),
        some(removable, 2),
    )


@st.composite
def rewriting_routes(draw: st.DrawFn) -> Route:
    """One route that takes most requests of `busy_requests`."""
    pattern, templates = draw(
        st.sampled_from(
            [
                ("/a/*", ["/r/{rest}", "{path}", "/pre{path}", "/h/{host}/{rest}"]),
                ("/{tenant}/b/*", ["/t/{tenant}", "/{tenant}/{rest}", "/fixed"]),
                ("/*", ["/all/{rest}", "{path}"]),
            ]
        )
    )
    template = draw(st.one_of(st.none(), st.sampled_from(templates)))
    hosts: list[str | LiteralHost] = ["preserve", "upstream", LiteralHost("literal.example:1")]
    prefixes = st.sampled_from([None, "/a", "/a/b", "/x", "/a/b/c"])
    return Route(
        name="only",
        paths=(pattern,),
        rewrite=Rewrite(
            strip_prefix=None if template else draw(prefixes),
            add_prefix=None if template else draw(st.sampled_from([None, "/v1", "/v1/x"])),
            path=template,
            host=draw(st.sampled_from(hosts)),
        ),
        request_headers=draw(
            header_policies(("X-User-ID", "X-Added", "User-Agent", "X-Env"), ("X-Secret", "Accept"))
        ),
    )


_TOKENS = re.compile(rb"[!#$%&'*+.^_`|~0-9A-Za-z-]+")


def any_fields() -> st.SearchStrategy[list[Field]]:
    """Arbitrary bytes, with real names often enough to reach every rule."""
    names = st.one_of(
        st.binary(max_size=12),
        st.from_regex(_TOKENS, fullmatch=True),
        st.sampled_from([*ORDINARY, *HOP_BY_HOP, *FORGED, *ALIASED, *BELIEVED, "Host", "Via"]).map(
            str.encode
        ),
    )
    values = st.one_of(st.binary(max_size=20), short_values(), st.just(b"a.example"))
    return st.lists(st.tuples(names, values), max_size=8)
