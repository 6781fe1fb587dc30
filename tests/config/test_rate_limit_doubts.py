"""Warnings about rate limits that limit less, or others, than it looks."""

from __future__ import annotations

from pathlib import Path

import pytest

from pygateway.config import ConfigurationProblem, check
from tests.config.reading import UPSTREAM

SECRET = "x" * 32
TOKENS = f"{{issuer: i, audiences: [a], secrets: [{{value: {SECRET}}}]}}"
KEYS = f"{{api_keys: {{pepper: {SECRET}, keys: []}}}}"
PROVIDERS = f"auth: {{revocation: {{file: r}}, providers: {{main: {TOKENS}}}}}\n"


def doubts(directory: Path, policy: str, rest: str = "") -> list[ConfigurationProblem]:
    """Check one policy that a route has, and return the warnings about it."""
    file = directory / "gateway.yaml"
    file.write_text(
        f"rate_limits:\n  it: {{{policy}}}\ndefault_rate_limits: [it]\n{UPSTREAM}"
        f"routes: [{{name: a, upstream: users}}]\n{rest}"
    )
    config, problems = check(file, {})
    assert config is not None, problems
    assert all(problem.severity == "warning" for problem in problems)
    return [problem for problem in problems if problem.code != "open-routes"]


@pytest.mark.parametrize(
    ("policy", "rest", "found"),
    [
        ("by: ip, quota: 5, window: 1s", "", []),
        ("by: global, quota: 5, window: 1s", "", []),
        ("by: [ip, {header: X-A}], quota: 5, window: 1s", "", []),
        ("by: user, quota: 5, window: 1s, tiers: {gold: 9}", PROVIDERS, []),
        ("by: [user, {header: X-A}], concurrency: 5", PROVIDERS, []),
        ("by: {claim: a}, concurrency: 5, exempt: {subjects: [a], scopes: [b]}", PROVIDERS, []),
        (
            "by: ip, quota: 5, window: 1s, mode: strict, on_store_failure: open",
            "redis: redis://h",
            [],
        ),
        ("by: ip, quota: 5, window: 1s, cost_header: X-A", "trusted_proxies: [10.0.0.0/8]", []),
        ("by: ip, quota: 5, window: 1s, cost_header: X-A", "listen: unix:/run/g.sock", []),
        ("by: ip, ipv4_prefix: 24, ipv6_prefix: 48, concurrency: 1", "", []),
        ("by: {header: X-A}, concurrency: 5", "", ["client-chosen-key"]),
        ("by: [route, {header: X-A}, {header: X-B}], concurrency: 5", "", ["client-chosen-key"]),
        ("by: user, concurrency: 5", "", ["no-identity"]),
        ("by: [user, {claim: a}], concurrency: 5", "", ["no-identity", "no-identity"]),
        ("by: api_key, concurrency: 5", "", ["no-identity"]),
        ("by: api_key, concurrency: 5", PROVIDERS, ["no-identity"]),
        ("by: api_key, concurrency: 5", PROVIDERS.replace(TOKENS, KEYS), []),
        ("by: ip, quota: 5, window: 1s, tiers: {gold: 9}", "", ["idle-setting"]),
        ("by: ip, concurrency: 5, exempt: {subjects: [a]}", "", ["idle-setting"]),
        ("by: ip, concurrency: 5, exempt: {scopes: [a]}", "", ["idle-setting"]),
        ("by: ip, concurrency: 5, shadow: true", "", ["shadow-rate-limit"]),
        ("by: user, quota: 5, window: 1s, tier_claim: a", PROVIDERS, ["idle-setting"]),
        ("by: global, concurrency: 5, ipv4_prefix: 24", "", ["idle-setting"]),
        ("by: route, concurrency: 5, ipv6_prefix: 48", "", ["idle-setting"]),
        ("by: ip, quota: 5, window: 1s, cost_header: X-A", "", ["idle-setting"]),
        ("by: ip, quota: 5, window: 1s, on_store_failure: closed", "", ["idle-setting"]),
        ("by: ip, concurrency: 5, mode: local", "redis: redis://h", ["idle-setting"]),
        ("by: ip, concurrency: 5, on_store_failure: open", "redis: redis://h", ["idle-setting"]),
    ],
)
def test_doubts_of_a_policy(tmp_path: Path, policy: str, rest: str, found: list[str]) -> None:
    assert [problem.code for problem in doubts(tmp_path, policy, rest)] == found


def test_doubts_are_where_they_come_from(tmp_path: Path) -> None:
    (problem,) = doubts(tmp_path, "by: [route, {header: X-A}], concurrency: 5")
    assert (problem.line, problem.column) == (2, 20)
    assert "count by `ip` or `user` too" in problem.message
    (problem,) = doubts(tmp_path, "by: ip, concurrency: 5, exempt: {scopes: [a]}")
    assert (problem.line, problem.column) == (2, 41)


def test_policies_that_no_route_has(tmp_path: Path) -> None:
    file = tmp_path / "gateway.yaml"
    file.write_text(
        "rate_limits:\n  a: {by: ip, concurrency: 1}\n  b: {by: ip, concurrency: 1}\n"
        f"  c: {{by: ip, concurrency: 1}}\ndefault_rate_limits: [a]\n{UPSTREAM}"
        "routes: [{name: a, upstream: users, rate_limits: [b]}]"
    )
    _, problems = check(file, {})
    assert [(p.code, p.line, p.column) for p in problems if p.code != "open-routes"] == [
        ("unused-rate-limit", 2, 3),
        ("unused-rate-limit", 4, 3),
        ("idle-setting", 5, 1),
    ]


def test_a_table_that_nothing_is_in(tmp_path: Path) -> None:
    file = tmp_path / "gateway.yaml"
    file.write_text("limits: {rate_limit_keys: 2048}\nroutes: [{name: a, redirect: /b}]")
    assert [(p.code, p.line, p.column) for p in check(file, {})[1]] == [("idle-setting", 1, 10)]


def test_the_limit_of_earlier_gateways_says_that_nobody_is_known() -> None:
    _, problems = check(None, {"RATE_LIMIT_ENABLED": "true"})
    (problem,) = [problem for problem in problems if problem.code == "no-identity"]
    assert (problem.file, problem.line) == ("environment", None)
    assert problem.message.startswith("RATE_LIMIT_ENABLED: ")
