from __future__ import annotations

import json
from typing import Any

import pytest

from pygateway.config import gate_specification
from tests.config.reading import UPSTREAM, read, route

LIMITS = f"""
rate_limits:
  unused: {{by: global, quota: 1, window: 100ms}}
  per-user: {{by: user, quota: 100, window: 60s}}
  everything:
    by: [ip, api_key, route, {{header: X-Tenant}}, {{claim: org.id}}]
    quota: 67108864
    window: 0.123
    concurrency: 10
    mode: strict
    on_store_failure: closed
    tier_claim: realm.tier
    tiers: {{gold: 1000, silver: 500}}
    cost_header: X-Cost
    ipv4_prefix: 24
    ipv6_prefix: 48
    exempt: {{networks: [10.0.0.0/8, 192.0.2.1], subjects: [ada], scopes: [internal]}}
    shadow: true
  burst: {{by: ip, concurrency: 5}}
default_rate_limits: [per-user]
redis: redis://h
{UPSTREAM}
routes:
  - {{name: a, upstream: users}}
  - {{name: b, upstream: users, rate_limits: [burst, {{name: everything, cost: 5}}]}}
  - {{name: c, upstream: users, rate_limits: []}}
"""


def specification(text: str) -> dict[str, Any]:
    decoded: dict[str, Any] = json.loads(gate_specification(read(text)))
    return decoded


def test_the_whole_of_a_policy() -> None:
    policies = {policy.pop("name"): policy for policy in specification(LIMITS)["rate_limits"]}
    assert list(policies) == ["unused", "per-user", "everything", "burst"]
    assert policies["everything"] == {
        "by": [
            {"ip": {"ipv4": 24, "ipv6": 48}},
            {"api_key": {}},
            {"route": {}},
            {"header": "X-Tenant"},
            {"claim": ["org", "id"]},
        ],
        "window": {"quota": 67108864, "length": 123},
        "concurrency": 10,
        "mode": "strict",
        "on_store_failure": "closed",
        "tiers": {"claim": ["realm", "tier"], "quotas": [["gold", 1000], ["silver", 500]]},
        "cost_header": "X-Cost",
        "exempt": {
            "networks": ["10.0.0.0/8", "192.0.2.1/32"],
            "subjects": ["ada"],
            "scopes": ["internal"],
        },
        "shadow": True,
    }
    assert policies["per-user"] == {
        "by": [{"user": {}}],
        "window": {"quota": 100, "length": 60000},
        "concurrency": None,
        "mode": "leased",
        "on_store_failure": "local",
        "tiers": None,
        "cost_header": None,
        "exempt": {"networks": [], "subjects": [], "scopes": []},
        "shadow": False,
    }
    assert policies["unused"]["by"] == []
    assert (policies["burst"]["window"], policies["burst"]["mode"]) == (None, "local")


def test_routes_name_policies_by_index() -> None:
    a, b, c = specification(LIMITS)["routes"]
    assert a["rate_limits"] == [{"policy": 1, "cost": 1}]
    assert b["rate_limits"] == [{"policy": 3, "cost": 1}, {"policy": 2, "cost": 5}]
    assert "rate_limits" not in c


def test_without_policies_nothing_is_said_of_them() -> None:
    written = specification(route("upstream: users"))
    assert "rate_limits" not in written
    assert "rate_limits" not in written["routes"][0]


@pytest.mark.parametrize(
    ("window", "length"),
    [
        ("100ms", 100),
        ("1.001s", 1001),
        ("4.35", 4350),
        ("1d", 86400000),
        ("23h59m59s999ms", 86399999),
    ],
)
def test_windows_are_whole_milliseconds(window: str, length: int) -> None:
    text = f"rate_limits: {{a: {{by: ip, quota: 1, window: {window}}}}}"
    assert specification(text)["rate_limits"][0]["window"]["length"] == length
