"""Upstreams as a whole: what runs of each, and whether it can be reached."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from pygateway.config import Config
from pygateway.supervisor.limits import Reports
from pygateway.supervisor.upstreams import describe_endpoints


def describe_upstreams(config: Config, workers: Reports) -> list[dict[str, Any]]:
    """Describe every upstream of `config`, as all workers together see it."""
    states = {
        (state["upstream"], state["endpoint"]): state
        for state in describe_endpoints(config, workers)
    }
    described = []
    for name, upstream in config.upstreams.items():
        seen = [states[name, endpoint.url] for endpoint in upstream.endpoints]
        described.append(
            {
                "name": name,
                "status": _status([state["reachable"] for state in seen]),
                "balancer": upstream.balancer,
                "workers": sum(_knows(worker, name) for worker in workers),
                "endpoints": [
                    {
                        "endpoint": endpoint.url,
                        "weight": endpoint.weight,
                        "reachable": state["reachable"],
                        "active": state["active"],
                        "idle": state["idle"],
                        "queued": state["queued"],
                    }
                    for endpoint, state in zip(upstream.endpoints, seen, strict=True)
                ],
            }
        )
    return described


def upstream_problems(upstreams: list[dict[str, Any]]) -> list[str]:
    """Name the endpoints that cannot be reached."""
    problems = []
    for upstream in upstreams:
        away = [each["endpoint"] for each in upstream["endpoints"] if not each["reachable"]]
        if away:
            which = "no endpoint" if upstream["status"] == "unreachable" else "not every endpoint"
            names = ", ".join(away)
            problems.append(f"{which} of upstream {upstream['name']} can be reached: {names}")
    return problems


def _knows(worker: Mapping[str, Any], upstream: str) -> bool:
    report = worker["report"] or {}
    return worker["state"] == "ready" and upstream in report.get("upstreams", {})


def _status(reachable: list[bool]) -> str:
    if all(reachable):
        return "ok"
    return "degraded" if any(reachable) else "unreachable"
