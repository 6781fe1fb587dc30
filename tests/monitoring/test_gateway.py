"""What a running gateway shows, held against what its client knows."""

from __future__ import annotations

import json
import os
import signal
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from prometheus_client.openmetrics.parser import text_string_to_metric_families as openmetrics
from prometheus_client.parser import text_string_to_metric_families as text
from prometheus_client.samples import Sample

from pygateway.admin.catalogue import CATALOGUE
from tests.monitoring.documents import all_metrics
from tests.monitoring.whole import BODY, Whole, whole
from tests.supervisor.test_operations import ask
from tests.support.prometheus import promtool
from tests.toys.program import children

COUNT = "http_server_request_duration_seconds_count"

RARE = {"pygateway_store_errors_total"}
"""What is not there before it has happened: its label is what Redis has said."""


def samples(whole_gateway: Whole) -> list[Sample]:
    return [sample for family in text(whole_gateway.scrape()) for sample in family.samples]


def by_labels(found: Iterable[Sample], name: str) -> dict[tuple[str, ...], float]:
    """Samples of a name that are not zero, by the values of their labels, in the labels' order."""
    return {
        tuple(value for _, value in sorted(sample.labels.items())): sample.value
        for sample in found
        if sample.name == name and sample.value
    }


def test_every_metric_is_there_and_promtool_has_nothing_to_complain_of(tmp_path: Path) -> None:
    with whole(tmp_path) as gateway:
        gateway.send_some(2)
        scraped = gateway.scrape()
        names = {sample.name for family in text(scraped) for sample in family.samples}
        assert all_metrics() - names - RARE == set()
        expected = {
            f"{metric.name}_count" if metric.type == "histogram" else metric.full_name
            for metric in CATALOGUE
        }
        assert expected - RARE - names == set()
        assert promtool("check", "metrics", given=scraped) == ""


def test_numbers_are_those_that_the_client_has_counted(tmp_path: Path) -> None:
    with whole(tmp_path) as gateway:
        gateway.send_some(5)
        found = samples(gateway)
        expected = {(m, status, route): n for (m, route, status), n in gateway.sent.items()}
        assert by_labels(found, COUNT) == expected
        assert by_labels(found, "pygateway_auth_total") == {
            (outcome,): count for outcome, count in gateway.auth.items()
        }
        decided = by_labels(found, "pygateway_rate_limit_decisions_total")
        assert decided == {
            ("admitted", "few"): 3,
            ("refused", "few"): 2,
            # Those without a good token are not charged.
            ("admitted", "many"): 5,
        }
        assert by_labels(found, "pygateway_request_body_bytes_total") == {("items",): 5 * len(BODY)}
        bodies = by_labels(found, "pygateway_response_body_bytes_total")
        assert bodies["items",] == 10 * len(BODY)
        client = by_labels(found, "http_client_request_duration_seconds_count")
        assert client["200", "app"] == 10
        assert client["", "away"] == 5
        failures = by_labels(found, "pygateway_upstream_failures_total")
        assert failures == {("connect-failed", "away"): 10}
        assert by_labels(found, "pygateway_upstream_retries_total") == {("away",): 5}
        assert by_labels(found, "pygateway_upstream_endpoint_up") == {
            (gateway.upstream.url, "app"): 1
        }
        assert by_labels(found, "pygateway_overhead_seconds_count") == {
            (): sum(gateway.sent.values())
        }
        lines = by_labels(found, "pygateway_access_log_lines_total")
        assert lines == {("written",): sum(gateway.sent.values())}
        assert by_labels(found, "pygateway_access_log_up") == {(): 1}
        assert by_labels(found, "pygateway_workers") == {("ready",): 2}
        assert by_labels(found, "pygateway_store_up") == {(): 1}


def test_routes_that_were_never_asked_begin_with_zero(tmp_path: Path) -> None:
    with whole(tmp_path) as gateway:
        found = {
            (each.name, *sorted(each.labels.values())): each.value for each in samples(gateway)
        }
        assert found["pygateway_response_body_bytes_total", "items"] == 0
        assert found["pygateway_upstream_failures_total", "app", "timeout"] == 0
        assert found["pygateway_auth_total", "token-expired"] == 0
        assert found["pygateway_token_cache_hits_total", "tokens"] == 0
        assert found["pygateway_phase_seconds_count", "verify"] == 0
        assert found["pygateway_access_log_lines_total", "dropped"] == 0


def test_a_killed_worker_takes_no_number_along(tmp_path: Path) -> None:
    with whole(tmp_path) as gateway:
        gateway.send_some(3)
        before = by_labels(samples(gateway), COUNT)
        cpu = sum(by_labels(samples(gateway), "pygateway_worker_cpu_seconds_total").values())
        assert cpu > 0
        for worker in children(gateway.program.pid):
            os.kill(worker, signal.SIGKILL)
        gateway.program.event("worker restarted", 2)
        found = samples(gateway)
        assert by_labels(found, COUNT) == before
        assert by_labels(found, "pygateway_worker_restarts_total") == {(): 2}
        assert sum(by_labels(found, "pygateway_worker_cpu_seconds_total").values()) >= cpu
        gateway.send_some()
        total = sum(by_labels(samples(gateway), COUNT).values())
        assert total == sum(gateway.sent.values())


def test_status_and_traffic_say_the_same(tmp_path: Path) -> None:
    with whole(tmp_path) as gateway:
        gateway.send_some(4)
        total = sum(gateway.sent.values())
        status = ask(gateway.admin, "GET", "/status").document["traffic"]
        assert status["requests"] == total
        assert status["active"] == 0
        assert status["routes"]["items"]["requests"] == 8
        assert status["routes"]["away"]["errors"] == 4
        assert status["routes"]["away"]["rates"]["5m"]["error_rate"] == 1
        assert status["rates"]["1m"]["requests_per_second"] > 0
        traffic: dict[str, Any] = ask(gateway.admin, "GET", "/traffic").document
        statuses = {each["route"]: each["statuses"] for each in traffic["routes"]}
        assert statuses["private"] == {"200": 4, "401": 8}
        assert statuses[""] == {"404": 4}
        assert sum(traffic["overhead"]["buckets"]) == total
        app, away = traffic["upstreams"]
        assert app["statuses"] == {"200": 8}
        assert [each["reachable"] for each in app["endpoints"]] == [True]
        assert [each["reachable"] for each in away["endpoints"]] == [False]
        assert away["events"]["connect-failed"] == 8
        assert traffic["token_cache"]["tokens"]["entries"] >= 1
        assert len(traffic["workers"]) == 2


def test_exemplars_name_the_trace_that_the_upstream_was_told(tmp_path: Path) -> None:
    with whole(tmp_path) as gateway:
        gateway.send_some()
        traces = {gateway.upstream.next_request().header("traceparent") for _ in range(2)}
        scraped = gateway.scrape("application/openmetrics-text")
        found = {
            sample.exemplar.labels["trace_id"]
            for family in openmetrics(scraped)  # type: ignore[no-untyped-call]
            for sample in family.samples
            if sample.exemplar is not None and sample.labels.get("http_route") == "items"
        }
        assert found
        assert found <= {str(trace).split("-")[1] for trace in traces}


def test_what_clients_send_is_in_no_label(tmp_path: Path) -> None:
    with whole(tmp_path) as gateway:
        gateway.send_some()
        scraped = gateway.scrape()
        for said in ("ada", "/items/1", "gateway.test", "nowhere"):
            assert said not in scraped
        assert json.dumps(gateway.away) in scraped
