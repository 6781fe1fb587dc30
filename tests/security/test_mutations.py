"""Good tokens, damaged at random: none is accepted that is not, byte for byte, the good one.

The other tests name their attacks; these find what nobody has thought of. The seeds are fixed.
"""

from __future__ import annotations

from functools import cache

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.security.door import ACCEPTED, Door
from tests.security.forging import (
    AUDIENCE,
    ISSUER,
    KEYS,
    SHARED_KEY,
    b64,
    compact,
    hmac_with,
    key_id,
    signer,
    unb64,
)
from tests.security.fortress import public_keys

NOW = 1_800_000_000.0

EXAMPLES = settings(max_examples=120, derandomize=True, deadline=None)

PAYLOAD = {"iss": ISSUER, "aud": AUDIENCE, "sub": "ada", "exp": NOW + 600, "roles": ["user"]}

# What readers of tokens have disagreed about.
PIECES = [
    "", ".", "..", "=", "==", "-", "_", "+", "/", "A", "AA", "none", "e30", "eyJhbGciOiJub25lIn0",
    "W10", "bnVsbA", "~", "0",
]  # fmt: skip

JSON_PIECES = [
    "", '"', ",", ":", "{", "}", "[", "]", " ", "\n", "\0", "\\", "/", "1", "e9", "-", ".", "null",
    "true", '"alg":"none",', '"sub":"admin",', '"exp":1e300,', '"roles":["admin"],', "\\u0061",
    '"crit":["x"],', '"kid":null,', "\ud7ff", "\x7f",
]  # fmt: skip


@cache
def door() -> Door:
    told = {"issuer": ISSUER, "audiences": [AUDIENCE]}
    return Door(
        {
            "shared": told | {"secrets": [{"value": SHARED_KEY}]},
            "public": told | {"public_keys": public_keys(), "algorithms": [*KEYS]},
        }
    )


@cache
def good(algorithm: str) -> str:
    if algorithm == "HS256":
        return compact({"alg": algorithm, "typ": "JWT"}, PAYLOAD, hmac_with(SHARED_KEY))
    header = {"alg": algorithm, "kid": key_id(algorithm)}
    return compact(header, PAYLOAD, signer(algorithm, KEYS[algorithm]()))


def place(algorithm: str) -> str:
    return "shared" if algorithm == "HS256" else "public"


@st.composite
def damaged(draw: st.DrawFn, text: str, pieces: list[str]) -> str:
    """The text with a few pieces put in, taken out or replaced."""
    for _ in range(draw(st.integers(1, 3))):
        position = draw(st.integers(0, len(text)))
        removed = draw(st.sampled_from((0, 1, 1, 2, 7)))
        text = text[:position] + draw(st.sampled_from(pieces)) + text[position + removed :]
    return text


@pytest.mark.parametrize("algorithm", ["HS256", *KEYS])
def test_no_damaged_token_is_accepted(algorithm: str) -> None:
    whole = good(algorithm)
    assert door().ask(whole, NOW, place(algorithm)) == ACCEPTED

    @EXAMPLES
    @given(token=damaged(whole, PIECES))
    def attack(token: str) -> None:
        answer = door().ask(token, NOW, place(algorithm))
        assert (answer == ACCEPTED) == (token == whole), token

    attack()


@pytest.mark.parametrize("algorithm", ["HS256", "RS256", "ES256", "EdDSA"])
def test_no_damaged_text_is_accepted_under_the_old_signature(algorithm: str) -> None:
    """Damage to the JSON, encoded anew, so that it gets past everything but the signature."""
    header, payload, signature = good(algorithm).split(".")
    texts = (unb64(header).decode(), unb64(payload).decode())

    @EXAMPLES
    @given(first=damaged(texts[0], JSON_PIECES), second=damaged(texts[1], JSON_PIECES))
    def attack(first: str, second: str) -> None:
        for one, other in ((first, texts[1]), (texts[0], second), (first, second)):
            if (one, other) != texts:
                token = f"{b64(one.encode())}.{b64(other.encode())}.{signature}"
                assert door().ask(token, NOW, place(algorithm)) != ACCEPTED

    attack()


@pytest.mark.parametrize("algorithm", KEYS)
def test_no_made_up_signature_is_accepted(algorithm: str) -> None:
    head, _, signature = good(algorithm).rpartition(".")
    size = len(unb64(signature))

    @EXAMPLES
    @given(made_up=st.binary(min_size=1, max_size=4) | st.binary(min_size=size, max_size=size))
    def attack(made_up: bytes) -> None:
        filled = (made_up * size)[:size]
        assert door().ask(f"{head}.{b64(filled)}", NOW, place(algorithm)) == "token-invalid"

    attack()


@EXAMPLES
@given(token=st.text(st.characters(codec="latin-1", exclude_characters="\r\n\0"), max_size=200))
def test_nothing_that_is_made_up_is_accepted(token: str) -> None:
    for name in ("shared", "public"):
        assert door().ask(token, NOW, name) in {"token-invalid", "bad-request", "token-missing"}
