"""Describes traffic: the document of `/traffic`, and the part of `/status` that is about it."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import asdict
from typing import Any

from pygateway.admin.catalogue import OUTCOMES
from pygateway.admin.counted import Counted, RequestTimes, UpstreamTimes
from pygateway.config import Config
from pygateway.supervisor.limits import Reports
from pygateway.supervisor.measuring import reported
from pygateway.supervisor.traffic import (
    Point,
    RouteTraffic,
    Traffic,
    add_buckets,
    requests_in,
)
from pygateway.supervisor.upstreams import describe_endpoints


def summarize_traffic(
    config: Config, traffic: Traffic, now: float, counted: Counted, workers: Reports
) -> dict[str, Any]:
    """Describe requests so far, and the rates of all and of each route.

    Args:
        config: Routes that are told of even if they took nothing.
        traffic: What was seen before.
        now: Seconds of the clock by which that was seen.
        counted: What has been counted by now.
        workers: What workers report.
    """
    rates = traffic.rates(now, counted)
    quiet = RouteTraffic(
        0, 0, {name: {"requests_per_second": 0.0, "error_rate": None} for name in rates}
    )
    routes = {route.name: quiet for route in config.routes} | traffic.routes(now, counted)
    return {
        "requests": requests_in(counted["requests"]),
        "active": reported(workers, "active_requests"),
        "rates": rates,
        "routes": {name: asdict(each) for name, each in routes.items()},
    }


def describe_traffic(
    config: Config,
    counted: Counted,
    workers: Reports,
    history: Iterable[Point],
    now: float,
    started: float,
    ahead: float,
) -> dict[str, Any]:
    """Describe everything that changes from moment to moment.

    Args:
        config: What runs.
        counted: What has been counted.
        workers: What workers report.
        history: What happened so far.
        now: Unix seconds.
        started: Unix seconds since which it was counted.
        ahead: Seconds by which Unix time is ahead of the clock that the history has.
    """
    return {
        "time": now,
        "started": started,
        "bounds": counted["bounds"],
        "routes": _routes(config, counted),
        "overhead": counted["overhead"],
        "phases": counted["phases"],
        "upstreams": _upstreams(config, counted, workers),
        "policies": {
            name: dict.fromkeys((*OUTCOMES, "crowded"), 0) | counted["policies"].get(name, {})
            for name in config.rate_limits
        },
        "token_cache": _token_cache(counted, workers),
        "auth": counted["auth"],
        "active_requests": reported(workers, "active_requests"),
        "connections": reported(workers, "connections"),
        "workers": [
            {
                "worker": each["worker"],
                "pid": each["pid"],
                "state": each["state"],
                "connections": reported([each], "connections"),
                "active_requests": reported([each], "active_requests"),
            }
            for each in workers
        ],
        "access_log": counted["access_log"],
        "history": [(round(point.at + ahead, 3), *point[1:]) for point in history],
    }


def _routes(config: Config, counted: Counted) -> list[dict[str, Any]]:
    found: dict[str, list[RequestTimes]] = {route.name: [] for route in config.routes}
    for each in counted["requests"]:
        found.setdefault(each["route"], []).append(each)
    return [
        {
            "route": route,
            **_statuses(series, len(counted["bounds"]["requests"])),
            "request_bytes": sum(each["request_bytes"] for each in series),
            "response_bytes": sum(each["response_bytes"] for each in series),
        }
        for route, series in found.items()
    ]


def _upstreams(config: Config, counted: Counted, workers: Reports) -> list[dict[str, Any]]:
    found: dict[str, list[UpstreamTimes]] = {name: [] for name in config.upstreams}
    for each in counted["upstreams"]:
        found.setdefault(each["upstream"], []).append(each)
    events: dict[str, dict[str, int]] = {}
    for event in counted["upstream_events"]:
        events.setdefault(event["upstream"], {})[event["event"]] = event["count"]
    endpoints: dict[str, list[dict[str, Any]]] = {}
    for state in describe_endpoints(config, workers):
        described = {key: value for key, value in state.items() if key != "upstream"}
        endpoints.setdefault(state["upstream"], []).append(described)
    return [
        {
            "upstream": name,
            **_statuses(series, len(counted["bounds"]["upstreams"])),
            "events": events.get(name, {}),
            "endpoints": endpoints.get(name, []),
        }
        for name, series in found.items()
    ]


def _statuses(series: list[RequestTimes] | list[UpstreamTimes], bounds: int) -> dict[str, Any]:
    """Join series: how many had which status, and their times together."""
    statuses: dict[str, int] = {}
    for each in series:
        statuses[each["status"]] = statuses.get(each["status"], 0) + sum(each["buckets"])
    return {
        "statuses": dict(sorted(statuses.items())),
        "buckets": add_buckets(each["buckets"] for each in series) or [0] * (bounds + 1),
        "sum": sum(each["sum"] for each in series),
    }


def _token_cache(counted: Counted, workers: Reports) -> dict[str, dict[str, int]]:
    caches = [(worker["report"] or {}).get("auth") or {} for worker in workers]
    return {
        name: {
            **counts,
            **{
                key: sum(cache.get(name, {}).get(key, 0) for cache in caches)
                for key in ("entries", "bytes")
            },
        }
        for name, counts in counted["token_cache"].items()
    }
