"""How upstreams are, as all workers see them together."""

from __future__ import annotations

from typing import TypedDict

from pygateway.config import Config
from pygateway.supervisor.limits import Reports


class EndpointState(TypedDict):
    """One endpoint.

    Attributes:
        upstream: Whose it is.
        endpoint: Its URL.
        reachable: Whether the last connection that each worker asked for was made.
        active: Connections that serve a request, of all workers.
        idle: Connections that serve none.
        queued: Requests that wait for a connection.
    """

    upstream: str
    endpoint: str
    reachable: bool
    active: int
    idle: int
    queued: int


def describe_endpoints(config: Config, workers: Reports) -> list[EndpointState]:
    """Describe the endpoints of `config`, in its order, and what workers say of others."""
    states: dict[tuple[str, str], EndpointState] = {}

    def state(upstream: str, endpoint: str) -> EndpointState:
        unknown = EndpointState(
            upstream=upstream, endpoint=endpoint, reachable=True, active=0, idle=0, queued=0
        )
        return states.setdefault((upstream, endpoint), unknown)

    for name, upstream in config.upstreams.items():
        for each in upstream.endpoints:
            state(name, each.url)
    for worker in workers:
        upstreams = (worker["report"] or {}).get("upstreams") or {}
        for name, endpoints in upstreams.items():
            for report in endpoints:
                known = state(name, report["endpoint"])
                known["active"] += report["active"]
                known["idle"] += report["idle"]
                known["queued"] += report["queued"]
                # A worker that drains may know of an outage that is over.
                if worker["state"] == "ready":
                    known["reachable"] = known["reachable"] and report["reachable"]
    return list(states.values())
