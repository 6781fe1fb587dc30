"""An admin server of a gateway that tells what a test wants it to, with times that pass."""

from __future__ import annotations

import copy
import time
from typing import Any

from pygateway.config import Admin
from tests.admin.serving import NotingControl, Serving

Document = dict[str, Any]

BOUNDS = [0.001, 0.01, 0.1, 1.0]
"""Seconds; the same for everything."""

PHASES = ("parse", "decide", "verify", "limit", "connect", "wait", "stream")

EVENTS = ("retry", "connect-failed", "timeout", "reset", "protocol-error", "overloaded")

OUTCOMES = ("admitted", "refused", "shadowed", "uncounted", "unavailable", "crowded")


def times(*buckets: int) -> Document:
    """A histogram; left out, an empty one."""
    counts = list(buckets) or [0] * (len(BOUNDS) + 1)
    return {"buckets": counts, "sum": sum(counts) * 0.005}


def route(name: str, statuses: dict[str, int], request_bytes: int = 0) -> Document:
    """A route, all of whose requests have taken between 1 and 10 ms."""
    return {
        "route": name,
        "statuses": statuses,
        **times(0, sum(statuses.values()), 0, 0, 0),
        "request_bytes": request_bytes,
        "response_bytes": 2 * request_bytes,
    }


def upstream(name: str, statuses: dict[str, int], *endpoints: str) -> Document:
    """An upstream whose endpoints are there, but for the last one."""
    return {
        "upstream": name,
        "statuses": statuses,
        **times(0, sum(statuses.values()), 0, 0, 0),
        "events": dict.fromkeys(EVENTS, 0),
        "endpoints": [
            {
                "endpoint": url,
                "reachable": url != endpoints[-1],
                "active": 1,
                "idle": 2,
                "queued": 0,
            }
            for url in endpoints
        ],
    }


def traffic(*routes: Document, **parts: Any) -> Document:  # noqa: ANN401 - any part
    """A document of /traffic, but for its times."""
    everything = [count for each in routes for count in each["statuses"].values()]
    return {
        "bounds": dict.fromkeys(("requests", "overhead", "phases", "upstreams"), BOUNDS),
        "routes": list(routes),
        "overhead": times(sum(everything), 0, 0, 0, 0),
        "phases": {name: times() for name in PHASES},
        "upstreams": [],
        "policies": {},
        "token_cache": {
            name: {"hits": 0, "misses": 0, "evictions": 0, "entries": 0, "bytes": 0}
            for name in ("tokens", "refusals")
        },
        "auth": {"accepted": 0},
        "active_requests": 0,
        "connections": 0,
        "workers": [],
        "access_log": {"written": 0, "sampled_out": 0, "dropped": 0},
        "history": [],
        **parts,
    }


class Telling(NotingControl):
    """Tells `seen`, which a test may change at any time, and `said`.

    Attributes:
        started: Unix seconds since which everything is counted.
        said: What /status says beside what is always there.
    """

    def __init__(self) -> None:
        super().__init__()
        self.started = time.time() - 60
        self.seen = traffic()
        self.said: Document = {}

    async def traffic(self) -> Document:
        return {"time": time.time(), "started": self.started, **copy.deepcopy(self.seen)}

    async def status(self) -> Document:
        return {
            **await super().status(),
            "listeners": ["127.0.0.1:8000"],
            "configuration": {
                "loaded_at": "2026-11-28T05:39:16Z",
                "last_reload_successful": True,
                "refused_at": None,
                "refusal": None,
            },
            "revocations": {"entries": 3, "maximum": 100_000, "file": None, "redis": None},
            **self.said,
        }


class TellingServer(Serving):
    """The admin server of it."""

    control: Telling

    def __init__(self, settings: Admin | None = None) -> None:
        super().__init__(settings or Admin())
        self.control = Telling()

    @property
    def url(self) -> str:
        """Where a browser finds it."""
        host, port = self.address
        return f"http://{host}:{port}"
