from __future__ import annotations

import pytest

from pygateway.config import Config, KeyPart, RateLimitPolicy, RouteRateLimit
from tests.config.reading import UPSTREAM, problem_of, read


def policy_of(settings: str, *, rest: str = "") -> RateLimitPolicy:
    config = read(f"rate_limits: {{it: {{{settings}}}}}\n{rest}")
    assert Config.from_json(config.to_json()) == config
    return config.rate_limits["it"]


def test_defaults_of_a_policy() -> None:
    policy = policy_of("by: user, quota: 100, window: 60s")
    assert (policy.quota, policy.window, policy.concurrency) == (100, 60.0, None)
    assert (policy.mode, policy.on_store_failure, policy.shadow) == (None, "local", False)
    assert (policy.tier_claim, policy.tiers, policy.cost_header) == ("tier", {}, None)
    assert (policy.ipv4_prefix, policy.ipv6_prefix) == (32, 64)
    exempt = policy.exempt
    assert (exempt.networks, exempt.subjects, exempt.scopes) == ((), (), ())


def test_defaults_without_policies() -> None:
    config = read("")
    assert (config.rate_limits, config.default_rate_limits) == ({}, ())
    assert config.limits.rate_limit_keys == 1_048_576


@pytest.mark.parametrize(
    ("written", "parts"),
    [
        ("user", [("user", "")]),
        ("ip", [("ip", "")]),
        ("api_key", [("api_key", "")]),
        ("route", [("route", "")]),
        ("global", [("global", "")]),
        ("[user]", [("user", "")]),
        ("[user, route]", [("user", ""), ("route", "")]),
        ("{header: X-Tenant}", [("header", "X-Tenant")]),
        ("{claim: org.id}", [("claim", "org.id")]),
        ("[ip, {header: X-A}, {claim: a}]", [("ip", ""), ("header", "X-A"), ("claim", "a")]),
    ],
)
def test_what_a_policy_counts_by(written: str, parts: list[tuple[str, str]]) -> None:
    policy = policy_of(f"by: {written}, quota: 1, window: 1s")
    assert list(policy.by) == parts
    assert isinstance(policy.by[0], KeyPart)


def test_everything_together_has_no_parts() -> None:
    assert policy_of("by: global, concurrency: 1").key_parts() == ()
    assert policy_of("by: [ip, route], concurrency: 1").key_parts() == (("ip", ""), ("route", ""))


@pytest.mark.parametrize(
    ("written", "code"),
    [
        ("usr", "not-allowed-value"),
        ("header", "not-allowed-value"),
        ("User", "not-allowed-value"),
        ("", "out-of-range"),
        ("[]", "out-of-range"),
        ("{}", "missing-key"),
        ("{header: }", "missing-key"),
        ("{user: true}", "unknown-key"),
        ("{header: A, claim: a}", "conflicting-keys"),
        ("{header: 'X A'}", "bad-header-name"),
        ("{claim: a..b}", "bad-claim"),
        ("[[ip]]", "wrong-type"),
        ("[ip, ]", None),
        (f"[{', '.join(f'{{claim: c{n}}}' for n in range(9))}]", "out-of-range"),
    ],
)
def test_what_nothing_is_counted_by(written: str, code: str | None) -> None:
    text = f"rate_limits: {{it: {{by: {written}, quota: 1, window: 1s}}}}"
    if code is None:
        read(text)
    else:
        assert problem_of(text).code == code


def test_a_word_that_is_nearly_right_is_suggested() -> None:
    problem = problem_of("rate_limits: {a: {by: [ip, usr], quota: 1, window: 1s}}")
    assert (problem.suggestion, problem.column) == ("user", 28)
    assert "{header: NAME}" in problem.allowed


@pytest.mark.parametrize(
    "settings",
    [
        "quota: 1, window: 100ms",
        "quota: 67108864, window: 1d",
        "quota: 1, window: 0.123",
        "quota: 1, window: 86399.999",
        "quota: 1, window: 1s, tiers: {a: 1, b: 67108864}",
        "concurrency: 1",
        "concurrency: 2000",
        "quota: 1, window: 1s, concurrency: 1",
        "concurrency: 1, ipv4_prefix: 1, ipv6_prefix: 128",
        "concurrency: 1, shadow: on, exempt: ",
        "quota: 1, window: 1s, mode: , tiers: ",
    ],
)
def test_limits_within_their_bounds(settings: str) -> None:
    policy_of(f"by: ip, {settings}")


@pytest.mark.parametrize(
    ("settings", "code"),
    [
        ("quota: 0, window: 1s", "out-of-range"),
        ("quota: -1, window: 1s", "out-of-range"),
        ("quota: 67108865, window: 1s", "out-of-range"),
        ("quota: 1.5, window: 1s", "wrong-type"),
        ("quota: 1, window: 99ms", "out-of-range"),
        ("quota: 1, window: 1d1ms", "out-of-range"),
        ("quota: 1, window: 0.1001", "bad-duration"),
        ("quota: 1, window: minute", "bad-duration"),
        ("concurrency: 0", "out-of-range"),
        ("concurrency: 2001", "out-of-range"),
        ("concurrency: 1, ipv4_prefix: 0", "out-of-range"),
        ("concurrency: 1, ipv4_prefix: 33", "out-of-range"),
        ("concurrency: 1, ipv6_prefix: 0", "out-of-range"),
        ("concurrency: 1, ipv6_prefix: 129", "out-of-range"),
        ("quota: 1, window: 1s, tiers: {a: 0}", "out-of-range"),
        ("quota: 1, window: 1s, tiers: {a: 67108865}", "out-of-range"),
        ("quota: 1, window: 1s, tiers: {a: {quota: 1}}", "wrong-type"),
        ("quota: 1, window: 1s, tier_claim: 'a.'", "bad-claim"),
        ("quota: 1, window: 1s, cost_header: 'X A'", "bad-header-name"),
        ("quota: 1, window: 1s, mode: shared", "not-allowed-value"),
        ("quota: 1, window: 1s, on_store_failure: deny", "not-allowed-value"),
        ("concurrency: 1, exempt: {networks: [10.0.0.1/8]}", "bad-cidr"),
        ("concurrency: 1, exempt: {scopes: ['a b']}", "bad-scope"),
        ("concurrency: 1, exempt: {users: [a]}", "unknown-key"),
        ("concurrency: 1, shadow: maybe", "wrong-type"),
    ],
)
def test_what_no_policy_has(settings: str, code: str) -> None:
    assert problem_of(f"rate_limits: {{it: {{by: ip, {settings}}}}}").code == code


def test_there_are_only_so_many() -> None:
    many = ", ".join(f"p{number}: {{by: ip, concurrency: 1}}" for number in range(101))
    assert problem_of(f"rate_limits: {{{many}}}").code == "out-of-range"
    # What is refused as a whole still has the names that others use.
    problem = problem_of(f"rate_limits: {{{many}}}\ndefault_rate_limits: [p1]")
    assert problem.message == "must have at most 100 items"
    tiers = ", ".join(f"t{number}: 1" for number in range(101))
    text = f"rate_limits: {{a: {{by: ip, quota: 1, window: 1s, tiers: {{{tiers}}}}}}}"
    assert problem_of(text).code == "out-of-range"


@pytest.mark.parametrize("name", ["a b", '"', "ä", "-a", "x" * 65])
def test_names_can_stand_in_headers(name: str) -> None:
    text = f"rate_limits: {{'{name}': {{by: ip, concurrency: 1}}}}"
    assert problem_of(text).code == "bad-name"


LIMITS = (
    "rate_limits: {a: {by: ip, quota: 9, window: 1s}, b: {by: ip, quota: 9, window: 1s}}\n"
    f"default_rate_limits: [b]\n{UPSTREAM}"
)


@pytest.mark.parametrize(
    ("written", "uses"),
    [
        ("", [("b", 1)]),
        (", rate_limits: ", [("b", 1)]),
        (", rate_limits: []", []),
        (", rate_limits: a", [("a", 1)]),
        (", rate_limits: [a, b]", [("a", 1), ("b", 1)]),
        (", rate_limits: [{name: a}, {name: b, cost: 9}]", [("a", 1), ("b", 9)]),
        (", rate_limits: '${BOTH}'", [("a", 1), ("b", 1)]),
        (", rate_limits: '${NONE:-}'", []),
    ],
)
def test_policies_of_a_route(written: str, uses: list[tuple[str, int]]) -> None:
    text = f"{LIMITS}routes: [{{name: r, upstream: users{written}}}]"
    config = read(text, {"BOTH": "a, b"})
    assert list(config.rate_limits_of(config.routes[0])) == uses
    assert all(isinstance(use, RouteRateLimit) for use in config.rate_limits_of(config.routes[0]))
    again = Config.from_json(config.to_json())
    assert again == config
    assert list(again.rate_limits_of(again.routes[0])) == uses


@pytest.mark.parametrize(
    ("written", "code"),
    [
        ("[{cost: 1}]", "missing-key"),
        ("[{name: a, cost: 0}]", "out-of-range"),
        ("[{name: a, cost: 67108865}]", "out-of-range"),
        ("[{name: a, price: 1}]", "unknown-key"),
        ("{a: 1}", "wrong-type"),
        ("['a b']", "bad-name"),
        (f"[{', '.join(['a'] * 17)}]", "out-of-range"),
    ],
)
def test_what_are_no_policies_of_a_route(written: str, code: str) -> None:
    text = f"{LIMITS}routes: [{{name: r, upstream: users, rate_limits: {written}}}]"
    assert problem_of(text).code == code


@pytest.mark.parametrize(
    ("settings", "rest", "mode"),
    [
        ("quota: 1, window: 1s", "", "local"),
        ("quota: 1, window: 1s", "redis: redis://h", "leased"),
        ("quota: 1, window: 1s, mode: strict", "redis: redis://h", "strict"),
        ("quota: 1, window: 1s, mode: local", "redis: redis://h", "local"),
        ("concurrency: 1", "redis: redis://h", "local"),
        ("concurrency: 1, mode: strict", "redis: redis://h", "local"),
    ],
)
def test_where_windows_are_counted(settings: str, rest: str, mode: str) -> None:
    config = read(f"rate_limits: {{it: {{by: ip, {settings}}}}}\n{rest}")
    assert config.mode_of(config.rate_limits["it"]) == mode


def test_the_smallest_quota() -> None:
    assert policy_of("by: ip, concurrency: 1").smallest_quota() is None
    assert policy_of("by: ip, quota: 5, window: 1s").smallest_quota() == 5
    policy = policy_of("by: user, quota: 5, window: 1s, tiers: {gold: 50, bronze: 2}")
    assert policy.smallest_quota() == 2


@pytest.mark.parametrize(("keys", "good"), [(1023, 0), (1024, 1), (16777216, 1), (16777217, 0)])
def test_keys_that_can_be_counted_apart(keys: int, good: int) -> None:
    text = f"limits: {{rate_limit_keys: {keys}}}"
    if good:
        assert read(text).limits.rate_limit_keys == keys
    else:
        assert problem_of(text).message == "must be from 1024 to 16777216"
