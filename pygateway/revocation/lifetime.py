"""How long a revocation has to be kept: until the last token that it hits has expired."""

from __future__ import annotations

from pygateway.config import Config, Provider

ENDLESS = 3653 * 86400.0
"""Seconds for which the revocation of an API key is kept, because keys need not expire: ten years.
By then the key has to be out of the configuration."""

OF_A_SERVICE = 30 * 86400.0
"""Seconds for which somebody whom a service lets in stays revoked here: as long as for tokens. The
service is asked again and again, and is the place to end it for good."""


def needed_life(config: Config, issuer: str | None) -> float:
    """Give the seconds after which no token that was issued until now can be valid any more.

    Args:
        config: Whose providers accept tokens.
        issuer: Whose tokens; None is every issuer.
    """
    lives = [
        _longest_life(provider)
        for name, provider in config.auth.providers.items()
        if issuer is None or _can_have(name, provider, issuer)
    ]
    # An issuer that nobody accepts now may be meant for the next configuration.
    return max(lives, default=OF_A_SERVICE)


def _can_have(name: str, provider: Provider, issuer: str) -> bool:
    """Whether a credential of this provider can count as one of `issuer`."""
    if provider.kind == "jwt":
        return provider.issuer in {None, issuer}
    return name == issuer


def _longest_life(provider: Provider) -> float:
    if provider.kind == "api-keys":
        return ENDLESS
    if provider.kind == "forward-auth":
        return OF_A_SERVICE
    # A clock that differs is forgiven twice: when a token is taken, and when it ends.
    return provider.longest_life + 2 * provider.leeway
