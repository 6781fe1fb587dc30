"""What authentication is built from: providers, and what routes require of their principals."""

from __future__ import annotations

from dataclasses import dataclass, field

Path = tuple[str, ...]
"""Names from the outermost object inwards."""


@dataclass(frozen=True)
class Bearer:
    """Authorization with the scheme of RFC 6750."""

    def document(self) -> dict[str, object]:
        return {"bearer": {}}


@dataclass(frozen=True)
class CookieSource:
    """One cookie."""

    name: str

    def document(self) -> dict[str, object]:
        return {"cookie": self.name}


@dataclass(frozen=True)
class HeaderSource:
    """One field, whole."""

    name: str

    def document(self) -> dict[str, object]:
        return {"header": self.name}


Source = Bearer | CookieSource | HeaderSource


@dataclass(frozen=True)
class Jwt:
    """Tokens of one issuer; times in seconds."""

    issuer: str | None = None
    audiences: tuple[str, ...] = ()
    algorithms: tuple[str, ...] = ("RS256",)
    types: tuple[str, ...] = ()
    leeway: float = 30.0
    required_claims: tuple[str, ...] = ()
    longest_life: float = 2_592_000.0

    def document(self) -> dict[str, object]:
        return {
            "jwt": {
                "issuer": self.issuer,
                "audiences": list(self.audiences),
                "algorithms": list(self.algorithms),
                "types": list(self.types),
                "leeway": self.leeway,
                "required_claims": list(self.required_claims),
                "longest_life": self.longest_life,
            }
        }


@dataclass(frozen=True)
class ApiKeys:
    """Keys that are known by their digests; `remote` means that others may know more of them."""

    remote: bool = False

    def document(self) -> dict[str, object]:
        return {"api_keys": {"remote": self.remote}}


@dataclass(frozen=True)
class ForwardAuth:
    """A service that is asked."""

    request_headers: tuple[str, ...] = ("Authorization", "Cookie")
    response_headers: tuple[str, ...] = ()
    cache: float = 0.0
    failure: str = "deny"

    def document(self) -> dict[str, object]:
        return {
            "forward_auth": {
                "request_headers": list(self.request_headers),
                "response_headers": list(self.response_headers),
                "cache": self.cache,
                "failure": self.failure,
            }
        }


Kind = Jwt | ApiKeys | ForwardAuth


@dataclass(frozen=True)
class Provider:
    """One party that says who somebody is."""

    name: str = "main"
    kind: Kind = field(default_factory=Jwt)
    sources: tuple[Source, ...] = (Bearer(),)
    claims_to_headers: tuple[tuple[Path, str], ...] = ()
    scope_claims: tuple[Path, ...] = (("scope",), ("scp",))
    roles_claim: Path = ("roles",)

    @property
    def written_names(self) -> set[str]:
        """Fields by which upstreams are told who asks."""
        names = {name for _, name in self.claims_to_headers}
        if isinstance(self.kind, ForwardAuth):
            names |= set(self.kind.response_headers)
        return names

    def document(self) -> dict[str, object]:
        return {
            "name": self.name,
            "sources": [source.document() for source in self.sources],
            "claims_to_headers": [[list(path), name] for path, name in self.claims_to_headers],
            "scope_claims": [list(path) for path in self.scope_claims],
            "roles_claim": list(self.roles_claim),
            "kind": self.kind.document(),
        }


@dataclass(frozen=True)
class Cache:
    """How much is remembered, and for how many seconds."""

    bytes: int = 64 * 1024 * 1024
    ttl: float = 300.0
    refused_bytes: int = 4 * 1024 * 1024
    refused_ttl: float = 60.0

    def document(self) -> dict[str, object]:
        return {
            "bytes": self.bytes,
            "ttl": self.ttl,
            "refused_bytes": self.refused_bytes,
            "refused_ttl": self.refused_ttl,
        }


@dataclass(frozen=True)
class Auth:
    """All of a gate's authentication."""

    providers: tuple[Provider, ...] = (Provider(),)
    realm: str = "pygateway"
    token_bytes: int = 8192
    cache: Cache = field(default_factory=Cache)
    when_stale: str = "allow"
    revocations: int = 100_000

    def document(self) -> dict[str, object]:
        return {
            "realm": self.realm,
            "token_bytes": self.token_bytes,
            "cache": self.cache.document(),
            "when_stale": self.when_stale,
            "revocations": self.revocations,
            "providers": [provider.document() for provider in self.providers],
        }


@dataclass(frozen=True)
class Equals:
    """The claim is this value."""

    value: object

    def document(self) -> dict[str, object]:
        return {"equals": self.value}


@dataclass(frozen=True)
class OneOf:
    """The claim is one of these values."""

    values: tuple[object, ...]

    def document(self) -> dict[str, object]:
        return {"in": list(self.values)}


@dataclass(frozen=True)
class Matches:
    """The claim is a string, and all of it fits the expression."""

    expression: str

    def document(self) -> dict[str, object]:
        return {"matches": self.expression}


Condition = Equals | OneOf | Matches


@dataclass(frozen=True)
class Rule:
    """What a principal must have; every part must hold, and an empty part holds."""

    all_scopes: tuple[str, ...] = ()
    any_scopes: tuple[str, ...] = ()
    any_roles: tuple[str, ...] = ()
    claims: tuple[tuple[Path, Condition], ...] = ()

    def document(self) -> dict[str, object]:
        return {
            "all_scopes": list(self.all_scopes),
            "any_scopes": list(self.any_scopes),
            "any_roles": list(self.any_roles),
            "claims": [[list(path), condition.document()] for path, condition in self.claims],
        }


@dataclass(frozen=True)
class Protection:
    """What a route requires; `authorization` is pass or remove."""

    providers: tuple[int, ...] = (0,)
    optional: bool = False
    authorization: str = "pass"
    rule: Rule = field(default_factory=Rule)

    def document(self) -> dict[str, object]:
        return {
            "providers": list(self.providers),
            "optional": self.optional,
            "authorization": self.authorization,
            "rule": self.rule.document(),
        }
