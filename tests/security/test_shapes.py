"""What is no compact JWS at all: parts, encodings, sizes, other serialisations."""

from __future__ import annotations

import base64
import json
import string
import warnings
from typing import TYPE_CHECKING

import pytest

from tests.security.forging import (
    SHARED_KEY,
    b64,
    claims,
    compact,
    hmac_with,
    public_pem,
    resigned,
    rsa_key,
    shared,
    signed,
)
from tests.security.fortress import Fortress, bearer
from tests.support.client import request

if TYPE_CHECKING:
    from collections.abc import Callable

ALPHABET = string.ascii_uppercase + string.ascii_lowercase + string.digits + "-_"


def shapes(good: str) -> list[str]:
    """A good token in shapes that are none."""
    header, payload, signature = good.split(".")
    return [
        header,
        payload,
        f"{header}.{payload}",
        f"{header}.{payload}.",
        f"{header}..{signature}",
        f".{payload}.{signature}",
        f"{header}..",
        f".{payload}.",
        "..",
        ".",
        "...",
        "....",
        f".{good}",
        f"{good}.",
        f"{good}..",
        f"{header}.{payload}.{signature}.{signature}",
        f"{header}.{header}.{payload}.{signature}",
        f"{header}..{payload}.{signature}",
        f"{header}.{payload}..{signature}",
        f"{good}.{good}",
        f"{header}.{payload}.{signature}.a.b",
        f"{header}.a.b.{payload}.{signature}",
        f"{header}-{payload}-{signature}",
        f"{header}/{payload}/{signature}",
        "x" * 20,
        "0",
        "null",
        "undefined",
        "-",
        "~",
    ]


@pytest.mark.parametrize("number", range(30))
def test_a_token_has_three_parts(fortress: Fortress, number: int) -> None:
    fortress.refuses_token("shared", shapes(shared())[number])
    fortress.refuses_token("public", shapes(signed("ES256"))[number])


@pytest.mark.parametrize("part", [0, 1, 2])
@pytest.mark.parametrize(
    "change", ["{}=", "{}==", "{}===", "={}", "{}A", "{}AA", "{}AAA", "{}AAAA"]
)
def test_base64url_has_no_padding_and_no_more(fortress: Fortress, part: int, change: str) -> None:
    for place, good in (("shared", shared()), ("public", signed("EdDSA"))):
        parts = good.split(".")
        parts[part] = change.format(parts[part])
        fortress.refuses_token(place, ".".join(parts))


def test_stray_bits_of_base64url_are_refused(fortress: Fortress) -> None:
    """RFC 4648 section 3.5: otherwise one token has several spellings, each remembered apart."""
    tried = 0
    for fill in range(6):
        good = shared(claims(x="y" * fill), filler="z" * (fill // 2))
        parts = good.split(".")
        for place in range(3):
            if not len(parts[place]) % 4:
                continue
            bits = 4 if len(parts[place]) % 4 == 2 else 2
            last = ALPHABET.index(parts[place][-1])
            for stray in range(1, 1 << bits):
                forged = list(parts)
                forged[place] = parts[place][:-1] + ALPHABET[last | stray]
                text = ".".join(forged)
                if place < 2:
                    text = resigned(".".join(forged[:2]), hmac_with(SHARED_KEY))
                fortress.refuses_token("shared", text)
                tried += 1
    assert tried > 30


@pytest.mark.parametrize("part", [0, 1])
@pytest.mark.parametrize("alphabet", ["+/", "+/="])
def test_plain_base64_is_not_base64url(fortress: Fortress, part: int, alphabet: str) -> None:
    # The text is chosen so that both alphabets differ in it.
    odd = {"x": "\u00bf\u00bf\u00bf~~~???>>>"}
    pieces = [json.dumps({"alg": "HS256"} | odd), json.dumps(claims() | odd)]
    texts = [b64(piece.encode()) for piece in pieces]
    plain = base64.b64encode(pieces[part].encode()).decode()
    texts[part] = plain if "=" in alphabet else plain.rstrip("=")
    if set(texts[part]) & set(alphabet):
        fortress.refuses_token("shared", resigned(".".join(texts), hmac_with(SHARED_KEY)))


@pytest.mark.parametrize(
    "inserted", [" ", "\t", "%20", "%2E", "\\n", "+", "*", "\xa0", "\xe9", "\xff"]
)
def test_nothing_stands_within_a_token(fortress: Fortress, inserted: str) -> None:
    for good, place in ((shared(), "shared"), (signed("RS256"), "public")):
        first_dot = good.index(".")
        for position in (1, first_dot, first_dot + 1, len(good) - 1):
            forged = good[:position] + inserted + good[position:]
            # RFC 6750's grammar has `+`, so that it is judged as part of a token.
            fortress.refuses_token(place, forged)


@pytest.mark.parametrize("control", ["\0", "\x01", "\x08", "\x0b", "\x0c", "\x1b", "\x7f"])
def test_control_characters_are_no_field_value(fortress: Fortress, control: str) -> None:
    with fortress.gateway.client() as client:
        line = bearer(shared() + control)
        answer = client.exchange(request("GET", "/shared/a", line))
        assert answer.status == 400
        client.ended()
    assert fortress.seen() == []


# --- sizes ----------------------------------------------------------------------------------------


def test_a_token_is_looked_at_up_to_its_bound(fortress: Fortress) -> None:
    def of_length(length: int) -> str:
        filler = length * 3 // 4
        while len(token := shared(claims(x="y" * filler))) > length:
            filler -= 1
        return token

    for length in (8193, 8200, 12_000, 20_000):
        token = of_length(length)
        if len(token) > 8192:
            fortress.refuses_token("shared", token)
    fits = of_length(8192)
    assert 8180 < len(fits) <= 8192
    fortress.admits_token("shared", fits)


def test_a_head_is_bounded_before_any_token_is(fortress: Fortress) -> None:
    token = shared(claims(x="y" * (1 << 20)))
    assert len(token) > 1 << 20
    with fortress.gateway.client() as client:
        client.send_while_accepted(request("GET", "/shared/a", bearer(token)))
        assert client.response().status == 431
        client.broken_off()
    assert fortress.seen() == []


def test_a_token_of_a_megabyte_is_refused_where_heads_may_be_that_long(
    build: Callable[..., Fortress],
) -> None:
    fortress = build(limits={"header_bytes": "1MiB"})
    token = shared(claims(x="y" * 700_000))
    assert len(token) > 900_000
    with fortress.gateway.client() as client:
        answer = client.exchange(request("GET", "/shared/a", bearer(token)))
        answer.problem("token-invalid")
        assert answer.status == 401
    garbage = "a" * 900_000
    for text in (garbage, garbage + ".", "." * 900_000, "e30." * 200_000):
        with fortress.gateway.client() as client:
            client.exchange(request("GET", "/shared/a", bearer(text))).problem("token-invalid")
    assert fortress.seen() == []


# --- other serialisations -------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("algorithm", "encryption"),
    [("RSA-OAEP", "A256GCM"), ("RSA-OAEP-256", "A128CBC-HS256"), ("RSA-OAEP-256", "A256GCM")],
)
def test_a_jwe_is_refused(fortress: Fortress, algorithm: str, encryption: str) -> None:
    """RFC 8725 section 2.6; CVE-2024-28102: what is encrypted for us may be anyone's."""
    from joserfc import jwe
    from joserfc.jwk import RSAKey

    public = RSAKey.import_key(public_pem(rsa_key()))
    header = {"alg": algorithm, "enc": encryption, "cty": "JWT", "kid": "rsa"}
    for plain in (json.dumps(claims()), signed("RS256")):
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # the library warns of algorithms that are old
            token = jwe.encrypt_compact(header, plain, public, algorithms=[algorithm, encryption])
        assert token.count(".") == 4
        fortress.refuses_token("public", token)
        fortress.refuses_token("shared", token)


@pytest.mark.parametrize("plain", [b"{}", b"[]", b"null"])
def test_five_parts_are_refused_whatever_they_say(fortress: Fortress, plain: bytes) -> None:
    parts = [b64(b'{"alg":"dir","enc":"A128GCM"}'), "", b64(b"0" * 12), b64(plain), b64(b"0" * 16)]
    fortress.refuses_token("shared", ".".join(parts))
    parts[0] = b64(b'{"alg":"HS256"}')
    fortress.refuses_token("shared", ".".join(parts))


def test_json_serialisations_are_refused(fortress: Fortress) -> None:
    header, payload, signature = shared().split(".")
    flat = {"payload": payload, "protected": header, "signature": signature}
    general = {"payload": payload, "signatures": [{"protected": header, "signature": signature}]}
    for document in (flat, general, flat | {"header": {"alg": "none"}}):
        text = json.dumps(document, separators=(",", ":"))
        fortress.refuses_token("shared", text)
        fortress.refuses_token("shared", b64(text.encode()))


def test_a_token_within_a_token_is_none(fortress: Fortress) -> None:
    """RFC 7519 section 5.2: nested tokens are not unpacked."""
    inner = shared().encode()
    token = compact({"alg": "HS256", "cty": "JWT"}, inner, hmac_with(SHARED_KEY))
    fortress.refuses_token("shared", token)
    quoted = compact({"alg": "HS256"}, json.dumps(inner.decode()).encode(), hmac_with(SHARED_KEY))
    fortress.refuses_token("shared", quoted)
