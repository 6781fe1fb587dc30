"""What the native core has counted, as `Arena.measurements` writes it.

The numbers are sums over all workers since the gateway was started, those that have ended
included; none ever goes down. The forms here say what is in the document, and nothing else.
"""

from __future__ import annotations

import json
from typing import TypedDict

NO_ROUTE = ""
"""The route's name where no route took the request."""

Exemplar = tuple[int, str, float, float]
"""A request that stands for others: index of its bucket, its trace, its seconds, when it ended."""


class Bounds(TypedDict):
    """Upper bounds of the buckets in seconds; above the last one there is one more bucket."""

    requests: list[float]
    overhead: list[float]
    phases: list[float]
    upstreams: list[float]


class Times(TypedDict):
    """Times of many.

    Attributes:
        buckets: How many fell into each bucket; not cumulative.
        sum: Seconds of all together.
    """

    buckets: list[int]
    sum: float


class RequestTimes(Times):
    """Requests with the same method, route and status.

    Attributes:
        method: One of those that HTTP has, or `_OTHER`.
        route: `NO_ROUTE` where none took the request, `_other` where the table is full.
        status: Of the response; 499 where the client had left before there was one.
        request_bytes: Of their bodies, together.
        response_bytes: Of the responses' bodies, together.
        exemplars: The last of some buckets, of those that are traced.
    """

    method: str
    route: str
    status: str
    request_bytes: int
    response_bytes: int
    exemplars: list[Exemplar]


class UpstreamTimes(Times):
    """Requests to an upstream with the same outcome.

    Attributes:
        upstream: Its name.
        status: Of its response; empty where there was none.
    """

    upstream: str
    status: str


class UpstreamEvent(TypedDict):
    """How often something has happened with an upstream: `retry`, or a kind of failure."""

    upstream: str
    event: str
    count: int


class Counted(TypedDict):
    """Everything that is counted.

    Attributes:
        phases: By phase: where the time of requests went.
        auth: By outcome: requests to routes that need a credential.
        token_cache: By cache: hits, misses and evictions.
        policies: By policy of rate limits, by outcome; `crowded` beside the outcomes.
        access_log: By what became of the line.
        crowded_series: Requests that were counted without their route, as the table is full.
    """

    bounds: Bounds
    requests: list[RequestTimes]
    overhead: Times
    phases: dict[str, Times]
    upstreams: list[UpstreamTimes]
    upstream_events: list[UpstreamEvent]
    auth: dict[str, int]
    token_cache: dict[str, dict[str, int]]
    policies: dict[str, dict[str, int]]
    access_log: dict[str, int]
    crowded_series: int


def read_counted(document: bytes) -> Counted:
    """Read the document."""
    counted: Counted = json.loads(document)
    return counted
