from __future__ import annotations

import contextlib
import json
from typing import Any

import pytest
from cryptography.hazmat.primitives.serialization import load_der_public_key
from hypothesis import given
from hypothesis import strategies as st

from pygateway.config.algorithms import CURVE_ALGORITHMS, PUBLIC_KEY_ALGORITHMS, RSA_ALGORITHMS
from pygateway.config.jwks import parse_jwks, read_jwks
from pygateway.config.key_material import KeyMaterial, KeyProblem
from tests.config.keys import KINDS, base64url, jwk_of, pem_of, private_key

ALL = PUBLIC_KEY_ALGORITHMS
NATIVE = {
    "RSA": "rsa",
    "P-256": "p256",
    "P-384": "p384",
    "P-521": "p521",
    "secp256k1": "external",
    "Ed25519": "ed25519",
    "Ed448": "external",
}


def key_set(*keys: object) -> str:
    return json.dumps({"keys": keys})


def only(key: object, algorithms: tuple[str, ...] = ALL) -> KeyMaterial:
    (material,) = parse_jwks(key_set(key), algorithms, 10)
    return material


def skipped(key: object, algorithms: tuple[str, ...] = ALL) -> str:
    keys, (reason,) = read_jwks(key_set(key), algorithms, 10)
    assert keys == []
    return reason


@pytest.mark.parametrize("kind", KINDS)
def test_keys_of_every_kind(kind: str) -> None:
    material = only(jwk_of(kind, kid="one", use="sig"))
    fits = list(RSA_ALGORITHMS) if kind == "RSA" else [CURVE_ALGORITHMS[kind]]
    assert (material.id, material.algorithms, material.kind) == ("one", fits, NATIVE[kind])
    if material.kind == "external":
        assert load_der_public_key(material.material) == private_key(kind).public_key()


def test_a_key_without_id() -> None:
    assert only(jwk_of("Ed25519")).id is None


@pytest.mark.parametrize(
    ("members", "algorithms", "bound"),
    [
        ({}, ("RS256", "ES256"), ["RS256"]),
        ({"alg": "PS256"}, ALL, ["PS256"]),
        ({"alg": "RS256"}, ("RS256", "PS256"), ["RS256"]),
        ({"key_ops": ["verify"]}, ("RS512",), ["RS512"]),
    ],
)
def test_algorithms_are_bound_to_keys(
    members: dict[str, Any], algorithms: tuple[str, ...], bound: list[str]
) -> None:
    assert only(jwk_of("RSA", **members), algorithms).algorithms == bound


@pytest.mark.parametrize(
    ("key", "reason"),
    [
        ({"kty": "oct", "k": "c2VjcmV0"}, "a secret in a public set is no secret"),
        (jwk_of("RSA", d="AQAB"), "its private part is in the set, so others can sign with it"),
        (jwk_of("RSA", d=""), "its private part is in the set, so others can sign with it"),
        (jwk_of("RSA", use="enc"), "`use` is not `sig`"),
        (jwk_of("RSA", use=None), "`use` is not `sig`"),
        (jwk_of("RSA", key_ops=["encrypt"]), "`key_ops` has no `verify`"),
        (jwk_of("RSA", key_ops="verify"), "`key_ops` has no `verify`"),
        (jwk_of("RSA", alg="HS256"), "`alg` is for shared secrets, and this is a public key"),
        (jwk_of("RSA", alg="none"), "its `alg` is not accepted here"),
        (jwk_of("RSA", alg=["RS256"]), "its `alg` is not accepted here"),
        (jwk_of("RSA", kid=7), "`kid` is not text of 1 to 256 bytes"),
        (jwk_of("RSA", kid=""), "`kid` is not text of 1 to 256 bytes"),
        (jwk_of("RSA", kid="é" * 129), "`kid` is not text of 1 to 256 bytes"),
        (jwk_of("RSA-1024"), "an RSA key has at least 2048 bits (RFC 7518 section 3.3)"),
        (jwk_of("RSA", e="Ag"), "its numbers are no key"),
        (jwk_of("RSA", e=base64url(b"\x02" + bytes(7) + b"\x01")), "exponent of the RSA key"),
        (jwk_of("RSA", n="AA=="), "`n` is no base64url"),
        (jwk_of("RSA", n="A B"), "`n` is no base64url"),
        (jwk_of("RSA", e="AQABx"), "`e` is no base64url"),
        (jwk_of("RSA", e="AQB"), "`e` is no base64url"),  # bits that mean nothing
        (jwk_of("RSA", n=None), "`n` is missing or too long"),
        (jwk_of("RSA", n="A" * 3000), "`n` is missing or too long"),
        (jwk_of("P-256", crv="P-192"), "its `crv` is not known"),
        (jwk_of("P-256", crv="P-384"), "its coordinates have another length"),
        (jwk_of("P-256", x=jwk_of("P-256")["y"]), "its numbers are no key"),
        (jwk_of("P-256", x=base64url(bytes(32)), y=base64url(bytes(32))), "its numbers are no"),
        (jwk_of("Ed25519", crv="X25519"), "its `crv` signs no tokens"),
        (jwk_of("Ed25519", x=base64url(bytes(31))), "its numbers are no key"),
        (jwk_of("Ed25519", x=base64url(bytes(32))), "point of small order"),
        (jwk_of("Ed25519", x=base64url(b"\x01" + bytes(30) + b"\x80")), "point of small order"),
        (jwk_of("Ed25519", x=base64url(b"\x02" + bytes(31))), "no point of the curve"),
        ({"kty": "LMS"}, "its `kty` is not known"),
        ({"kty": ["RSA"]}, "its `kty` is not known"),
        ({}, "its `kty` is not known"),
        ("text", "a key is a JSON object"),
        (None, "a key is a JSON object"),
    ],
)
def test_keys_that_cannot_be_used_are_skipped_and_named(key: object, reason: str) -> None:
    assert reason in skipped(key)
    good = jwk_of("Ed25519", kid="good")
    assert [material.id for material in parse_jwks(key_set(key, good), ALL, 10)] == ["good"]


def test_a_key_for_none_of_the_algorithms_is_skipped() -> None:
    assert "(P-256) is for ES256, and none of them is accepted" in skipped(
        jwk_of("P-256"), ("RS256",)
    )


def test_reasons_name_the_key() -> None:
    assert skipped(jwk_of("RSA", kid="a", use="enc")).startswith("key 1 (`a`): ")
    assert skipped(jwk_of("RSA", kid="\x1b[2J", use="enc")).startswith("key 1: ")


def test_equal_keys_are_taken_once_and_different_ones_of_one_id_all() -> None:
    first, second = jwk_of("P-256", kid="a"), jwk_of("Ed25519", kid="a")
    keys, reasons = read_jwks(key_set(first, first, second), ALL, 10)
    assert [key.kind for key in keys] == ["p256", "ed25519"]
    assert reasons == ["key 2 (`a`): the same key is there before it"]


def test_keys_in_the_header_of_a_key_are_not_looked_at() -> None:
    attacked = jwk_of("RSA", x5u="http://127.0.0.1:1/", x5c=["AAAA"], jku="http://127.0.0.1:1/")
    assert only(attacked) == only(jwk_of("RSA"))


def test_an_empty_set_has_no_keys() -> None:
    assert parse_jwks(b'{"keys": []}', ALL, 10) == []


@pytest.mark.parametrize(
    ("document", "message"),
    [
        (b"", "the key set is no JSON"),
        (b"\xff\xfe", "the key set is no JSON"),
        (b'{"keys": [}', "the key set is no JSON"),
        (b'{"keys": [], "x": NaN}', "the key set is no JSON"),
        (b"[" * 100_000, "the key set is no JSON"),
        (b"[]", "a key set is a JSON object with a list `keys` (RFC 7517 section 5)"),
        (b'{"keys": {}}', "a key set is a JSON object with a list `keys` (RFC 7517 section 5)"),
        (b'{"keys": [], "keys": []}', "a member is there twice in one object of the key set"),
        (
            b'{"keys": [{"kty": "RSA", "kty": "oct"}]}',
            "a member is there twice in one object of the key set",
        ),
        (b'{"keys": [1, 2, 3]}', "the key set has more than 2 keys"),
    ],
)
def test_what_is_no_key_set(document: bytes, message: str) -> None:
    with pytest.raises(KeyProblem) as caught:
        parse_jwks(document, ALL, 2)
    assert str(caught.value) == message


def test_numbers_of_many_digits_cost_nothing() -> None:
    assert parse_jwks('{"keys": [], "x": %s}' % ("9" * 100_000), ALL, 1) == []


@given(st.binary(max_size=40) | st.text(max_size=40))
def test_any_bytes_are_a_set_or_a_problem(document: bytes | str) -> None:
    with contextlib.suppress(KeyProblem):
        parse_jwks(document, ALL, 10)


JUNK: st.SearchStrategy[object] = st.sampled_from(
    [None, 7, "", "AQAB", "sig", "RSA", "EC", "P-256", [], {}, True]
)
MEMBERS = ["kty", "use", "key_ops", "alg", "kid", "n", "e", "crv", "x", "y"]


@given(st.dictionaries(st.sampled_from(MEMBERS), JUNK), st.sampled_from(["RSA", "P-256"]))
def test_any_members_make_a_key_or_a_reason(members: dict[str, object], kind: str) -> None:
    keys, reasons = read_jwks(key_set(jwk_of(kind) | members), ALL, 10)
    assert len(keys) + len(reasons) == 1


def test_material_is_in_no_representation() -> None:
    material = only(jwk_of("Ed25519", kid="one"))
    assert repr(material) == "KeyMaterial(id='one', algorithms=['EdDSA'], kind='ed25519')"
    assert pem_of("Ed25519")
