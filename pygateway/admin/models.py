"""The forms of requests and replies, of which the OpenAPI document is made."""

from __future__ import annotations

from typing import Annotated, Any

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field

from pygateway.config.syntax.times import Time
from pygateway.revocation.entry import LONGEST_NAME


def _rounded(value: object) -> object:
    """Programs write times as exactly as they have them; a microsecond is exact enough."""
    return round(value, 6) if isinstance(value, float) else value


Moment = Annotated[Time, BeforeValidator(_rounded)]


class RevocationRequest(BaseModel):
    """Which tokens end: one (`jti`), those of a subject (`sub`), or all before a time."""

    model_config = ConfigDict(extra="forbid")

    jti: str | None = Field(
        default=None,
        min_length=1,
        max_length=LONGEST_NAME,
        description="The token with this identifier; of an API key, its `id`.",
    )
    sub: str | None = Field(
        default=None,
        min_length=1,
        max_length=LONGEST_NAME,
        description="Tokens of this subject; of API keys, the owner.",
    )
    issuer: str | None = Field(
        default=None,
        min_length=1,
        max_length=LONGEST_NAME,
        description="Whose tokens: `iss`, or the name of a provider whose credentials have none."
        " Left out, every issuer's.",
    )
    issued_before: Moment | None = Field(
        default=None,
        description="Only tokens that were issued before this time; those that do not say when are"
        " taken for older. Left out with `sub`, now.",
    )
    expires: Moment | None = Field(
        default=None,
        description="When the revocation is forgotten. Left out, when the last token that it is"
        " about must have expired.",
    )


class RevocationEntry(BaseModel):
    """A revocation as it is held. Times are seconds since 1970."""

    jti: str | None = None
    sub: str | None = None
    issuer: str | None = None
    issued_before: float | None = None
    expires: float


class UnheardWorker(BaseModel):
    """A worker that may still accept the tokens."""

    worker: int = Field(description="Which of the workers.")
    pid: int
    reason: str


class RevocationReply(BaseModel):
    """What became of the revocations."""

    complete: bool = Field(
        description="Whether every worker here heeds them, and every other gateway is told."
    )
    changed: int = Field(description="How many of them were not known yet.")
    unheard: list[UnheardWorker] = Field(description="Workers here that may not heed them yet.")
    shared: bool = Field(description="Whether other gateways are told, through Redis.")
    problem: str | None = Field(
        description="Why other gateways are not told yet; they will be, once Redis answers."
    )
    revocations: list[RevocationEntry]


class RevocationList(BaseModel):
    """What is revoked now."""

    total: int
    revocations: list[RevocationEntry] = Field(description="The first `limit` of them.")


class ReloadReply(BaseModel):
    """The configuration was replaced."""

    reloaded: bool = True


class DrainReply(BaseModel):
    """The gateway is about to end."""

    draining: bool = True


class RateReply(BaseModel):
    """What happened in a span of time that ends now."""

    requests_per_second: float
    error_rate: float | None = Field(
        description="The share of requests with a status of 500 or more; null without requests."
    )


class RouteTraffic(BaseModel):
    """Requests that a route took."""

    requests: int
    errors: int = Field(description="Those with a status of 500 or more.")
    rates: dict[str, RateReply] = Field(description="Over `1m`, `5m` and `15m`.")


class TrafficSummary(BaseModel):
    """Requests since the gateway started."""

    requests: int
    active: int = Field(description="Requests that are being answered.")
    rates: dict[str, RateReply] = Field(description="Over `1m`, `5m` and `15m`.")
    routes: dict[str, RouteTraffic] = Field(
        description="By name; the empty one has the requests that no route took."
    )


class StatusReply(BaseModel):
    """How everything is."""

    model_config = ConfigDict(extra="allow")

    version: str
    status: str = Field(description="`ok`, `draining`, or `degraded` where something is missing.")
    problems: list[str] = Field(description="What is missing, a sentence each.")
    configuration: dict[str, Any]
    workers: list[dict[str, Any]]
    revocations: dict[str, Any]
    access_log: dict[str, Any] | None = Field(
        default=None,
        description="The access log: where it goes (`path`), why it stands still (`problem`), what"
        " waits, was written, and could not be written in the end; null where there never was one.",
    )
    rate_limits: dict[str, Any] = Field(
        description="The policies and their store, with counts since the gateway started."
    )
    traffic: TrafficSummary
    upstreams: list[dict[str, Any]] = Field(
        default_factory=list, description="As `/upstreams` has them."
    )
