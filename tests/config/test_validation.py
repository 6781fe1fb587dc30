from __future__ import annotations

import pytest

from tests.config.reading import UPSTREAM, codes_of, problem_of, problems_of, read, route


def test_unknown_keys_list_what_is_allowed_and_what_is_near() -> None:
    problem = problem_of("timeouts: {heder: 1s}")
    assert problem.code == "unknown-key"
    assert problem.suggestion == "header"
    assert "body_stall" in problem.allowed
    assert (problem.line, problem.column) == (1, 12)
    assert problem.source_line == "timeouts: {heder: 1s}"


@pytest.mark.parametrize(
    ("text", "suggestion"),
    [
        ("upstreams: {a: {endpoints: [{url: http://a, wight: 1}]}}", "weight"),
        (route("upstream: [{name: users, wieght: 1}]"), "weight"),
        (route("upstream: users, match: {path: [/a]}"), "paths"),
        (route("redirect: {locaton: /, location: /}"), "location"),
        (route("upstream: users, headers: {requst: {}}"), "request"),
    ],
)
def test_unknown_keys_are_found_in_every_section(text: str, suggestion: str) -> None:
    problem = problem_of(text)
    assert (problem.code, problem.suggestion) == ("unknown-key", suggestion)


def test_top_level_extensions_are_a_place_for_anchors() -> None:
    config = read(
        "x-fast: &fast {response: 1s}\nupstreams: {a: {endpoints: [http://a], timeouts: *fast }}"
    )
    assert config.upstreams["a"].timeouts.response == 1.0
    assert problem_of("limits: {x-note: 1}").code == "unknown-key"


@pytest.mark.parametrize(
    ("text", "code", "message"),
    [
        ("workers: 1.5", "wrong-type", "must be `auto` or a whole number"),
        ("workers: 0", "out-of-range", "must be from 1 to 1024, or `auto`"),
        ("limits: {header_count: many}", "wrong-type", "must be a whole number"),
        ("limits: {header_count: 0}", "out-of-range", "must be from 1 to 10000"),
        ("limits: {header_count: }", "wrong-type", "there is no value: it must be a whole number"),
        ("limits: [1]", "wrong-type", "must be a mapping"),
        ("limits: text", "wrong-type", "must be a mapping"),
        ("routes: {}", "wrong-type", "must be a list"),
        ("upstreams: []", "wrong-type", "must be a mapping"),
        ("listen: [a]", "wrong-type", "must be text"),
        ("listeners: []", "out-of-range", "must have at least 1 item"),
        ("listeners: [{}]", "missing-key", "the key `address` is missing"),
        ("version: 2", "not-allowed-value", "this program reads version 1"),
        (route("upstream: users, name: "), "duplicate-key", "the key is already there, in line 2"),
        (route("upstream: {name: users}"), "wrong-type", "must be a list"),
        (
            route("upstream: users, cors: {origins: ['*'], credentials: 7}"),
            "wrong-type",
            "must be true or false",
        ),
        (route("respond: {body: [x]}"), "wrong-type", "must be text"),
        (
            route(f"respond: {{body: {'x' * 65537}}}"),
            "out-of-range",
            "must have at most 65536 characters",
        ),
        (
            route("upstream: users, security_headers: defualt"),
            "not-allowed-value",
            "must be `default`, `none` or a mapping of header names to values",
        ),
    ],
)
def test_types_and_ranges(text: str, code: str, message: str) -> None:
    problem = problem_of(text)
    assert (problem.code, problem.message) == (code, message)
    assert problem.line is not None


def test_lists_are_bounded() -> None:
    methods = ", ".join(f"M{number}" for number in range(101))
    problem = problem_of(route(f"upstream: users, match: {{methods: [{methods}]}}"))
    assert (problem.code, problem.message) == ("out-of-range", "must have at most 100 items")


def test_a_document_that_is_no_mapping() -> None:
    assert problem_of("[1, 2]").code == "wrong-type"
    assert problem_of("text").code == "wrong-type"


def test_words_that_are_allowed_are_listed() -> None:
    problem = problem_of("upstreams: {a: {endpoints: [http://a], balancer: round-robin}}")
    assert problem.code == "not-allowed-value"
    assert problem.allowed == ("round_robin", "least_requests")
    assert problem.suggestion == "round_robin"


def test_everything_is_reported_at_once() -> None:
    text = f"""
workers: many
limits: {{body_bytes: lots}}
{UPSTREAM}routes:
  - name: "bad name"
    match: {{paths: [users]}}
    upstream: nobody
  - match: {{methods: [get]}}
    upstream: [{{name: users, weight: 0}}]
  - name: third
    upstream: users
    redirect: "ftp://x"
"""
    assert codes_of(text) == [
        "wrong-type",  # workers
        "bad-size",
        "bad-name",
        "bad-path",
        "unknown-upstream",
        "missing-key",  # name
        "bad-method",
        "out-of-range",  # weight
        "conflicting-keys",  # upstream and redirect
        "bad-template",
    ]


def test_what_follows_from_an_error_is_not_reported() -> None:
    text = "upstreams: {a: {endpoints: [bad, worse]}}\nroutes: [{name: a, upstream: a}]"
    assert codes_of(text) == ["bad-url", "bad-url"]


@pytest.mark.parametrize("written", ["", "[]", '"${EMPTY}"', '"${COMMAS}"'])
def test_a_list_that_is_required_is_not_empty(written: str) -> None:
    """What stands in for a bad value while the rest is checked must never run."""
    variables = {"EMPTY": "", "COMMAS": " , "}
    problem = problem_of(f"upstreams: {{a: {{endpoints: {written}}}}}", variables)
    assert (problem.code, problem.message) == ("out-of-range", "must have at least 1 item")


@pytest.mark.parametrize("written", ["", '"${EMPTY}"'])
def test_a_list_with_a_default_has_it_without_a_value(written: str) -> None:
    assert read(f"listeners: {written}", {"EMPTY": ""}) == read("")


def test_a_bad_upstream_is_still_checked_and_known() -> None:
    text = (
        "upstreams: {a: {endpoints: [], tls: {ca_file: /none}}, b: 7}\n"
        "routes: [{name: a, upstream: [a, b]}]"
    )
    assert codes_of(text) == ["out-of-range", "unreadable-file", "wrong-type"]


def test_listen_and_listeners_are_one_thing() -> None:
    problem = problem_of("listen: 127.0.0.1:1\nlisteners: [{address: '127.0.0.1:2'}]")
    assert (problem.code, problem.line) == ("conflicting-keys", 1)


def test_values_in_messages_are_never_the_written_ones() -> None:
    problems = problems_of(
        "listen: zebra1\nworkers: zebra2\ntimeouts: {idle: zebra3}\ntrusted_proxies: [zebra4]"
    )
    assert len(problems) == 4
    assert not any("zebra" in problem.message for problem in problems)


def test_models_hold_plain_text() -> None:
    config = read(
        route("match: {hosts: ['${H}']}, upstream: '${U}'"), {"H": "a.example", "U": "users"}
    )
    assert type(config.routes[0].match.hosts[0]) is str
    assert type(config.routes[0].upstream[0].name) is str
