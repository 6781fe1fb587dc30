"""Which keys a gate takes, and which it refuses when they are given, not when they are used."""

from __future__ import annotations

import pytest
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from pygateway._core import Gate
from tests.door.comparison import SEED
from tests.door.keys import HMAC, NATIVE, PAIRS, RSA_PRIMES
from tests.door.model.authentication.ring import KeyEntry
from tests.door.model.authentication.specification import (
    ApiKeys,
    Auth,
    HeaderSource,
    Jwt,
    Protection,
    Provider,
)
from tests.door.model.specification import Route, Specification

TOKENS, KEYS = range(2)
PROVIDERS = (
    Provider("tokens", Jwt(algorithms=NATIVE)),
    Provider("keys", ApiKeys(), (HeaderSource("X-API-Key"),)),
)
MODULUS = int(RSA_PRIMES[0][0], 16) * int(RSA_PRIMES[0][1], 16)
FIELD = 2**255 - 19


def gate() -> Gate:
    routes = (Route(auth=Protection((TOKENS,))),)
    return Gate(Specification(routes=routes, auth=Auth(PROVIDERS)).to_json(), SEED)


def der(tag: int, content: bytes) -> bytes:
    size = len(content)
    length = bytes([size]) if size < 128 else b"\x82" + size.to_bytes(2, "big")
    return bytes([tag]) + length + content


def rsa_key(modulus: int, exponent: int = 65537) -> bytes:
    """RSAPublicKey (RFC 8017 appendix A.1.1), also of numbers that no library would take."""
    numbers = [
        der(2, number.to_bytes(number.bit_length() // 8 + 1, "big"))
        for number in (modulus, exponent)
    ]
    return der(0x30, b"".join(numbers))


def of_bits(bits: int) -> int:
    return 1 << (bits - 1) | 0xABCDEF << 64 | 1


def edwards(y: int) -> bytes:
    return y.to_bytes(32, "little")


def entry(kind: str, material: bytes, *algorithms: str) -> KeyEntry:
    return ("k", list(algorithms), kind, material)


P256 = PAIRS["p256-a"].material
COMPRESSED = ec.derive_private_key(7, ec.SECP256R1()).public_key()
RSA = PAIRS["rsa-a"].material
BAD = {
    "secret of 31 bytes": entry("hmac", bytes(31), "HS256"),
    "secret of 47 bytes": entry("hmac", bytes(47), "HS384"),
    "secret of 63 bytes": entry("hmac", bytes(63), "HS512"),
    "secret that is long enough for one of two": entry("hmac", bytes(32), "HS256", "HS512"),
    "empty secret": entry("hmac", b"", "HS256"),
    "modulus of 1024 bits": entry("rsa", rsa_key(of_bits(1024)), "RS256"),
    "modulus of 2047 bits": entry("rsa", rsa_key(of_bits(2047)), "RS256"),
    "modulus of 8193 bits": entry("rsa", rsa_key(of_bits(8193)), "RS256"),
    "even modulus": entry("rsa", rsa_key(MODULUS + 1), "RS256"),
    "exponent of one": entry("rsa", rsa_key(MODULUS, 1), "RS256"),
    "even exponent": entry("rsa", rsa_key(MODULUS, 65536), "RS256"),
    "bytes behind the key": entry("rsa", RSA + b"\x00", "RS256"),
    "part of a key": entry("rsa", RSA[:-1], "RS256"),
    "key in another form": entry(
        "rsa", b"-----BEGIN PUBLIC KEY-----\n-----END PUBLIC KEY-----\n", "RS256"
    ),
    "point that is not on the curve": entry("p256", P256[:-1] + bytes([P256[-1] ^ 1]), "ES256"),
    "point at infinity": entry("p256", b"\x00", "ES256"),
    "point of zeros": entry("p256", b"\x04" + bytes(64), "ES256"),
    "compressed point": entry(
        "p256", COMPRESSED.public_bytes(Encoding.X962, PublicFormat.CompressedPoint), "ES256"
    ),
    "point of another curve": entry("p384", P256, "ES384"),
    "31 bytes of an Edwards point": entry("ed25519", bytes(31), "EdDSA"),
    "Edwards point of order one": entry("ed25519", edwards(1), "EdDSA"),
    "Edwards point of order two": entry("ed25519", edwards(FIELD - 1), "EdDSA"),
    "Edwards point of order four": entry("ed25519", edwards(0), "EdDSA"),
    "Edwards point of order four that is not canonical": entry("ed25519", edwards(FIELD), "EdDSA"),
    "no algorithm": entry("p256", P256),
    "unknown algorithm": entry("p256", P256, "ES265"),
    "algorithm none": entry("external", b"x", "none"),
    "unknown kind": entry("HMAC", bytes(64), "HS256"),
    "long id": ("k" * 257, ["HS256"], "hmac", bytes(64)),
}
FITTING = {
    "hmac": {*HMAC},
    "rsa": {"RS256", "RS384", "RS512", "PS256", "PS384", "PS512"},
    "p256": {"ES256"},
    "p384": {"ES384"},
    "p521": {"ES512"},
    "ed25519": {"EdDSA"},
    "external": {"EdDSA", "ES256K"},
}


@pytest.mark.parametrize("bad", BAD)
def test_bad_keys_are_refused_when_they_are_given(bad: str) -> None:
    with pytest.raises(ValueError, match=r".+"):
        gate().set_keys(TOKENS, [BAD[bad]], False)


@pytest.mark.parametrize("bad", [name for name in BAD if "secret" in name])
def test_a_refusal_does_not_show_the_secret(bad: str) -> None:
    with pytest.raises(ValueError, match=r".+") as refusal:
        gate().set_keys(TOKENS, [entry("hmac", b"hush" * 5, "HS256")], False)
    assert "hush" not in str(refusal.value)


@pytest.mark.parametrize("bits", [2048, 2049, 3072, 4096, 8192])
def test_large_moduli_are_taken(bits: int) -> None:
    gate().set_keys(TOKENS, [entry("rsa", rsa_key(of_bits(bits)), "RS256")], False)


@pytest.mark.parametrize("name", PAIRS)
@pytest.mark.parametrize("algorithm", [*NATIVE, "ES256K", "none"])
def test_an_algorithm_fits_its_kind_of_key_and_no_other(name: str, algorithm: str) -> None:
    """RFC 8725 section 3.1: a secret never checks what a key pair signs."""
    key = entry(PAIRS[name].kind, PAIRS[name].material, algorithm)
    if algorithm in FITTING[PAIRS[name].kind]:
        gate().set_keys(TOKENS, [key], False)
    else:
        with pytest.raises(ValueError, match=r".+"):
            gate().set_keys(TOKENS, [key], False)


@pytest.mark.parametrize("provider", [KEYS, 2, 1000])
def test_only_providers_of_tokens_have_keys(provider: int) -> None:
    with pytest.raises(ValueError, match=r".+"):
        gate().set_keys(provider, [], False)


PEPPER = bytes(range(32))
DIGEST = bytes(32)
BAD_KEYS: dict[str, tuple[int, bytes, list[tuple[bytes, bytes, float, float]]]] = {
    "short pepper": (KEYS, PEPPER[:31], []),
    "short digest": (KEYS, PEPPER, [(DIGEST[:31], b"{}", 0.0, 1.0)]),
    "list of claims": (KEYS, PEPPER, [(DIGEST, b"[]", 0.0, 1.0)]),
    "claims that stand twice": (KEYS, PEPPER, [(DIGEST, b'{"a":1,"a":2}', 0.0, 1.0)]),
    "subject that is no text": (KEYS, PEPPER, [(DIGEST, b'{"sub":1}', 0.0, 1.0)]),
    "time that is no number": (KEYS, PEPPER, [(DIGEST, b"{}", float("nan"), 1.0)]),
    "provider of tokens": (TOKENS, PEPPER, []),
    "no provider": (2, PEPPER, []),
}


@pytest.mark.parametrize("bad", BAD_KEYS)
def test_bad_api_keys_are_refused_when_they_are_given(bad: str) -> None:
    with pytest.raises(ValueError, match=r".+"):
        gate().set_api_keys(*BAD_KEYS[bad])
