"""Route tables with few labels, and requests for them."""

from __future__ import annotations

from hypothesis import strategies as st

from tests.door.model.specification import Route, Specification
from tests.door.model.verdict import Field
from tests.door.strategies.common import Asked, some

HOST_PATTERNS = ("a.example", "b.example", "x.a.example", "*.example", "*.a.example")
HOSTS = (
    b"a.example",
    b"A.Example",
    b"b.example:8080",
    b"x.a.example",
    b"y.a.example",
    b"z.y.a.example",
    b"example",
    b"a.example.evil",
    b"[2001:db8::1]:80",
    b"192.0.2.1",
)
METHODS = ("GET", "HEAD", "POST", "PUT", "DELETE", "OPTIONS")


@st.composite
def path_patterns(draw: st.DrawFn) -> str:
    kinds = draw(st.lists(st.sampled_from(["a", "b", "c", "{}"]), max_size=3))
    segments = [kind.replace("{}", f"{{p{place}}}") for place, kind in enumerate(kinds)]
    last = draw(st.sampled_from(["", "", "/", "/*"]))
    return "/" + "/".join(segments) + last if segments else draw(st.sampled_from(["/", "/*"]))


def route_matchers() -> st.SearchStrategy[Route]:
    return st.builds(
        Route,
        hosts=st.one_of(st.just(()), st.just(()), some(HOST_PATTERNS, 2)),
        paths=st.lists(path_patterns(), max_size=2, unique=True).map(tuple),
        methods=st.one_of(st.just(()), some(METHODS, 3)),
        headers=some((("X-Env", "canary"), ("x-env", None), ("X-Tier", "gold")), 2),
        query=some((("v", "1"), ("v", None), ("debug", None)), 2),
    )


def route_tables() -> st.SearchStrategy[Specification]:
    return st.lists(route_matchers(), min_size=1, max_size=10).map(
        lambda routes: Specification(
            routes=tuple(
                Route(**{**vars(route), "name": f"r{index}"}) for index, route in enumerate(routes)
            )
        )
    )


@st.composite
def routed_requests(draw: st.DrawFn) -> Asked:
    """Requests for `route_tables`."""
    segments = draw(st.lists(st.sampled_from(["a", "b", "c", "d"]), max_size=4))
    end = draw(st.sampled_from(["", "", "/"])) if segments else "/"
    path = "".join(f"/{segment}" for segment in segments) + end
    query = draw(st.sampled_from(["", "", "?v=1", "?v=2&v=1", "?debug", "?debug=&v=1", "?x=1&v"]))
    host: list[Field] = [(b"Host", draw(st.sampled_from(HOSTS)))]
    chosen = draw(some(((b"x-env", b"canary"), (b"X-ENV", b"blue"), (b"X-Tier", b"gold"))))
    method = draw(st.sampled_from((*METHODS, "PATCH", "get")))
    return Asked(method.encode(), (path + query).encode(), host + list(chosen))
