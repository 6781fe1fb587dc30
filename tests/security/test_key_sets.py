"""Key sets from elsewhere: what is odd in one is skipped, and what is no set changes nothing."""

from __future__ import annotations

import json
from typing import Any

import pytest

from pygateway.config.keys import KeyProblem, parse_jwks
from tests.security.forging import b64, ec_key, ed_key, public_jwk, rsa_key, unb64

ACCEPTED = ("RS256", "ES256", "EdDSA")


def usable(*entries: object) -> int:
    """How many keys of a set come into use."""
    return len(parse_jwks(json.dumps({"keys": list(entries)}), ACCEPTED, 100))


RSA = public_jwk(rsa_key())
EC = public_jwk(ec_key())
ED = public_jwk(ed_key())


def test_every_kind_of_key_can_be_published() -> None:
    assert usable(RSA, EC, ED) == 3
    assert usable(*(key | {"use": "sig", "kid": "k"} for key in (RSA, EC, ED))) == 3


@pytest.mark.parametrize(
    "change",
    [
        {"alg": "HS256"}, {"alg": "none"}, {"alg": "RS1"}, {"alg": "ES512"}, {"alg": ""},
        {"alg": ["RS256"]}, {"alg": {}}, {"alg": {"RS256": 1}}, {"alg": True},
        {"use": "enc"}, {"use": ""}, {"use": ["sig"]}, {"use": None}, {"use": {}},
        {"key_ops": ["sign"]}, {"key_ops": []}, {"key_ops": "verify"}, {"key_ops": {"verify": 1}},
        {"kid": ""}, {"kid": []}, {"kid": {}}, {"kid": True}, {"kid": "x" * 257}, {"kid": ["rsa"]},
        {"kty": "oct"}, {"kty": "oct", "k": "AAAA"}, {"kty": "rsa"}, {"kty": ""}, {"kty": None},
        {"kty": ["RSA"]}, {"kty": {}}, {"kty": "EC"}, {"kty": "OKP"},
        {"n": ""}, {"n": None}, {"n": "AA"}, {"n": "!!!"}, {"n": RSA["n"] + "="}, {"n": ["x"]},
        {"n": RSA["n"][:-1]}, {"n": b64(b"\xff" * 4096)}, {"n": b64(b"\xff" * 128)},
        {"e": ""}, {"e": "AQ"}, {"e": "Ag"}, {"e": "AA"}, {"e": "AQAA"}, {"e": [65537]},
        {"e": b64(b"\x01" + b"\0" * 31 + b"\x01")}, {"e": RSA["n"]},
        {"d": "AQAB"}, {"p": "AQAB"}, {"k": "AQAB"},
    ],
)  # fmt: skip
def test_a_key_that_cannot_be_used_is_skipped_and_the_others_are_not(change: Any) -> None:  # noqa: ANN401
    """RFC 7517 section 5: implementations should ignore keys that they do not understand."""
    assert usable(RSA | change, EC) == 1
    assert usable(EC, RSA | change) == 1


@pytest.mark.parametrize(
    "change",
    [
        {"crv": "P-384"}, {"crv": "secp256k1"}, {"crv": "p-256"}, {"crv": None}, {"crv": ["P-256"]},
        {"crv": {}}, {"x": EC["y"]}, {"x": b64(bytes(32)), "y": b64(bytes(32))},
        {"x": b64(b"\0" + unb64(EC["x"]))}, {"x": b64(unb64(EC["x"])[1:])}, {"y": None},
        {"x": b64(b"\xff" * 32)}, {"y": EC["x"]}, {"kty": "OKP"},
    ],
)  # fmt: skip
def test_a_point_that_is_none_is_skipped(change: Any) -> None:  # noqa: ANN401
    """CVE-2017-16007's class: keys off their curve."""
    assert usable(EC | change, RSA) == 1


@pytest.mark.parametrize(
    "change",
    [{"crv": "X25519"}, {"crv": "Ed25518"}, {"crv": None}, {"x": b64(b"x" * 31)},
     {"x": b64(b"x" * 33)}, {"x": ""}, {"kty": "EC"}],
)  # fmt: skip
def test_an_edwards_key_that_is_none_is_skipped(change: Any) -> None:  # noqa: ANN401
    assert usable(ED | change, RSA) == 1


@pytest.mark.parametrize("entry", [None, True, 1, "key", [], [RSA], {}, {"keys": [RSA]}])
def test_what_is_no_key_is_skipped(entry: object) -> None:
    assert usable(entry, RSA) == 1


@pytest.mark.parametrize(
    "document",
    [
        b"", b" ", b"null", b"[]",
        b'"keys"', b"{}", b'{"keys":null}', b'{"keys":{}}', b'{"keys":""}',
        b'{"Keys":[]}', b'{"keys":[]', b'{"keys":[]}}', b'{"keys":[]}\0', b'{"keys":[],}', b"\xff",
        b'{"keys":[],"keys":[]}', b'{"keys":[{"kty":"RSA","kty":"oct"}]}', b'{"keys":[NaN]}',
        b"[" * 100_000, b'{"keys":' + b"[" * 50_000 + b"]" * 50_000 + b"}", b"<html></html>",
        json.dumps({"keys": [{}] * 101}).encode(),
    ],
)  # fmt: skip
def test_what_is_no_set_is_no_set(document: bytes) -> None:
    with pytest.raises(KeyProblem):
        parse_jwks(document, ACCEPTED, 100)


def test_numbers_that_take_long_to_read_are_not_read() -> None:
    """Integers of a million digits cost quadratic time in many readers."""
    document = '{"keys":[' + json.dumps(RSA) + '],"x":' + "9" * 400_000 + "}"
    assert len(parse_jwks(document, ACCEPTED, 100)) == 1


def test_no_problem_repeats_a_key() -> None:
    leaked = "c2VjcmV0LWtleS1tYXRlcmlhbA"
    with pytest.raises(KeyProblem) as problem:
        parse_jwks(json.dumps({"keys": {"k": leaked}}), ACCEPTED, 100)
    assert leaked not in str(problem.value)
