"""The configuration as a whole."""

from __future__ import annotations

from functools import cache
from typing import Annotated, Self

from pydantic import AfterValidator, BeforeValidator, Field, WithJsonSchema, model_validator

from ..collector import collector_held
from ..refusal import refusal
from ..section import ListOf, MappingOf, Section
from ..syntax.addresses import Address, ListenAddress, Network
from ..syntax.names import Name
from ..syntax.paths import HealthPath
from .access import RouteAuth
from .access_log import AccessLog, AccessLogSetting
from .admin import Admin
from .auth import Auth
from .headers import SecurityHeaders, SecurityHeadersSetting
from .limits import Limits
from .listeners import Listener
from .log import Log
from .rate_limits import (
    MAXIMUM_POLICIES,
    MAXIMUM_USES,
    RateLimitMode,
    RateLimitPolicy,
    RouteRateLimit,
)
from .redis import Redis
from .routes import Route
from .timeouts import Timeouts
from .tracing import Tracing
from .upstreams import Upstream
from .workers import MAXIMUM_WORKERS, WorkerCount, usable_cores

DEFAULT_ADDRESS = Address("127.0.0.1", 8000)
"""Loopback: nobody else can reach a gateway that was not told where to listen."""


def _check_version(version: int) -> int:
    if version != 1:
        raise refusal("not-allowed-value", "this program reads version 1", allowed=("1",))
    return version


def _nothing_turns_it_off(value: object) -> object:
    off = value is None or value is False
    if isinstance(value, str):
        off = value.strip().lower() in {"", "false", "off", "no"}
    return None if off else value


class Config(Section):
    """Everything that a gateway is told, validated and with every default filled in."""

    version: Annotated[int, AfterValidator(_check_version), WithJsonSchema({"const": 1})] = Field(
        default=1, description="Version of the configuration's format."
    )
    listen: ListenAddress | None = Field(
        default=None,
        exclude=True,
        description="Short for one listener: `host:port`, `[IPv6 address]:port` or `unix:/path`.",
    )
    listeners: ListOf[Listener] = Field(
        default=(Listener(address=DEFAULT_ADDRESS),),
        min_length=1,
        max_length=100,
        description="Where the gateway listens; not together with `listen`. Without both it is"
        " 127.0.0.1:8000, which only this machine can reach.",
    )
    admin: Admin | None = Field(
        default=None,
        description="The admin server: an address, or a mapping. Left out, there is none.",
    )
    workers: WorkerCount = Field(
        default="auto",
        description="Processes that serve requests; `auto` is one per core that this process may"
        f" use. More than cores gain nothing; {MAXIMUM_WORKERS} is more than any machine's.",
    )
    trusted_proxies: ListOf[Network] = Field(
        default=(),
        max_length=10_000,
        description="Addresses and networks (CIDR) of proxies in front of the gateway, whose"
        " X-Forwarded-*, X-Request-ID and traceparent are believed. Clients on a unix socket are"
        " always believed.",
    )
    redis: Redis | None = Field(
        default=None,
        description="The Redis that gateways share: its URL, or a mapping. Left out, each machine"
        " keeps what it knows to itself.",
    )
    limits: Limits = Field(
        default_factory=cache(Limits), description="Guards; each has its default."
    )
    timeouts: Timeouts = Field(
        default_factory=cache(Timeouts), description="Deadlines; each has its default."
    )
    log: Log = Field(
        default_factory=cache(Log), description="The log of the program itself, on stderr."
    )
    auth: Auth = Field(
        default_factory=cache(Auth),
        description="Who may use the routes, and how that is found out.",
    )
    rate_limits: MappingOf[Name, RateLimitPolicy] = Field(
        default_factory=dict,
        max_length=MAXIMUM_POLICIES,
        description="Limits that routes can name, by name. A name shows in headers and metrics.",
    )
    default_rate_limits: ListOf[Name] = Field(
        default=(),
        max_length=MAXIMUM_USES,
        description="Limits of routes that say nothing of `rate_limits`.",
    )
    upstreams: MappingOf[Name, Upstream] = Field(
        default_factory=dict, description="Services that requests are forwarded to, by name."
    )
    routes: ListOf[Route] = Field(
        default=(),
        max_length=100_000,
        description="Rules. Their order matters only between equal matches (see Precedence).",
    )
    health_path: Annotated[
        HealthPath | None,
        BeforeValidator(_nothing_turns_it_off),
        WithJsonSchema({"anyOf": [{"type": "string"}, {"const": False}, {"type": "null"}]}),
    ] = Field(
        default="/health",
        description="Where the gateway answers for its own health, with and without a final slash;"
        " `false` turns it off. A route whose pattern is exactly this path goes first.",
    )
    security_headers: SecurityHeadersSetting = Field(
        default_factory=lambda: SecurityHeaders(base="default"),
        json_schema_extra={"default": "default"},
        description="Response headers that browsers act on, sent unless the upstream sent its own:"
        " `default`, `none`, or a mapping that changes the default ones, in which a name without a"
        " value takes that header out.",
    )

    access_log: AccessLogSetting = Field(
        default_factory=cache(AccessLog),
        description="Where a line for each request goes, and what is in it: a path, or a mapping;"
        " `off` turns it off.",
    )
    server_timing: bool = Field(
        default=False,
        description="Whether responses say, in a Server-Timing header, where their time went. Off:"
        " it tells clients how long others' answers took.",
    )
    tracing: Tracing | None = Field(
        default=None,
        description="Where spans of requests go: the URL of a collector, or a mapping. Left out,"
        " there are none, and traces of trusted peers are passed on all the same.",
    )

    @model_validator(mode="after")
    def _listen_is_short_for_one_listener(self) -> Self:
        if self.listen is None:
            return self
        if "listeners" in self.model_fields_set:
            raise refusal(
                "conflicting-keys", "`listen` is short for `listeners`: keep one", at=("listen",)
            )
        # The model is frozen for everybody else; here it is still being made.
        self.__dict__["listeners"] = (Listener(address=self.listen),)
        self.__dict__["listen"] = None
        self.__pydantic_fields_set__.discard("listen")
        self.__pydantic_fields_set__.add("listeners")
        return self

    def worker_count(self) -> int:
        """Return the number of workers, `auto` resolved for this machine."""
        return usable_cores() if self.workers == "auto" else self.workers

    def default_providers(self) -> tuple[str, ...]:
        """Return the providers of routes that name none, in the order in which they are tried."""
        if self.auth.default is not None:
            return self.auth.default
        providers = self.auth.providers
        asked = tuple(name for name in providers if providers[name].kind != "forward-auth")
        # With nothing but services to ask, routes are still not open; `check_auth` sees to it that
        # there is one then.
        return asked or tuple(providers)

    def providers_of(self, route: Route) -> tuple[str, ...]:
        """Return the providers of which a request of the route must satisfy one; none if open."""
        if route.auth == "none" or not self.auth.providers:
            return ()
        named = route.auth.provider if isinstance(route.auth, RouteAuth) else ()
        return named or self.default_providers()

    def rate_limits_of(self, route: Route) -> tuple[RouteRateLimit, ...]:
        """Return the policies that requests of the route are held to, and what they cost there."""
        if route.rate_limits is not None:
            return route.rate_limits
        return tuple(RouteRateLimit(name) for name in self.default_rate_limits)

    def mode_of(self, policy: RateLimitPolicy) -> RateLimitMode:
        """Return where the policy's windows are counted."""
        if policy.quota is None:
            return "local"  # concurrency is each machine's own
        return policy.mode or ("local" if self.redis is None else "leased")

    def counts_in_redis(self) -> bool:
        """Return whether there is a policy whose windows are counted in Redis."""
        shared = (self.mode_of(policy) != "local" for policy in self.rate_limits.values())
        return self.redis is not None and any(shared)

    def to_json(self) -> str:
        """Write the whole configuration, secrets included, for `from_json` in a worker.

        Defaults are left out: the same program fills them in again, and faster than it reads them.
        """
        return self.model_dump_json(context={"reveal": True}, exclude_unset=True)

    @classmethod
    def from_json(cls, text: str | bytes) -> Self:
        """Read what `to_json` wrote, without any file or environment.

        Raises:
            pydantic.ValidationError: `text` is not what `to_json` wrote.
        """
        with collector_held():
            return cls.model_validate_json(text)
