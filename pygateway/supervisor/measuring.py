"""Joins what the native core, the workers, the kernel and the supervisor know into measurements."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from pygateway import __version__
from pygateway.admin import catalogue
from pygateway.admin.counted import Counted, Times
from pygateway.admin.measurements import Distribution, Histogram, Measurements, Series
from pygateway.config import Config
from pygateway.supervisor.limits import Reports, policy_counts, store_counts, store_state
from pygateway.supervisor.processes import Use
from pygateway.supervisor.upstreams import describe_endpoints

Values = Iterator[tuple[Series, float]]


@dataclass(frozen=True)
class Observed:
    """What is known besides the native core's counts.

    Attributes:
        config: What runs.
        config_hash: Its hash.
        loaded_at: Since when, in Unix seconds.
        reload_successful: Whether it is what was last loaded.
        workers: Their reports.
        totals: Sums of what they report.
        uses: What the processes of each slot take.
        restarts: How many of them were started in the place of others.
        log: What became of the access log; None if there was never one.
    """

    config: Config
    config_hash: str
    loaded_at: float
    reload_successful: bool
    workers: Reports
    totals: Mapping[Series, int] = field(default_factory=dict)
    uses: Mapping[int, Use] = field(default_factory=dict)
    restarts: int = 0
    log: Mapping[str, Any] | None = None


def measure(counted: Counted, observed: Observed) -> Measurements:
    """Give everything that is measured."""
    counts = dict(_zeros(observed.config))
    for series, value in _counts(counted, observed):
        counts[series] = counts.get(series, 0) + value
    return Measurements(counts, dict(_gauges(observed)), _histograms(counted))


def config_hash(config: Config) -> str:
    """Give a hash of a configuration without its secrets, which a hash might betray."""
    return hashlib.sha256(config.model_dump_json().encode()).hexdigest()[:16]


def _zeros(config: Config) -> Values:
    """Give what `config` lets be counted, not counted yet.

    A series has to be there before its first event: what begins at 1 has no increase.
    """
    for route in config.routes:
        yield Series(catalogue.REQUEST_BYTES, (route.name,)), 0
        yield Series(catalogue.RESPONSE_BYTES, (route.name,)), 0
    for name in config.upstreams:
        yield Series(catalogue.UPSTREAM_RETRIES, (name,)), 0
        for reason in catalogue.FAILURES:
            yield Series(catalogue.UPSTREAM_FAILURES, (name, reason)), 0


def _counts(counted: Counted, observed: Observed) -> Values:
    for each in counted["requests"]:
        yield Series(catalogue.REQUEST_BYTES, (each["route"],)), each["request_bytes"]
        yield Series(catalogue.RESPONSE_BYTES, (each["route"],)), each["response_bytes"]
    yield Series(catalogue.SERIES_CROWDED), counted["crowded_series"]
    if observed.config.auth.providers:
        for outcome, count in counted["auth"].items():
            yield Series(catalogue.AUTH, (outcome,)), count
        for cache, counts in counted["token_cache"].items():
            yield Series(catalogue.CACHE_HITS, (cache,)), counts["hits"]
            yield Series(catalogue.CACHE_MISSES, (cache,)), counts["misses"]
            yield Series(catalogue.CACHE_EVICTIONS, (cache,)), counts["evictions"]
    yield from policy_counts(observed.config, counted).items()
    yield from store_counts(observed.config, observed.totals).items()
    for event in counted["upstream_events"]:
        if event["event"] == catalogue.RETRY:
            yield Series(catalogue.UPSTREAM_RETRIES, (event["upstream"],)), event["count"]
        else:
            labels = (event["upstream"], event["event"])
            yield Series(catalogue.UPSTREAM_FAILURES, labels), event["count"]
    for outcome, count in counted["access_log"].items():
        yield Series(catalogue.LOG_LINES, (outcome,)), count
    if observed.log is not None:
        yield Series(catalogue.LOG_LOST), observed.log["lost_lines"]
    for series, count in observed.totals.items():
        if series.metric == catalogue.SPANS:
            yield series, count
    yield Series(catalogue.WORKER_RESTARTS), observed.restarts
    for slot, use in observed.uses.items():
        yield Series(catalogue.WORKER_CPU, (str(slot),)), use.cpu_seconds


def _gauges(observed: Observed) -> Values:
    yield from _worker_gauges(observed)
    yield from _cache_gauges(observed)
    for endpoint in describe_endpoints(observed.config, observed.workers):
        labels = (endpoint["upstream"], endpoint["endpoint"])
        yield Series(catalogue.ENDPOINT_UP, labels), endpoint["reachable"]
        yield Series(catalogue.UPSTREAM_QUEUED, labels), endpoint["queued"]
        for state in ("active", "idle"):
            yield Series(catalogue.UPSTREAM_CONNECTIONS, (*labels, state)), endpoint[state]
    store = store_state(observed.config, observed.workers)
    if store is not None:
        yield Series(catalogue.STORE_UP), store.up
        if store.gateways is not None:
            yield Series(catalogue.STORE_GATEWAYS), store.gateways
    if observed.log is not None:
        yield Series(catalogue.LOG_PENDING), observed.log["pending_bytes"]
        yield Series(catalogue.LOG_UP), observed.log["problem"] is None
    yield Series(catalogue.RELOAD_SUCCESSFUL), observed.reload_successful
    yield Series(catalogue.RELOAD_TIMESTAMP), observed.loaded_at
    yield Series(catalogue.CONFIG, (observed.config_hash,)), 1
    yield Series(catalogue.BUILD, (__version__,)), 1


def _worker_gauges(observed: Observed) -> Values:
    workers = observed.workers
    yield Series(catalogue.ACTIVE_REQUESTS), reported(workers, "active_requests")
    yield Series(catalogue.CONNECTIONS), reported(workers, "connections")
    states = [worker["state"] for worker in workers]
    for state in catalogue.WORKER_STATES:
        yield Series(catalogue.WORKERS, (state,)), states.count(state)
    yield Series(catalogue.WORKERS_CONFIGURED), observed.config.worker_count()
    for slot, use in observed.uses.items():
        yield Series(catalogue.WORKER_MEMORY, (str(slot),)), use.resident_bytes
        yield Series(catalogue.WORKER_DESCRIPTORS, (str(slot),)), use.descriptors


def _cache_gauges(observed: Observed) -> Values:
    if not observed.config.auth.providers:
        return
    reports = [(worker["report"] or {}).get("auth") or {} for worker in observed.workers]
    for cache in ("tokens", "refusals"):
        known = [report[cache] for report in reports if cache in report]
        for metric, key in ((catalogue.CACHE_ENTRIES, "entries"), (catalogue.CACHE_BYTES, "bytes")):
            yield Series(metric, (cache,)), sum(each[key] for each in known)


def reported(workers: Reports, key: str) -> int:
    """Add up a number that workers report."""
    return sum((worker["report"] or {}).get(key, 0) for worker in workers)


def _histograms(counted: Counted) -> Sequence[Histogram]:
    bounds = counted["bounds"]
    requests = [
        Distribution(
            (each["method"], each["route"], each["status"]),
            each["buckets"],
            each["sum"],
            each["exemplars"],
        )
        for each in counted["requests"]
    ]
    upstreams = [
        _distribution(each, each["upstream"], each["status"]) for each in counted["upstreams"]
    ]
    phases = [_distribution(times, name) for name, times in counted["phases"].items()]
    overhead = [_distribution(counted["overhead"])]
    return (
        Histogram(catalogue.REQUEST_SECONDS, bounds["requests"], requests),
        Histogram(catalogue.UPSTREAM_SECONDS, bounds["upstreams"], upstreams),
        Histogram(catalogue.OVERHEAD, bounds["overhead"], overhead),
        Histogram(catalogue.PHASES, bounds["phases"], phases),
    )


def _distribution(times: Times, *labels: str) -> Distribution:
    return Distribution(labels, times["buckets"], times["sum"])
