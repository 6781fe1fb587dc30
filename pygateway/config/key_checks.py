"""Errors of keys: what cannot be read, is too weak, or could be taken for a key of another kind."""

from __future__ import annotations

from .algorithms import (
    DEFAULT_PUBLIC_KEY_ALGORITHMS,
    DEFAULT_SECRET_ALGORITHMS,
    HASH_BYTES,
)
from .document import Path
from .keys import KeyMaterial, KeyProblem, ShortSecret, public_key, read_jwks, shared_secret
from .model.providers import MAXIMUM_STATIC_KEYS, Provider
from .subject import Subject
from .syntax.key_files import KeySet


def check_keys(subject: Subject, path: Path, provider: Provider, source: str) -> None:
    """Find every error of the keys of a provider of tokens.

    Args:
        subject: What is checked.
        path: The provider's.
        provider: Itself.
        source: Which of the sources of keys was written.
    """
    algorithms = _check_algorithms(subject, path, provider, source)
    if source == "secrets":
        _check_secrets(subject, path, provider, algorithms)
    elif source == "public_keys":
        _check_public_keys(subject, path, provider, algorithms)
    elif provider.jwks_file is not None and algorithms:
        _check_key_set(subject, (*path, "jwks_file"), provider.jwks_file, algorithms)


def _check_algorithms(
    subject: Subject, path: Path, provider: Provider, source: str
) -> tuple[str, ...]:
    """Check that no public key can be taken for a secret, which would let anybody sign.

    Returns:
        The algorithms that are good, with which the keys can be checked nevertheless.
    """
    if "algorithms" not in subject.written(*path):
        # The model's default depends on secrets that may have been dropped.
        is_secret = source == "secrets"
        return DEFAULT_SECRET_ALGORITHMS if is_secret else DEFAULT_PUBLIC_KEY_ALGORITHMS
    good: list[str] = []
    for index, algorithm in enumerate(provider.algorithms):
        is_symmetric = algorithm in HASH_BYTES
        if is_symmetric == (source == "secrets"):
            good.append(algorithm)
            continue
        place: Path = (*path, "algorithms", index)
        if is_symmetric:
            message = (
                f"{algorithm} is for `secrets`: with public keys, whoever has the public key could"
                " sign with it as a secret (RFC 8725 section 3.1)"
            )
        else:
            message = f"{algorithm} is for public keys, and this provider has `secrets`"
        subject.error("unsafe-algorithm", message, place)
    return tuple(good)


def _check_secrets(
    subject: Subject, path: Path, provider: Provider, algorithms: tuple[str, ...]
) -> None:
    materials: set[bytes] = set()
    ids: set[str | None] = {None}
    for index, secret in enumerate(provider.secrets):
        place: Path = (*path, "secrets", index)
        if not (written := _place_of(subject, place, "value", "value_file")):
            continue
        _check_id(subject, place, secret.id, ids)
        if secret.value is None or not algorithms:
            continue
        try:
            key = shared_secret(secret, algorithms)
        except ShortSecret as problem:
            subject.error("short-secret", str(problem), (*place, written))
        except KeyProblem as problem:
            subject.error("bad-key", str(problem), (*place, written))
        else:
            if key.material in materials:
                subject.error("bad-key", "this secret is there before", (*place, written))
            materials.add(key.material)


def _check_public_keys(
    subject: Subject, path: Path, provider: Provider, algorithms: tuple[str, ...]
) -> None:
    keys: list[KeyMaterial] = []
    ids: set[str | None] = {None}
    for index, entry in enumerate(provider.public_keys):
        place: Path = (*path, "public_keys", index)
        if not (written := _place_of(subject, place, "file", "pem")):
            continue
        _check_id(subject, place, entry.id, ids)
        bad = [name for name in entry.algorithms if name not in provider.algorithms]
        for name in bad:
            number = entry.algorithms.index(name)
            message = f"{name} is not one of the provider's `algorithms`"
            subject.error(
                "not-allowed-value",
                message,
                (*place, "algorithms", number),
                allowed=provider.algorithms,
            )
        if entry.pem is None or bad or not algorithms:
            continue
        try:
            key = public_key(entry, algorithms)
        except KeyProblem as problem:
            subject.error("bad-key", str(problem), (*place, written))
            continue
        if key in keys:
            subject.error("bad-key", "this key is there before", (*place, written))
        keys.append(key)


def _place_of(subject: Subject, path: Path, *keys: str) -> str | None:
    """Return which of two keys was written; None if neither was, which is an error."""
    written = subject.written(*path)
    found = next((key for key in keys if key in written), None)
    if found is None:
        message = f"has one of {' and '.join(f'`{key}`' for key in keys)}"
        subject.error("missing-key", message, path, allowed=keys)
    return found


def _check_id(subject: Subject, path: Path, key_id: str | None, ids: set[str | None]) -> None:
    if key_id is not None and key_id in ids:
        subject.error("duplicate-name", "another key has this id", (*path, "id"))
    ids.add(key_id)


def _check_key_set(
    subject: Subject, path: Path, key_set: KeySet, algorithms: tuple[str, ...]
) -> None:
    try:
        keys, skipped = read_jwks(key_set.text, algorithms, MAXIMUM_STATIC_KEYS)
    except KeyProblem as problem:
        subject.error("bad-file", str(problem), path)
        return
    if not keys:
        reasons = "; ".join(skipped[:3])
        message = f"no key of the set can be used: {reasons}" if skipped else "the set has no keys"
        subject.error("bad-key", message, path)
