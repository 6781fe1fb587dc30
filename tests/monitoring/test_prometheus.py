"""A real Prometheus server scrapes a gateway, and is asked what it has seen.

It does so for three seconds, and for a minute where PYGATEWAY_MINUTE=1 is set: the same functions.
The figures are printed (`pytest -s`).
"""

from __future__ import annotations

import os
import time
from pathlib import Path

import pytest

from tests.monitoring.documents import ALERTS, expressions, metrics_in
from tests.monitoring.test_gateway import RARE
from tests.monitoring.whole import Whole, whole
from tests.support.prometheus import Prometheus

MINUTE = os.environ.get("PYGATEWAY_MINUTE") == "1"
SECONDS = 60 if MINUTE else 3
INTERVAL = "5s" if MINUTE else "200ms"
COUNT = "http_server_request_duration_seconds_count"
TOKEN = "sixteen-letters-or-more"  # noqa: S105 - of this test


@pytest.mark.timeout(180)
def test_prometheus_has_seen_what_was_sent(tmp_path: Path) -> None:
    admin = {"address": "127.0.0.1:0", "token": TOKEN}
    with (
        whole(tmp_path, admin=admin) as gateway,
        Prometheus(tmp_path, gateway.admin, INTERVAL, TOKEN, [ALERTS]) as prometheus,
    ):
        # What a series begins with is no increase.
        gateway.send_some()
        prometheus.await_value(f"sum({COUNT})", total(gateway))
        compare_rates(gateway, prometheus)
        compare_counts(gateway, prometheus)
        look_at_exemplars(prometheus)
        ask_as_the_dashboard_does(prometheus)
        firing = prometheus.query('group by (alertname) (ALERTS{alertstate="firing"})')
        print(f"alerts: {[name for (name,) in firing]}")
        # One of its endpoints is away, which after a minute is told.
        assert set(firing) <= {("PyGatewayEndpointUnreachable",)}


def total(gateway: Whole) -> int:
    """How many requests the client has sent."""
    return sum(gateway.sent.values())


def compare_rates(gateway: Whole, prometheus: Prometheus) -> None:
    """Send for a while, and see what Prometheus makes of it."""
    before, end = total(gateway), time.monotonic() + SECONDS
    while time.monotonic() < end:
        gateway.send_some()
    ended = time.time()
    prometheus.await_value(f"sum({COUNT})", total(gateway))
    rate = prometheus.value(f"sum(rate({COUNT}[{SECONDS}s]))", at=ended)
    expected = (total(gateway) - before) / SECONDS
    print(f"\n{total(gateway)} requests; {expected:.0f} a second, rate() says {rate:.0f}")
    # It extrapolates from the first and the last scrape to the ends of the range.
    assert rate == pytest.approx(expected, rel=0.2 if MINUTE else 0.4)


def compare_counts(gateway: Whole, prometheus: Prometheus) -> None:
    """Every request is there, under its method, route and status."""
    by = "http_request_method, http_response_status_code, http_route"
    # A label that is empty is no label for Prometheus.
    assert prometheus.query(f"sum by ({by}) ({COUNT})") == {
        ((method, status, route) if route else (method, status)): count
        for (method, route, status), count in gateway.sent.items()
    }
    assert prometheus.value("sum(pygateway_overhead_seconds_count)") == total(gateway)
    failing = prometheus.query("pygateway_upstream_failures_total > 0")
    assert list(failing.values()) == [2 * gateway.sent["GET", "away", "502"]]
    buckets = "http_server_request_duration_seconds_bucket"
    for share in (0.5, 0.99):
        seconds = prometheus.value(f"histogram_quantile({share}, sum by (le) ({buckets}))")
        assert seconds is not None
        assert 0 < seconds < 1
        print(f"{share:.0%} of the requests took less than {seconds * 1000:.2f} ms")


def look_at_exemplars(prometheus: Prometheus) -> None:
    """Traces are kept with the series of those requests."""
    now = time.time()
    kept = prometheus.ask(
        "query_exemplars",
        query="http_server_request_duration_seconds_bucket",
        start=str(now - 2 * SECONDS - 60),
        end=str(now + 60),
    )
    exemplars = [exemplar for series in kept for exemplar in series["exemplars"]]
    assert exemplars
    assert {len(each["labels"]["trace_id"]) for each in exemplars} == {32}


def ask_as_the_dashboard_does(prometheus: Prometheus) -> None:
    """Every expression of the dashboard has an answer."""
    nothing = [each for each in expressions() if not prometheus.query(each)]
    # They compare, or ask for what has not happened.
    unexpected = [each for each in nothing if ">" not in each and not metrics_in(each) & RARE]
    assert unexpected == []
