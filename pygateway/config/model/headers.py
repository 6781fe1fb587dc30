"""Header policies: what is set, added and removed, the security headers, and CORS."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from typing import Annotated, Final, Literal

from pydantic import BeforeValidator, Field, WithJsonSchema, model_serializer

from ..refusal import nearest, refusal
from ..section import ListOf, MappingOf, Section
from ..syntax.headers import HeaderName, HeaderValue, Method, SecretHeaderValue
from ..syntax.hosts import Origin
from ..units import DurationRange

HSTS: Final = "Strict-Transport-Security"

MAXIMUM_SECURITY_HEADERS: Final = 32
"""Headers of one policy; browsers know about a dozen."""

DEFAULT_SECURITY_HEADERS: Final[Mapping[str, str]] = {
    HSTS: "max-age=63072000",
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Referrer-Policy": "strict-origin-when-cross-origin",
    "Permissions-Policy": "camera=(), geolocation=(), microphone=()",
    "Content-Security-Policy": "frame-ancestors 'none'",
}
"""What `default` stands for: the OWASP Secure Headers Project's values for an API.

HSTS is sent over TLS only (RFC 6797 section 7.2), and without includeSubDomains, because a gateway
cannot know that every other host of the domain speaks TLS.
"""


def _as_values(value: object) -> object:
    return (value,) if isinstance(value, str) else value


SecretValues = Annotated[
    tuple[SecretHeaderValue, ...], Field(min_length=1, max_length=100), BeforeValidator(_as_values)
]


class HeaderChanges(Section):
    """Changes to one message's header; each name is changed once, so no order matters."""

    set: MappingOf[HeaderName, SecretHeaderValue] = Field(
        default_factory=dict,
        description="Names and values; each replaces every header line of its name. A value is"
        " text, or a mapping with `value_file`, a file that holds it.",
    )
    add: MappingOf[HeaderName, SecretValues] = Field(
        default_factory=dict,
        description="Names and values, or lists of values; each becomes one more header line.",
    )
    remove: ListOf[HeaderName] = Field(
        default=(), description="Names of which every header line is removed."
    )


class HeaderPolicy(Section):
    """Changes to the headers of a route's messages."""

    request: HeaderChanges = Field(
        default_factory=cache(HeaderChanges), description="Changes on the way to the upstream."
    )
    response: HeaderChanges = Field(
        default_factory=cache(HeaderChanges), description="Changes on the way to the client."
    )


class SecurityHeaders(Section):
    """Response headers that browsers act on, sent unless the upstream sent its own.

    Attributes:
        base: What `changes` start from. `inherit` is the gateway's policy on a route, and
            the default for the gateway.
        changes: Headers to send besides; None takes one out.
    """

    base: Literal["default", "none", "inherit"] = "inherit"
    changes: MappingOf[HeaderName, HeaderValue | None] = Field(default_factory=dict)

    @model_serializer
    def _as_written(self) -> str | dict[str, str | None]:
        return self.changes if self.base == "inherit" else self.base

    def resolve(self, inherited: Mapping[str, str]) -> dict[str, str]:
        """Return every header of this policy, HSTS included."""
        if self.base == "none":
            return {}
        start = DEFAULT_SECURITY_HEADERS if self.base == "default" else inherited
        changed = {name.lower() for name in self.changes}
        kept = {name: value for name, value in start.items() if name.lower() not in changed}
        return kept | {name: value for name, value in self.changes.items() if value is not None}


class Cors(Section):
    """Which pages of other origins may read a route's responses (Fetch standard)."""

    origins: ListOf[Origin] = Field(
        min_length=1,
        max_length=1000,
        description="Origins such as `https://app.example` or `https://*.app.example` (one or more"
        " labels), or `*` alone for every origin.",
    )
    methods: ListOf[Method] = Field(
        default=("GET", "HEAD", "POST"),
        max_length=100,
        description="Methods that pages may use.",
    )
    headers: ListOf[HeaderName] = Field(
        default=(),
        max_length=100,
        description="Request headers that pages may set beyond the safelisted ones; `*` alone"
        " allows whatever a preflight asks for.",
    )
    expose: ListOf[HeaderName] = Field(
        default=(),
        max_length=100,
        description="Response headers that pages may read beyond the safelisted ones.",
    )
    credentials: bool = Field(
        default=False,
        description="Whether cookies and client certificates may be sent along. Not together with"
        " the origin `*`: that would open every user's data to every page.",
    )
    max_age: Annotated[float, DurationRange("0s", "1d")] | None = Field(
        default=None,
        description="For which browsers may remember a preflight. Firefox caps it at 24 hours,"
        " Chromium at 2. Left out, browsers remember for 5 seconds.",
    )


def _text_or_mapping(value: object) -> object:
    if isinstance(value, str):
        if value not in {"default", "none"}:
            raise refusal(
                "not-allowed-value",
                "must be `default`, `none` or a mapping of header names to values",
                allowed=("default", "none"),
                suggestion=nearest(value, ("default", "none")),
            )
        return {"base": value}
    return {"changes": value} if isinstance(value, dict) else value


SecurityHeadersSetting = Annotated[
    SecurityHeaders,
    BeforeValidator(_text_or_mapping),
    WithJsonSchema(
        {
            "anyOf": [
                {"enum": ["default", "none"]},
                {
                    "type": "object",
                    "additionalProperties": {"type": ["string", "number", "boolean", "null"]},
                },
            ]
        }
    ),
]
