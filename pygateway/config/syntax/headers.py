"""Header names, header values and methods (RFC 9110 sections 5.1, 5.5, 5.6.2 and 9.1)."""

from __future__ import annotations

import re
from typing import Annotated, Final

from pydantic import AfterValidator, SecretStr
from pydantic.functional_serializers import PlainSerializer
from pydantic_core.core_schema import SerializationInfo

from ..refusal import refusal

MAXIMUM_NAME = 256
"""Characters in a header name; names of the IANA registry stay under 50."""

MAXIMUM_VALUE = 8192
"""Characters in a header value; common servers refuse a longer line."""

STANDARD_METHODS: Final = ("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS")

_TOKEN = re.compile(r"[A-Za-z0-9!#$%&'*+.^_`|~-]+", re.ASCII)
_VALUE = re.compile(r"[\t\x20-\x7e]*", re.ASCII)

FRAMING_NAMES: Final = frozenset(
    {
        "connection",
        "content-length",
        "http2-settings",
        "keep-alive",
        "proxy-authenticate",
        "proxy-authorization",
        "proxy-connection",
        "te",
        "trailer",
        "transfer-encoding",
        "upgrade",
    }
)
"""Hop-by-hop and framing fields (RFC 9110 section 7.6.1): they belong to one connection."""

REQUEST_NAMES_OF_THE_GATEWAY: Final = FRAMING_NAMES | {
    "expect",
    "forwarded",
    "host",
    "traceparent",
    "tracestate",
    "via",
    "x-original-url",
    "x-real-ip",
    "x-request-id",
    "x-rewrite-url",
}
"""Request fields that only the gateway writes; every `x-forwarded-*` name is one of them too."""

RESPONSE_NAMES_OF_THE_GATEWAY: Final = FRAMING_NAMES | {"date", "via", "x-request-id"}
"""Response fields that only the gateway writes."""


_NAMES_WITH_A_MEANING: Final = frozenset(
    {
        "age",
        "allow",
        "authorization",
        "cache-control",
        "content-encoding",
        "content-range",
        "content-security-policy",
        "content-type",
        "cookie",
        "date",
        "etag",
        "expires",
        "last-modified",
        "location",
        "origin",
        "range",
        "retry-after",
        "set-cookie",
        "strict-transport-security",
        "vary",
        "www-authenticate",
        "x-content-type-options",
        "x-forwarded",
        "x-frame-options",
    }
)
"""Fields of messages themselves, of credentials and of browsers' protections."""


def normal_name(name: str) -> str:
    """Return the form in which two spellings of one field name are equal.

    Some upstreams take `_` for `-`, so both spellings name the same field here.
    """
    return name.lower().replace("_", "-")


def is_reserved_in_requests(name: str) -> bool:
    """Tell whether only the gateway may write this request field."""
    normal = normal_name(name)
    return normal in REQUEST_NAMES_OF_THE_GATEWAY or normal.startswith("x-forwarded-")


def is_reserved_in_responses(name: str) -> bool:
    """Tell whether only the gateway may write this response field."""
    return normal_name(name) in RESPONSE_NAMES_OF_THE_GATEWAY


def can_tell_of_clients(name: str) -> bool:
    """Tell whether upstreams may be told in this request field who a client is.

    It is removed from what clients send, so it is no field that means something else already.
    """
    normal = normal_name(name)
    if normal.startswith("x-forwarded-"):
        return normal not in {"x-forwarded-for", "x-forwarded-host", "x-forwarded-proto"}
    return not (
        is_reserved_in_requests(name)
        or normal in _NAMES_WITH_A_MEANING
        or normal.startswith("access-control-")
    )


def _check_name(name: str) -> str:
    if len(name) > MAXIMUM_NAME or not _TOKEN.fullmatch(name):
        raise refusal(
            "bad-header-name",
            "a header name has letters, digits and any of !#$%&'*+-.^_`|~ only"
            f" (RFC 9110 section 5.6.2), and at most {MAXIMUM_NAME} of them",
        )
    return name


def check_value(value: str) -> str:
    """Return `value` if it can stand in a header line.

    Raises:
        PydanticCustomError: it holds a control or non-ASCII character, or is too long.
    """
    if len(value) > MAXIMUM_VALUE or not _VALUE.fullmatch(value):
        raise refusal(
            "bad-header-value",
            "a header value has printable ASCII characters, spaces and tabs only"
            f" (RFC 9110 section 5.5), and at most {MAXIMUM_VALUE} of them",
        )
    if value != value.strip(" \t"):
        raise refusal("bad-header-value", "a header value neither starts nor ends with a space")
    return value


def _check_method(method: str) -> str:
    if not _TOKEN.fullmatch(method) or len(method) > 32:
        raise refusal("bad-method", "a method is a token of at most 32 characters (RFC 9110)")
    if method in {"CONNECT", "TRACE"}:
        raise refusal("bad-method", f"{method} is never proxied: it is answered with 501")
    if method != method.upper():
        raise refusal(
            "bad-method",
            "methods are case-sensitive (RFC 9110 section 9.1) and this one has small letters",
            allowed=STANDARD_METHODS,
            suggestion=method.upper(),
        )
    return method


def _check_secret(value: SecretStr) -> SecretStr:
    check_value(value.get_secret_value())
    return value


def _serialize_secret(value: SecretStr, info: SerializationInfo) -> str:
    if isinstance(info.context, dict) and info.context.get("reveal"):
        return value.get_secret_value()
    return str(value)


HeaderName = Annotated[str, AfterValidator(_check_name)]
HeaderValue = Annotated[str, AfterValidator(check_value)]
Method = Annotated[str, AfterValidator(_check_method)]
SecretHeaderValue = Annotated[
    SecretStr,
    AfterValidator(_check_secret),
    PlainSerializer(_serialize_secret, return_type=str),
]
"""A header value that may be a credential: shown as asterisks everywhere but in `to_json`."""
