"""Providers: where credentials come from, and what is believed of them."""

from __future__ import annotations

from functools import cache
from typing import Annotated, Final, Literal, Self

from pydantic import BeforeValidator, Field, model_serializer, model_validator

from ..algorithms import DEFAULT_PUBLIC_KEY_ALGORITHMS, DEFAULT_SECRET_ALGORITHMS, AlgorithmName
from ..refusal import nearest, refusal
from ..section import ListOf, MappingOf, Section
from ..syntax.claims import ClaimPath, ClaimText, CookieName, KeyId
from ..syntax.files import FilePath
from ..syntax.headers import HeaderName
from ..syntax.key_files import KeySetFile
from ..syntax.secrets import Secret, SecretFile, TextFile, take_from_file
from ..syntax.urls import HttpUrl
from ..units import DurationRange, SizeRange
from .api_keys import ApiKeys
from .forward_auth import ForwardAuth

KEY_SOURCES: Final = ("secrets", "public_keys", "jwks_file", "jwks_url", "discovery")
"""Keys of a provider of tokens that say with what signatures are verified; it has one of them."""

MAXIMUM_STATIC_KEYS: Final = 1000
"""Keys in a `jwks_file`."""

ProviderKind = Literal["jwt", "api-keys", "forward-auth"]


class TokenSource(Section):
    """Where in a request a credential is: `bearer`, `{cookie: NAME}` or `{header: NAME}`."""

    cookie: CookieName | None = Field(default=None, description="Name of the cookie that it is in.")
    header: HeaderName | None = Field(default=None, description="Name of the header that it is in.")

    @model_validator(mode="before")
    @classmethod
    def _bearer_is_a_word(cls, value: object) -> object:
        if not isinstance(value, str):
            return value
        if value != "bearer":
            raise refusal(
                "not-allowed-value",
                "must be `bearer`, a cookie or a header",
                allowed=("bearer", "{cookie: NAME}", "{header: NAME}"),
                suggestion=nearest(value, ("bearer",)),
            )
        return {}

    @model_serializer
    def _as_written(self) -> str | dict[str, str]:
        if self.cookie is not None:
            return {"cookie": self.cookie}
        return "bearer" if self.header is None else {"header": self.header}


class SharedSecret(Section):
    """A secret that the issuer signs with too (HS256, HS384, HS512)."""

    id: KeyId | None = Field(
        default=None,
        description="`kid` of the tokens that it verifies; a secret without one is tried for every"
        " token.",
    )
    value: Secret | None = Field(
        default=None,
        description="The secret, at least as long as the hash: 32 bytes for HS256, 48 for HS384, 64"
        " for HS512 (RFC 7518 section 3.2).",
    )
    value_file: SecretFile | None = Field(
        default=None, exclude=True, description="File that holds the secret, instead of `value`."
    )

    @model_validator(mode="after")
    def _a_file_stands_for_its_value(self) -> Self:
        take_from_file(self, "value", "value_file")
        return self


class PublicKey(Section):
    """A public key in PEM form, or a certificate that has one."""

    id: KeyId | None = Field(
        default=None,
        description="`kid` of the tokens that it verifies; a key without one is tried for every"
        " token.",
    )
    file: TextFile | None = Field(
        default=None,
        exclude=True,
        description="File that holds the key. Relative to the configuration file.",
    )
    pem: str | None = Field(
        default=None,
        max_length=65_536,
        repr=False,
        description="The key itself, instead of `file`.",
    )
    algorithms: ListOf[AlgorithmName] = Field(
        default=(),
        max_length=16,
        description="Algorithms that this key is for. Left out, all of the provider's that fit it.",
    )

    @model_validator(mode="after")
    def _a_file_stands_for_its_value(self) -> Self:
        take_from_file(self, "pem", "file")
        return self


class Jwks(Section):
    """How a key set (RFC 7517) is fetched, with `jwks_url` or `discovery`."""

    refresh: Annotated[float, DurationRange("1s", "1d")] = Field(
        default=300.0,
        description="After which the set is fetched anew, where the answer does not say how long it"
        " is fresh.",
    )
    minimum_refresh: Annotated[float, DurationRange("1s", "1d")] = Field(
        default=30.0,
        description="Least time between two fetches, whatever Cache-Control says.",
    )
    maximum_refresh: Annotated[float, DurationRange("1s", "7d")] = Field(
        default=3600.0,
        description="Greatest time between two fetches, whatever Cache-Control says: a key that"
        " leaves the set verifies tokens for that long at most.",
    )
    cooldown: Annotated[float, DurationRange("1s", "1h")] = Field(
        default=10.0,
        description="Least time between two fetches because of tokens with unknown keys: anybody"
        " can make those up.",
    )
    timeout: Annotated[float, DurationRange("100ms", "1m")] = Field(
        default=5.0, description="For one fetch, redirects included."
    )
    stale: Annotated[float, DurationRange("0s", "30d")] = Field(
        default=86_400.0,
        description="For which the last set is used while none can be fetched; then tokens are"
        " answered with 503.",
    )
    size: Annotated[int, SizeRange("1KiB", "16MiB")] = Field(
        default=512 * 1024, description="Bytes of a set; a larger one is refused."
    )
    keys: int = Field(
        default=100, ge=1, le=1000, description="Keys in a set; a larger one is refused."
    )
    allow_http: bool = Field(
        default=False,
        description="Whether the set may be fetched without TLS. Then anybody on the way can put in"
        " keys of their own.",
    )
    redirects: int = Field(
        default=0,
        ge=0,
        le=5,
        description="Redirects that are followed, to https only unless `allow_http`.",
    )
    ca_file: FilePath | None = Field(
        default=None,
        description="File with the PEM certificates of the authorities to trust, instead of the"
        " system's. Relative to the configuration file.",
    )


def _as_discovery(value: object) -> object:
    return False if value is None else value


class Provider(Section):
    """Tokens of one issuer, or `api_keys`, or `forward_auth`."""

    issuer: ClaimText | None = Field(
        default=None,
        description="`iss` of the tokens, exactly; required unless `secrets` verify them.",
    )
    audiences: ListOf[ClaimText] = Field(
        default=(),
        max_length=100,
        description="Of `aud`, one has to be here. Left out, tokens that have an audience are"
        " refused (RFC 7519 section 4.1.3).",
    )
    algorithms: ListOf[AlgorithmName] = Field(
        default=(),
        min_length=1,
        max_length=16,
        description="Algorithms that are accepted; HS256 with `secrets`, and otherwise RS256, ES256"
        " and EdDSA, where nothing is written.",
    )
    leeway: Annotated[float, DurationRange("0s", "10m")] = Field(
        default=30.0,
        description="By which clocks may differ when `exp`, `nbf` and `iat` are compared.",
    )
    types: ListOf[ClaimText] = Field(
        default=(),
        max_length=16,
        description="Of `typ` in the header, such as `at+jwt` (RFC 9068). Left out, it is not"
        " looked at.",
    )
    required_claims: ListOf[ClaimText] = Field(
        default=(), max_length=100, description="Claims that every token must have besides `exp`."
    )
    longest_life: Annotated[float, DurationRange("1m", "3650d")] = Field(
        default=30 * 86_400.0,
        description="How far ahead `exp` may be. Revocations are kept for that long.",
    )
    claims_to_headers: MappingOf[ClaimPath, HeaderName] = Field(
        default_factory=dict,
        max_length=100,
        description="Claims that upstreams are told, and the headers they are told in. Dots lead"
        " into nested claims. What clients send under these names is removed.",
    )
    scope_claim: ClaimPath | None = Field(
        default=None,
        description="Claim that holds the scopes: text with spaces, or a list. Left out, `scope`"
        " or `scp`.",
    )
    roles_claim: ClaimPath = Field(
        default="roles", description="Claim that holds the roles: a list, or text that is one role."
    )
    secrets: ListOf[SharedSecret] = Field(
        default=(),
        min_length=1,
        max_length=16,
        description="Secrets; all are accepted, so that they can be changed one by one.",
    )
    public_keys: ListOf[PublicKey] = Field(
        default=(),
        min_length=1,
        max_length=100,
        description="Public keys, each in a file or in place.",
    )
    jwks_file: KeySetFile | None = Field(
        default=None,
        description="File with a JSON Web Key Set (RFC 7517), read when the configuration is."
        " Relative to the configuration file.",
    )
    jwks_url: HttpUrl | None = Field(
        default=None, description="https URL of the issuer's JSON Web Key Set."
    )
    discovery: Annotated[bool, BeforeValidator(_as_discovery)] = Field(
        default=False,
        description="Whether the URL of the set is asked of the issuer (OpenID Connect Discovery).",
    )
    jwks: Jwks = Field(
        default_factory=cache(Jwks),
        description="How the set is fetched, with `jwks_url` or `discovery`.",
    )
    token_from: ListOf[TokenSource] = Field(
        default=(),
        min_length=1,
        max_length=8,
        description="Where the credential is looked for, in this order: `bearer`, `{cookie: NAME}`"
        " or `{header: NAME}`. Left out, `bearer`, and for API keys the header X-API-Key.",
    )
    api_keys: ApiKeys | None = Field(
        default=None, description="API keys, instead of everything about tokens."
    )
    forward_auth: ForwardAuth | None = Field(
        default=None, description="A service that is asked, instead of everything about tokens."
    )

    @model_validator(mode="after")
    def _defaults_depend_on_the_kind(self) -> Self:
        # The model is frozen for everybody else; here it is still being made.
        if not self.algorithms and self.kind == "jwt":
            secret = DEFAULT_SECRET_ALGORITHMS if self.secrets else DEFAULT_PUBLIC_KEY_ALGORITHMS
            self.__dict__["algorithms"] = secret
        if not self.token_from and self.kind != "forward-auth":
            header = "X-API-Key" if self.kind == "api-keys" else None
            self.__dict__["token_from"] = (TokenSource(header=header),)
        return self

    @property
    def kind(self) -> ProviderKind:
        """What the provider is about."""
        if self.api_keys is not None:
            return "api-keys"
        return "jwt" if self.forward_auth is None else "forward-auth"

    @property
    def fetches_keys(self) -> bool:
        """Whether the keys come from a URL, and so can change while the gateway runs."""
        return self.jwks_url is not None or self.discovery
