"""An upstream: the endpoints that serve the same thing, and who among them takes a request."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Protocol

from pygateway.upstream.balancer import LeastRequests, RoundRobin
from pygateway.upstream.connector import Connector
from pygateway.upstream.pool import Pool

if TYPE_CHECKING:
    from collections.abc import Collection

    from pygateway.config import Endpoint, Limits, Upstream
    from pygateway.sweep import Sweep


class EndpointState:
    """One endpoint at run time: what was configured, and its connections.

    Attributes:
        reachable: Whether the last connection that was asked for could be made.
    """

    __slots__ = ("pool", "reachable", "url", "weight")

    def __init__(self, endpoint: Endpoint, pool: Pool) -> None:
        self.url = endpoint.url
        self.weight = endpoint.weight
        self.pool = pool
        self.reachable = True

    @property
    def load(self) -> int:
        """Requests that it serves now, and those that queue for it."""
        return self.pool.load


class Balancer(Protocol):
    """Chooses among the endpoints of one upstream."""

    def choose(self, excluded: Collection[object] | None = None) -> EndpointState | None:
        """Take an endpoint that is not `excluded`; None where all are."""

    def peek(self) -> EndpointState | None:
        """Say which one `choose` would take; nothing changes by that."""


class UpstreamState:
    """One upstream at run time.

    Attributes:
        index: Its place among all upstreams.
        attempts: Tries for each request, the first included.
        only: The endpoint, where there is no choice.
    """

    __slots__ = ("attempts", "choose", "endpoints", "index", "name", "only", "peek")

    def __init__(
        self, index: int, name: str, upstream: Upstream, limits: Limits, sweep: Sweep
    ) -> None:
        self.index = index
        self.name = name
        self.attempts = upstream.retry.attempts
        self.endpoints = [
            EndpointState(
                endpoint,
                Pool(Connector(endpoint, upstream.tls), upstream.pool, sweep, limits.header_bytes),
            )
            for endpoint in upstream.endpoints
        ]
        self.only = self.endpoints[0] if len(self.endpoints) == 1 else None
        balancer: Balancer = (
            LeastRequests(self.endpoints)
            if upstream.balancer == "least_requests"
            else RoundRobin(self.endpoints)
        )
        self.choose = balancer.choose
        self.peek = balancer.peek

    def statistics(self) -> list[dict[str, Any]]:
        """Describe the endpoints and their connections."""
        return [
            {
                "endpoint": endpoint.url,
                "reachable": endpoint.reachable,
                "active": endpoint.pool.active,
                "idle": len(endpoint.pool.idle),
                "queued": endpoint.pool.queued,
            }
            for endpoint in self.endpoints
        ]

    def health(self) -> dict[str, Any]:
        """Say how many endpoints could be connected to when that was last tried."""
        reachable = sum(endpoint.reachable for endpoint in self.endpoints)
        all_of_them = len(self.endpoints)
        status = "ok" if reachable == all_of_them else "degraded" if reachable else "unreachable"
        return {"status": status, "endpoints": all_of_them, "reachable": reachable}

    def close(self) -> None:
        """Close the connections that nobody uses; the others close when they are given back."""
        for endpoint in self.endpoints:
            endpoint.pool.close()
