from __future__ import annotations

import pytest

from pygateway.config import UpstreamShare
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


def test_auth_none_is_all_there_is() -> None:
    assert read(route("upstream: users, auth: none")).routes[0].auth == "none"
    assert read(route("upstream: users")).routes[0].auth is None


def test_sections_without_a_value_have_the_defaults() -> None:
    assert read(route("upstream: users, match: , headers: , limits: ")) == read(
        route("upstream: users")
    )
