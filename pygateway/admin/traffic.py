"""What `pygateway top` and the dashboard ask for again and again: `/traffic`."""

from __future__ import annotations

from fastapi import FastAPI
from pydantic import BaseModel, Field

from pygateway.admin.control import Control

Point = tuple[float, float, float, float, float | None, float | None, float | None, float | None]


class BucketBounds(BaseModel):
    """Upper bounds of buckets in seconds. Above the last one there is one more bucket."""

    requests: list[float]
    overhead: list[float]
    phases: list[float]
    upstreams: list[float]


class Times(BaseModel):
    """How many requests took how long."""

    buckets: list[int] = Field(description="Requests in each bucket; not cumulative.")
    sum: float = Field(description="Seconds of all of them together.")


class RouteTimes(Times):
    """Requests that a route took."""

    route: str = Field(
        description="Its name; empty for requests that no route took, `_other` for those that"
        " found no place in the full table of series."
    )
    statuses: dict[str, int] = Field(description="Requests by status.")
    request_bytes: int = Field(description="Bytes of requests' bodies.")
    response_bytes: int = Field(description="Bytes of responses' bodies.")


class EndpointReply(BaseModel):
    """An endpoint, as all workers see it together."""

    endpoint: str = Field(description="Its URL.")
    reachable: bool = Field(
        description="Whether the last connection that each worker asked for was made."
    )
    active: int = Field(description="Connections that serve a request.")
    idle: int = Field(description="Connections that serve none.")
    queued: int = Field(description="Requests that wait for a connection.")


class UpstreamTimes(Times):
    """Requests to an upstream."""

    upstream: str
    statuses: dict[str, int] = Field(
        description="Requests by the status that it answered; empty where it did not."
    )
    events: dict[str, int] = Field(
        description="`retry`, and failures: `connect-failed`, `timeout`, `reset`,"
        " `protocol-error`, `overloaded`."
    )
    endpoints: list[EndpointReply]


class CacheReply(BaseModel):
    """A memory for credentials."""

    hits: int
    misses: int
    evictions: int
    entries: int = Field(description="Credentials that are remembered, by each worker for itself.")
    bytes: int


class WorkerReply(BaseModel):
    """A worker."""

    worker: int = Field(description="Which of the workers.")
    pid: int
    state: str = Field(description="`starting`, `ready` or `draining`.")
    connections: int
    active_requests: int


class TrafficReply(BaseModel):
    """What was counted since the gateway started, how things are, and the last 15 minutes."""

    time: float = Field(description="Unix seconds.")
    started: float = Field(
        description="Unix seconds since which everything is counted; another one after a restart."
    )
    bounds: BucketBounds
    routes: list[RouteTimes]
    overhead: Times = Field(description="What the gateway itself added to requests.")
    phases: dict[str, Times]
    upstreams: list[UpstreamTimes]
    policies: dict[str, dict[str, int]] = Field(
        description="Rate limits: requests by what a policy has decided, and `crowded`."
    )
    token_cache: dict[str, CacheReply]
    auth: dict[str, int] = Field(description="Requests that needed a credential, by outcome.")
    active_requests: int = Field(description="Requests that are being answered.")
    connections: int = Field(description="Connections of clients.")
    workers: list[WorkerReply]
    access_log: dict[str, int] = Field(description="Lines, by what became of them.")
    history: list[Point] = Field(
        description="Every 5 seconds, the oldest first: Unix seconds; requests, statuses 5xx and"
        " statuses 4xx a second; median and 99th percentile of requests' seconds; the same of the"
        " gateway's own part. Null where there were no requests."
    )


def add_traffic(application: FastAPI, control: Control) -> None:
    """Add the path."""

    @application.get("/traffic")
    async def traffic() -> TrafficReply:
        """Counts since the gateway started, states now, and what the last 15 minutes were like."""
        return TrafficReply.model_validate(await control.traffic())
