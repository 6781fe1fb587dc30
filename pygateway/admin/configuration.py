"""Paths that show what runs: the configuration, its routes and its upstreams."""

from __future__ import annotations

from typing import Any, Literal

from fastapi import FastAPI
from pydantic import BaseModel, Field

from pygateway.admin.control import Control
from pygateway.config import Config, Route, RouteAuth
from pygateway.config.redaction import redacted


class MatchReply(BaseModel):
    """What a request must be like; what is empty matches everything."""

    hosts: list[str]
    paths: list[str]
    methods: list[str]
    headers: dict[str, str | None] = Field(description="Null: it must only be there.")
    query: dict[str, str | None]


class ShareReply(BaseModel):
    """An upstream, and its share of the requests."""

    name: str
    weight: int


class AuthReply(BaseModel):
    """What a request must show."""

    providers: list[str] = Field(description="One of which must vouch for it; none: it is open.")
    optional: bool = Field(description="Whether requests without a credential are served, too.")
    rule: dict[str, Any] = Field(description="What the configuration says of the credential.")


class LimitUseReply(BaseModel):
    """A rate limit, and what a request costs there."""

    name: str
    cost: int


class RouteReply(BaseModel):
    """One route."""

    name: str
    match: MatchReply
    action: Literal["upstream", "redirect", "respond"]
    upstream: list[ShareReply]
    redirect: dict[str, Any] | None
    respond: dict[str, Any] | None
    auth: AuthReply
    rate_limits: list[LimitUseReply]
    rewrite: dict[str, Any]


class EndpointStateReply(BaseModel):
    """One endpoint, as all workers together see it."""

    endpoint: str
    weight: int
    reachable: bool = Field(
        description="Whether every worker could connect when it last tried; also before any has."
    )
    active: int = Field(description="Requests under way.")
    idle: int = Field(description="Connections that nobody uses.")
    queued: int = Field(description="Requests that wait for a connection.")


class UpstreamOverview(BaseModel):
    """One upstream."""

    name: str
    status: Literal["ok", "degraded", "unreachable"] = Field(
        description="`degraded`: an endpoint cannot be reached; `unreachable`: none can be."
    )
    balancer: str
    workers: int = Field(description="Workers that have told how it is for them.")
    endpoints: list[EndpointStateReply]


def add_configuration(application: FastAPI, control: Control) -> None:
    """Add the paths."""

    @application.get("/config")
    async def config() -> dict[str, Any]:
        """The configuration that runs, every default filled in; secrets are masked."""
        return shown(control.config())

    @application.get("/routes")
    async def routes() -> list[RouteReply]:
        """The routes, in the configuration's order."""
        return described_routes(control.config())

    @application.get("/upstreams")
    async def upstreams() -> list[UpstreamOverview]:
        """The upstreams and their endpoints, and how they are."""
        return [UpstreamOverview.model_validate(each) for each in await control.upstreams()]


def shown(config: Config) -> dict[str, Any]:
    """Give a configuration as JSON has it, without its secrets."""
    document = redacted(config.model_dump(mode="json"))
    assert isinstance(document, dict)  # noqa: S101 - a model becomes a mapping
    return document


def described_routes(config: Config) -> list[RouteReply]:
    """Describe every route."""
    document = shown(config)["routes"]
    return [_route(config, *pair) for pair in zip(config.routes, document, strict=True)]


def _route(config: Config, route: Route, document: dict[str, Any]) -> RouteReply:
    auth = document["auth"]
    return RouteReply.model_validate(
        {
            "name": route.name,
            "match": document["match"],
            "action": "redirect" if route.redirect else "respond" if route.respond else "upstream",
            "upstream": document["upstream"],
            "redirect": document["redirect"],
            "respond": document["respond"],
            "auth": {
                "providers": config.providers_of(route),
                "optional": isinstance(route.auth, RouteAuth) and route.auth.optional,
                "rule": auth if isinstance(auth, dict) else {},
            },
            "rate_limits": [use._asdict() for use in config.rate_limits_of(route)],
            "rewrite": document["rewrite"],
        }
    )
