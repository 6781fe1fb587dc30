"""Documents in the form in which the native core says what it has counted."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from pygateway.admin.counted import Bounds, Counted, RequestTimes, Times, UpstreamTimes

BOUNDS: Bounds = {
    "requests": [0.001, 0.01, 0.1],
    "overhead": [0.00005, 0.0001],
    "phases": [0.001, 0.01, 0.1],
    "upstreams": [0.001, 0.01, 0.1],
}
PHASES = ("parse", "decide", "verify", "limit", "connect", "wait", "stream")


def counted(*requests: RequestTimes, **parts: Any) -> Counted:  # noqa: ANN401 - any part
    """What was counted: `requests`, and `parts` of the document; the rest is zero."""
    document: dict[str, Any] = {
        "bounds": BOUNDS,
        "requests": list(requests),
        "overhead": times(0, 0, 0),
        "phases": {name: times(0, 0, 0, 0) for name in PHASES},
        "upstreams": [],
        "upstream_events": [],
        "auth": {},
        "token_cache": {},
        "policies": {},
        "access_log": {"written": 0, "sampled_out": 0, "dropped": 0},
        "crowded_series": 0,
        **parts,
    }
    return document  # type: ignore[return-value]


def times(*buckets: int, seconds: float = 0.0) -> Times:
    """Times by bucket."""
    return {"buckets": list(buckets), "sum": seconds}


def requests(
    route: str,
    *buckets: int,
    status: str = "200",
    method: str = "GET",
    seconds: float = 0.0,
    request_bytes: int = 0,
    response_bytes: int = 0,
    exemplars: Sequence[tuple[int, str, float, float]] = (),
) -> RequestTimes:
    """Requests that a route took, by bucket."""
    return {
        "method": method,
        "route": route,
        "status": status,
        "buckets": list(buckets),
        "sum": seconds,
        "request_bytes": request_bytes,
        "response_bytes": response_bytes,
        "exemplars": list(exemplars),
    }


def upstream_times(
    upstream: str, *buckets: int, status: str = "200", seconds: float = 0.0
) -> UpstreamTimes:
    """Requests to an upstream, by bucket."""
    return {"upstream": upstream, "status": status, "buckets": list(buckets), "sum": seconds}
