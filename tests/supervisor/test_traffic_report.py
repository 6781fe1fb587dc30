from __future__ import annotations

from typing import Any

from pygateway.admin.traffic import TrafficReply
from pygateway.config import load_text
from pygateway.supervisor.traffic import Point, Traffic
from pygateway.supervisor.traffic_report import describe_traffic, summarize_traffic
from tests.support.counted import BOUNDS, counted, requests, times, upstream_times

URL = "http://127.0.0.1:1"
CONFIG = load_text(
    f"{{upstreams: {{app: {{endpoints: ['{URL}']}}, idle: {{endpoints: ['{URL}']}}}},"
    " rate_limits: {a: {by: ip, quota: 5, window: 1s}},"
    " routes: [{name: r, auth: none, upstream: app}, {name: s, auth: none, upstream: idle}]}"
)
CACHE = {"entries": 3, "bytes": 100}
ENDPOINT = {"endpoint": URL, "reachable": True, "active": 1, "idle": 2, "queued": 0}
WORKER = {
    "worker": 0,
    "pid": 7,
    "state": "ready",
    "report": {
        "connections": 4,
        "active_requests": 2,
        "auth": {"tokens": CACHE},
        "upstreams": {"app": [ENDPOINT]},
    },
}
SILENT = {"worker": 1, "pid": 8, "state": "starting", "report": None}
COUNTED = counted(
    requests("r", 1, 2, 0, 0, seconds=0.5, request_bytes=10, response_bytes=20),
    requests("r", 0, 0, 1, 0, method="POST", seconds=0.25, request_bytes=5),
    requests("r", 0, 0, 0, 1, status="502", seconds=1.0),
    requests("", 1, 0, 0, 0, status="404"),
    overhead=times(3, 2, 0, seconds=0.125),
    upstreams=[upstream_times("app", 1, 1, 1, 0), upstream_times("app", 0, 0, 0, 1, status="")],
    upstream_events=[{"upstream": "app", "event": "timeout", "count": 1}],
    policies={"a": {"refused": 3}},
    token_cache={"tokens": {"hits": 1, "misses": 2, "evictions": 0}},
    auth={"accepted": 3},
)


def described(history: list[Point] | None = None) -> dict[str, Any]:
    return describe_traffic(
        CONFIG, COUNTED, [WORKER, SILENT], history or [], 2000.5, 1500.0, 1000.0
    )


def test_routes_are_joined_over_methods_and_statuses() -> None:
    routes = {route.pop("route"): route for route in described()["routes"]}
    assert routes["r"] == {
        "statuses": {"200": 4, "502": 1},
        "buckets": [1, 2, 1, 1],
        "sum": 1.75,
        "request_bytes": 15,
        "response_bytes": 20,
    }
    assert routes[""]["statuses"] == {"404": 1}
    assert list(routes) == ["r", "s", ""]
    assert routes["s"] == {
        "statuses": {},
        "buckets": [0, 0, 0, 0],
        "sum": 0,
        "request_bytes": 0,
        "response_bytes": 0,
    }


def test_upstreams_are_joined_with_their_endpoints() -> None:
    app, idle = described()["upstreams"]
    assert app == {
        "upstream": "app",
        "statuses": {"": 1, "200": 3},
        "buckets": [1, 1, 1, 1],
        "sum": 0,
        "events": {"timeout": 1},
        "endpoints": [ENDPOINT],
    }
    assert idle["endpoints"] == [{**ENDPOINT, "active": 0, "idle": 0}]
    assert (idle["statuses"], idle["events"], sum(idle["buckets"])) == ({}, {}, 0)


def test_the_rest_of_the_document() -> None:
    document = described([Point(990.0, 2.0, 1.0, 0.5, 0.1, 0.2, None, None)])
    assert (document["time"], document["started"]) == (2000.5, 1500.0)
    assert document["bounds"] == BOUNDS
    assert document["overhead"]["buckets"] == [3, 2, 0]
    assert document["policies"]["a"]["refused"] == 3
    assert document["policies"]["a"]["admitted"] == document["policies"]["a"]["crowded"] == 0
    assert document["token_cache"] == {
        "tokens": {"hits": 1, "misses": 2, "evictions": 0, "entries": 3, "bytes": 100}
    }
    assert (document["connections"], document["active_requests"]) == (4, 2)
    assert document["workers"] == [
        {"worker": 0, "pid": 7, "state": "ready", "connections": 4, "active_requests": 2},
        {"worker": 1, "pid": 8, "state": "starting", "connections": 0, "active_requests": 0},
    ]
    assert document["history"] == [(1990.0, 2.0, 1.0, 0.5, 0.1, 0.2, None, None)]


def test_the_document_has_the_form_that_is_promised() -> None:
    document = described([Point(990.0, 2.0, 1.0, 0.5, 0.1, 0.2, None, None)])
    reply = TrafficReply.model_validate(document)
    # Nothing is lost on the way.
    assert reply.model_dump() == document


def test_the_summary_has_quiet_routes_too() -> None:
    summary = summarize_traffic(CONFIG, Traffic(0.0), 10.0, COUNTED, [WORKER, SILENT])
    assert (summary["requests"], summary["active"]) == (6, 2)
    assert summary["rates"]["1m"] == {"requests_per_second": 0.6, "error_rate": 1 / 6}
    assert list(summary["routes"]) == ["r", "s", ""]
    assert summary["routes"]["r"]["errors"] == 1
    assert summary["routes"]["r"]["rates"]["5m"]["requests_per_second"] == 0.5
    assert summary["routes"]["s"] == {
        "requests": 0,
        "errors": 0,
        "rates": {
            span: {"requests_per_second": 0, "error_rate": None} for span in ("1m", "5m", "15m")
        },
    }
