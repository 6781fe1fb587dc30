"""Signatures that are none: of other keys, out of range, cut, padded, in other encodings."""

from __future__ import annotations

import base64
from collections.abc import Callable

import pytest
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec

from tests.security.forging import (
    KEYS,
    P256_ORDER,
    SHARED_KEY,
    PrivateKey,
    b64,
    claims,
    compact,
    constant,
    ec_key,
    ed_key,
    hmac_with,
    key_id,
    raw_ecdsa,
    rsa_key,
    shared,
    signed,
    signer,
    unb64,
)
from tests.security.fortress import Fortress

ED25519_ORDER = 2**252 + 27742317777372353535851937790883648493


def with_signature(token: str, signature: bytes) -> str:
    """The same token with another signature."""
    return f"{token.rpartition('.')[0]}.{b64(signature)}"


def changed(token: str, change: Callable[[bytes], bytes]) -> str:
    """The same token with its signature changed."""
    return with_signature(token, change(unb64(token.rpartition(".")[2])))


def number(value: int, size: int = 32) -> bytes:
    return value.to_bytes(size, "big")


# --- any algorithm --------------------------------------------------------------------------------

MANGLED: dict[str, Callable[[bytes], bytes]] = {
    "empty": lambda _: b"",
    "one byte": lambda s: s[:1],
    "half": lambda s: s[: len(s) // 2],
    "cut": lambda s: s[:-1],
    "headless": lambda s: s[1:],
    "longer": lambda s: s + b"\0",
    "padded": lambda s: b"\0" + s,
    "shifted": lambda s: b"\0" + s[:-1],
    "doubled": lambda s: s + s,
    "zeros": lambda s: bytes(len(s)),
    "ones": lambda s: b"\xff" * len(s),
    "reversed": lambda s: s[::-1],
    "first bit": lambda s: bytes([s[0] ^ 0x80]) + s[1:],
    "last bit": lambda s: s[:-1] + bytes([s[-1] ^ 1]),
    "in hex": lambda s: s.hex().encode(),
    "in base64": base64.b64encode,
    "one": lambda s: number(1, len(s)),
}


@pytest.mark.parametrize("how", list(MANGLED))
def test_no_signature_survives_a_change(fortress: Fortress, how: str) -> None:
    fortress.refuses_token("shared", changed(shared(), MANGLED[how]))
    for algorithm in KEYS:
        fortress.refuses_token("public", changed(signed(algorithm), MANGLED[how]))


@pytest.mark.parametrize("algorithm", ["HS256", *KEYS])
def test_no_part_survives_a_change(fortress: Fortress, algorithm: str) -> None:
    place = "shared" if algorithm == "HS256" else "public"
    good = shared(claims(x=1)) if place == "shared" else signed(algorithm, claims(x=1))
    header, payload, signature = good.split(".")
    more = b64(unb64(payload).replace(b'"x": 1', b'"x": 2'))
    spaced = b64(unb64(payload) + b" ")
    other = b64(unb64(header).replace(b"{", b"{ ", 1))
    for forged in (
        f"{header}.{more}.{signature}",
        f"{header}.{spaced}.{signature}",
        f"{other}.{payload}.{signature}",
        f"{payload}.{header}.{signature}",
        f"{header}.{signature}.{payload}",
    ):
        assert forged != good
        fortress.refuses_token(place, forged)
    fortress.admits_token(place, good)


def test_a_signature_of_another_token_does_not_fit(fortress: Fortress) -> None:
    for algorithm in KEYS:
        first, second = signed(algorithm), signed(algorithm, claims(sub="admin"))
        fortress.admits_token("public", first)
        fortress.refuses_token("public", with_signature(second, unb64(first.rpartition(".")[2])))


def test_a_strangers_signature_does_not_fit(fortress: Fortress) -> None:
    strangers: dict[str, PrivateKey] = {
        "RS": rsa_key("stranger"), "PS": rsa_key("stranger"), "ES256": ec_key("p256 stranger"),
        "ES384": ec_key("p384 stranger"), "ES512": ec_key("p521 stranger"),
        "Ed": ed_key("stranger"),
    }  # fmt: skip
    for algorithm in KEYS:
        key = next(key for prefix, key in strangers.items() if algorithm.startswith(prefix))
        for header in ({}, {"kid": key_id(algorithm)}):
            token = compact({"alg": algorithm} | header, claims(), signer(algorithm, key))
            fortress.refuses_token("public", token)


# --- HMAC -----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "secret",
    ["", "\0", "secret", "changeme", "your-256-bit-secret", "None", "null", SHARED_KEY[:-1],
     SHARED_KEY[1:], SHARED_KEY[:32], SHARED_KEY + " ", " " + SHARED_KEY, SHARED_KEY.upper(),
     SHARED_KEY.encode().hex(), SHARED_KEY + "\n", f'"{SHARED_KEY}"'],
)  # fmt: skip
def test_another_secret_does_not_fit(fortress: Fortress, secret: str) -> None:
    fortress.refuses_token("shared", compact({"alg": "HS256"}, claims(), hmac_with(secret)))


def test_every_bit_of_a_mac_counts(fortress: Fortress) -> None:
    good = shared()
    mac = unb64(good.rpartition(".")[2])
    for bit in range(0, 256, 5):
        flipped = int.from_bytes(mac, "big") ^ (1 << bit)
        fortress.refuses_token("shared", with_signature(good, number(flipped)))


# --- ECDSA: CVE-2022-21449 and what is related ----------------------------------------------------

OUT_OF_RANGE = {
    "both zero": (0, 0),
    "r zero": (0, 1),
    "s zero": (1, 0),
    "r is n": (P256_ORDER, 1),
    "s is n": (1, P256_ORDER),
    "both n": (P256_ORDER, P256_ORDER),
    "r above n": (P256_ORDER + 1, 1),
    "s above n": (1, P256_ORDER + 1),
    "greatest": (2**256 - 1, 2**256 - 1),
    "one, one": (1, 1),
    "n - 1": (P256_ORDER - 1, P256_ORDER - 1),
}


@pytest.mark.parametrize("values", list(OUT_OF_RANGE))
def test_psychic_signatures_are_refused(fortress: Fortress, values: str) -> None:
    r, s = OUT_OF_RANGE[values]
    for header in ({}, {"kid": "p256"}):
        token = compact({"alg": "ES256"} | header, claims(), constant(number(r) + number(s)))
        fortress.refuses_token("public", token)


@pytest.mark.parametrize(("algorithm", "size"), [("ES256", 64), ("ES384", 96), ("ES512", 132)])
def test_zeros_of_any_length_are_refused(fortress: Fortress, algorithm: str, size: int) -> None:
    for length in (0, 1, 2, 8, size - 2, size - 1, size, size + 1, size + 2, 2 * size):
        fortress.refuses_token("public", with_signature(signed(algorithm), bytes(length)))


def test_a_value_is_not_taken_modulo_the_order(fortress: Fortress) -> None:
    token = signed("ES256")
    signature = unb64(token.rpartition(".")[2])
    r, s = (int.from_bytes(half, "big") for half in (signature[:32], signature[32:]))
    for first, second in ((r + P256_ORDER, s), (r, s + P256_ORDER)):
        for size in (33, 40):
            raw = number(first, size) + number(second, size)
            fortress.refuses_token("public", with_signature(token, raw))


@pytest.mark.parametrize("algorithm", ["ES256", "ES384", "ES512"])
def test_der_is_not_the_encoding_of_jws(fortress: Fortress, algorithm: str) -> None:
    """RFC 7518 section 3.4: R and S in full length, one after the other, and nothing else."""
    key = KEYS[algorithm]()
    assert isinstance(key, ec.EllipticCurvePrivateKey)
    digest = {"ES256": hashes.SHA256(), "ES384": hashes.SHA384(), "ES512": hashes.SHA512()}
    token = compact(
        {"alg": algorithm, "kid": key_id(algorithm)},
        claims(),
        lambda data: key.sign(data, ec.ECDSA(digest[algorithm])),
    )
    fortress.refuses_token("public", token)


def test_halves_of_another_length_are_refused(fortress: Fortress) -> None:
    token = signed("ES256")
    signature = unb64(token.rpartition(".")[2])
    r, s = signature[:32], signature[32:]
    for raw in (
        b"\0" + r + b"\0" + s, r + b"\0" + s, r + s + b"\0", r.lstrip(b"\0")[1:] + s, s + r,
        r[::-1] + s[::-1], b"\x04" + r + s,
    ):  # fmt: skip
        fortress.refuses_token("public", with_signature(token, raw))


@pytest.mark.parametrize(
    ("said", "curve"),
    [("ES256", "p384"), ("ES256", "p521"), ("ES384", "p256"), ("ES384", "p521"), ("ES512", "p256")],
)
def test_a_curve_belongs_to_its_algorithm(fortress: Fortress, said: str, curve: str) -> None:
    digest = {"ES256": hashes.SHA256(), "ES384": hashes.SHA384(), "ES512": hashes.SHA512()}[said]
    key = ec_key(curve)
    for header in ({}, {"kid": curve}, {"kid": key_id(said)}):
        token = compact({"alg": said} | header, claims(), lambda data: raw_ecdsa(key, data, digest))
        fortress.refuses_token("public", token)


# --- EdDSA ----------------------------------------------------------------------------------------


def test_ed25519_values_are_canonical(fortress: Fortress) -> None:
    """RFC 8032 section 5.1.7: S below the order; otherwise one signature would have two forms."""
    token = signed("EdDSA")
    signature = unb64(token.rpartition(".")[2])
    s = int.from_bytes(signature[32:], "little")
    for factor in (1, 2, 8):
        raw = signature[:32] + (s + factor * ED25519_ORDER).to_bytes(33, "little")[:32]
        fortress.refuses_token("public", with_signature(token, raw))


@pytest.mark.parametrize(
    "point",
    [
        bytes(32),
        b"\1" + bytes(31),
        b"\xec" + b"\xff" * 30 + b"\x7f",
        bytes.fromhex("26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc05"),
        bytes.fromhex("c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac037a"),
        b"\xed" + b"\xff" * 30 + b"\x7f",
        b"\xff" * 32,
    ],
)
def test_ed25519_points_of_small_order_sign_nothing(fortress: Fortress, point: bytes) -> None:
    for scalar in (bytes(32), b"\1" + bytes(31), b"\xff" * 32):
        fortress.refuses_token("public", with_signature(signed("EdDSA"), point + scalar))


# --- RSA ------------------------------------------------------------------------------------------


@pytest.mark.parametrize("algorithm", ["RS256", "PS256"])
def test_an_rsa_value_is_below_the_modulus_and_of_its_length(
    fortress: Fortress, algorithm: str
) -> None:
    token = signed(algorithm)
    modulus = rsa_key().public_key().public_numbers().n
    value = int.from_bytes(unb64(token.rpartition(".")[2]), "big")
    for forged in (0, 1, modulus - 1, modulus, modulus + 1, value + modulus, modulus - value):
        raw = number(forged, max(256, (forged.bit_length() + 7) // 8))
        fortress.refuses_token("public", with_signature(token, raw))


def test_an_rsa_padding_without_signature_is_refused(fortress: Fortress) -> None:
    """Bleichenbacher's forgery needs a lenient reading of the padding."""
    token = signed("RS256")
    information = bytes.fromhex("3031300d060960864801650304020105000420")
    digest = hashes.Hash(hashes.SHA256())
    digest.update(token.rpartition(".")[0].encode())
    block = b"\0\1" + b"\xff" * 202 + b"\0" + information + digest.finalize()
    fortress.refuses_token("public", with_signature(token, block))


def test_a_stranger_with_the_same_id_is_a_stranger(fortress: Fortress) -> None:
    token = compact({"alg": "RS256", "kid": "rsa"}, claims(), signer("RS256", rsa_key("stranger")))
    # Remembered or not, the answer is the same.
    for _ in range(3):
        fortress.refuses_token("public", token)
