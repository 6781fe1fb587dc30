from __future__ import annotations

from typing import Any

from pygateway import __version__
from pygateway.admin import catalogue
from pygateway.admin.catalogue import CATALOGUE, Metric
from pygateway.admin.measurements import Measurements, Series
from pygateway.config import Config, load_text
from pygateway.supervisor.measuring import Observed, config_hash, measure
from pygateway.supervisor.processes import Use
from tests.support.counted import BOUNDS, counted, requests, times, upstream_times

SECRET = "0123456789abcdef" * 2
PLAIN = "{routes: [{name: r, auth: none, respond: {}}]}"
URL = "http://127.0.0.1:1"
LOG = {"problem": "No space left on device", "pending_bytes": 9, "lost_lines": 5}


def full(secret: str = SECRET) -> Config:
    return load_text(
        f"{{workers: 3, upstreams: {{app: {{endpoints: ['{URL}']}}}},"
        f" auth: {{providers: {{main: {{secrets: [{{id: a, value: {secret}}}]}}}}}},"
        " redis: 'redis://127.0.0.1:1', rate_limits: {a: {by: ip, quota: 5, window: 1s}},"
        " routes: [{name: r, upstream: app, rate_limits: [a]}, {name: s, respond: {}}]}"
    )


def worker(slot: int = 0, state: str = "ready", **report: object) -> dict[str, Any]:
    return {"worker": slot, "pid": 7 + slot, "state": state, "report": report}


def observed(config: Config, *workers: dict[str, Any], **known: Any) -> Observed:  # noqa: ANN401
    return Observed(config, "abc", 1e9, True, list(workers), **known)


def values(measurements: Measurements, metric: Metric) -> dict[tuple[str, ...], float]:
    """The series of a metric by their labels."""
    every = {**measurements.counts, **measurements.gauges}
    return {series.labels: value for series, value in every.items() if series.metric == metric}


def test_what_can_be_counted_is_there_before_it_is() -> None:
    counts = measure(counted(), observed(full())).counts
    assert set(counts.values()) == {0}
    for series in (
        Series(catalogue.REQUEST_BYTES, ("r",)),
        Series(catalogue.RESPONSE_BYTES, ("s",)),
        Series(catalogue.UPSTREAM_RETRIES, ("app",)),
        *(Series(catalogue.UPSTREAM_FAILURES, ("app", each)) for each in catalogue.FAILURES),
        *(Series(catalogue.DECISIONS, ("a", each)) for each in catalogue.OUTCOMES),
        Series(catalogue.CROWDED, ("a",)),
        Series(catalogue.COMMANDS),
        Series(catalogue.MISSED),
        Series(catalogue.SERIES_CROWDED),
        Series(catalogue.WORKER_RESTARTS),
        *(Series(catalogue.LOG_LINES, (each,)) for each in ("written", "sampled_out", "dropped")),
    ):
        assert series in counts, series


def test_labels_and_values_fit_the_catalogue() -> None:
    document = counted(
        requests("r", 1, 0, 0, 0),
        upstreams=[upstream_times("app", 1, 0, 0, 0)],
        auth={"accepted": 1},
        token_cache={"tokens": {"hits": 1, "misses": 2, "evictions": 3}},
    )
    cache = {"entries": 1, "bytes": 2}
    store = {"up": True, "gateways": 2, "nodes": []}
    limits = {"policies": {}, "store": store}
    report = worker(auth={"tokens": cache, "refusals": cache}, rate_limits=limits)
    totals = {Series(catalogue.ERRORS, ("OOM",)): 1, Series(catalogue.SPANS, ("exported",)): 4}
    known = {"totals": totals, "uses": {0: Use(1, 2, 3)}, "log": LOG}
    measured = measure(document, observed(full(), report, **known))
    for kinds, given in (({"counter"}, measured.counts), ({"gauge", "info"}, measured.gauges)):
        for series in given:
            assert series.metric.type in kinds
            assert len(series.labels) == len(series.metric.labels), series
    for histogram in measured.histograms:
        assert histogram.metric.type == "histogram"
        for each in histogram.distributions:
            assert len(each.labels) == len(histogram.metric.labels)
            assert len(each.buckets) == len(histogram.bounds) + 1
    said = {series.metric for series in (*measured.counts, *measured.gauges)}
    assert said | {each.metric for each in measured.histograms} == set(CATALOGUE)


def test_requests_are_told_by_method_route_and_status() -> None:
    exemplar = (1, "ab" * 16, 0.002, 1e9)
    document = counted(
        requests("r", 1, 2, 0, 0, seconds=0.5, request_bytes=10, exemplars=[exemplar]),
        requests("r", 0, 0, 1, 0, method="POST", status="503", request_bytes=5, response_bytes=7),
        requests("", 1, 0, 0, 0, status="404", response_bytes=3),
    )
    measured = measure(document, observed(full()))
    histogram = measured.histograms[0]
    assert (histogram.metric, histogram.bounds) == (catalogue.REQUEST_SECONDS, BOUNDS["requests"])
    assert histogram.distributions == [
        (("GET", "r", "200"), [1, 2, 0, 0], 0.5, [exemplar]),
        (("POST", "r", "503"), [0, 0, 1, 0], 0.0, []),
        (("GET", "", "404"), [1, 0, 0, 0], 0.0, []),
    ]
    assert values(measured, catalogue.REQUEST_BYTES) == {("r",): 15, ("s",): 0, ("",): 0}
    assert values(measured, catalogue.RESPONSE_BYTES) == {("r",): 7, ("s",): 0, ("",): 3}


def test_upstreams_overhead_and_phases_have_their_own_bounds() -> None:
    phases = {"decide": times(1, 0, 0, 0, seconds=0.1), "wait": times(0, 2, 0, 0)}
    document = counted(
        upstreams=[
            upstream_times("app", 1, 0, 0, 0, seconds=0.25),
            upstream_times("app", 0, 0, 0, 1, status=""),
        ],
        overhead=times(3, 4, 5, seconds=0.75),
        phases=phases,
    )
    upstreams, overhead, by_phase = measure(document, observed(full())).histograms[1:]
    assert [each[:3] for each in upstreams.distributions] == [
        (("app", "200"), [1, 0, 0, 0], 0.25),
        (("app", ""), [0, 0, 0, 1], 0.0),
    ]
    assert (overhead.bounds, overhead.distributions[0][:3]) == (
        BOUNDS["overhead"],
        ((), [3, 4, 5], 0.75),
    )
    assert [each.labels for each in by_phase.distributions] == [("decide",), ("wait",)]


def test_what_happened_with_upstreams() -> None:
    events = [
        {"upstream": "app", "event": "retry", "count": 4},
        {"upstream": "app", "event": "timeout", "count": 3},
        {"upstream": "gone", "event": "reset", "count": 2},
    ]
    measured = measure(counted(upstream_events=events), observed(full()))
    assert values(measured, catalogue.UPSTREAM_RETRIES) == {("app",): 4}
    failures = values(measured, catalogue.UPSTREAM_FAILURES)
    assert failures["app", "timeout"] == 3
    assert failures["gone", "reset"] == 2
    assert failures["app", "connect-failed"] == 0
    assert ("app", "retry") not in failures


def test_what_is_told_of_credentials() -> None:
    document = counted(
        auth={"accepted": 5, "token-expired": 1},
        token_cache={
            "tokens": {"hits": 1, "misses": 2, "evictions": 3},
            "refusals": {"hits": 4, "misses": 5, "evictions": 6},
        },
    )
    cache = {"entries": 1, "bytes": 20, "hits": 99, "misses": 99, "evictions": 99}
    workers = [worker(slot, auth={"tokens": cache, "refusals": cache}) for slot in range(2)]
    measured = measure(document, observed(full(), *workers))
    assert values(measured, catalogue.AUTH) == {("accepted",): 5, ("token-expired",): 1}
    assert values(measured, catalogue.CACHE_HITS) == {("tokens",): 1, ("refusals",): 4}
    assert values(measured, catalogue.CACHE_EVICTIONS) == {("tokens",): 3, ("refusals",): 6}
    assert values(measured, catalogue.CACHE_ENTRIES) == {("tokens",): 2, ("refusals",): 2}
    assert values(measured, catalogue.CACHE_BYTES) == {("tokens",): 40, ("refusals",): 40}
    # Where nobody needs a credential there is nothing to tell.
    without = measure(document, observed(load_text(PLAIN), *workers))
    for metric in (catalogue.AUTH, catalogue.CACHE_MISSES, catalogue.CACHE_ENTRIES):
        assert values(without, metric) == {}


def test_what_workers_are_and_take() -> None:
    silent = {"worker": 2, "pid": 9, "state": "starting", "report": None}
    workers = [
        worker(0, connections=3, active_requests=1),
        worker(0, "draining", connections=2, active_requests=2),
        silent,
    ]
    uses = {0: Use(1.5, 1000, 10), 2: Use(0.5, 2000, 20)}
    measured = measure(counted(), observed(full(), *workers, uses=uses, restarts=4))
    assert values(measured, catalogue.CONNECTIONS) == {(): 5}
    assert values(measured, catalogue.ACTIVE_REQUESTS) == {(): 3}
    states = {("starting",): 1, ("ready",): 1, ("draining",): 1}
    assert values(measured, catalogue.WORKERS) == states
    assert values(measured, catalogue.WORKERS_CONFIGURED) == {(): 3}
    assert values(measured, catalogue.WORKER_RESTARTS) == {(): 4}
    assert values(measured, catalogue.WORKER_CPU) == {("0",): 1.5, ("2",): 0.5}
    assert values(measured, catalogue.WORKER_MEMORY) == {("0",): 1000, ("2",): 2000}
    assert values(measured, catalogue.WORKER_DESCRIPTORS) == {("0",): 10, ("2",): 20}


def test_how_endpoints_are() -> None:
    endpoint = {"endpoint": URL, "reachable": False, "active": 1, "idle": 2, "queued": 3}
    measured = measure(counted(), observed(full(), worker(upstreams={"app": [endpoint]})))
    assert values(measured, catalogue.ENDPOINT_UP) == {("app", URL): 0}
    assert values(measured, catalogue.UPSTREAM_QUEUED) == {("app", URL): 3}
    assert values(measured, catalogue.UPSTREAM_CONNECTIONS) == {
        ("app", URL, "active"): 1,
        ("app", URL, "idle"): 2,
    }


def test_how_the_access_log_is() -> None:
    lines = {"written": 7, "sampled_out": 6, "dropped": 4}
    measured = measure(counted(access_log=lines), observed(full(), log=LOG))
    assert values(measured, catalogue.LOG_LINES) == {(key,): n for key, n in lines.items()}
    assert values(measured, catalogue.LOG_LOST) == {(): 5}
    assert values(measured, catalogue.LOG_PENDING) == {(): 9}
    assert values(measured, catalogue.LOG_UP) == {(): 0}
    fine = measure(counted(), observed(full(), log={**LOG, "problem": None}))
    assert values(fine, catalogue.LOG_UP) == {(): 1}
    without = measure(counted(), observed(full()))
    for metric in (catalogue.LOG_LOST, catalogue.LOG_PENDING, catalogue.LOG_UP):
        assert values(without, metric) == {}


def test_what_runs() -> None:
    measured = measure(counted(), observed(full()))
    assert values(measured, catalogue.BUILD) == {(__version__,): 1}
    assert values(measured, catalogue.CONFIG) == {("abc",): 1}
    assert values(measured, catalogue.RELOAD_TIMESTAMP) == {(): 1e9}
    assert values(measured, catalogue.RELOAD_SUCCESSFUL) == {(): 1}


def test_the_store_is_told_of_where_there_is_one() -> None:
    store = {"up": True, "gateways": 2, "nodes": []}
    report = worker(rate_limits={"policies": {}, "store": store})
    measured = measure(counted(), observed(full(), report))
    assert values(measured, catalogue.STORE_UP) == {(): 1}
    assert values(measured, catalogue.STORE_GATEWAYS) == {(): 2}
    assert values(measure(counted(), observed(full())), catalogue.STORE_GATEWAYS) == {}
    plain = measure(counted(), observed(load_text(PLAIN)))
    assert values(plain, catalogue.STORE_UP) == {}


def test_the_hash_tells_configurations_apart_but_not_secrets() -> None:
    assert config_hash(full()) == config_hash(full())
    assert config_hash(full()) != config_hash(load_text(PLAIN))
    # Whoever sees it could try secrets until it fits.
    assert config_hash(full()) == config_hash(full("fedcba9876543210" * 2))
