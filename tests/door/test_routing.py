"""Which route takes a request, and what is said when none does."""

from __future__ import annotations

import timeit

import pytest
from hypothesis import given, settings

from pygateway._core import Forward, Reject
from tests.door.comparison import Door
from tests.door.model.specification import Route, Specification
from tests.door.strategies.common import Asked
from tests.door.strategies.routing import route_tables, routed_requests


@settings(max_examples=1200)
@given(route_tables(), routed_requests())
def test_routes_as_the_model_does(specification: Specification, asked: Asked) -> None:
    Door(specification).compare(asked.method, asked.target, asked.fields)


@pytest.mark.parametrize(
    ("routes", "target", "winner"),
    [
        pytest.param(
            [Route(hosts=("*.example",), paths=("/a",)), Route(hosts=("a.example",))],
            b"/a",
            1,
            id="an_exact_host_before_any_path",
        ),
        pytest.param(
            [Route(), Route(hosts=("*.example",))], b"/a", 1, id="a_wildcard_host_before_none"
        ),
        pytest.param(
            [Route(hosts=("a.example",), paths=("/b",)), Route(paths=("/*",))],
            b"/a",
            1,
            id="a_better_host_does_not_shadow_paths_it_does_not_have",
        ),
        pytest.param(
            [Route(paths=("/*",)), Route(paths=("/{p}",)), Route(paths=("/a",))],
            b"/a",
            2,
            id="static_before_parameter_before_wildcard",
        ),
        pytest.param(
            [Route(paths=("/{p}/b",)), Route(paths=("/a/{p}",))],
            b"/a/b",
            1,
            id="segments_compare_from_the_left",
        ),
        pytest.param(
            [Route(paths=("/a/*",)), Route(paths=("/a/b/*",))],
            b"/a/b/c",
            1,
            id="the_longer_wildcard_wins",
        ),
        pytest.param(
            [Route(paths=("/a/{p}/c",)), Route(paths=("/a/b/*",))],
            b"/a/b/c",
            1,
            id="an_early_static_segment_beats_a_late_one",
        ),
        pytest.param(
            [Route(), Route(methods=("GET",))], b"/a", 1, id="naming_the_method_before_any"
        ),
        pytest.param(
            [Route(methods=("GET",)), Route(headers=(("Host", None),))],
            b"/a",
            0,
            id="naming_the_method_before_header_matchers",
        ),
        pytest.param(
            [Route(query=(("v", "1"), ("w", None))), Route(headers=(("Host", None),))],
            b"/a?v=1&w",
            1,
            id="header_matchers_before_query_matchers",
        ),
        pytest.param(
            [Route(), Route(query=(("v", None),))], b"/a?v", 1, id="query_matchers_before_none"
        ),
        pytest.param([Route(), Route()], b"/a", 0, id="configuration_order_last"),
        pytest.param(
            [Route(paths=("/a/*",)), Route(paths=("/*",))],
            b"/a",
            1,
            id="a_wildcard_wants_its_slash",
        ),
        pytest.param(
            [Route(paths=("/*",)), Route(paths=("/a/*",))],
            b"/a/",
            1,
            id="a_wildcard_takes_an_empty_rest",
        ),
        pytest.param(
            [Route(paths=("/a/{p}",)), Route(paths=("/*",))],
            b"/a/",
            1,
            id="a_parameter_is_not_empty",
        ),
    ],
)
def test_precedence(routes: list[Route], target: bytes, winner: int) -> None:
    numbered = tuple(Route(**{**vars(route), "name": str(i)}) for i, route in enumerate(routes))
    native, _ = Door(Specification(routes=numbered)).compare(
        b"GET", target, [(b"Host", b"a.example")]
    )
    assert native.route == winner


@pytest.mark.parametrize(
    ("host", "winner"),
    [
        (b"a.example", 2),
        (b"x.a.example", 1),
        (b"y.x.a.example", 1),
        (b"b.example", 0),
        (b"A.EXAMPLE:8080", 2),
        (b"example", 3),
        (b"a.example.org", 3),
        (b"xa.example", 0),
        (b"notexample", 3),
    ],
)
def test_hosts_exact_then_the_longer_wildcard_then_any(host: bytes, winner: int) -> None:
    routes = (
        Route(name="short", hosts=("*.example",)),
        Route(name="long", hosts=("*.c.example", "*.a.example")),
        Route(name="exact", hosts=("a.example",)),
        Route(name="any"),
    )
    native, _ = Door(Specification(routes=routes)).compare(b"GET", b"/", [(b"Host", host)])
    assert native.route == winner


def test_allow_is_the_union_of_what_matches_but_for_the_method() -> None:
    routes = (
        Route(name="get", paths=("/a",), methods=("GET",)),
        Route(name="put", paths=("/{p}",), methods=("PUT", "DELETE")),
        Route(name="elsewhere", paths=("/b",), methods=("PATCH",)),
        Route(name="other-host", hosts=("b.example",), paths=("/a",), methods=("POST",)),
    )
    native, _ = Door(Specification(routes=routes)).compare(
        b"POST", b"/a", [(b"Host", b"a.example")]
    )
    assert isinstance(native, Reject)
    assert native.reason == "method-not-allowed"
    assert native.headers == [(b"Allow", b"DELETE, GET, HEAD, PUT")]


def test_get_implies_head() -> None:
    door = Door(Specification(routes=(Route(methods=("GET",)),)))
    native, _ = door.compare(b"HEAD", b"/", [(b"Host", b"a.example")])
    assert isinstance(native, Forward)
    assert native.head_only


def test_lookup_does_not_grow_with_the_number_of_routes() -> None:
    def seconds(count: int) -> float:
        routes = tuple(
            Route(name=f"r{index}", hosts=(f"h{index % 7}.example",), paths=(f"/s{index}/{{p}}/*",))
            for index in range(count)
        )
        door = Door(Specification(routes=routes))
        target = f"/s{count - 1}/x/y".encode()
        fields = [(b"Host", f"h{(count - 1) % 7}.example".encode())]
        assert door.ask(b"GET", target, fields).route == count - 1
        return min(timeit.repeat(lambda: door.ask(b"GET", target, fields), number=200, repeat=5))

    # A scan would be thousands of times slower; ten leaves room for caches and a busy machine.
    assert seconds(10_000) < 10 * seconds(1)
