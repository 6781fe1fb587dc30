"""Routes: which requests they take and what becomes of them."""

from __future__ import annotations

from functools import cache
from typing import Annotated, Final, NamedTuple

from pydantic import (
    AfterValidator,
    BeforeValidator,
    Field,
    GetCoreSchemaHandler,
    WithJsonSchema,
    model_validator,
)
from pydantic_core import CoreSchema, core_schema

from ..refusal import refusal
from ..section import ListOf, MappingOf, PlainText, Section
from ..syntax.headers import HeaderName, HeaderValue, Method
from ..syntax.hosts import HostPattern
from ..syntax.names import Name, RewriteHost
from ..syntax.paths import LocationTemplate, PathPattern, PathPrefix, PathTemplate
from .access import RouteAuthSetting
from .headers import Cors, HeaderPolicy, SecurityHeadersSetting
from .limits import RouteLimits
from .rate_limits import RouteRateLimits
from .timeouts import TimeoutOverrides

REDIRECT_STATUSES: Final = (301, 302, 303, 307, 308)

MAXIMUM_BODY: Final = 65_536
"""Characters of a fixed response's body: longer documents belong on a file server."""


class UpstreamShareSection(Section):
    """An upstream of a route, as a mapping."""

    name: Name = Field(description="Name of an upstream.")
    weight: int = Field(
        default=1,
        ge=0,
        le=10_000,
        description="Share of the route's requests beside the other upstreams' weights; 0 takes"
        " none. 10000 makes shares of a hundredth of a percent possible.",
    )


class UpstreamShare(NamedTuple):
    """An upstream of a route and its share of the route's requests."""

    name: str
    weight: int = 1

    @classmethod
    def __get_pydantic_core_schema__(
        cls, source: object, handler: GetCoreSchemaHandler
    ) -> CoreSchema:
        """Validate as a section, hold as a pair."""
        return core_schema.no_info_after_validator_function(
            lambda section: cls(section.name, section.weight),
            handler.generate_schema(UpstreamShareSection),
            serialization=core_schema.plain_serializer_function_ser_schema(cls._asdict),
        )


class Match(Section):
    """What a request must be like. What is left out matches everything."""

    hosts: ListOf[HostPattern] = Field(
        default=(),
        max_length=1000,
        description="Host names without a port: exact, or `*.` and a name for one or more labels"
        " below it.",
    )
    paths: ListOf[PathPattern] = Field(
        default=(),
        max_length=1000,
        description="Path patterns: static segments, `{name}` for one non-empty segment, and a"
        " trailing `*` for any rest.",
    )
    methods: ListOf[Method] = Field(
        default=(), max_length=100, description="Methods. GET takes HEAD too."
    )
    headers: MappingOf[HeaderName, HeaderValue | None] = Field(
        default_factory=dict,
        description="Header names and the values they must have; a name without a value must only"
        " be there.",
    )
    query: MappingOf[str, str | None] = Field(
        default_factory=dict,
        description="Query parameters and the values they must have; a name without a value must"
        " only be there.",
    )


class Rewrite(Section):
    """How the path and host that the upstream sees differ from the client's."""

    strip_prefix: PathPrefix | None = Field(
        default=None,
        description="Prefix of whole segments that is taken off; a path without it stays as it is.",
    )
    add_prefix: PathPrefix | None = Field(
        default=None, description="Prefix that is put in front, after `strip_prefix`."
    )
    path: PathTemplate | None = Field(
        default=None,
        description="Template of the whole path instead; not together with the prefixes.",
    )
    host: RewriteHost = Field(
        default="preserve",
        description="Host header: `preserve` the client's, `upstream` for the endpoint's, or a"
        " host of its own.",
    )


def _check_redirect_status(status: int) -> int:
    if status not in REDIRECT_STATUSES:
        raise refusal(
            "not-allowed-value",
            "must be the status of a redirect",
            allowed=(str(status) for status in REDIRECT_STATUSES),
        )
    return status


RedirectStatus = Annotated[
    int, AfterValidator(_check_redirect_status), WithJsonSchema({"enum": list(REDIRECT_STATUSES)})
]


class Redirect(Section):
    """Sends the client elsewhere."""

    status: RedirectStatus = Field(
        default=308,
        description="308 and 307 keep the method and the body (RFC 9110 section 15.4); 301 and 308"
        " are remembered by clients.",
    )
    location: LocationTemplate = Field(
        description="Template of the target. The query is kept, unless the template has `{query}`"
        " or `?`."
    )

    @model_validator(mode="before")
    @classmethod
    def _text_is_the_location(cls, value: object) -> object:
        return {"location": value} if isinstance(value, str) else value


class FixedResponse(Section):
    """Answers without any upstream."""

    status: int = Field(default=200, ge=200, le=599, description="Status code.")
    headers: MappingOf[HeaderName, HeaderValue] = Field(
        default_factory=dict, description="Header names and values."
    )
    body: str = Field(
        default="",
        max_length=MAXIMUM_BODY,
        description=f"Text, sent as UTF-8, of at most {MAXIMUM_BODY} characters: longer documents"
        " belong on a file server.",
    )


def _as_shares(value: object) -> object:
    """Bring `users`, `[users, ...]` and `[{name: users, weight: 2}, ...]` to one form."""
    if isinstance(value, PlainText):
        value = [part.strip() for part in value.split(",")]
    if isinstance(value, str):
        return ({"name": value},)
    if isinstance(value, list | tuple):
        return tuple({"name": item} if isinstance(item, str) else item for item in value)
    return () if value is None else value


class Route(Section):
    """One rule: what it matches, and one of `upstream`, `redirect` and `respond`."""

    name: Name = Field(description="Name in logs and reports; each route has its own.")
    match: Match = Field(
        default_factory=cache(Match), description="What a request must be like; left out, anything."
    )
    upstream: Annotated[tuple[UpstreamShare, ...], BeforeValidator(_as_shares)] = Field(
        default=(),
        max_length=100,
        description="Name of the upstream that requests are forwarded to, or a list of names or of"
        " mappings with `name` and `weight`.",
    )
    redirect: Redirect | None = Field(
        default=None,
        description="Redirects instead of forwarding: a location, or a mapping.",
    )
    respond: FixedResponse | None = Field(
        default=None, description="Answers instead of forwarding."
    )
    auth: RouteAuthSetting = Field(
        default=None,
        description="What a request must show. Left out, a good credential of `auth.default` as"
        " soon as there is a provider; `none` says that the route is meant to be open.",
    )
    rate_limits: RouteRateLimits = Field(
        default=None,
        description="Names of policies, or mappings with `name` and `cost`; a request has to pass"
        " all of them. Left out, `default_rate_limits`; an empty list is none.",
    )
    rewrite: Rewrite = Field(
        default_factory=cache(Rewrite),
        description="What the upstream sees instead of the client's path.",
    )
    headers: HeaderPolicy = Field(
        default_factory=cache(HeaderPolicy), description="Changes to the messages' headers."
    )
    security_headers: SecurityHeadersSetting | None = Field(
        default=None,
        description="Instead of the gateway's `security_headers`: `default`, `none`, or a mapping"
        " that changes the gateway's.",
    )
    cors: Cors | None = Field(
        default=None,
        description="Which pages of other origins may read responses; left out, what the upstream"
        " says goes through.",
    )
    limits: RouteLimits = Field(
        default_factory=cache(RouteLimits), description="Limits instead of the gateway's."
    )
    timeouts: TimeoutOverrides = Field(
        default_factory=cache(TimeoutOverrides),
        description="Deadlines instead of the upstream's and the gateway's.",
    )
