"""The keys that a configuration itself holds, in the form that the native gate takes.

Their material travels to workers inside of the configuration: what files hold is read once, when
the configuration is. Sets that are fetched are read by `parse_jwks` as well.
"""

from __future__ import annotations

from .algorithms import HASH_BYTES
from .jwks import JwkSet, parse_jwks, read_jwks
from .key_material import KeyMaterial, KeyProblem, public_key_material
from .model.providers import MAXIMUM_STATIC_KEYS, Provider, PublicKey, SharedSecret
from .pem import looks_like_a_public_key, read_public_key

__all__ = [
    "JwkSet",
    "KeyMaterial",
    "KeyProblem",
    "parse_jwks",
    "public_key",
    "read_jwks",
    "shared_secret",
    "static_keys",
]


def static_keys(provider: Provider) -> list[KeyMaterial]:
    """Return the keys of a provider that it need not fetch; none if it fetches them.

    Raises:
        KeyProblem: a key cannot be used. A configuration that was loaded has no such key.
    """
    if provider.secrets:
        return [shared_secret(secret, provider.algorithms) for secret in provider.secrets]
    if provider.jwks_file is not None:
        return parse_jwks(provider.jwks_file.text, provider.algorithms, MAXIMUM_STATIC_KEYS)
    return [public_key(key, provider.algorithms) for key in provider.public_keys]


def shared_secret(secret: SharedSecret, algorithms: tuple[str, ...]) -> KeyMaterial:
    """Bind a secret to the algorithms of its provider.

    Raises:
        KeyProblem: it is shorter than one of their hashes, or is a public key.
    """
    text = "" if secret.value is None else secret.value.get_secret_value()
    material = text.encode("utf-8", "surrogateescape")
    bound = [algorithm for algorithm in algorithms if algorithm in HASH_BYTES]
    if not bound:
        raise KeyProblem("no algorithm of the provider is for secrets")
    if looks_like_a_public_key(text):
        raise KeyProblem("this is a public key: whoever has it could sign with it as a secret")
    needed = max(HASH_BYTES[algorithm] for algorithm in bound)
    if len(material) < needed:
        raise ShortSecret(
            f"a secret for {', '.join(bound)} has at least {needed} bytes (RFC 7518 section 3.2)"
        )
    return KeyMaterial(secret.id, bound, "hmac", material)


def public_key(key: PublicKey, algorithms: tuple[str, ...]) -> KeyMaterial:
    """Bind a public key to its algorithms, or to those of its provider that fit it.

    Raises:
        KeyProblem: it is no public key, or for none of the algorithms.
    """
    accepted = [name for name in key.algorithms or algorithms if name in algorithms]
    return public_key_material(key.id, read_public_key(key.pem or ""), accepted)


class ShortSecret(KeyProblem):
    """A secret has fewer bytes than the hash that it is for."""
