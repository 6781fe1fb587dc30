"""Documents of `/traffic`, and a server that gives them one after the other."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

BOUNDS = {
    "requests": [0.01, 0.1, 1.0],
    "overhead": [0.0001, 0.001],
    "phases": [0.1],
    "upstreams": [0.01, 0.1, 1.0],
}


def times(*buckets: int) -> dict[str, Any]:
    """A histogram."""
    return {"buckets": list(buckets), "sum": 0.0}


def route(name: str, statuses: dict[str, int], *buckets: int) -> dict[str, Any]:
    """What was counted of a route."""
    counted = times(*buckets)
    size = {"request_bytes": 10 * sum(buckets), "response_bytes": 1024 * sum(buckets)}
    return {"route": name, "statuses": statuses, **counted, **size}


def upstream(
    name: str, statuses: dict[str, int], *buckets: int, events: dict[str, int] | None = None
) -> dict[str, Any]:
    """What was counted of an upstream."""
    endpoint = {"endpoint": "http://a.test", "reachable": True, "active": 1, "idle": 2, "queued": 3}
    away = {**endpoint, "endpoint": "http://b.test", "reachable": False}
    return {
        "upstream": name,
        "statuses": statuses,
        **times(*buckets),
        "events": events or {"retry": 0, "timeout": 0},
        "endpoints": [endpoint, away],
    }


def document(at: float, **changes: object) -> dict[str, Any]:
    """A document with nothing counted but what `changes` says."""
    return {
        "time": at,
        "bounds": BOUNDS,
        "routes": [],
        "overhead": times(0, 0, 0),
        "phases": {"wait": times(0, 0)},
        "upstreams": [],
        "policies": {},
        "token_cache": {"tokens": {"hits": 0, "misses": 0}, "refusals": {"hits": 0, "misses": 0}},
        "auth": {"accepted": 0},
        "active_requests": 0,
        "connections": 0,
        "workers": [],
        "access_log": {"written": 0, "sampled_out": 0, "dropped": 0},
        "history": [],
        **changes,
    }


def busy(at: float, times_over: int) -> dict[str, Any]:
    """A document of a gateway that has served so much so many times."""
    counted = times_over
    return document(
        at,
        routes=[
            route(
                "users",
                {"200": 90 * counted, "503": 10 * counted},
                50 * counted,
                50 * counted,
                0,
                0,
            ),
            route("", {"404": 4 * counted}, 4 * counted, 0, 0, 0),
        ],
        overhead=times(100 * counted, 4 * counted, 0),
        upstreams=[
            upstream(
                "app",
                {"200": 90 * counted, "": 10 * counted},
                *(0, 100 * counted, 0, 0),
                events={"retry": 2 * counted, "timeout": 0},
            )
        ],
        policies={"per-ip": {"admitted": 60 * counted, "refused": 20 * counted, "crowded": 0}},
        token_cache={"tokens": {"hits": 9 * counted, "misses": counted}, "refusals": {}},
        auth={"accepted": 8 * counted},
        active_requests=3,
        connections=5,
        workers=[
            {"worker": 0, "pid": 77, "state": "ready", "connections": 5, "active_requests": 3}
        ],
        access_log={"written": 104 * counted, "sampled_out": 0, "dropped": 2 * counted},
    )


@contextmanager
def serving(documents: Sequence[dict[str, Any] | None]) -> Iterator[str]:
    """Give the documents one after the other, the last one for ever; None is a failure."""
    left = list(documents)
    guard = threading.Lock()

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            with guard:
                said = left.pop(0) if len(left) > 1 else left[0]
            found = self.path == "/traffic" and said is not None
            body = json.dumps(said if found else {"title": "away"}).encode()
            self.send_response(200 if found else 503)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, format: str, *arguments: object) -> None:  # noqa: A002
            """Say nothing."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield f"127.0.0.1:{server.server_address[1]}"
    finally:
        server.shutdown()
        thread.join()
        server.server_close()
