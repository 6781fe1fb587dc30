"""Tokens made by hand: any header, any payload, any signature, with no library to object.

The keys below are the ones that the fortress trusts; `STRANGER` and its like are nobody's.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import time
from collections.abc import Callable
from functools import cache
from typing import Any

from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, padding, rsa
from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature

Json = dict[str, Any]
Signer = Callable[[bytes], bytes]
PrivateKey = rsa.RSAPrivateKey | ec.EllipticCurvePrivateKey | ed25519.Ed25519PrivateKey

SHARED_KEY = "a secret of more than sixty-four bytes, so that it will do for HS512, too"
ISSUER = "https://issuer.test"
AUDIENCE = "api"
SUBJECT = "user-7"

P256_ORDER = 0xFFFFFFFF00000000FFFFFFFFFFFFFFFFBCE6FAADA7179E84F3B9CAC2FC632551


def b64(data: bytes) -> str:
    """Base64url without padding (RFC 7515 section 2)."""
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


def unb64(text: str) -> bytes:
    """Undo `b64`."""
    return base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))


def claims(**changes: Any) -> Json:  # noqa: ANN401 - whatever JSON can say
    """Claims that the fortress accepts, but for the changes; None takes a claim out."""
    now = int(time.time())
    made = {"iss": ISSUER, "aud": AUDIENCE, "sub": SUBJECT, "iat": now, "exp": now + 600} | changes
    return {name: value for name, value in made.items() if value is not None}


def compact(header: Json | bytes, payload: Json | bytes, sign: Signer) -> str:
    """A token in compact serialisation; bytes stand for themselves."""
    first, second = (
        b64(part if isinstance(part, bytes) else json.dumps(part).encode())
        for part in (header, payload)
    )
    return f"{first}.{second}.{b64(sign(f'{first}.{second}'.encode()))}"


def resigned(parts: str, sign: Signer) -> str:
    """Append the signature to `header.payload`, whatever that is."""
    return f"{parts}.{b64(sign(parts.encode()))}"


# --- signers --------------------------------------------------------------------------------------


def hmac_with(secret: str | bytes, digest: str = "sha256") -> Signer:
    """HS256, HS384 or HS512 by the name of the hash."""
    key = secret if isinstance(secret, bytes) else secret.encode()
    return lambda data: hmac.new(key, data, getattr(hashlib, digest)).digest()


def constant(signature: bytes) -> Signer:
    """The same signature, whatever is signed."""
    return lambda _: signature


_HASHES: dict[str, hashes.HashAlgorithm] = {
    "256": hashes.SHA256(),
    "384": hashes.SHA384(),
    "512": hashes.SHA512(),
}


def raw_ecdsa(key: ec.EllipticCurvePrivateKey, data: bytes, digest: hashes.HashAlgorithm) -> bytes:
    """R and S as RFC 7518 section 3.4 writes them."""
    r, s = decode_dss_signature(key.sign(data, ec.ECDSA(digest)))
    size = (key.key_size + 7) // 8
    return r.to_bytes(size, "big") + s.to_bytes(size, "big")


def signer(algorithm: str, key: PrivateKey) -> Signer:
    """RS, PS, ES or EdDSA."""
    digest = _HASHES.get(algorithm[2:], hashes.SHA256())
    if isinstance(key, ed25519.Ed25519PrivateKey):
        return key.sign
    if isinstance(key, ec.EllipticCurvePrivateKey):
        return lambda data: raw_ecdsa(key, data, digest)
    scheme: padding.AsymmetricPadding = padding.PKCS1v15()
    if algorithm.startswith("PS"):
        scheme = padding.PSS(padding.MGF1(digest), digest.digest_size)
    return lambda data: key.sign(data, scheme, digest)


# --- keys -----------------------------------------------------------------------------------------


def rsa_key(name: str = "rsa", bits: int = 2048) -> rsa.RSAPrivateKey:
    """An RSA key, the same for the same name."""
    return _rsa_key(name, bits)


def ec_key(name: str = "p256") -> ec.EllipticCurvePrivateKey:
    """A key on the curve that the name begins with, the same for the same name."""
    return _ec_key(name)


def ed_key(name: str = "ed25519") -> ed25519.Ed25519PrivateKey:
    """An Ed25519 key, the same for the same name."""
    return _ed_key(name)


# The cache tells a default from the same value written out, and must not.


@cache
def _rsa_key(_: str, bits: int) -> rsa.RSAPrivateKey:
    return rsa.generate_private_key(65537, bits)


@cache
def _ec_key(name: str) -> ec.EllipticCurvePrivateKey:
    curves = {"p256": ec.SECP256R1(), "p384": ec.SECP384R1(), "p521": ec.SECP521R1()}
    return ec.generate_private_key(curves[name[:4]])


@cache
def _ed_key(_: str) -> ed25519.Ed25519PrivateKey:
    return ed25519.Ed25519PrivateKey.generate()


KEYS: dict[str, Callable[[], PrivateKey]] = {
    "RS256": rsa_key,
    "RS384": rsa_key,
    "RS512": rsa_key,
    "PS256": rsa_key,
    "PS384": rsa_key,
    "PS512": rsa_key,
    "ES256": lambda: ec_key("p256"),
    "ES384": lambda: ec_key("p384"),
    "ES512": lambda: ec_key("p521"),
    "EdDSA": ed_key,
}
"""Which key the fortress trusts for which algorithm."""

KEY_IDS = {
    "RS": "rsa", "PS": "rsa", "ES256": "p256", "ES384": "p384", "ES512": "p521", "Ed": "ed25519",
}  # fmt: skip


def key_id(algorithm: str) -> str:
    """The id under which the fortress knows the key."""
    return next(name for prefix, name in KEY_IDS.items() if algorithm.startswith(prefix))


def public_pem(key: PrivateKey) -> str:
    """SubjectPublicKeyInfo in PEM."""
    return (
        key.public_key()
        .public_bytes(serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo)
        .decode()
    )


def public_der(key: PrivateKey) -> bytes:
    """SubjectPublicKeyInfo in DER."""
    return key.public_key().public_bytes(
        serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo
    )


def public_jwk(key: PrivateKey, **more: str) -> Json:
    """RFC 7517 for RSA, P-256 and Ed25519."""
    if isinstance(key, rsa.RSAPrivateKey):
        numbers = key.public_key().public_numbers()
        members = {
            "kty": "RSA",
            "n": b64(numbers.n.to_bytes((numbers.n.bit_length() + 7) // 8, "big")),
            "e": b64(numbers.e.to_bytes(3, "big")),
        }
    elif isinstance(key, ec.EllipticCurvePrivateKey):
        point = key.public_key().public_numbers()
        size = (key.key_size + 7) // 8
        members = {
            "kty": "EC",
            "crv": {256: "P-256", 384: "P-384", 521: "P-521"}[key.key_size],
            "x": b64(point.x.to_bytes(size, "big")),
            "y": b64(point.y.to_bytes(size, "big")),
        }
    else:
        members = {"kty": "OKP", "crv": "Ed25519", "x": b64(key.public_key().public_bytes_raw())}
    return members | more


# --- whole tokens ---------------------------------------------------------------------------------


def shared(payload: Json | bytes | None = None, /, **header: Any) -> str:  # noqa: ANN401
    """An HS256 token signed with the fortress' secret."""
    return compact(
        {"alg": "HS256", "typ": "JWT"} | header,
        claims() if payload is None else payload,
        hmac_with(SHARED_KEY),
    )


def signed(algorithm: str, payload: Json | bytes | None = None, /, **header: Any) -> str:  # noqa: ANN401
    """A token signed with the key that the fortress trusts for an algorithm."""
    return compact(
        {"alg": algorithm, "kid": key_id(algorithm)} | header,
        claims() if payload is None else payload,
        signer(algorithm, KEYS[algorithm]()),
    )
