from __future__ import annotations

from pathlib import Path

import pytest

from tests.config.reading import UPSTREAM, codes_of, problem_of, problems_of, read, route


def test_an_unknown_upstream_names_the_near_one() -> None:
    problem = problem_of(route("upstream: usres"))
    assert (problem.code, problem.suggestion, problem.allowed) == (
        "unknown-upstream",
        "users",
        ("users",),
    )


def test_without_upstreams_every_upstream_is_unknown() -> None:
    assert codes_of("routes: [{name: a, upstream: b}]") == ["unknown-upstream"]


def test_names_of_routes_are_unique() -> None:
    text = (
        f"{UPSTREAM}routes:\n  - {{name: a, upstream: users}}\n  - {{name: a, upstream: users}}\n"
    )
    problem = problem_of(text)
    assert (problem.code, problem.line, problem.column) == ("duplicate-name", 4, 12)
    assert "line 3" in problem.message


@pytest.mark.parametrize(
    ("settings", "code"),
    [
        ("match: {}", "missing-key"),
        ("upstream: users, respond: {}", "conflicting-keys"),
        ("redirect: /, respond: {}", "conflicting-keys"),
        ("redirect: /, rewrite: {strip_prefix: /a}", "conflicting-keys"),
        ("respond: {}, timeouts: {request: 1s}", "conflicting-keys"),
        ("upstream: [users, users]", "duplicate-name"),
        ("upstream: [{name: users, weight: 0}]", "out-of-range"),
        ("upstream: users, rewrite: {path: /a, strip_prefix: /b}", "conflicting-keys"),
        ("upstream: users, rewrite: {path: /a, add_prefix: /b}", "conflicting-keys"),
        ("respond: {status: 204, body: x}", "conflicting-keys"),
        ("respond: {status: 304, body: x}", "conflicting-keys"),
        ("respond: {headers: {Content-Length: 1}}", "reserved-header"),
        ("respond: {headers: {Transfer_Encoding: chunked}}", "reserved-header"),
    ],
)
def test_conflicts_within_a_route(settings: str, code: str) -> None:
    assert problem_of(route(settings)).code == code


@pytest.mark.parametrize(
    ("match", "template", "is_good"),
    [
        ("{paths: ['/u/{id}']}", "/v/{id}", True),
        ("{paths: ['/u/{id}', '/w/{id}/x']}", "/v/{id}", True),
        ("{paths: ['/u/{id}', '/w']}", "/v/{id}", False),
        ("{paths: ['/u/{id}']}", "/v/{name}", False),
        ("{paths: ['/u/*']}", "/v/{rest}", True),
        ("{paths: ['/u/*', '/w']}", "/v/{rest}", False),
        ("{}", "/v/{rest}", False),
        ("{}", "/v{path}/{host}", True),
    ],
)
def test_templates_use_what_every_path_fills(match: str, template: str, is_good: bool) -> None:
    for action in (
        f"upstream: users, rewrite: {{path: '{template}'}}",
        f"redirect: '{template}'",
    ):
        text = route(f"match: {match}, {action}")
        if is_good:
            read(text)
        else:
            problem = problem_of(text)
            assert problem.code == "unknown-parameter"
            assert "{path}" in problem.allowed


def test_a_parameter_that_is_nearly_right_is_suggested() -> None:
    problem = problem_of(route("match: {paths: ['/u/{user}']}, redirect: '/v/{users}'"))
    assert problem.suggestion == "{user}"


def test_templates_are_not_judged_by_a_bad_pattern() -> None:
    text = route("match: {paths: ['/u//{id}']}, redirect: '/v/{id}'")
    assert codes_of(text) == ["bad-path"]


@pytest.mark.parametrize(
    "name",
    [
        "Host",
        "content-length",
        "Transfer_Encoding",
        "Connection",
        "TE",
        "Via",
        "X-Forwarded-For",
        "x_forwarded_anything",
        "X-Real-IP",
        "X-Request-ID",
        "Traceparent",
        "Expect",
        "Forwarded",
    ],
)
@pytest.mark.parametrize("change", ["set: {%s: x}", "add: {%s: x}", "remove: [%s]"])
def test_request_headers_that_only_the_gateway_writes(name: str, change: str) -> None:
    text = route(f"upstream: users, headers: {{request: {{{change % name}}}}}")
    assert problem_of(text).code == "reserved-header"


@pytest.mark.parametrize("name", ["Date", "Via", "X-Request-Id", "Content_Length", "Keep-Alive"])
def test_response_headers_that_only_the_gateway_writes(name: str) -> None:
    text = route(f"upstream: users, headers: {{response: {{remove: [{name}]}}}}")
    assert problem_of(text).code == "reserved-header"


@pytest.mark.parametrize(
    "changes", ["set: {X-A: 1}, add: {x-a: 2}", "set: {X-A: 1, X_A: 2}", "add: {A: 1}, remove: [a]"]
)
def test_a_header_is_changed_once(changes: str) -> None:
    text = route(f"upstream: users, headers: {{request: {{{changes}}}}}")
    assert problem_of(text).code == "conflicting-keys"


@pytest.mark.parametrize(
    "cors",
    [
        "origins: ['*'], credentials: true",
        "origins: ['*', https://a.example]",
        "origins: [https://a.example], headers: ['*', X-A]",
        "origins: [https://a.example], expose: ['*'], credentials: true",
    ],
)
def test_cors_settings_that_exclude_each_other(cors: str) -> None:
    assert problem_of(route(f"upstream: users, cors: {{{cors}}}")).code == "conflicting-keys"


def test_cors_writes_its_own_headers() -> None:
    changes = "headers: {response: {set: {Access-Control-Allow-Origin: '*'}}}"
    read(route(f"upstream: users, {changes}"))
    text = route(f"upstream: users, cors: {{origins: ['*']}}, {changes}")
    assert problem_of(text).code == "conflicting-keys"


def test_listeners_have_different_addresses() -> None:
    listeners = "listeners: [{address: '%s'}, {address: '%s'}]"
    assert problem_of(listeners % ("127.0.0.1:1", "127.0.0.1:1")).code == "duplicate-address"
    assert problem_of(listeners % ("unix:/a", "unix:/a")).code == "duplicate-address"
    assert len(read(listeners % ("127.0.0.1:0", "127.0.0.1:0")).listeners) == 2


def test_authorities_are_loaded(tmp_path: Path) -> None:
    text = "upstreams: {a: {endpoints: [https://a], tls: {ca_file: ca.pem}}}"
    (missing,) = problems_of(text, directory=tmp_path)
    assert missing.code == "unreadable-file"
    (tmp_path / "ca.pem").write_text("no certificate")
    (useless,) = problems_of(text, directory=tmp_path)
    assert (useless.code, useless.line) == ("bad-file", 1)
