"""Requests that have ended, as the exchange tells of them."""

from __future__ import annotations

from typing import Any

from pygateway.telemetry.finished import Finished

TRACE = "0af7651916cd43dd8448eb211c80319c"
SPANS = ("b7ad6b7169203331", "1111111111111111", "2222222222222222")


def finished(**changes: Any) -> Finished:  # noqa: ANN401 - any field
    """A request that was sent to an upstream, which answered 200, but for `changes`."""
    fields: dict[str, Any] = {
        "trace_id": TRACE,
        "spans": SPANS,
        "method": "GET",
        "scheme": "http",
        "path": "/users/7",
        "route": "users",
        "client": "192.0.2.1",
        "request_id": "id-1",
        "status": 200,
        "problem": None,
        "began": 10.0,
        "sent": 10.25,
        "answered": 10.5,
        "ended": 11.0,
        "verify": None,
        "store": None,
        "connect": 0.0,
        "upstream": "users",
        "endpoint": "http://10.0.0.1:9000",
        "tries": 1,
        "request_bytes": 0,
        "response_bytes": 2,
    }
    return Finished(**(fields | changes))
