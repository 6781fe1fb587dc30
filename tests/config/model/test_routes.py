from __future__ import annotations

import pytest

from pygateway.config import Config, RouteAuth, UpstreamShare
from tests.config.reading import problem_of, read, route

TWO = "upstreams: {a: {endpoints: [http://a]}, b: {endpoints: [http://b]}}\n"


@pytest.mark.parametrize(
    ("upstream", "shares"),
    [
        ("a", [("a", 1)]),
        ("[a, b]", [("a", 1), ("b", 1)]),
        ("[{name: a, weight: 90}, {name: b, weight: 10}]", [("a", 90), ("b", 10)]),
        ("[{name: a}, b]", [("a", 1), ("b", 1)]),
        ("'${BOTH}'", [("a", 1), ("b", 1)]),
    ],
)
def test_upstreams_of_a_route(upstream: str, shares: list[tuple[str, int]]) -> None:
    config = read(f"{TWO}routes: [{{name: r, upstream: {upstream}}}]", {"BOTH": "a, b"})
    assert list(config.routes[0].upstream) == shares
    assert isinstance(config.routes[0].upstream[0], UpstreamShare)


@pytest.mark.parametrize(
    "upstream",
    ["[{weight: 1}]", "[{name: a, weight: -1}]", "[{name: a, weight: 10001}]", "[[a, 1]]"],
)
def test_what_are_no_upstreams(upstream: str) -> None:
    problem_of(f"{TWO}routes: [{{name: r, upstream: {upstream}}}]")


def test_a_redirect_may_be_its_location() -> None:
    config = read(route("redirect: 'https://{host}{path}'"))
    redirect = config.routes[0].redirect
    assert redirect is not None
    assert (redirect.status, redirect.location) == (308, "https://{host}{path}")


@pytest.mark.parametrize("status", ["200", "300", "304", "306", "moved"])
def test_statuses_of_redirects(status: str) -> None:
    problem = problem_of(route(f"redirect: {{status: {status}, location: /}}"))
    assert problem.code in {"not-allowed-value", "wrong-type"}


@pytest.mark.parametrize("status", ["199", "600", "100"])
def test_statuses_of_fixed_responses(status: str) -> None:
    assert problem_of(route(f"respond: {{status: {status}}}")).code == "out-of-range"


def test_matchers_without_a_value_ask_for_presence() -> None:
    match = (
        read(route("upstream: users, match: {headers: {X-A: , X-B: 1}, query: {a: }}"))
        .routes[0]
        .match
    )
    assert match.headers == {"X-A": None, "X-B": "1"}
    assert match.query == {"a": None}


def test_numbers_and_words_are_text_where_text_is_wanted() -> None:
    match = (
        read(route("upstream: users, match: {headers: {X-A: on, X-B: 1.10, X-C: 0x1F}}"))
        .routes[0]
        .match
    )
    assert match.headers == {"X-A": "on", "X-B": "1.10", "X-C": "0x1F"}


def test_a_route_may_be_meant_to_be_open() -> None:
    assert read(route("upstream: users, auth: none")).routes[0].auth == "none"
    assert read(route("upstream: users")).routes[0].auth is None


def test_sections_without_a_value_have_the_defaults() -> None:
    assert read(route("upstream: users, match: , headers: , limits: ")) == read(
        route("upstream: users")
    )


def test_what_a_route_demands() -> None:
    config = read(
        "auth: {providers: {main: {secrets: [{value: 0123456789abcdef0123456789abcdef}]}}}\n"
        + route(
            "upstream: users, auth: {provider: main, optional: yes, scopes: [a], any_scopes: [b],"
            " roles: [c], authorization: remove, claims: {a: 7, b: '7', c: [x, true, 1.5],"
            " d: {matches: 'x+'}, e: {equals: no}, f: {in: [1]}, '\"g.h\".i': \"${SEVEN}\"}}"
        ),
        {"SEVEN": "7"},
    )
    auth = config.routes[0].auth
    assert isinstance(auth, RouteAuth)
    assert (auth.provider, auth.optional, auth.authorization) == (("main",), True, "remove")
    assert (auth.scopes, auth.any_scopes, auth.roles) == (("a",), ("b",), ("c",))
    assert auth.claims == {
        "a": ("equals", 7),
        "b": ("equals", "7"),
        "c": ("in", ["x", True, 1.5]),
        "d": ("matches", "x+"),
        "e": ("equals", "no"),
        "f": ("in", [1]),
        '"g.h".i': ("equals", "7"),
    }
    assert type(auth.claims["a"].value) is int
    assert Config.from_json(config.to_json()) == config


def test_names_of_providers_may_come_from_one_variable() -> None:
    text = "auth: {providers: {a: {secrets: [{value: %s}]}, b: {secrets: [{value: %s}]}}}\n"
    config = read(
        text % ("x" * 32, "y" * 32) + route('upstream: users, auth: {provider: "${BOTH}"}'),
        {"BOTH": "b, a"},
    )
    assert config.providers_of(config.routes[0]) == ("b", "a")
