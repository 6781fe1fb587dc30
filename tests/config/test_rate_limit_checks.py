"""Errors between values of `rate_limits`, and between them and the routes."""

from __future__ import annotations

import pytest

from tests.config.reading import UPSTREAM, codes_of, problem_of, read

SECRET = "x" * 32
REDIS = "redis: redis://h\n"


def policy(settings: str, rest: str = "") -> str:
    return f"rate_limits:\n  it: {{{settings}}}\n{rest}"


def route(limits: str) -> str:
    return f"{UPSTREAM}routes: [{{name: r, upstream: users, rate_limits: {limits}}}]"


@pytest.mark.parametrize(
    ("settings", "code", "column"),
    [
        ("by: ip", "missing-key", 3),
        ("by: ip, shadow: true", "missing-key", 3),
        ("by: ip, quota: 1", "missing-key", 3),
        ("by: ip, window: 1s, concurrency: 1", "missing-key", 3),
        ("by: ip, concurrency: 1, tiers: {a: 1}", "conflicting-keys", 32),
        ("by: ip, concurrency: 1, cost_header: X-Cost", "conflicting-keys", 32),
        ("by: [ip, global], concurrency: 1", "conflicting-keys", 17),
        ("by: [ip, ip], concurrency: 1", "duplicate-name", 17),
        ("by: [{claim: a}, {claim: a}], concurrency: 1", "duplicate-name", 25),
        ("by: [{header: X-A}, {header: x_a}], concurrency: 1", "duplicate-name", 28),
        ("by: ip, quota: 1, window: 1s, mode: strict", "missing-key", 44),
        ("by: ip, quota: 1, window: 1s, mode: leased", "missing-key", 44),
        (
            "by: ip, quota: 1, window: 1s, mode: local, on_store_failure: open",
            "conflicting-keys",
            51,
        ),
        ("by: ip, quota: 1, window: 1s, cost_header: Cookie", "reserved-header", 51),
    ],
)
def test_what_is_wrong_with_a_policy(settings: str, code: str, column: int) -> None:
    problem = problem_of(policy(settings))
    assert (problem.code, problem.line, problem.column) == (code, 2, column)


@pytest.mark.parametrize(
    "settings",
    [
        "by: [{claim: a}, {header: a}], concurrency: 1",
        "by: ip, quota: 1, window: 1s, mode: strict, on_store_failure: closed",
        "by: ip, quota: 1, window: 1s, on_store_failure: open",
        "by: ip, quota: 1, window: 1s, concurrency: 1, cost_header: X-Cost, tiers: {a: 1}",
    ],
)
def test_what_is_right_with_a_policy(settings: str) -> None:
    read(policy(settings, REDIS))


def test_a_missing_redis_says_where_it_would_be() -> None:
    problem = problem_of(policy("by: ip, quota: 1, window: 1s, mode: strict"))
    assert "`redis` says where it is" in problem.message
    assert codes_of(policy("by: ip, quota: 0, window: 1s, mode: strict")) == [
        "out-of-range",
        "missing-key",
    ]


@pytest.mark.parametrize(
    ("header", "code"),
    [
        ("Authorization", "reserved-header"),
        ("cookie", "reserved-header"),
        ("Proxy_Authorization", "reserved-header"),
        ("X-Credential", "reserved-header"),
        ("X-API-Key", "reserved-header"),
        ("Connection", "reserved-header"),
        ("Content-Length", "reserved-header"),
        ("Transfer-Encoding", "reserved-header"),
        ("X-Forwarded-For", "reserved-header"),
        ("X-Real-IP", "reserved-header"),
        ("Host", "reserved-header"),
        ("X_Request_ID", "reserved-header"),
        ("X_User", "conflicting-keys"),
        ("X-Team", "conflicting-keys"),
        ("X-Tenant", None),
    ],
)
@pytest.mark.parametrize("place", ["by: {header: %s}", "by: [ip, {header: %s}]"])
def test_headers_that_nothing_is_counted_by(header: str, place: str, code: str | None) -> None:
    providers = (
        f"auth: {{providers: {{a: {{secrets: [{{value: {SECRET}}}],"
        " token_from: [{header: X-Credential}], claims_to_headers: {sub: X-User}},"
        f" b: {{api_keys: {{pepper: {SECRET}, keys: []}}}},"
        " c: {forward_auth: {url: 'http://a', response_headers: [X-Team]}}}}"
    )
    text = policy(f"{place % header}, concurrency: 1", providers)
    if code is None:
        read(text)
    else:
        assert problem_of(text).code == code


def test_addresses_are_counted_by_another_word() -> None:
    problem = problem_of(policy("by: {header: X-Forwarded-For}, concurrency: 1"))
    assert problem.message.endswith("count by `ip`")


def test_an_unknown_policy_names_the_near_one() -> None:
    text = policy("by: ip, concurrency: 1", route("[itt]"))
    problem = problem_of(text)
    assert (problem.code, problem.suggestion, problem.allowed) == (
        "unknown-rate-limit",
        "it",
        ("it",),
    )
    assert (problem.line, problem.column) == (4, 51)
    problem = problem_of(policy("by: ip, concurrency: 1", "default_rate_limits: [it, itt]"))
    assert (problem.code, problem.line, problem.column) == ("unknown-rate-limit", 3, 27)


def test_without_policies_every_policy_is_unknown() -> None:
    assert codes_of(f"default_rate_limits: [a]\n{route('b')}") == ["unknown-rate-limit"] * 2
    assert codes_of(f"rate_limits:\n{route('b')}") == ["unknown-rate-limit"]


def test_a_policy_that_is_wrong_is_still_known() -> None:
    assert codes_of(policy("by: ip, quota: 0, window: 1s", route("[{name: it, cost: 5}]"))) == [
        "out-of-range"
    ]
    assert codes_of(f"rate_limits: {{it: 5}}\n{route('it')}") == ["wrong-type"]
    assert codes_of(f"rate_limits: {{it: }}\n{route('it')}") == ["missing-key"]
    assert codes_of(f"rate_limits: [it]\n{route('it')}") == ["wrong-type"]


@pytest.mark.parametrize("limits", ["[it, it]", "[it, {name: it, cost: 2}]"])
def test_a_route_names_a_policy_once(limits: str) -> None:
    text = policy("by: ip, quota: 9, window: 1s", route(limits))
    assert problem_of(text).code == "duplicate-name"


@pytest.mark.parametrize(
    ("settings", "cost", "code"),
    [
        ("by: ip, quota: 5, window: 1s", 5, None),
        ("by: ip, quota: 5, window: 1s", 6, "out-of-range"),
        ("by: ip, quota: 5, window: 1s, tiers: {a: 9, b: 3}", 3, None),
        ("by: ip, quota: 5, window: 1s, tiers: {a: 9, b: 3}", 4, "out-of-range"),
        ("by: ip, concurrency: 5", 1, "conflicting-keys"),
    ],
)
def test_costs_that_nobody_could_pay(settings: str, cost: int, code: str | None) -> None:
    text = policy(settings, route(f"[{{name: it, cost: {cost}}}]"))
    if code is None:
        read(text)
    else:
        assert problem_of(text).code == code


def test_the_tier_that_could_not_pay_is_named() -> None:
    settings = "by: ip, quota: 5, window: 1s, tiers: {a: 4, b: 3}"
    problem = problem_of(policy(settings, route("[{name: it, cost: 6}]")))
    assert problem.message.endswith("the quota of the tier `b` is 3")


def test_workers_that_are_told_apart_are_bounded() -> None:
    problem = problem_of("rate_limits: {it: {by: ip, concurrency: 1}}\nworkers: 129\n")
    assert (problem.code, problem.line) == ("out-of-range", 2)
    assert read("rate_limits: {it: {by: ip, concurrency: 1}}\nworkers: 128\n").workers == 128
    assert read("workers: 1024\n").workers == 1024
