"""What the native gate needs of authentication: who is believed, and what routes demand."""

from __future__ import annotations

from typing import Any

from .model.access import RouteAuth
from .model.auth import Auth
from .model.providers import Provider, TokenSource
from .model.root import Config
from .model.routes import Route
from .syntax.claims import parse_claim_path

DEFAULT_SCOPE_CLAIMS = ("scope", "scp")
"""RFC 8693 section 4.2, and what Microsoft's and Okta's tokens have instead."""

_Json = dict[str, Any]


def auth_specification(auth: Auth) -> _Json:
    """Return the part about providers. Key material is no part of it: keys come and go."""
    return {
        "realm": auth.realm,
        "token_bytes": auth.token_bytes,
        "cache": {
            "bytes": auth.cache.size,
            "ttl": auth.cache.ttl,
            "refused_bytes": auth.cache.refused_size,
            "refused_ttl": auth.cache.refused_ttl,
        },
        "when_stale": auth.revocation.when_stale,
        "revocations": auth.revocation.entries,
        "providers": [_provider(name, provider) for name, provider in auth.providers.items()],
    }


def route_auth_specification(config: Config, route: Route) -> _Json | None:
    """Return what a route demands; None if it is open."""
    names = config.providers_of(route)
    if not names:
        return None
    auth = route.auth if isinstance(route.auth, RouteAuth) else RouteAuth()
    index = {name: number for number, name in enumerate(config.auth.providers)}
    return {
        "providers": [index[name] for name in names],
        "optional": auth.optional,
        "authorization": auth.authorization,
        "rule": {
            "all_scopes": auth.scopes,
            "any_scopes": auth.any_scopes,
            "any_roles": auth.roles,
            "claims": [
                [parse_claim_path(path), {condition.kind: condition.value}]
                for path, condition in auth.claims.items()
            ],
        },
    }


def _provider(name: str, provider: Provider) -> _Json:
    scopes = (provider.scope_claim,) if provider.scope_claim else DEFAULT_SCOPE_CLAIMS
    return {
        "name": name,
        "sources": [_source(source) for source in provider.token_from],
        "claims_to_headers": [
            [parse_claim_path(path), header] for path, header in provider.claims_to_headers.items()
        ],
        "scope_claims": [parse_claim_path(path) for path in scopes],
        "roles_claim": parse_claim_path(provider.roles_claim),
        "kind": _kind(provider),
    }


def _source(source: TokenSource) -> _Json:
    if source.cookie is not None:
        return {"cookie": source.cookie}
    return {"bearer": {}} if source.header is None else {"header": source.header}


def _kind(provider: Provider) -> _Json:
    if provider.api_keys is not None:
        return {"api_keys": {"remote": provider.api_keys.redis}}
    if provider.forward_auth is not None:
        service = provider.forward_auth
        return {
            "forward_auth": {
                "request_headers": service.request_headers,
                "response_headers": service.response_headers,
                "cache": service.cache,
                "failure": service.on_failure,
            }
        }
    return {
        "jwt": {
            "issuer": provider.issuer,
            "audiences": provider.audiences,
            "algorithms": provider.algorithms,
            "types": provider.types,
            "leeway": provider.leeway,
            "required_claims": provider.required_claims,
            "longest_life": provider.longest_life,
        }
    }
