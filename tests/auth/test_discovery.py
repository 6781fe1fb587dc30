from __future__ import annotations

import json

import pytest

from pygateway.auth.discovery import discovery_address, keys_address
from pygateway.auth.download import Unobtainable

ISSUER = "https://idp.example/tenant"


@pytest.mark.parametrize("issuer", [ISSUER, f"{ISSUER}/"])
def test_the_address_follows_from_the_issuer(issuer: str) -> None:
    assert discovery_address(issuer) == f"{ISSUER}/.well-known/openid-configuration"


def test_the_description_says_where_the_keys_are() -> None:
    document = json.dumps({"issuer": ISSUER, "jwks_uri": "https://keys.example/"}).encode()
    assert keys_address(document, ISSUER) == "https://keys.example/"


@pytest.mark.parametrize(
    "found", ["https://idp.example", f"{ISSUER}/", ISSUER.upper(), "", None, [ISSUER]]
)
def test_the_description_of_another_issuer_is_refused(found: object) -> None:
    document = json.dumps({"issuer": found, "jwks_uri": "https://keys.example/"}).encode()
    with pytest.raises(Unobtainable, match="another issuer"):
        keys_address(document, ISSUER)


@pytest.mark.parametrize(
    "document",
    [
        b"",
        b"<html>",
        b"[]",
        b"null",
        b"\xff{}",
        b"[" * 100_000,
        json.dumps({"issuer": ISSUER}).encode(),
        json.dumps({"issuer": ISSUER, "jwks_uri": 7}).encode(),
    ],
)
def test_what_is_no_description_is_refused(document: bytes) -> None:
    with pytest.raises(Unobtainable):
        keys_address(document, ISSUER)
