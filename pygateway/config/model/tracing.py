"""Tracing: which requests become spans, and where those go."""

from __future__ import annotations

import re
from typing import Annotated, Final, Literal, Self
from urllib.parse import urlsplit

from pydantic import AfterValidator, Field, model_validator

from ..refusal import refusal
from ..section import MappingOf, Section
from ..syntax.files import FilePath
from ..syntax.headers import FRAMING_NAMES, HeaderName, SecretHeaderValue, normal_name
from ..syntax.urls import check_http_url
from ..units import DurationRange

TRACES_PATH: Final = "/v1/traces"
"""Where collectors take spans (OTLP 1.x, OTLP/HTTP Request)."""

RESERVED_NAMES: Final = FRAMING_NAMES | {"content-encoding", "content-type", "host"}
"""Fields that follow from what is sent, and to whom."""

MAXIMUM_ATTRIBUTES: Final = 128
"""Of a resource; as many as OpenTelemetry's limit for anything that has attributes."""

# OpenTelemetry, Attribute Naming: lower-case words in name spaces. What others name is let be.
_ATTRIBUTE_NAME = re.compile(r"[A-Za-z][A-Za-z0-9_.-]{0,127}", re.ASCII)


def _complete(url: str) -> str:
    check_http_url(url)
    parts = urlsplit(url)
    return url if parts.path.strip("/") else parts._replace(path=TRACES_PATH).geturl()


def _check_attribute_name(name: str) -> str:
    if not _ATTRIBUTE_NAME.fullmatch(name):
        raise refusal(
            "bad-name",
            "an attribute's name has 1 to 128 letters, digits, dots, hyphens and underscores, a"
            " letter first",
        )
    return name


AttributeName = Annotated[str, AfterValidator(_check_attribute_name)]
AttributeValue = Annotated[str, Field(min_length=1, max_length=1024)]


class Tracing(Section):
    """Spans of sampled requests, sent to a collector with OTLP over HTTP."""

    endpoint: Annotated[str, AfterValidator(_complete)] = Field(
        description="URL of the collector: where it takes spans, such as"
        f" `http://localhost:4318{TRACES_PATH}`. One without a path gets `{TRACES_PATH}`."
    )
    ratio: float = Field(
        default=0.01,
        ge=0,
        le=1,
        description="Share of requests that are traced, where no trusted peer has decided already:"
        " a `traceparent` of one counts for more.",
    )
    headers: MappingOf[HeaderName, SecretHeaderValue] = Field(
        default_factory=dict,
        max_length=32,
        description="Headers that the collector is sent, such as its credentials: names and"
        " values. A value is text, or a mapping with `value_file`, a file that holds it.",
    )
    service_name: str | None = Field(
        default=None,
        min_length=1,
        max_length=256,
        description="`service.name` of the spans. Left out, what OTEL_SERVICE_NAME or"
        " OTEL_RESOURCE_ATTRIBUTES say, else `pygateway`.",
    )
    attributes: MappingOf[AttributeName, AttributeValue] = Field(
        default_factory=dict,
        max_length=MAXIMUM_ATTRIBUTES,
        description="Further attributes of the resource, such as `deployment.environment.name`;"
        " they count for more than those in OTEL_RESOURCE_ATTRIBUTES.",
    )
    timeout: Annotated[float, DurationRange("100ms", "1m")] = Field(
        default=10.0,
        description="For one export, with everything that is tried again within it.",
    )
    queue: int = Field(
        default=2048,
        ge=1,
        le=100_000,
        description="Traced requests that wait for export, in each worker; further ones are"
        " dropped and counted.",
    )
    compression: Literal["none", "gzip"] = Field(
        default="none", description="How what is sent is compressed."
    )
    ca_file: FilePath | None = Field(
        default=None,
        description="File with the PEM certificates of the authorities to trust for an https"
        " collector, instead of the system's. Relative to the configuration file.",
    )

    @model_validator(mode="before")
    @classmethod
    def _text_is_the_endpoint(cls, value: object) -> object:
        return {"endpoint": value} if isinstance(value, str) else value

    @model_validator(mode="after")
    def _headers_are_the_users(self) -> Self:
        seen: set[str] = set()
        for name in self.headers:
            normal = normal_name(name)
            if normal in RESERVED_NAMES:
                raise refusal(
                    "reserved-header", f"only the gateway writes {name}", at=("headers", name)
                )
            if normal in seen:
                raise refusal(
                    "conflicting-keys",
                    f"{name} is there twice (`-` and `_` are the same)",
                    at=("headers", name),
                )
            seen.add(normal)
        return self
