"""The two hot calls of the native core, over the sizes that could make them slow."""

from __future__ import annotations

import json
from typing import Any

import pytest
from pytest_benchmark.fixture import BenchmarkFixture

from pygateway._core import Forward, Gate

NOW = 1_700_000_000.0


def gate(routes: int) -> Gate:
    """A gate with so many routes, each with a path of its own; the last one takes `/last/x`."""
    specification: dict[str, Any] = {
        "limits": {
            "header_bytes": 32768,
            "header_count": 200,
            "target_bytes": 8192,
            "body_bytes": 1 << 24,
        },
        "trusted_proxies": [],
        "via": "pygateway",
        "health_path": "/health",
        "security_headers": [["X-Content-Type-Options", "nosniff"], ["X-Frame-Options", "DENY"]],
        "hsts": None,
        "routes": [
            {
                "name": f"route-{index}",
                "hosts": [],
                "paths": [f"/service-{index}/{{id}}" if index < routes - 1 else "/last/{id}"],
                "methods": [],
                "headers": [],
                "query": [],
                "action": {"forward": {}},
                "rewrite": {
                    "strip_prefix": None,
                    "add_prefix": None,
                    "path": None,
                    "host": "preserve",
                },
                "request_headers": {"set": [], "add": [], "remove": []},
                "response_headers": {"set": [], "add": [], "remove": []},
                "security_headers": None,
                "hsts": None,
                "body_bytes": None,
                "cors": None,
            }
            for index in range(routes)
        ],
    }
    return Gate(json.dumps(specification).encode(), bytes(32))


def headers(count: int) -> list[tuple[bytes, bytes]]:
    """Host, and others up to `count`, as browsers send them."""
    return [(b"Host", b"api.example")] + [
        (b"X-Custom-Header-%d" % index, b"some value of usual length %d" % index)
        for index in range(count - 1)
    ]


@pytest.mark.parametrize("routes", [1, 100, 10_000])
def test_decide_by_routes(benchmark: BenchmarkFixture, routes: int) -> None:
    door = gate(routes)
    peer = door.peer("127.0.0.1", False)
    fields = headers(10)
    decision = benchmark(door.decide, b"GET", b"/last/7?a=b", fields, peer, NOW)
    assert isinstance(decision, Forward)
    assert decision.route == routes - 1


@pytest.mark.parametrize("count", [5, 20, 60])
def test_decide_head_by_headers(benchmark: BenchmarkFixture, count: int) -> None:
    door = gate(1)
    peer = door.peer("127.0.0.1", False)
    lines = b"".join(b"%b: %b\r\n" % field for field in headers(count))
    decision = benchmark(door.decide_head, b"GET /last/7 HTTP/1.1\r\n" + lines + b"\r\n", peer, NOW)
    assert isinstance(decision, Forward)


@pytest.mark.parametrize("count", [5, 20, 60])
def test_decide_by_headers(benchmark: BenchmarkFixture, count: int) -> None:
    door = gate(1)
    peer = door.peer("127.0.0.1", False)
    decision = benchmark(door.decide, b"GET", b"/last/7", headers(count), peer, NOW)
    assert isinstance(decision, Forward)


@pytest.mark.parametrize("count", [5, 20, 60])
def test_response_head_by_headers(benchmark: BenchmarkFixture, count: int) -> None:
    door = gate(1)
    decision = door.decide(b"GET", b"/last/7", headers(5), door.peer("127.0.0.1", False), NOW)
    assert isinstance(decision, Forward)
    fields = [*headers(count)[1:], (b"Content-Length", b"136")]
    head = benchmark(decision.response_head, 200, b"OK", fields, NOW)
    assert head.startswith(b"HTTP/1.1 200 OK\r\n")
