"""Upstreams: the services that requests are forwarded to."""

from __future__ import annotations

from functools import cache, cached_property
from typing import Annotated, Literal

from pydantic import BeforeValidator, Field, model_validator

from ..refusal import refusal
from ..section import ListOf, Section
from ..syntax.addresses import EndpointLocation, EndpointUrl, locate_endpoint
from ..syntax.files import FilePath
from ..syntax.hosts import HostName
from ..units import DurationRange
from .timeouts import TimeoutOverrides

BALANCERS_OF_LATER_VERSIONS = ("hash", "p2c")


class Endpoint(Section):
    """One address of an upstream."""

    url: EndpointUrl = Field(
        description="`http://host:port`, `https://host:port` or `unix:/path`, without a path of"
        " its own (see `rewrite.add_prefix`)."
    )
    weight: int = Field(
        default=1,
        ge=1,
        le=1000,
        description="Share of requests beside the other endpoints' weights. Bounded so that"
        " one round of weighted round robin stays short.",
    )

    @model_validator(mode="before")
    @classmethod
    def _text_is_the_url(cls, value: object) -> object:
        return {"url": value} if isinstance(value, str) else value

    @cached_property
    def location(self) -> EndpointLocation:
        """What the URL says, taken apart."""
        return locate_endpoint(self.url)

    @property
    def scheme(self) -> Literal["http", "https"]:
        """Whether TLS is spoken."""
        return self.location.scheme

    @property
    def host(self) -> str:
        """Host name or address without brackets; empty for a unix socket."""
        return self.location.host

    @property
    def port(self) -> int:
        """TCP port; 0 for a unix socket."""
        return self.location.port

    @property
    def path(self) -> str | None:
        """File of a unix socket, else None."""
        return self.location.path

    @property
    def authority(self) -> str:
        """Text of the Host header that names this endpoint."""
        return self.location.authority


class Pool(Section):
    """Connections to each endpoint, counted per worker."""

    max_idle: int = Field(
        default=256,
        ge=0,
        le=100_000,
        description="Idle connections that are kept per endpoint; 0 closes each after its request.",
    )
    idle_timeout: Annotated[float, DurationRange("10ms", "1h")] = Field(
        default=60.0,
        description="After which an idle connection is closed. Shorter than the upstream's own"
        " keep-alive timeout, so that a request seldom meets a connection that is being closed.",
    )
    max_connections: int = Field(
        default=1024,
        ge=1,
        le=65_535,
        description="Connections per endpoint, idle ones included. One client address has no more"
        " ports than 65535 towards one endpoint.",
    )
    max_queue: int = Field(
        default=1024,
        ge=0,
        le=1_000_000,
        description="Requests that wait per endpoint when all connections are taken; one more is"
        " answered with 503 at once. 0 never waits. Bounded, because each waiting request holds"
        " memory.",
    )
    queue_timeout: Annotated[float, DurationRange("1ms", "1m")] = Field(
        default=1.0,
        description="For which a request waits in that queue; then 503. Short, because waiting"
        " longer helps nobody when the upstream is slower than its callers.",
    )


class UpstreamTls(Section):
    """TLS towards https endpoints. Without this section the system's authorities are trusted."""

    ca_file: FilePath | None = Field(
        default=None,
        description="File with the PEM certificates of the authorities to trust, instead of the"
        " system's. Relative to the configuration file.",
    )
    server_name: HostName | None = Field(
        default=None,
        description="Name to ask for (SNI) and to verify, instead of the endpoint's host.",
    )
    verify: bool = Field(
        default=True,
        description="Whether certificates are verified. `false` lets anybody on the way answer in"
        " the upstream's place and draws a warning.",
    )


class Retry(Section):
    """Trying again, only where none of the request can have been processed."""

    attempts: int = Field(
        default=2,
        ge=1,
        le=10,
        description="Tries in total, the first included; 1 never tries again. A request is tried"
        " again after a failed connect, or when an idle connection turns out to be closed and the"
        " method is idempotent (RFC 9110 section 9.2.2). Bounded, because retries multiply load.",
    )


def _refuse_later_balancers(value: object) -> object:
    if value in BALANCERS_OF_LATER_VERSIONS:
        raise refusal(
            "not-available",
            f"the balancer {value} is not available in this version",
            allowed=("round_robin", "least_requests"),
        )
    return value


class Upstream(Section):
    """A service: endpoints that answer alike, and how to reach them."""

    endpoints: ListOf[Endpoint] = Field(
        min_length=1,
        max_length=1000,
        description="URLs, or mappings with `url` and `weight`.",
    )
    balancer: Annotated[
        Literal["round_robin", "least_requests"], BeforeValidator(_refuse_later_balancers)
    ] = Field(
        default="round_robin",
        description="`round_robin` takes turns by weight; `least_requests` takes the endpoint with"
        " the fewest requests in flight per weight.",
    )
    pool: Pool = Field(default_factory=cache(Pool), description="Connections to each endpoint.")
    tls: UpstreamTls = Field(
        default_factory=cache(UpstreamTls), description="TLS towards https endpoints."
    )
    retry: Retry = Field(default_factory=cache(Retry), description="When to try again.")
    timeouts: TimeoutOverrides = Field(
        default_factory=cache(TimeoutOverrides), description="Deadlines instead of the gateway's."
    )
