from __future__ import annotations

from pathlib import Path

import pytest

from pygateway.config import ConfigurationProblem, check
from tests.config.reading import UPSTREAM, route


def doubts(directory: Path, text: str) -> list[ConfigurationProblem]:
    """Check a configuration without errors, and return its warnings but for the one all draw."""
    file = directory / "gateway.yaml"
    file.write_text(text)
    config, problems = check(file, {})
    assert config is not None, problems
    assert all(problem.severity == "warning" for problem in problems)
    return [problem for problem in problems if problem.code != "open-routes"]


def two_routes(first: str, second: str) -> str:
    return (
        f"{UPSTREAM}routes:\n"
        f"  - {{name: first, upstream: users, match: {first}}}\n"
        f"  - {{name: second, upstream: users, match: {second}}}\n"
    )


def test_a_configuration_that_is_open_to_everybody_says_so(tmp_path: Path) -> None:
    file = tmp_path / "gateway.yaml"
    file.write_text(route("upstream: users, auth: none"))
    _, problems = check(file, {})
    assert [(problem.code, problem.severity) for problem in problems] == [
        ("open-routes", "warning")
    ]
    assert (problems[0].line, problems[0].column) == (2, 1)


def test_routes_that_reach_no_upstream_are_not_open(tmp_path: Path) -> None:
    file = tmp_path / "gateway.yaml"
    file.write_text("routes: [{name: a, redirect: /b}]")
    assert check(file, {})[1] == ()


def test_no_routes(tmp_path: Path) -> None:
    assert [problem.code for problem in doubts(tmp_path, "workers: 1")] == ["no-routes"]


def test_an_upstream_that_is_not_used(tmp_path: Path) -> None:
    text = "upstreams:\n  spare: {endpoints: [http://a]}\n  users: {endpoints: [http://b]}\n"
    (problem,) = doubts(tmp_path, f"{text}routes: [{{name: a, upstream: users}}]")
    assert (problem.code, problem.line, problem.column) == ("unused-upstream", 2, 3)


@pytest.mark.parametrize(
    ("endpoint", "tls", "code"),
    [
        ("https://a", "{verify: false}", "unverified-upstream"),
        ("http://a", "{verify: false}", "idle-setting"),
        ("http://a", "{server_name: b}", "idle-setting"),
        ("https://a", "{server_name: b}", None),
        ("http://a", "{}", None),
    ],
)
def test_tls_of_upstreams(tmp_path: Path, endpoint: str, tls: str, code: str | None) -> None:
    text = f"upstreams: {{a: {{endpoints: ['{endpoint}'], tls: {tls}}}}}\n"
    found = doubts(tmp_path, text + "routes: [{name: a, upstream: a}]")
    assert [problem.code for problem in found] == ([code] if code else [])


@pytest.mark.parametrize(
    ("first", "second"),
    [
        ("{}", "{}"),
        ("{}", "{paths: ['/*']}"),
        ("{paths: ['/a/{x}']}", "{paths: ['/a/{y}']}"),
        ("{paths: [/a, /b]}", "{paths: [/b]}"),
        ("{hosts: [a, b], paths: [/a]}", "{hosts: [B], paths: [/a]}"),
        ("{methods: [GET, POST]}", "{methods: [POST]}"),
        ("{methods: [GET]}", "{methods: [HEAD]}"),
        ("{headers: {X-A: b}}", "{headers: {x-a: b}}"),
        ("{query: {a: }}", "{query: {a: }}"),
    ],
)
def test_a_route_that_is_never_taken(tmp_path: Path, first: str, second: str) -> None:
    (problem,) = doubts(tmp_path, two_routes(first, second))
    assert (problem.code, problem.line) == ("unreachable-route", 4)
    assert "`first`" in problem.message


@pytest.mark.parametrize(
    ("first", "second"),
    [
        ("{paths: [/a]}", "{paths: [/a, /b]}"),
        ("{paths: [/a]}", "{paths: ['/{x}']}"),
        ("{}", "{methods: [GET]}"),
        ("{methods: [GET]}", "{}"),
        ("{methods: [GET]}", "{methods: [GET, POST]}"),
        ("{}", "{hosts: [a]}"),
        ("{headers: {X-A: b}}", "{headers: {X-A: c}}"),
        ("{query: {a: }}", "{query: {A: }}"),
    ],
)
def test_a_route_that_is_sometimes_taken(tmp_path: Path, first: str, second: str) -> None:
    assert doubts(tmp_path, two_routes(first, second)) == []


@pytest.mark.parametrize(
    ("settings", "count"),
    [
        ("{response: 2m}", 1),
        ("{response: 2m, request: 3m}", 0),
        ("{request: 10s}", 0),
        ("{request: 1s, connect: 2s, body_stall: 2s}", 2),
    ],
)
def test_deadlines_that_never_end(tmp_path: Path, settings: str, count: int) -> None:
    found = doubts(tmp_path, f"timeouts: {settings}\n{route('upstream: users')}")
    assert [problem.code for problem in found] == ["idle-setting"] * count


@pytest.mark.parametrize(
    ("pattern", "is_idle"),
    [
        ("/users", False),
        ("/users/*", False),
        ("/{any}/x", False),
        ("/*", False),
        ("/", True),
        ("/user", True),
        ("/users/{id}", False),
        ("/orders/users", True),
    ],
)
def test_prefixes_that_no_path_has(tmp_path: Path, pattern: str, is_idle: bool) -> None:
    settings = (
        f"match: {{paths: ['{pattern}']}}, upstream: users, rewrite: {{strip_prefix: /users}}"
    )
    found = doubts(tmp_path, route(settings))
    assert [problem.code for problem in found] == ["idle-setting"] * is_idle


def test_prefixes_that_are_longer_than_the_path(tmp_path: Path) -> None:
    settings = "match: {paths: [/a]}, upstream: users, rewrite: {strip_prefix: /a/b}"
    assert [problem.code for problem in doubts(tmp_path, route(settings))] == ["idle-setting"]


def test_doubts_wait_until_there_are_no_errors(tmp_path: Path) -> None:
    file = tmp_path / "gateway.yaml"
    file.write_text("workers: many")
    _, problems = check(file, {})
    assert [problem.code for problem in problems] == ["wrong-type"]
