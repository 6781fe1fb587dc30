"""API keys, of which the gateway knows keyed hashes only."""

from __future__ import annotations

import re
from typing import Annotated, Any, Final, Self

from pydantic import AfterValidator, Field, SecretStr, model_validator

from ..refusal import refusal
from ..section import ListOf, MappingOf, Section
from ..syntax.claims import ClaimText, KeyId, Scope
from ..syntax.files import FilePath
from ..syntax.json_values import JsonValue
from ..syntax.secrets import Secret, SecretFile, take_from_file
from ..syntax.times import Time

MINIMUM_PEPPER: Final = 32
"""Bytes: as many as the hash has (RFC 2104 section 3)."""

MAXIMUM_KEYS: Final = 100_000

_CLAIMS_OF_KEYS: Final = {
    "iss": "it is the provider",
    "sub": "it is the `owner`",
    "jti": "it is the `id`",
    "scope": "it is made of `scopes`",
    "roles": "it is made of `roles`",
}
"""Claims that other settings are about, and which."""

_CLAIMS_OF_TIME: Final = frozenset({"exp", "nbf", "iat"})

_DIGEST = re.compile(r"[0-9A-Fa-f]{64}", re.ASCII)


def _check_pepper(value: SecretStr) -> SecretStr:
    if len(value.get_secret_value().encode("utf-8", "surrogateescape")) < MINIMUM_PEPPER:
        raise refusal("short-secret", f"the pepper has at least {MINIMUM_PEPPER} bytes")
    return value


def _check_hash(text: str) -> str:
    if not _DIGEST.fullmatch(text):
        raise refusal(
            "bad-key",
            "must be the HMAC-SHA256 of the key under the pepper: 64 hexadecimal digits",
        )
    return text.lower()


def _check_claims(claims: dict[str, Any]) -> dict[str, Any]:
    for name, value in claims.items():
        if name in _CLAIMS_OF_KEYS:
            message = f"the gateway writes `{name}` itself: {_CLAIMS_OF_KEYS[name]}"
            raise refusal("bad-claim", message, at=(name,))
        is_number = isinstance(value, int | float) and not isinstance(value, bool)
        if name in _CLAIMS_OF_TIME and not is_number:
            message = f"`{name}` is a number: seconds since 1970 (RFC 7519 section 2)"
            raise refusal("bad-claim", message, at=(name,))
    return claims


class ApiKey(Section):
    """One API key: its keyed hash, whose it is, and what it permits."""

    id: KeyId = Field(description="Name in logs and for revocation (`--jti`); each has its own.")
    hash: Annotated[str, AfterValidator(_check_hash)] = Field(
        repr=False,
        description="HMAC-SHA256 of the key under the pepper, in hexadecimal: `pygateway key mint`"
        " makes both.",
    )
    owner: ClaimText = Field(description="Whose key it is: the claim `sub`.")
    scopes: ListOf[Scope] = Field(
        default=(), max_length=1000, description="What it permits: the claim `scope`."
    )
    roles: ListOf[ClaimText] = Field(
        default=(), max_length=1000, description="Roles of its owner: the claim `roles`."
    )
    claims: Annotated[MappingOf[ClaimText, JsonValue], AfterValidator(_check_claims)] = Field(
        default_factory=dict,
        max_length=100,
        description="More claims, as JSON values; `exp`, `nbf` and `iat` are numbers.",
    )
    not_before: Time | None = Field(
        default=None, description="From when on it is accepted: `2030-01-31T12:00:00Z` or a date."
    )
    expires: Time | None = Field(default=None, description="Until when it is accepted.")


class ApiKeys(Section):
    """API keys. They are looked up by their keyed hash, so that a stolen list opens nothing."""

    pepper: Annotated[Secret, AfterValidator(_check_pepper)] | None = Field(
        default=None,
        description=f"Key of the hashes, of at least {MINIMUM_PEPPER} bytes. Without it the list is"
        " of no use to anybody.",
    )
    pepper_file: Annotated[SecretFile, AfterValidator(_check_pepper)] | None = Field(
        default=None, exclude=True, description="File that holds the pepper, instead of `pepper`."
    )
    keys: ListOf[ApiKey] = Field(
        default=(), max_length=MAXIMUM_KEYS, description="The keys, and those of `file`."
    )
    file: FilePath | None = Field(
        default=None,
        description="YAML file with more of `keys`, read when the configuration is. Relative to the"
        " configuration file.",
    )
    redis: bool = Field(
        default=False,
        description="Whether keys that are not here are looked up in Redis, where they can be added"
        " and removed while gateways run.",
    )

    @model_validator(mode="after")
    def _a_file_stands_for_its_value(self) -> Self:
        take_from_file(self, "pepper", "pepper_file")
        return self
