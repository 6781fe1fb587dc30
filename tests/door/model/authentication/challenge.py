"""What a refusal tells the client (RFC 9110 section 11, RFC 6750 section 3)."""

from __future__ import annotations

from dataclasses import dataclass

from tests.door.model.authentication.rule import scope_told
from tests.door.model.authentication.specification import (
    ApiKeys,
    Auth,
    Bearer,
    Protection,
    Provider,
)

ERRORS = {
    "bad-request": "invalid_request",
    "token-invalid": "invalid_token",
    "token-expired": "invalid_token",
    "token-revoked": "invalid_token",
    "insufficient-scope": "insufficient_scope",
}
REASONS = {"token-missing", "auth-unavailable", *ERRORS} - {"bad-request"}
"""What only authentication refuses with."""


@dataclass(frozen=True)
class Challenge:
    """One challenge of WWW-Authenticate; a client that showed nothing is told no error."""

    scheme: str
    realm: str
    error: str | None
    scope: frozenset[str]


def challenge(reason: str, auth: Auth, protection: Protection) -> Challenge | None:
    """The challenge that this refusal carries; none where it is not the client's fault."""
    if reason == "auth-unavailable":
        return None
    if all(takes_only_keys(auth.providers[index]) for index in protection.providers):
        return Challenge("ApiKey", auth.realm, None, frozenset())
    scope = scope_told(protection.rule) if reason == "insufficient-scope" else frozenset()
    return Challenge("Bearer", auth.realm, ERRORS.get(reason), scope)


def takes_only_keys(provider: Provider) -> bool:
    """A key in a field of its own is no bearer token, and RFC 6750 says nothing of it."""
    return isinstance(provider.kind, ApiKeys) and Bearer() not in provider.sources
