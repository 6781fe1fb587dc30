"""What else a header may say: keys of its own, key ids, critical extensions, types."""

from __future__ import annotations

import base64
import datetime
import json

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.x509.oid import NameOID

from tests.security.conftest import Trap
from tests.security.forging import (
    KEYS,
    SHARED_KEY,
    Json,
    b64,
    claims,
    compact,
    hmac_with,
    key_id,
    public_jwk,
    resigned,
    rsa_key,
    shared,
    signed,
    signer,
)
from tests.security.fortress import Fortress

# --- keys that a token brings along ---------------------------------------------------------------


def certificate() -> str:
    """The attacker's own certificate, as `x5c` has it: DER in plain base64."""
    key = rsa_key("stranger")
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "issuer.test")])
    now = datetime.datetime.now(datetime.UTC)
    made = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(1)
        .not_valid_before(now - datetime.timedelta(days=1))
        .not_valid_after(now + datetime.timedelta(days=1))
        .sign(key, hashes.SHA256())
    )
    return base64.b64encode(made.public_bytes(serialization.Encoding.DER)).decode()


def brought_along(url: str) -> list[Json]:
    """Header members that name or contain a key of the attacker's."""
    own = public_jwk(rsa_key("stranger"))
    named = own | {"kid": "rsa", "alg": "RS256", "use": "sig"}
    chain = [certificate()]
    return [
        {"jwk": own},
        {"jwk": named},
        {"jwk": named, "kid": "rsa"},
        {"jwk": {"kty": "oct", "k": b64(b"attacker")}},
        {"jwk": json.dumps(named)},
        {"jwks": {"keys": [named]}},
        {"jku": url},
        {"jku": url, "kid": "rsa"},
        {"jku": f"https://issuer.test@{url.removeprefix('http://')}"},
        {"jku": [url]},
        {"x5u": url},
        {"x5u": url, "kid": "rsa"},
        {"x5c": chain},
        {"x5c": chain, "x5t": b64(b"x" * 20), "kid": "rsa"},
        {"x5t#S256": b64(b"x" * 32), "x5u": url},
        {"kid": url},
        {"iss": url, "jku": url, "x5u": url, "jwk": named, "x5c": chain},
    ]


@pytest.mark.parametrize("number", range(17))
def test_a_key_that_a_token_brings_is_neither_used_nor_fetched(
    fortress: Fortress, trap: Trap, number: int
) -> None:
    header = brought_along(trap.url)[number]
    sign = signer("RS256", rsa_key("stranger"))
    fortress.refuses_token("public", compact({"alg": "RS256"} | header, claims(), sign))
    for secret in (b"attacker", b"", certificate().encode()):
        token = compact({"alg": "HS256"} | header, claims(), hmac_with(secret))
        fortress.refuses_token("shared", token)
        fortress.refuses_token("public", token)


def test_what_a_rightly_signed_token_brings_is_not_looked_at(
    fortress: Fortress, trap: Trap
) -> None:
    for header in brought_along(trap.url):
        header.pop("kid", None)
        own = signer("RS256", rsa_key())
        fortress.admits_token("public", compact({"alg": "RS256"} | header, claims(), own))


def test_an_issuer_claim_is_no_address(fortress: Fortress, trap: Trap) -> None:
    fortress.refuses_token("public", signed("RS256", claims(iss=trap.url)))
    fortress.refuses_token("shared", shared(claims(iss=trap.url)))


# --- kid ------------------------------------------------------------------------------------------

HOSTILE_IDS = [
    "../../../../../../dev/null",
    "/dev/null",
    "/proc/self/environ",
    "..\\..\\windows\\win.ini",
    "file:///dev/null",
    "http://127.0.0.1:1/keys",
    "' OR '1'='1",
    "x' UNION SELECT 'attacker'-- ",
    "'; DROP TABLE keys; --",
    "| id",
    "$(id)",
    "`id`",
    "{{7*7}}",
    "${jndi:ldap://127.0.0.1/a}",
    "%n%n%n%s",
    "rsa\0",
    "\0",
    "\0rsa",
    "rsa\r\nX-Admin: 1",
    "RSA",
    "rsa ",
    " rsa",
    "r\u0073a\u200b",
    "\u0440sa",
    "",
    "*",
    "__proto__",
    "constructor",
    "0",
    "x" * 256,
]


@pytest.mark.parametrize("key", HOSTILE_IDS)
def test_a_key_id_is_only_compared(fortress: Fortress, key: str) -> None:
    for secret in (b"", b"attacker", b"\0", key.encode(), b"rsa"):
        token = compact({"alg": "HS256", "kid": key}, claims(), hmac_with(secret))
        fortress.refuses_token("shared", token)
        fortress.refuses_token("public", token)
    # Right in all else: there is no key of that id, and no other one stands in for it.
    for algorithm in KEYS:
        fortress.refuses_token("public", signed(algorithm, kid=key))


@pytest.mark.parametrize(
    "key", ["x" * 257, "x" * 4000, "\u20ac" * 86, None, 0, 1, 1.5, True, [], ["rsa"], {}, {"a": 1}]
)
def test_a_key_id_is_a_short_text(fortress: Fortress, key: object) -> None:
    fortress.refuses_token("shared", shared(kid=key))
    fortress.refuses_token("public", signed("RS256", kid=key))


def test_another_keys_id_does_not_lend_its_algorithm(fortress: Fortress) -> None:
    for algorithm, make in KEYS.items():
        for other in {key_id(name) for name in KEYS} - {key_id(algorithm)}:
            header = {"alg": algorithm, "kid": other}
            fortress.refuses_token("public", compact(header, claims(), signer(algorithm, make())))


# --- extensions -----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "header",
    [
        {"crit": ["exp"], "exp": 1},
        {"crit": ["b64"], "b64": True},
        {"crit": ["b64"], "b64": False},
        {"crit": ["unknown"], "unknown": 1},
        {"crit": ["unknown"]},
        {"crit": ["alg"]},
        {"crit": ["crit"]},
        {"crit": ["http://issuer.test/UNDEFINED"], "http://issuer.test/UNDEFINED": True},
        {"crit": []},
        {"crit": None},
        {"crit": "exp"},
        {"crit": {}},
        {"crit": [1]},
        {"crit": [None]},
        {"crit": ["x", "x"], "x": 1},
        {"crit": True},
        {"b64": False},
        {"zip": "DEF"},
        {"zip": "GZIP"},
        {"enc": "A256GCM", "zip": "DEF"},
    ],
)
def test_what_is_not_understood_is_not_accepted(fortress: Fortress, header: Json) -> None:
    """RFC 7515 section 4.1.11: an extension that is critical, and not known, ends it."""
    fortress.refuses_token("shared", shared(**header))
    for algorithm in ("RS256", "ES256", "EdDSA"):
        fortress.refuses_token("public", signed(algorithm, **header))


@pytest.mark.parametrize("key", ["exp", "b64", "unknown"])
def test_a_critical_extension_cannot_hide_behind_another_spelling(
    fortress: Fortress, key: str
) -> None:
    raw = f'{{"alg":"HS256","cr\\u0069t":["{key}"],"{key}":1}}'.encode()
    fortress.refuses_token("shared", compact(raw, claims(), hmac_with(SHARED_KEY)))


def test_an_unencoded_payload_is_not_read(fortress: Fortress) -> None:
    """RFC 7797: the claims themselves in the middle, with dots that could be separators."""
    header = b64(b'{"alg":"HS256","b64":false,"crit":["b64"]}')
    payload = json.dumps(claims(), separators=(",", ":")).replace(".", "")
    fortress.refuses_token("shared", resigned(f"{header}.{payload}", hmac_with(SHARED_KEY)))
    only_b64 = b64(b'{"alg":"HS256","b64":false}')
    good = shared().split(".")[1]
    fortress.refuses_token("shared", resigned(f"{only_b64}.{good}", hmac_with(SHARED_KEY)))


# --- typ ------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "kind", ["at+jwt", "AT+JWT", "At+Jwt", "application/at+jwt", "APPLICATION/AT+JWT"]
)
def test_a_type_is_a_media_type(fortress: Fortress, kind: str) -> None:
    """RFC 7515 section 4.1.9: media types have no case, and `application/` may be left out."""
    fortress.admits_token("typed", shared(typ=kind))


@pytest.mark.parametrize(
    "kind",
    ["JWT", "jwt", "", "at", "at+jwt ", " at+jwt", "at+jwt;x=y", "text/at+jwt", "at+jwt\0",
     "dpop+jwt",     "application/application/at+jwt", "logout+jwt", "id+jwt", None, 1,
     True, [], ["at+jwt"], {}],
)  # fmt: skip
def test_a_token_of_another_kind_is_not_accepted(fortress: Fortress, kind: object) -> None:
    """RFC 8725 section 3.11: an ID token, a logout token, a proof are no access tokens."""
    fortress.refuses_token("typed", shared(typ=kind))


def test_a_type_has_to_be_there_where_one_is_wanted(fortress: Fortress) -> None:
    token = compact({"alg": "HS256"}, claims(), hmac_with(SHARED_KEY))
    fortress.refuses_token("typed", token)
    fortress.admits_token("shared", token)


# --- the header as JSON ---------------------------------------------------------------------------


@pytest.mark.parametrize(
    "raw",
    [
        b'{"alg":"HS256","alg":"HS256"}',
        b'{"alg":"none","alg":"HS256"}',
        b'{"alg":"HS256","alg":"none"}',
        b'{"alg":"HS256","a\\u006cg":"HS256"}',
        b'{"alg":"HS256","kid":"a","kid":"b"}',
        b'{"alg":"HS256","x":{"a":1,"a":2}}',
        b'{"alg":"HS256","x":[{"a":1,"a":1}]}',
        b'{"alg":"HS256","x":' + b"[" * 40 + b"]" * 40 + b"}",
        b'{"alg":"HS256","x":' + b'{"a":' * 40 + b"1" + b"}" * 40 + b"}",
        b'{"alg":"HS256","x":' + b"[" * 2000 + b"]" * 2000 + b"}",
        b'{"alg":"HS256","x":' + b"[" * 4000,
        b'{"alg":"HS256","x":1e400}',
        b'{"alg":"HS256","x":NaN}',
        b'{"alg":"HS256","x":Infinity}',
        b'{"alg":"HS256",}',
        b'{"alg":"HS256"}}',
        b'{"alg":"HS256"}\0',
        b'{"alg":"HS256"} {}',
        b'{"alg":"HS256"} // no comment',
        b"{'alg':'HS256'}",
        b'{alg:"HS256"}',
        b'\xef\xbb\xbf{"alg":"HS256"}',
        '{"alg":"HS256"}'.encode("utf-16"),
        '{"alg":"HS256"}'.encode("utf-16-le"),
        b'{"alg":"HS256","x":"\xff"}',
        b'{"alg":"HS256","x":"\xc0\x80"}',
        b'{"alg":"HS256","x":"\xed\xa0\x80"}',
        b'{"alg":"HS256","x":"\\ud800"}',
        b'{"alg":"HS256","x":"\n"}',
        b'{"alg":"HS256","x":01}',
        b'{"alg":"HS256","x":+1}',
        b'{"alg":"HS256","x":.5}',
        b'{"alg":"HS256","x":0x10}',
        b'{"alg":"HS256","x":"\\x41"}',
        b"[]", b'["HS256"]', b'"HS256"', b"null", b"true", b"1", b"", b" ", b"{", b"{}",
    ],
)  # fmt: skip
def test_a_header_is_one_strict_json_object(fortress: Fortress, raw: bytes) -> None:
    fortress.refuses_token("shared", compact(raw, claims(), hmac_with(SHARED_KEY)))
    public = raw.replace(b"HS256", b"RS256")
    fortress.refuses_token("public", compact(public, claims(), signer("RS256", rsa_key())))


def test_spaces_and_escapes_of_json_are_no_attack(fortress: Fortress) -> None:
    raw = b' {\r\n\t"\\u0061lg" : "HS\\u003256" , "x" : [ 1.5e3 , null , "\xe2\x82\xac" ] } \n'
    fortress.admits_token("shared", compact(raw, claims(), hmac_with(SHARED_KEY)))
