"""Authentication that works but is weaker than it looks."""

from __future__ import annotations

from .algorithms import HASH_BYTES
from .document import Path
from .keys import read_jwks
from .model.providers import MAXIMUM_STATIC_KEYS, Provider
from .subject import Subject
from .syntax.headers import normal_name

LONG_LEEWAY = 300.0
"""Seconds: clocks that are synchronised differ by far less, and tokens often live no longer."""


def warn_of_weak_authentication(subject: Subject) -> None:
    """Find every doubtful setting about authentication."""
    providers = subject.config.auth.providers
    for name, provider in providers.items():
        path: Path = ("auth", "providers", name)
        if provider.kind == "jwt":
            _warn_of_weak_tokens(subject, path, provider)
            _warn_of_idle_fetching(subject, path, provider)
            _warn_of_skipped_keys(subject, path, provider)
        service = provider.forward_auth
        if service is not None and service.on_failure == "allow":
            message = "while the service cannot be asked, everybody gets through"
            subject.warn("open-on-failure", message, (*path, "forward_auth", "on_failure"))
    _warn_of_unused_providers(subject)
    _warn_of_shadowed_providers(subject)
    if providers:
        _warn_of_public_routes(subject)
        _warn_of_volatile_revocations(subject)
    redis = subject.config.redis
    if redis is not None and redis.ca_file is not None and not redis.location.tls:
        message = "only `rediss://` is TLS, so `ca_file` has nothing to do"
        subject.warn("idle-setting", message, ("redis", "ca_file"), key=True)


def _warn_of_weak_tokens(subject: Subject, path: Path, provider: Provider) -> None:
    if provider.issuer is None:
        message = "without `issuer`, tokens of any issuer that has the secret are accepted"
        subject.warn("no-issuer", message, path, key=True)
    if not provider.audiences:
        message = (
            "without `audiences`, tokens that were issued for no service in particular are accepted"
        )
        subject.warn("no-audience", message, path, key=True)
    elif len(provider.audiences) > 1 and HASH_BYTES.keys() & set(provider.algorithms):
        message = (
            "every audience that verifies tokens with the shared secret can make tokens for the"
            " others: use public keys"
        )
        subject.warn("shared-secret-audiences", message, (*path, "audiences"), key=True)
    if provider.leeway > LONG_LEEWAY:
        message = "expired tokens are accepted for more than 5 minutes"
        subject.warn("long-leeway", message, (*path, "leeway"))


def _warn_of_idle_fetching(subject: Subject, path: Path, provider: Provider) -> None:
    if not provider.fetches_keys and provider.jwks.model_fields_set:
        message = "no key set is fetched, so `jwks` has nothing to do"
        subject.warn("idle-setting", message, (*path, "jwks"), key=True)


def _warn_of_skipped_keys(subject: Subject, path: Path, provider: Provider) -> None:
    if provider.jwks_file is None:
        return
    document = provider.jwks_file.text
    for reason in read_jwks(document, provider.algorithms, MAXIMUM_STATIC_KEYS).skipped:
        subject.warn("skipped-key", f"{reason}; the key is not used", (*path, "jwks_file"))


def _warn_of_unused_providers(subject: Subject) -> None:
    config = subject.config
    used = {name for route in config.routes for name in config.providers_of(route)}
    for name in config.auth.providers:
        if name not in used:
            message = f"no route asks for credentials of `{name}`"
            subject.warn("unused-provider", message, ("auth", "providers", name), key=True)


def _warn_of_shadowed_providers(subject: Subject) -> None:
    """Find providers that no credential gets to, because another one of each route reads it.

    Who reads a place first decides what it holds: tokens for every provider of tokens that has the
    place, or an API key for itself alone.
    """
    config = subject.config
    providers = config.auth.providers
    reached: set[str] = set()
    shadowed: dict[str, str] = {}
    for names in dict.fromkeys(config.providers_of(route) for route in config.routes):
        readers: dict[tuple[str | None, str], str] = {}
        for name in names:
            for source in providers[name].token_from:
                place = (source.cookie, normal_name(source.header or ""))
                reader = readers.setdefault(place, name)
                both_tokens = providers[reader].kind == providers[name].kind == "jwt"
                if reader == name or both_tokens:
                    reached.add(name)
                else:
                    shadowed.setdefault(name, reader)
    for name, reader in shadowed.items():
        if name not in reached:
            message = f"`{reader}` reads every credential before it, so `{name}` accepts none"
            path: Path = ("auth", "providers", name)
            subject.warn("shadowed-provider", message, path, key=True)


def _warn_of_public_routes(subject: Subject) -> None:
    for index, route in enumerate(subject.config.routes):
        if route.auth == "none" and route.upstream:
            message = f"the route `{route.name}` is open, beside providers that protect others"
            subject.warn("public-route", message, ("routes", index, "auth"))


def _warn_of_volatile_revocations(subject: Subject) -> None:
    config = subject.config
    revocation = config.auth.revocation
    forgettable = any(
        provider.kind != "forward-auth" for provider in config.auth.providers.values()
    )
    if forgettable and revocation.file is None and config.redis is None:
        message = (
            "revoked tokens work again after a restart: `auth.revocation.file` or `redis` remembers"
            " them"
        )
        subject.warn("volatile-revocations", message, ("auth", "revocation"), key=True)
    if revocation.when_stale == "deny" and config.redis is None:
        message = "without `redis` revocations are never stale, so `when_stale` has nothing to do"
        path: Path = ("auth", "revocation", "when_stale")
        subject.warn("idle-setting", message, path, key=True)
