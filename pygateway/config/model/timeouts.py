"""Deadlines."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from ..section import Section
from ..units import DurationRange

ConnectTimeout = Annotated[float, DurationRange("10ms", "1m")]
ResponseTimeout = Annotated[float, DurationRange("10ms", "1h")]
BodyStallTimeout = Annotated[float, DurationRange("100ms", "1h")]
RequestTimeout = Annotated[float, DurationRange("10ms", "30d")]


class Timeouts(Section):
    """Deadlines of every connection and request. None can be turned off: each bounds a resource."""

    header: Annotated[float, DurationRange("100ms", "5m")] = Field(
        default=10.0,
        description="From a connection's first byte of a request to the end of its head; then 408."
        " Bounds slow heads (slowloris). Honest clients send a head in one packet.",
    )
    idle: Annotated[float, DurationRange("100ms", "1h")] = Field(
        default=60.0,
        description="Between two requests of a client's connection; then it is closed. Longer than"
        " the idle timeout of a load balancer in front, so that the balancer closes first.",
    )
    body_stall: BodyStallTimeout = Field(
        default=30.0,
        description="Between two pieces of a body, in either direction. Any progress starts it"
        " again, so it does not bound large transfers, only dead ones.",
    )
    connect: ConnectTimeout = Field(
        default=3.0,
        description="To open a connection to an endpoint, name lookup and TLS included. 3s allows"
        " one lost SYN (retransmitted after 1s, RFC 6298).",
    )
    response: ResponseTimeout = Field(
        default=15.0,
        description="From the end of the request to the head of the upstream's response; then 504.",
    )
    request: RequestTimeout = Field(
        default=60.0,
        description="From the end of the request's head to the end of the response, retries"
        " included; bounds the drips that `body_stall` does not. A transfer that moves at"
        " `limits.minimum_rate` or faster outlives it, and so does an event stream.",
    )
    drain: Annotated[float, DurationRange("0s", "1h")] = Field(
        default=30.0,
        description="For requests in flight after TERM, INT or a reload; what is left then is cut."
        " Container platforms kill after 30s unless told otherwise.",
    )
    tunnel: Annotated[float, DurationRange("1s", "7d")] = Field(
        default=3600.0,
        description="Without a byte in either direction on an upgraded connection (WebSocket)"
        " or an event stream; then it is closed. Most of their peers ping every minute or less.",
    )


class TimeoutOverrides(Section):
    """Deadlines that an upstream or a route has instead of the gateway's; a route's go first."""

    connect: ConnectTimeout | None = Field(
        default=None, description="Instead of `timeouts.connect`."
    )
    response: ResponseTimeout | None = Field(
        default=None, description="Instead of `timeouts.response`."
    )
    body_stall: BodyStallTimeout | None = Field(
        default=None, description="Instead of `timeouts.body_stall`."
    )
    request: RequestTimeout | None = Field(
        default=None, description="Instead of `timeouts.request`."
    )
