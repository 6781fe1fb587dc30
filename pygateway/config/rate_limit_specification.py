"""What the native gate needs of rate limits: the policies, and which of them each route has."""

from __future__ import annotations

from typing import Any

from .model.rate_limits import KeyPart, RateLimitPolicy
from .model.root import Config
from .model.routes import Route
from .syntax.claims import parse_claim_path

_Json = dict[str, Any]


def rate_limits_specification(config: Config) -> list[_Json]:
    """Return every policy, also those without a route: their indexes are what routes name."""
    return [_policy(config, name, policy) for name, policy in config.rate_limits.items()]


def route_rate_limits_specification(config: Config, route: Route) -> list[_Json]:
    """Return which policies the route has, by index, and what its requests cost there."""
    index = {name: number for number, name in enumerate(config.rate_limits)}
    return [{"policy": index[use.name], "cost": use.cost} for use in config.rate_limits_of(route)]


def _policy(config: Config, name: str, policy: RateLimitPolicy) -> _Json:
    return {
        "name": name,
        "by": [_part(policy, part) for part in policy.key_parts()],
        "window": _window(policy),
        "concurrency": policy.concurrency,
        "mode": config.mode_of(policy),
        "on_store_failure": policy.on_store_failure,
        "tiers": _tiers(policy),
        "cost_header": policy.cost_header,
        "exempt": {
            "networks": policy.exempt.networks,
            "subjects": policy.exempt.subjects,
            "scopes": policy.exempt.scopes,
        },
        "shadow": policy.shadow,
    }


def _part(policy: RateLimitPolicy, part: KeyPart) -> _Json:
    if part.kind == "ip":
        return {"ip": {"ipv4": policy.ipv4_prefix, "ipv6": policy.ipv6_prefix}}
    if part.kind == "claim":
        return {"claim": parse_claim_path(part.name)}
    return {part.kind: part.name if part.kind == "header" else {}}


def _window(policy: RateLimitPolicy) -> _Json | None:
    if policy.quota is None or policy.window is None:
        return None
    # Whole, as the model has made sure; the product of a float need not be.
    return {"quota": policy.quota, "length": round(policy.window * 1000)}


def _tiers(policy: RateLimitPolicy) -> _Json | None:
    if not policy.tiers:
        return None
    return {"claim": parse_claim_path(policy.tier_claim), "quotas": list(policy.tiers.items())}
