"""Describes a running gateway, for `pygateway status` and the admin server."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from time import time
from typing import Any

from pygateway import __version__
from pygateway.supervisor.limits import Reports, store_problems
from pygateway.supervisor.upstream_overview import upstream_problems


@dataclass
class ConfigurationState:
    """What runs, and what became of the last reload.

    Attributes:
        loaded_at: Unix seconds at which the running configuration was taken into use.
        refused_at: Unix seconds of the last reload, if it was refused.
        refusal: Why it was.
    """

    loaded_at: float
    refused_at: float | None = None
    refusal: str | None = None

    def describe(self) -> dict[str, Any]:
        """Give it as JSON has it."""
        return {
            "loaded_at": timestamp(self.loaded_at),
            "last_reload_successful": self.refusal is None,
            "refused_at": None if self.refused_at is None else timestamp(self.refused_at),
            "refusal": self.refusal,
        }


def timestamp(seconds: float) -> str:
    """Write Unix seconds as RFC 3339 has it."""
    return datetime.fromtimestamp(seconds, UTC).isoformat(timespec="seconds").replace("+00:00", "Z")


def loaded_now() -> ConfigurationState:
    """The state after a configuration was taken into use."""
    return ConfigurationState(time())


def describe(
    *,
    draining: bool,
    configuration: ConfigurationState,
    listeners: list[str],
    unreadiness: list[str],
    workers: list[dict[str, Any]],
    revocations: dict[str, Any],
    rate_limits: dict[str, Any],
    access_log: dict[str, Any] | None,
    traffic: dict[str, Any],
    upstreams: list[dict[str, Any]],
) -> dict[str, Any]:
    """Join what the parts of a gateway say about themselves."""
    problems = [
        *unreadiness,
        *_problems(configuration, workers, revocations),
        *upstream_problems(upstreams),
    ]
    problems += access_log_problems(access_log) + tracing_problems(workers)
    return {
        "version": __version__,
        "status": "draining" if draining else "degraded" if problems else "ok",
        "problems": problems,
        "listeners": listeners,
        "configuration": configuration.describe(),
        "workers": workers,
        "revocations": revocations,
        "rate_limits": rate_limits,
        "access_log": access_log,
        "traffic": traffic,
        "upstreams": upstreams,
    }


def access_log_problems(access_log: Mapping[str, Any] | None) -> list[str]:
    """Say why the access log is not written, if so."""
    problem = None if access_log is None else access_log["problem"]
    return [] if problem is None else [f"the access log is not written: {problem}"]


def tracing_problems(workers: Reports) -> list[str]:
    """Say why spans are lost, if so; once, though every worker exports its own."""
    reports = [worker["report"] for worker in workers if worker["report"] is not None]
    states = [report.get("tracing") for report in reports]
    problems = [state["problem"] for state in states if state is not None and state["problem"]]
    return [f"spans are lost: {problems[0]}"] if problems else []


def _problems(
    configuration: ConfigurationState, workers: list[dict[str, Any]], revocations: dict[str, Any]
) -> list[str]:
    problems = []
    if configuration.refusal is not None:
        problems.append(f"the last reload was refused: {configuration.refusal}")
    feed = revocations["redis"]
    if feed is not None and not feed["connected"]:
        problems.append(f"Redis is not followed: {feed['problem']}")
    problems += store_problems(workers)
    for worker in workers:
        name = f"worker {worker['worker']} (pid {worker['pid']})"
        report = worker["report"]
        if worker["state"] != "ready":
            continue
        if report is None:
            problems.append(f"{name} does not answer")
        elif report.get("feed") is not None and not report["feed"]["connected"]:
            problems.append(f"{name} does not follow Redis: {report['feed']['problem']}")
    return problems
