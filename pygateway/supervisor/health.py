"""How everything is that a gateway needs, check by check."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from pygateway.admin.control import Check, CheckStatus
from pygateway.config import Config
from pygateway.supervisor.limits import Reports, closed_policies, store_problems, store_state
from pygateway.supervisor.status import (
    ConfigurationState,
    access_log_problems,
    tracing_problems,
)
from pygateway.supervisor.upstream_overview import describe_upstreams, upstream_problems


@dataclass(frozen=True)
class Circumstances:
    """What the checks look at.

    Attributes:
        config: The configuration that runs.
        configuration: What became of the last reload.
        workers: Workers as `Assembly.reports` describes them.
        draining: Whether the gateway is about to end.
        has_all_workers: Whether every worker listens.
        revocations: The register, as it describes itself.
        fresh_until: Unix seconds until which revocations are known to be complete; None for ever.
        access_log: The access log, as it describes itself; None without one.
        now: Unix seconds.
    """

    config: Config
    configuration: ConfigurationState
    workers: Reports
    draining: bool
    has_all_workers: bool
    revocations: dict[str, Any]
    fresh_until: float | None
    access_log: dict[str, Any] | None
    now: float


def check(circumstances: Circumstances) -> list[Check]:
    """Look at everything."""
    return [
        _workers(circumstances),
        _store(circumstances.config, circumstances.workers),
        _upstreams(circumstances.config, circumstances.workers),
        _revocations(circumstances),
        _access_log(circumstances),
        _tracing(circumstances.config, circumstances.workers),
        _configuration(circumstances.configuration),
    ]


def failures(checks: Sequence[Check]) -> list[str]:
    """Give why requests are not served, or not as they should be."""
    return [check.detail or check.name for check in checks if check.status == "failed"]


def _workers(circumstances: Circumstances) -> Check:
    if circumstances.draining:
        return Check("workers", "failed", "the gateway is draining")
    if not circumstances.has_all_workers:
        return Check("workers", "failed", "workers are missing")
    silent = [
        f"worker {worker['worker']} (pid {worker['pid']}) does not answer"
        for worker in circumstances.workers
        if worker["state"] == "ready" and worker["report"] is None
    ]
    return _degraded_by("workers", silent)


def _store(config: Config, workers: Reports) -> Check:
    if store_state(config, workers) is None:
        return Check("store", "unused")
    problems, closed = store_problems(workers), closed_policies(config)
    if problems and closed:
        names = ", ".join(closed)
        detail = f"the rate limit store is away, and requests are refused by: {names}"
        return Check("store", "failed", detail)
    return _degraded_by("store", problems)


def _upstreams(config: Config, workers: Reports) -> Check:
    # An upstream that is away is no reason to take the gateway away from all the others.
    if not config.upstreams:
        return Check("upstreams", "unused")
    return _degraded_by("upstreams", upstream_problems(describe_upstreams(config, workers)))


def _revocations(circumstances: Circumstances) -> Check:
    fresh_until, now = circumstances.fresh_until, circumstances.now
    if fresh_until is not None and now > fresh_until:
        denies = circumstances.config.auth.revocation.when_stale == "deny"
        status: CheckStatus = "failed" if denies else "degraded"
        return Check("revocations", status, "revocations of other gateways may be missing")
    feed = circumstances.revocations["redis"]
    if feed is not None and not feed["connected"]:
        return Check("revocations", "degraded", f"Redis is not followed: {feed['problem']}")
    return Check("revocations", "ok")


def _access_log(circumstances: Circumstances) -> Check:
    if circumstances.config.access_log is None:
        return Check("access_log", "unused")
    return _degraded_by("access_log", access_log_problems(circumstances.access_log))


def _tracing(config: Config, workers: Reports) -> Check:
    if config.tracing is None:
        return Check("tracing", "unused")
    return _degraded_by("tracing", tracing_problems(workers))


def _configuration(state: ConfigurationState) -> Check:
    if state.refusal is not None:
        return Check("configuration", "degraded", f"the last reload was refused: {state.refusal}")
    return Check("configuration", "ok")


def _degraded_by(name: str, problems: Sequence[str]) -> Check:
    return Check(name, "degraded", "; ".join(problems)) if problems else Check(name, "ok")
