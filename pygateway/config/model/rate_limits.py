"""Rate limits: how much each client may ask for, and what counts as one client."""

from __future__ import annotations

from decimal import Decimal
from functools import cache
from typing import Annotated, Final, Literal, NamedTuple

from pydantic import (
    AfterValidator,
    BeforeValidator,
    Field,
    GetCoreSchemaHandler,
    ValidatorFunctionWrapHandler,
    WithJsonSchema,
    model_validator,
)
from pydantic_core import CoreSchema, core_schema

from ..refusal import nearest, refusal
from ..section import ListOf, MappingOf, PlainText, Section
from ..syntax.addresses import Network
from ..syntax.claims import ClaimPath, ClaimText, Scope
from ..syntax.headers import HeaderName
from ..syntax.names import Name
from ..units import DurationRange

MAXIMUM_QUOTA: Final = 2**26
"""Times the longest window in milliseconds this is under 2**53, so that all of the arithmetic is
exact in whole numbers, in the double precision of Redis' Lua too."""

MAXIMUM_POLICIES: Final = 100
"""Policies of a configuration; each has its own row in the metrics."""

MAXIMUM_USES: Final = 16
"""Policies of a route: each is one more look at the table, and one more item of two headers."""

KEY_WORDS: Final = ("user", "ip", "api_key", "route", "global")
"""What a policy counts by, as far as a word says it."""

_KEY_FORMS: Final = (*KEY_WORDS, "{header: NAME}", "{claim: PATH}")

RateLimitMode = Literal["local", "strict", "leased"]


class KeyPartSection(Section):
    """What a policy counts by: a word, or a mapping with one of these keys."""

    header: HeaderName | None = Field(
        default=None, description="Name of a request header. Clients choose what is in it."
    )
    claim: ClaimPath | None = Field(
        default=None, description="Claim of the credential. Dots lead into nested claims."
    )

    @model_validator(mode="after")
    def _it_is_one_thing(self) -> KeyPartSection:
        if self.header is not None and self.claim is not None:
            message = "a part is either a `header` or a `claim`: a list has both"
            raise refusal("conflicting-keys", message, at=("claim",))
        if self.header is None and self.claim is None:
            raise refusal("missing-key", "names neither a header nor a claim", allowed=_KEY_FORMS)
        return self


class KeyPart(NamedTuple):
    """One of the things that a policy counts by.

    Attributes:
        kind: One of `KEY_WORDS`, `header` or `claim`.
        name: The header's name or the claim's path; empty for a word.
    """

    kind: str
    name: str = ""

    @classmethod
    def __get_pydantic_core_schema__(
        cls, source: object, handler: GetCoreSchemaHandler
    ) -> CoreSchema:
        """Validate a word or a section, hold as a pair."""
        return core_schema.no_info_wrap_validator_function(
            cls._read,
            handler.generate_schema(KeyPartSection),
            serialization=core_schema.plain_serializer_function_ser_schema(cls._written),
        )

    @classmethod
    def _read(cls, value: object, handler: ValidatorFunctionWrapHandler) -> KeyPart:
        if isinstance(value, str):
            if value not in KEY_WORDS:
                message = "must be something that requests can be counted by"
                near = nearest(value, KEY_WORDS)
                raise refusal("not-allowed-value", message, allowed=_KEY_FORMS, suggestion=near)
            return cls(str(value))
        section: KeyPartSection = handler(value)
        if section.header is not None:
            return cls("header", section.header)
        return cls("claim", section.claim or "")

    def _written(self) -> str | dict[str, str]:
        return {self.kind: self.name} if self.name else self.kind


def _as_parts(value: object) -> object:
    """Bring `user`, `{header: X-Tenant}` and `[user, {header: X-Tenant}]` to one form."""
    if isinstance(value, PlainText):
        return tuple(part.strip() for part in value.split(",") if part.strip())
    if isinstance(value, str | dict):
        return (value,)
    return () if value is None else value


def _check_quota(quota: int) -> int:
    if not 1 <= quota <= MAXIMUM_QUOTA:
        raise refusal("out-of-range", f"must be from 1 to {MAXIMUM_QUOTA}")
    return quota


def _check_window(seconds: float) -> float:
    if Decimal(repr(seconds)) * 1000 % 1:
        raise refusal("bad-duration", "a window is a whole number of milliseconds")
    return seconds


Quota = Annotated[
    int,
    AfterValidator(_check_quota),
    WithJsonSchema({"type": "integer", "minimum": 1, "maximum": MAXIMUM_QUOTA}),
]


class RateLimitExemptions(Section):
    """Requests that a policy does not count. One of these is enough."""

    networks: ListOf[Network] = Field(
        default=(),
        max_length=1000,
        description="Addresses and networks (CIDR) of clients; who a client behind a proxy is,"
        " only `trusted_proxies` say.",
    )
    subjects: ListOf[ClaimText] = Field(
        default=(),
        max_length=1000,
        description="Users: the subject of a token, the owner of an API key.",
    )
    scopes: ListOf[Scope] = Field(
        default=(), max_length=100, description="Scopes of the credential, of which one is enough."
    )


class RateLimitPolicy(Section):
    """A limit: `quota` requests in each `window` for each key, `concurrency` at a time, or both."""

    by: Annotated[tuple[KeyPart, ...], BeforeValidator(_as_parts)] = Field(
        min_length=1,
        max_length=8,
        description="What is counted apart: `user`, `ip`, `api_key`, `route`, `{header: NAME}`,"
        " `{claim: PATH}`, or a list of these for every combination; `global` counts everything"
        " together. A request that lacks a user, key, header or claim counts by its address"
        " instead.",
    )
    quota: Quota | None = Field(
        default=None,
        description="What the requests of one window may cost together; a request costs 1 unless"
        " the route or `cost_header` says otherwise. Above 2^26 the arithmetic would not be exact"
        " everywhere.",
    )
    window: Annotated[float, DurationRange("100ms", "1d"), AfterValidator(_check_window)] | None = (
        Field(
            default=None,
            description="Length of the sliding window, in whole milliseconds. Under 100ms the way"
            " to Redis would count for more than the limit; over a day, limits are an affair of"
            " billing, and state would be kept for two of them.",
        )
    )
    concurrency: int | None = Field(
        default=None,
        ge=1,
        le=2000,
        description="Requests of one key that are in flight at a time, on this machine. Who needs"
        " more for one client is better served by the upstream's `pool`.",
    )
    mode: RateLimitMode | None = Field(
        default=None,
        description="Where a window is counted: `local` on each machine, `strict` in Redis before"
        " every request, `leased` in Redis for several requests at a time. Left out, `leased` with"
        " `redis` and `local` without.",
    )
    on_store_failure: Literal["local", "open", "closed"] = Field(
        default="local",
        description="While Redis is away: count on each machine with its share of the quota, let"
        " everything through, or answer everything with 503.",
    )
    tier_claim: ClaimPath = Field(
        default="tier", description="Claim that holds the name of the client's tier."
    )
    tiers: MappingOf[ClaimText, Quota] = Field(
        default_factory=dict,
        max_length=100,
        description="Quotas instead of `quota`, by the value of `tier_claim`.",
    )
    cost_header: HeaderName | None = Field(
        default=None,
        description="Header in which a proxy of `trusted_proxies` says what a request costs,"
        " instead of the route. From others it is not believed.",
    )
    ipv4_prefix: int = Field(
        default=32, ge=1, le=32, description="Bits of an IPv4 address that count as one client."
    )
    ipv6_prefix: int = Field(
        default=64,
        ge=1,
        le=128,
        description="Bits of an IPv6 address that count as one client. Each customer has a /64 at"
        " least (RFC 6177), so that single addresses would limit nobody.",
    )
    exempt: RateLimitExemptions = Field(
        default_factory=cache(RateLimitExemptions), description="Requests that are not counted."
    )
    shadow: bool = Field(
        default=False,
        description="Whether the policy only counts and reports what it would have refused.",
    )

    def key_parts(self) -> tuple[KeyPart, ...]:
        """Return what requests are told apart by; nothing for `global`."""
        return tuple(part for part in self.by if part.kind != "global")

    def smallest_quota(self) -> int | None:
        """Return the least that a client may have; None if there is no window."""
        return None if self.quota is None else min((self.quota, *self.tiers.values()))


class RouteRateLimitSection(Section):
    """A policy of a route, as a mapping."""

    name: Name = Field(description="Name of a policy in `rate_limits`.")
    cost: Quota = Field(
        default=1,
        description="What one request of the route takes of the policy's quota. No more than the"
        " smallest quota that anybody has.",
    )


class RouteRateLimit(NamedTuple):
    """A policy of a route, and what a request of the route costs there."""

    name: str
    cost: int = 1

    @classmethod
    def __get_pydantic_core_schema__(
        cls, source: object, handler: GetCoreSchemaHandler
    ) -> CoreSchema:
        """Validate as a section, hold as a pair."""
        return core_schema.no_info_after_validator_function(
            lambda section: cls(section.name, section.cost),
            handler.generate_schema(RouteRateLimitSection),
            serialization=core_schema.plain_serializer_function_ser_schema(cls._asdict),
        )


def _as_uses(value: object) -> object:
    """Bring `per-user`, `[per-user, ...]` and `[{name: per-user, cost: 5}, ...]` to one form."""
    if isinstance(value, PlainText):
        value = [part.strip() for part in value.split(",") if part.strip()]
    if isinstance(value, str):
        return ({"name": value},)
    if isinstance(value, list | tuple):
        return tuple({"name": item} if isinstance(item, str) else item for item in value)
    return value


RouteRateLimits = Annotated[
    Annotated[tuple[RouteRateLimit, ...], Field(max_length=MAXIMUM_USES)] | None,
    BeforeValidator(_as_uses),
]
"""Policies of a route; None where the route says nothing of them."""
