"""Route tables with few labels, and requests for them."""

from __future__ import annotations

from itertools import product

from hypothesis import strategies as st

from tests.door.model.specification import Route, Specification
from tests.door.strategies.common import Asked, some

HOST_PATTERNS = ("a.example", "x.a.example", "*.example", "*.a.example")
HOSTS = (
    b"a.example",
    b"A.Example",
    b"b.example:8080",
    b"x.a.example",
    b"y.a.example",
    b"y.a.example",
    b"z.y.a.example",
    b"example",
    b"a.example.evil",
    b"[2001:db8::1]:80",
    b"192.0.2.1",
)
METHODS = ("GET", "HEAD", "POST", "PUT", "DELETE", "OPTIONS")


LABELS = ("a", "b", "c", "d")
SEGMENTS = (*LABELS[:3], "{}")
ENDS = ("", "", "/", "/*")
PATTERNS = (
    "/",
    "/*",
    *(
        "".join(f"/{kind}".replace("{}", f"{{p{place}}}") for place, kind in enumerate(kinds)) + end
        for size in (1, 2, 3)
        for kinds in product(SEGMENTS, repeat=size)
        for end in ENDS
    ),
)
PATHS = (
    "/",
    *(
        "".join(f"/{label}" for label in labels) + end
        for size in (1, 2, 3, 4)
        for labels in product(LABELS, repeat=size)
        for end in ENDS[:3]
    ),
)
QUERIES = ("", "", "?v=1", "?v=2&v=1", "?debug", "?debug=&v=1", "?x=1&v")


def short_and_long(paths: tuple[str, ...]) -> st.SearchStrategy[str]:
    """Short paths are few and long ones many: both get their share."""
    return st.one_of(st.sampled_from(paths[:14]), st.sampled_from(paths))


def route_matchers() -> st.SearchStrategy[Route]:
    return st.builds(
        Route,
        hosts=st.one_of(
            st.just(()),
            st.sampled_from(HOST_PATTERNS).map(lambda pattern: (pattern,)),
            some(HOST_PATTERNS, 2),
        ),
        paths=st.lists(short_and_long(PATTERNS), max_size=2).map(tuple),
        methods=st.one_of(st.just(()), some(METHODS, 3)),
        headers=some((("X-Env", "canary"), ("x-env", None), ("X-Tier", "gold")), 2),
        query=some((("v", "1"), ("v", None), ("debug", None)), 2),
    )


def route_tables() -> st.SearchStrategy[Specification]:
    return st.lists(route_matchers(), min_size=1, max_size=8).map(
        lambda routes: Specification(
            routes=tuple(
                Route(**{**vars(route), "name": f"r{index}"}) for index, route in enumerate(routes)
            )
        )
    )


def routed_requests() -> st.SearchStrategy[Asked]:
    """Requests for `route_tables`."""
    return st.builds(
        lambda method, path, query, host, chosen: Asked(
            method.encode(), (path + query).encode(), [(b"Host", host), *chosen]
        ),
        st.sampled_from((*METHODS, "PATCH", "get")),
        short_and_long(PATHS),
        st.sampled_from(QUERIES),
        st.sampled_from(HOSTS),
        some(((b"x-env", b"canary"), (b"X-ENV", b"blue"), (b"X-Tier", b"gold"))),
    )
