"""Public keys in PEM form (RFC 7468)."""

from __future__ import annotations

import re
from typing import Final

from cryptography import x509
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.serialization import load_pem_public_key

from .key_material import KeyProblem

_LABELS = re.compile(r"-----BEGIN ([A-Z0-9 ]{1,64})-----")
_PUBLIC: Final = ("PUBLIC KEY", "RSA PUBLIC KEY")
_CERTIFICATE: Final = "CERTIFICATE"


def read_public_key(pem: str) -> object:
    """Return the public key that text in PEM form holds, by itself or in a certificate.

    Raises:
        KeyProblem: it holds none, several, or a private key.
    """
    labels = _LABELS.findall(pem)
    if any("PRIVATE KEY" in label for label in labels):
        raise KeyProblem("this is a private key: only its owner may have it; give the public one")
    if not labels:
        raise KeyProblem("holds no public key and no certificate in PEM form (RFC 7468)")
    if len(labels) > 1:
        raise KeyProblem("holds several keys or certificates: give each a place of its own")
    try:
        if labels[0] == _CERTIFICATE:
            return x509.load_pem_x509_certificate(pem.encode()).public_key()
        if labels[0] in _PUBLIC:
            return load_pem_public_key(pem.encode())
    except (ValueError, UnsupportedAlgorithm):
        raise KeyProblem("the key or certificate cannot be read") from None
    raise KeyProblem("holds no public key and no certificate in PEM form (RFC 7468)")


def looks_like_a_public_key(secret: str) -> bool:
    """Tell whether a secret is a key that is meant to be public, which is how keys get confused."""
    start = secret.lstrip()
    return (
        bool(_LABELS.search(secret))
        or start.startswith(("ssh-rsa ", "ssh-ed25519 ", "ecdsa-sha2-"))
        or (start.startswith("{") and '"kty"' in secret)
    )
