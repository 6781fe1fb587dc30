"""What workers' reports say about rate limits, taken together."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from pygateway.admin.catalogue import COMMANDS, CROWDED, DECISIONS, ERRORS, MISSED, OUTCOMES
from pygateway.admin.counted import Counted
from pygateway.admin.measurements import Series, StoreState
from pygateway.config import Config

Reports = Sequence[Mapping[str, Any]]
"""Workers as `Assembly.reports` describes them."""


def store_state(config: Config, workers: Reports) -> StoreState | None:
    """Tell how the store is for the workers that are ready; None if `config` has none."""
    if not config.counts_in_redis():
        return None
    stores = [store for _, store in _stores(workers)]
    away = [store for store in stores if not store["up"]]
    return StoreState(
        up=bool(stores) and not away,
        gateways=max((store["gateways"] for store in stores), default=None),
        problem=_reason(away[0]) if away else None if stores else "no worker can say",
    )


def store_problems(workers: Reports) -> list[str]:
    """Name a store that is away, once, with the workers for which it is unless all agree."""
    stores = list(_stores(workers))
    away = [(worker, store) for worker, store in stores if not store["up"]]
    if not away:
        return []
    names = ", ".join(f"worker {worker['worker']} (pid {worker['pid']})" for worker, _ in away)
    whose = "" if len(away) == len(stores) else f" for {names}"
    return [f"the rate limit store is away{whose}: {_reason(away[0][1])}"]


def closed_policies(config: Config) -> list[str]:
    """Give the policies because of which requests are refused while the store is away."""
    used = {use.name for route in config.routes for use in config.rate_limits_of(route)}
    return [
        name
        for name, policy in config.rate_limits.items()
        if name in used
        and policy.on_store_failure == "closed"
        and config.mode_of(policy) != "local"
        and not policy.shadow
    ]


def policy_counts(config: Config, counted: Counted) -> dict[Series, int]:
    """Give what policies have decided, those included that were configured once.

    A policy is there before its first decision: what begins at 1 has no increase.
    """
    counts: dict[Series, int] = {}
    for name in dict.fromkeys((*config.rate_limits, *counted["policies"])):
        decided = counted["policies"].get(name, {})
        for outcome in OUTCOMES:
            counts[Series(DECISIONS, (name, outcome))] = decided.get(outcome, 0)
        counts[Series(CROWDED, (name,))] = decided.get("crowded", 0)
    return counts


def store_counts(config: Config, totals: Mapping[Series, int]) -> dict[Series, int]:
    """Give what workers have counted of the store; nothing if there never was one."""
    counts = dict.fromkeys(
        (Series(COMMANDS), Series(MISSED)) if config.counts_in_redis() else (), 0
    )
    return counts | {
        series: count
        for series, count in totals.items()
        if series.metric in {COMMANDS, ERRORS, MISSED}
    }


def describe_limits(
    config: Config, counted: Counted, totals: Mapping[Series, int], workers: Reports
) -> dict[str, Any]:
    """Describe the policies of `config` and their store, with counts since the gateway started."""
    decided, counts = policy_counts(config, counted), store_counts(config, totals)
    store = store_state(config, workers)
    return {
        "policies": {
            name: {
                **{outcome: decided[Series(DECISIONS, (name, outcome))] for outcome in OUTCOMES},
                "crowded": decided[Series(CROWDED, (name,))],
            }
            for name in config.rate_limits
        },
        "store": None
        if store is None
        else {
            "up": store.up,
            "problem": store.problem,
            "gateways": store.gateways,
            "commands": counts[Series(COMMANDS)],
            "errors": {
                series.labels[0]: count
                for series, count in sorted(counts.items())
                if series.metric == ERRORS
            },
            "missed": counts[Series(MISSED)],
        },
    }


def _stores(workers: Reports) -> Iterator[tuple[Mapping[str, Any], Mapping[str, Any]]]:
    """Give the workers that are ready and say how the store is, with what they say."""
    for worker in workers:
        store = ((worker["report"] or {}).get("rate_limits") or {}).get("store")
        if worker["state"] == "ready" and store is not None:
            yield worker, store


def _reason(store: Mapping[str, Any]) -> str:
    problems = [f"{node['node']}: {node['problem']}" for node in store["nodes"] if node["problem"]]
    return problems[0] if problems else "no node is known"
