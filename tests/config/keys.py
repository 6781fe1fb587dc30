"""Keys that tests use, made once."""

from __future__ import annotations

import base64
from functools import cache
from typing import Any

from cryptography.hazmat.primitives.asymmetric import ec, ed448, ed25519, rsa
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    PublicFormat,
)
from jwt.algorithms import ECAlgorithm, OKPAlgorithm, RSAAlgorithm

CURVES: dict[str, Any] = {
    "P-256": ec.SECP256R1,
    "P-384": ec.SECP384R1,
    "P-521": ec.SECP521R1,
    "secp256k1": ec.SECP256K1,
}
KINDS = ("RSA", *CURVES, "Ed25519", "Ed448")


@cache
def private_key(kind: str) -> Any:  # noqa: ANN401
    """A private key: `RSA`, `RSA-1024`, or the name of a curve."""
    if kind.startswith("RSA"):
        bits = int(kind.partition("-")[2] or 2048)
        return rsa.generate_private_key(public_exponent=65537, key_size=bits)
    if kind in CURVES:
        return ec.generate_private_key(CURVES[kind]())
    if kind == "Ed25519":
        return ed25519.Ed25519PrivateKey.generate()
    return ed448.Ed448PrivateKey.generate()


def pem_of(kind: str) -> str:
    key = private_key(kind).public_key()
    pem: bytes = key.public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
    return pem.decode()


def private_pem_of(kind: str) -> str:
    pem: bytes = private_key(kind).private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    return pem.decode()


def jwk_of(kind: str, **members: object) -> dict[str, Any]:
    """The public key as PyJWT writes it, with more members."""
    key = private_key(kind).public_key()
    if kind.startswith("RSA"):
        return RSAAlgorithm.to_jwk(key, as_dict=True) | members
    if kind in CURVES:
        return ECAlgorithm.to_jwk(key, as_dict=True) | members
    return OKPAlgorithm.to_jwk(key, as_dict=True) | members


def base64url(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()
