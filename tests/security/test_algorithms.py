"""What `alg` may say, and which key it may choose (RFC 8725 sections 3.1 and 3.2)."""

from __future__ import annotations

import itertools
import json

import pytest
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import padding

from tests.security.forging import (
    KEYS,
    SHARED_KEY,
    PrivateKey,
    Signer,
    b64,
    claims,
    compact,
    constant,
    ec_key,
    ed_key,
    hmac_with,
    key_id,
    public_der,
    public_jwk,
    public_pem,
    raw_ecdsa,
    rsa_key,
    shared,
    signed,
    signer,
)
from tests.security.fortress import Fortress

NONE_IN_EVERY_CASE = ["".join(letters) for letters in itertools.product("nN", "oO", "nN", "eE")]

NOT_QUITE_NONE = [
    "", " ", "none ", " none", "none\n", "none\0", "\0none", "\tnone", "none;", "null", "undefined",
    "n\u043ene", "\uff4e\uff4f\uff4e\uff45", "no\u006ee\u200b", "NULL", "plain", "HS0", "0",
]  # fmt: skip

NO_TEXT_AT_ALL: list[object] = [None, True, False, 0, 1, 256, [], ["none"], ["HS256"], {}, 1.5]


@pytest.mark.parametrize("place", ["shared", "public"])
@pytest.mark.parametrize("algorithm", [*NONE_IN_EVERY_CASE, *NOT_QUITE_NONE, *NO_TEXT_AT_ALL])
def test_no_signature_is_none(fortress: Fortress, place: str, algorithm: object) -> None:
    for sign in (constant(b""), constant(b"\0"), hmac_with(SHARED_KEY), hmac_with("")):
        fortress.refuses_token(place, compact({"alg": algorithm, "typ": "JWT"}, claims(), sign))


@pytest.mark.parametrize("place", ["shared", "public"])
def test_an_algorithm_has_to_be_named(fortress: Fortress, place: str) -> None:
    for header in ({}, {"typ": "JWT"}, {"ALG": "HS256"}, {"Alg": "none"}, {"alg ": "HS256"}):
        for sign in (constant(b""), hmac_with(SHARED_KEY)):
            fortress.refuses_token(place, compact(header, claims(), sign))


@pytest.mark.parametrize("place", ["shared", "public"])
def test_a_good_token_cannot_be_made_unsecured(fortress: Fortress, place: str) -> None:
    good = shared() if place == "shared" else signed("RS256")
    _, payload, signature = good.split(".")
    header = b64(b'{"alg":"none"}')
    fortress.refuses_token(place, f"{header}.{payload}.")
    fortress.refuses_token(place, f"{header}.{payload}.{signature}")


@pytest.mark.parametrize(
    "algorithm",
    ["hs256", "Hs256", "HS256 ", " HS256", "HS256\0", "HS-256", "HS", "256", "SHA256", "HMAC",
     "HS1", "HS224", "HS512/256", "HS256,none", "HS384", "HS512", "RS256", "dir", "A256KW", "MD5"],
)  # fmt: skip
def test_the_spelling_is_exact(fortress: Fortress, algorithm: str) -> None:
    for digest in ("sha1", "sha256", "sha384", "sha512"):
        token = compact({"alg": algorithm}, claims(), hmac_with(SHARED_KEY, digest))
        fortress.refuses_token("shared", token)


# --- RS to HS: the public key is public, so it must never be a secret -----------------------------


def published(key: PrivateKey) -> list[bytes]:
    """A public key in every form that an attacker may have it in."""
    pem = public_pem(key).encode()
    jwk = public_jwk(key)
    forms = [
        pem,
        pem.strip(),
        pem.replace(b"\n", b"\r\n"),
        pem.replace(b"\n", b""),
        pem + b"\0",
        b"".join(pem.splitlines()[1:-1]),
        public_der(key),
        json.dumps(jwk).encode(),
        json.dumps(jwk, separators=(",", ":")).encode(),
        json.dumps(jwk, sort_keys=True, separators=(",", ":")).encode(),
        json.dumps({"keys": [jwk]}).encode(),
        str(jwk.get("n") or jwk["x"]).encode(),
    ]
    if key is rsa_key():
        forms.extend(
            key.public_key().public_bytes(encoding, serialization.PublicFormat.PKCS1)
            for encoding in (serialization.Encoding.PEM, serialization.Encoding.DER)
        )
    elif key is ec_key():
        forms.append(
            key.public_key().public_bytes(
                serialization.Encoding.X962, serialization.PublicFormat.UncompressedPoint
            )
        )
    elif key is ed_key():
        forms.append(
            key.public_key().public_bytes(
                serialization.Encoding.Raw, serialization.PublicFormat.Raw
            )
        )
    return forms


@pytest.mark.parametrize("digest", ["sha256", "sha384", "sha512"])
@pytest.mark.parametrize("make", [rsa_key, ec_key, ed_key])
def test_a_public_key_is_no_secret(fortress: Fortress, make: object, digest: str) -> None:
    assert callable(make)
    key = make()
    known = {rsa_key(): "rsa", ec_key(): "p256", ed_key(): "ed25519"}[key]
    for material in published(key):
        for header in ({}, {"kid": known}, {"kid": known, "jwk": public_jwk(key)}):
            token = compact(
                {"alg": f"HS{digest[3:]}"} | header, claims(), hmac_with(material, digest)
            )
            fortress.refuses_token("public", token)


def test_a_secret_is_no_asymmetric_key(fortress: Fortress) -> None:
    for algorithm in KEYS:
        for sign in (hmac_with(SHARED_KEY), signer(algorithm, KEYS[algorithm]())):
            fortress.refuses_token("shared", compact({"alg": algorithm}, claims(), sign))


# --- one asymmetric algorithm in place of another -------------------------------------------------


@pytest.mark.parametrize("algorithm", list(KEYS))
def test_every_algorithm_works_where_it_is_meant(fortress: Fortress, algorithm: str) -> None:
    fortress.admits_token("public", signed(algorithm))
    without_id = compact({"alg": algorithm}, claims(), signer(algorithm, KEYS[algorithm]()))
    fortress.admits_token("public", without_id)


@pytest.mark.parametrize(
    ("said", "done"), [pair for pair in itertools.permutations(KEYS, 2) if pair[0] != pair[1]]
)
def test_one_algorithm_is_not_another(fortress: Fortress, said: str, done: str) -> None:
    sign = signer(done, KEYS[done]())
    for header in ({}, {"kid": key_id(said)}, {"kid": key_id(done)}):
        fortress.refuses_token("public", compact({"alg": said} | header, claims(), sign))


@pytest.mark.parametrize(
    "algorithm",
    ["rs256", "RSA", "RS1", "RS256 ", "PS", "ES256K", "ES256k", "es256", "Ed448", "Ed25519",
     "EDDSA", "eddsa",
     "ECDSA", "RSA-OAEP", "RSA1_5", "ECDH-ES", "SHA256withRSA", "http://www.w3.org/2001/04/xmldsig"],
)  # fmt: skip
def test_what_is_not_configured_is_not_accepted(fortress: Fortress, algorithm: str) -> None:
    for done, key in KEYS.items():
        token = compact({"alg": algorithm, "kid": key_id(done)}, claims(), signer(done, key()))
        fortress.refuses_token("public", token)


def weakly(digest: hashes.HashAlgorithm) -> Signer:
    return lambda data: rsa_key().sign(data, padding.PKCS1v15(), digest)


def test_a_weak_hash_is_not_accepted_with_the_right_key(fortress: Fortress) -> None:
    for digest in (hashes.SHA1(), hashes.MD5(), hashes.SHA224()):  # noqa: S303 - the attack
        header = {"alg": "RS256", "kid": "rsa"}
        fortress.refuses_token("public", compact(header, claims(), weakly(digest)))
    token = compact(
        {"alg": "ES256", "kid": "p256"},
        claims(),
        lambda data: raw_ecdsa(ec_key(), data, hashes.SHA1()),  # noqa: S303 - the attack
    )
    fortress.refuses_token("public", token)
