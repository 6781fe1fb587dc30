"""Keys that must never come into use: refused when the configuration is loaded, and at the door."""

from __future__ import annotations

import json
from typing import Any

import pytest
from cryptography.hazmat.primitives import serialization

from pygateway.config import load_text
from pygateway.config.keys import parse_jwks
from pygateway.errors import ConfigurationError
from tests.security.door import Door
from tests.security.forging import (
    SHARED_KEY,
    b64,
    compact,
    ec_key,
    ed_key,
    hmac_with,
    public_jwk,
    public_pem,
    rsa_key,
)
from tests.support.gateway import configuration, route


def problems(provider: dict[str, Any]) -> str:
    """What loading says against a provider, with every code."""
    document = configuration(
        {"app": "http://127.0.0.1:9"},
        auth={"providers": {"main": provider}},
        routes=[route("all", upstream="app", auth={"provider": "main"})],
    )
    with pytest.raises(ConfigurationError) as refused:
        load_text(json.dumps(document))
    return "\n".join(f"{found.code}: {found.message}" for found in refused.value.problems)


def private_pem(key: Any) -> str:  # noqa: ANN401 - any private key
    text: bytes = key.private_bytes(
        serialization.Encoding.PEM,
        serialization.PrivateFormat.PKCS8,
        serialization.NoEncryption(),
    )
    return text.decode()


@pytest.mark.parametrize(("algorithm", "size"), [("HS256", 32), ("HS384", 48), ("HS512", 64)])
def test_a_secret_is_as_long_as_its_hash(algorithm: str, size: int) -> None:
    """RFC 7518 section 3.2; CVE-2026-32597 and its like began with an empty one."""
    for length in (0, 1, 8, size // 2, size - 1):
        word = "k" * length
        told = problems({"secrets": [{"value": word}], "algorithms": [algorithm]})
        assert told
        assert not length > 8 or word not in told
    enough = {"secrets": [{"value": "k" * size}], "algorithms": [algorithm]}
    document = configuration({"app": "http://127.0.0.1:9"}, auth={"providers": {"main": enough}})
    load_text(json.dumps(document))


def test_every_secret_of_a_ring_counts() -> None:
    assert problems({"secrets": [{"value": SHARED_KEY}, {"value": "short"}]})
    longest = {"secrets": [{"value": "k" * 32}], "algorithms": ["HS256", "HS512"]}
    assert "64" in problems(longest), "the longest of the hashes counts"


@pytest.mark.parametrize("algorithm", ["none", "None", "NONE", "", "HS1", "hs256", "dir", "RSA1_5"])
def test_no_configuration_can_ask_for_it(algorithm: str) -> None:
    assert problems({"secrets": [{"value": SHARED_KEY}], "algorithms": [algorithm]})
    assert problems({"secrets": [{"value": SHARED_KEY}], "algorithms": ["HS256", algorithm]})


@pytest.mark.parametrize("algorithm", ["HS256", "HS384", "HS512"])
def test_a_public_key_and_a_hash_exclude_each_other(algorithm: str) -> None:
    """The configuration that makes key confusion possible at all."""
    key = {"pem": public_pem(rsa_key())}
    told = {"issuer": "https://a"}
    assert problems(told | {"public_keys": [key], "algorithms": ["RS256", algorithm]})
    assert problems(told | {"public_keys": [key], "algorithms": [algorithm]})
    assert problems(told | {"jwks_url": "https://a/jwks", "algorithms": ["RS256", algorithm]})
    assert problems(told | {"discovery": "true", "algorithms": [algorithm]})


@pytest.mark.parametrize("algorithm", ["RS256", "PS256", "ES256", "EdDSA"])
def test_a_secret_and_a_signature_exclude_each_other(algorithm: str) -> None:
    assert problems({"secrets": [{"value": SHARED_KEY}], "algorithms": ["HS256", algorithm]})


@pytest.mark.parametrize("make", [rsa_key, ec_key, ed_key])
def test_a_public_key_is_not_taken_for_a_secret(make: Any) -> None:  # noqa: ANN401
    told = problems({"secrets": [{"value": public_pem(make())}]})
    assert told


def test_a_private_key_is_not_handed_to_a_gateway() -> None:
    told = problems(
        {"issuer": "https://a", "public_keys": [{"pem": private_pem(ed_key())}],
         "algorithms": ["EdDSA"]}
    )  # fmt: skip
    assert told
    assert private_pem(ed_key()).splitlines()[1] not in told


@pytest.mark.parametrize("bits", [1024, 1536, 2040])
def test_a_short_rsa_key_is_refused(bits: int) -> None:
    key = public_pem(rsa_key("short", bits))
    assert problems({"issuer": "https://a", "public_keys": [{"pem": key}]})


@pytest.mark.parametrize(
    "text",
    ["", "x", "-----BEGIN PUBLIC KEY-----\n-----END PUBLIC KEY-----\n",
     "-----BEGIN PUBLIC KEY-----\nAAAA\n-----END PUBLIC KEY-----\n"],
)  # fmt: skip
def test_what_is_no_key_is_refused(text: str) -> None:
    assert problems({"issuer": "https://a", "public_keys": [{"pem": text}]})


def test_a_provider_has_one_source_of_keys() -> None:
    told = {"issuer": "https://a"}
    key = {"public_keys": [{"pem": public_pem(rsa_key())}]}
    secret = {"secrets": [{"value": SHARED_KEY}]}
    assert problems(told)
    assert problems(told | key | secret)
    assert problems(told | secret | {"jwks_url": "https://a/jwks"})
    assert problems(told | key | {"discovery": "true"})


def test_key_sets_come_over_tls() -> None:
    told = {"issuer": "http://issuer.test"}
    assert problems(told | {"discovery": "true"})
    assert problems({"issuer": "https://a", "jwks_url": "http://a/jwks"})


# --- the door -------------------------------------------------------------------------------------


@pytest.fixture
def door() -> Door:
    return Door({"main": {"secrets": [{"value": SHARED_KEY}]}})


NATIVE = {
    "empty": (["HS256"], "hmac", b""),
    "short": (["HS256"], "hmac", b"k" * 31),
    "short for one of two": (["HS256", "HS512"], "hmac", b"k" * 63),
    "of no algorithm": ([], "hmac", b"k" * 64),
    "of none": (["none"], "hmac", b"k" * 64),
    "of an unknown one": (["HS1"], "hmac", b"k" * 64),
    "hash for a point": (["HS256"], "p256", b""),
    "signature for a secret": (["RS256"], "hmac", b"k" * 64),
    "of another curve": (["ES384"], "p256", b""),
    "no DER": (["RS256"], "rsa", b"not a key"),
    "empty DER": (["RS256"], "rsa", b""),
    "a point that is not on the curve": (["ES256"], "p256", b"\x04" + b"\x01" * 64),
    "the point at infinity": (["ES256"], "p256", b"\x00"),
    "zeros": (["ES256"], "p256", b"\x04" + bytes(64)),
    "a compressed point": (["ES256"], "p256", b"\x02" + b"\x01" * 32),
    "a short Ed25519 key": (["EdDSA"], "ed25519", b"k" * 31),
    "a long Ed25519 key": (["EdDSA"], "ed25519", b"k" * 33),
    "of an unknown kind": (["HS256"], "oct", b"k" * 64),
}


@pytest.mark.parametrize("name", list(NATIVE))
def test_the_door_takes_no_key_that_is_none(door: Door, name: str) -> None:
    algorithms, kind, material = NATIVE[name]
    with pytest.raises(ValueError, match=r".+") as refused:
        door.gate.set_keys(0, [(None, algorithms, kind, material)], False)
    assert "kkkk" not in str(refused.value)


SMALL_ORDER = [
    bytes(32),
    b"\x01" + bytes(31),
    b"\xec" + b"\xff" * 30 + b"\x7f",
    bytes(31) + b"\x80",
    bytes.fromhex("26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc05"),
    bytes.fromhex("26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc85"),
    bytes.fromhex("c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac037a"),
    bytes.fromhex("c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac03fa"),
]
"""The eight points of Ed25519 whose order is 1, 2, 4 or 8."""


@pytest.mark.parametrize("point", SMALL_ORDER, ids=bytes.hex)
def test_an_ed25519_key_of_small_order_is_none(door: Door, point: bytes) -> None:
    """Anybody can sign for them; an all-zero one is what forgotten placeholders look like."""
    with pytest.raises(ValueError, match=r".+"):
        door.gate.set_keys(0, [(None, ["EdDSA"], "ed25519", point)], False)
    published = {"kty": "OKP", "crv": "Ed25519", "x": b64(point)}
    assert parse_jwks(json.dumps({"keys": [published]}), ("EdDSA",), 10) == []


def test_a_refused_set_leaves_the_keys_as_they_were(door: Door) -> None:
    token = compact({"alg": "HS256"}, {"exp": 1_800_000_600, "sub": "a"}, hmac_with(SHARED_KEY))
    assert door.ask(token, 1_800_000_000.0) == "accepted"
    good = (None, ["HS256"], "hmac", b"g" * 64)
    with pytest.raises(ValueError, match=r".+"):
        door.gate.set_keys(0, [good, (None, ["HS256"], "hmac", b"")], False)
    assert door.ask(token, 1_800_000_000.0) == "accepted"


def test_published_keys_with_their_private_part_are_still_only_public() -> None:
    """A set that leaks `d` must not become a provider of secrets."""
    for member in (public_jwk(rsa_key()), public_jwk(ec_key()), public_jwk(ed_key())):
        document = json.dumps({"keys": [member | {"k": "AAAA", "kty": "oct"}]}).encode()
        assert parse_jwks(document, ("RS256", "ES256", "EdDSA"), 10) == []


def test_a_key_does_not_widen_what_its_provider_accepts(door: Door) -> None:
    """The key would do for HS512; the provider is for HS256."""
    door.gate.set_keys(0, [(None, ["HS256", "HS512"], "hmac", SHARED_KEY.encode())], False)
    payload = {"exp": 1_800_000_600, "sub": "a"}
    for algorithm, digest, answer in (
        ("HS256", "sha256", "accepted"),
        ("HS512", "sha512", "token-invalid"),
    ):
        token = compact({"alg": algorithm}, payload, hmac_with(SHARED_KEY, digest))
        assert door.ask(token, 1_800_000_000.0) == answer
