"""Authentication: who may ask, how long that is remembered, and what was revoked."""

from __future__ import annotations

from functools import cache as made_once
from typing import Annotated, Literal

from pydantic import BeforeValidator, Field

from ..section import MappingOf, PlainText, Section
from ..syntax.claims import Realm
from ..syntax.files import FilePath
from ..syntax.names import Name
from ..units import DurationRange, SizeRange
from .providers import Provider


def as_names(value: object) -> object:
    """Bring `main` and `[main, partners]` to one form."""
    if value is None:
        return ()
    if isinstance(value, PlainText):
        return tuple(part.strip() for part in value.split(",") if part.strip())
    return (value,) if isinstance(value, str) else value


Names = Annotated[tuple[Name, ...], BeforeValidator(as_names)]
"""One name or a list of them."""

OneOrMoreNames = Annotated[
    tuple[Name, ...], Field(min_length=1, max_length=100), BeforeValidator(as_names)
]


class TokenCache(Section):
    """What is remembered of credentials that were seen before, in each worker."""

    size: Annotated[int, SizeRange("64KiB", "64GiB")] = Field(
        default=64 * 1024**2,
        description="Bytes for accepted credentials in each worker; the least useful ones make"
        " room. A token takes about twice its length.",
    )
    ttl: Annotated[float, DurationRange("0s", "1d")] = Field(
        default=300.0,
        description="For which an accepted credential is not looked at again. It never outlives"
        " its own expiry, its key, or a revocation.",
    )
    refused_size: Annotated[int, SizeRange("64KiB", "1GiB")] = Field(
        default=4 * 1024**2,
        description="Bytes for refused credentials in each worker, so that a flood of forged ones"
        " cannot push out the good.",
    )
    refused_ttl: Annotated[float, DurationRange("0s", "1h")] = Field(
        default=60.0,
        description="For which a refused credential is refused again without a look.",
    )


class Revocation(Section):
    """Tokens that end before their time."""

    file: FilePath | None = Field(
        default=None,
        description="File in which revocations are kept. Without it, and without `redis`, they are"
        " forgotten when the gateway ends. Relative to the configuration file.",
    )
    when_stale: Literal["allow", "deny"] = Field(
        default="allow",
        description="What happens while revocations of other gateways may be missing, because"
        " Redis has been away for `stale_after`: go on with those that are known, or answer every"
        " protected request with 503.",
    )
    stale_after: Annotated[float, DurationRange("1s", "1d")] = Field(
        default=30.0,
        description="For which Redis may be away. A restart of Redis takes less than 30s.",
    )
    entries: int = Field(
        default=100_000,
        ge=1,
        le=10_000_000,
        description="Revocations that are held at a time, each until the tokens that it is about"
        " have expired; one more is refused. Each takes about 200 bytes in every worker.",
    )


class Auth(Section):
    """Who may use the routes. As soon as there is a provider, routes without `auth` need it."""

    realm: Realm = Field(
        default="pygateway",
        description="What WWW-Authenticate calls the protected space (RFC 9110 section 11.5).",
    )
    default: OneOrMoreNames | None = Field(
        default=None,
        description="Providers of routes that name none. Left out, every provider of tokens and of"
        " API keys.",
    )
    token_bytes: Annotated[int, SizeRange("256B", "64KiB")] = Field(
        default=8 * 1024,
        description="Bytes of a credential; a longer one is refused before it is looked at. Larger"
        " ones do not pass common servers' limits for a header line.",
    )
    cache: TokenCache = Field(
        default_factory=made_once(TokenCache), description="What is remembered of credentials."
    )
    waiting: int = Field(
        default=1024,
        ge=1,
        le=1_000_000,
        description="Requests that wait in a worker until their token is verified or a service has"
        " answered; one more is answered with 503. Bounded, because each holds memory.",
    )
    revocation: Revocation = Field(
        default_factory=made_once(Revocation),
        description="Where revocations are kept, and what happens without them.",
    )
    providers: MappingOf[Name, Provider] = Field(
        default_factory=dict,
        description="Where credentials come from, by name: issuers of tokens, lists of API keys, or"
        " services that are asked.",
    )
