"""Claims of the wrong kind, out of bounds, twice, nested too deep, for others."""

from __future__ import annotations

import json
import time

import pytest

from tests.security.forging import (
    AUDIENCE,
    ISSUER,
    SHARED_KEY,
    claims,
    compact,
    hmac_with,
    shared,
    signed,
)
from tests.security.fortress import Fortress

MONTH = 30 * 86400


def refused(fortress: Fortress, payload: bytes | dict[str, object], problem: str) -> None:
    """Both kinds of provider refuse it, however well it is signed."""
    fortress.refuses_token("shared", shared(payload), problem)
    fortress.refuses_token("public", signed("EdDSA", payload), problem)


def written(**members: str) -> bytes:
    """Claims with members in JSON of one's own."""
    others = json.dumps(claims(**dict.fromkeys(members)))
    text = ",".join(f'"{name}":{value}' for name, value in members.items())
    return f"{others[:-1]},{text}}}".encode()


# --- times ----------------------------------------------------------------------------------------

NO_NUMBERS = [
    '"1999999999"', '"x"', '""', "null", "true", "false", "[]", "[1999999999]", "{}", "NaN",
    "Infinity", "-Infinity", "1e400", "-1e400", "1e999999", "0x7fffffff", "+1", "01", "1.", ".5",
    "1_000", '"2033-05-18T03:33:19Z"',
]  # fmt: skip


@pytest.mark.parametrize("value", NO_NUMBERS)
@pytest.mark.parametrize("name", ["exp", "nbf", "iat"])
def test_a_time_is_a_finite_number(fortress: Fortress, name: str, value: str) -> None:
    refused(fortress, written(**{name: value}), "token-invalid")


def test_every_token_ends(fortress: Fortress) -> None:
    refused(fortress, claims(exp=None), "token-invalid")


@pytest.mark.parametrize(
    "exp",
    [
        "1e300", "1.7976931348623157e308", "9223372036854775807", "9223372036854775808",
        "18446744073709551616", "1" + "0" * 300, "4102444800", "253402300800",
    ],
)  # fmt: skip
def test_no_token_lives_for_ever(fortress: Fortress, exp: str) -> None:
    """What lives for longer than revocations are kept could not be revoked."""
    refused(fortress, written(exp=exp), "token-invalid")


def test_the_longest_life_is_a_bound(fortress: Fortress) -> None:
    now = int(time.time())
    refused(fortress, claims(exp=now + MONTH + 120), "token-invalid")
    fortress.admits_token("shared", shared(claims(exp=now + MONTH - 60)))


@pytest.mark.parametrize("exp", ["0", "-0", "-1", "-1e300", "1", "1.5", "1e-300", "1300819380"])
def test_what_has_ended_has_ended(fortress: Fortress, exp: str) -> None:
    refused(fortress, written(exp=exp), "token-expired")


def test_leeway_is_thirty_seconds(fortress: Fortress) -> None:
    now = int(time.time())
    fortress.admits_token("shared", shared(claims(exp=now - 5)))
    refused(fortress, claims(exp=now - 60), "token-expired")
    fortress.admits_token("shared", shared(claims(nbf=now + 15)))
    refused(fortress, claims(nbf=now + 90), "token-invalid")
    fortress.admits_token("shared", shared(claims(iat=now + 15)))
    refused(fortress, claims(iat=now + 90), "token-invalid")


@pytest.mark.parametrize("name", ["nbf", "iat"])
@pytest.mark.parametrize("value", ["1e300", "9223372036854775808", "4102444800"])
def test_a_token_from_the_future_is_refused(fortress: Fortress, name: str, value: str) -> None:
    refused(fortress, written(**{name: value}), "token-invalid")


def test_fractions_of_seconds_are_numbers(fortress: Fortress) -> None:
    now = time.time()
    payload = claims(exp=now + 600.5, iat=now - 0.25, nbf=now - 1.125)
    fortress.admits_token("shared", shared(payload))
    fortress.admits_token("shared", shared(written(exp=f"{int(now) + 600}.0e0")))


# --- issuer and audience --------------------------------------------------------------------------

NO_TEXTS = ["null", "true", "1", "[]", "{}", f'["{ISSUER}"]', f'{{"iss":"{ISSUER}"}}']


@pytest.mark.parametrize("value", NO_TEXTS)
def test_an_issuer_is_a_text(fortress: Fortress, value: str) -> None:
    refused(fortress, written(iss=value), "token-invalid")


@pytest.mark.parametrize(
    "issuer",
    ["", ISSUER + "/", ISSUER + ".evil.test", ISSUER.upper(), "http://issuer.test", "issuer.test",
     ISSUER + "\0", ISSUER + " ", " " + ISSUER, ISSUER[:-1], ISSUER + "#", ISSUER + "?",
     "https://issuer.test:443", "https://issuer\u3002test", "https://\u0456ssuer.test",
     "https://other.test", "https://issuer.test@evil.test", "main", "shared", "public"],
)  # fmt: skip
def test_another_issuer_is_not_this_one(fortress: Fortress, issuer: str) -> None:
    refused(fortress, claims(iss=issuer), "token-invalid")


def test_an_issuer_has_to_be_named(fortress: Fortress) -> None:
    refused(fortress, claims(iss=None), "token-invalid")


@pytest.mark.parametrize(
    "value",
    ["null", "true", "1", "[]", "{}", f'[["{AUDIENCE}"]]', f'{{"aud":"{AUDIENCE}"}}',
     f'["{AUDIENCE}",1]', f'["{AUDIENCE}",null]', '[""]', f'{{"{AUDIENCE}":true}}'],
)  # fmt: skip
def test_an_audience_is_a_text_or_a_list_of_texts(fortress: Fortress, value: str) -> None:
    refused(fortress, written(aud=value), "token-invalid")


@pytest.mark.parametrize(
    "audience",
    ["", "API", "api ", " api", "ap", "api2", "api\0", "api,other", "*", "other", ["other"],
     ["API", "other"], "https://issuer.test", "https://api", "\u0430pi"],
)  # fmt: skip
def test_a_token_for_others_is_not_for_us(fortress: Fortress, audience: object) -> None:
    """RFC 7519 section 4.1.3: compared exactly."""
    refused(fortress, claims(aud=audience), "token-invalid")


def test_an_audience_has_to_be_named(fortress: Fortress) -> None:
    refused(fortress, claims(aud=None), "token-invalid")


def test_one_audience_of_several_is_enough(fortress: Fortress) -> None:
    fortress.admits_token("shared", shared(claims(aud=["other", AUDIENCE])))


# --- subject and token id -------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["sub", "jti"])
@pytest.mark.parametrize("value", ["1", "true", "null", "[]", '["user-7"]', "{}", "1.5"])
def test_subjects_and_ids_are_texts(fortress: Fortress, name: str, value: str) -> None:
    refused(fortress, written(**{name: value}), "token-invalid")


@pytest.mark.parametrize("name", ["sub", "jti"])
def test_subjects_and_ids_are_bounded(fortress: Fortress, name: str) -> None:
    refused(fortress, claims(**{name: "x" * 1025}), "token-invalid")
    refused(fortress, claims(**{name: "\u20ac" * 342}), "token-invalid")
    fortress.admits_token("public", signed("EdDSA", claims(**{name: "x" * 1024})))


# --- the claims as JSON ---------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["exp", "iss", "aud", "sub", "iat", "nbf", "jti", "scope", "x"])
def test_no_claim_comes_twice(fortress: Fortress, name: str) -> None:
    """RFC 8259 section 4 leaves open which one counts; two readers may take different ones."""
    own = json.dumps(claims() | {"nbf": 1, "jti": "a", "scope": "a", "x": 1})
    value = json.dumps(json.loads(own)[name])
    for second in (value, '"admin"', "null", "0"):
        for spelling in (name, f"\\u{ord(name[0]):04x}{name[1:]}"):
            refused(fortress, f'{own[:-1]},"{spelling}":{second}}}'.encode(), "token-invalid")
            refused(fortress, f'{{"{spelling}":{second},{own[1:]}'.encode(), "token-invalid")


def test_no_member_comes_twice_at_any_depth(fortress: Fortress) -> None:
    for value in ('{"a":1,"a":1}', '[{"a":1,"a":2}]', '{"b":{"c":[{"a":1,"\\u0061":1}]}}'):
        refused(fortress, written(x=value), "token-invalid")


@pytest.mark.parametrize(
    "value",
    ["[" * 33 + "]" * 33, '{"a":' * 33 + "1" + "}" * 33, '[{"a":' * 20 + "1" + "}]" * 20,
     "[" * 2500 + "]" * 2500, "[" * 5000, '{"a":' * 1000],
)  # fmt: skip
def test_claims_are_not_nested_without_end(fortress: Fortress, value: str) -> None:
    refused(fortress, written(x=value), "token-invalid")


def test_claims_may_be_nested(fortress: Fortress) -> None:
    for value in ("[" * 20 + "]" * 20, '{"a":' * 20 + "1" + "}" * 20):
        fortress.admits_token("shared", shared(written(x=value)))


@pytest.mark.parametrize(
    "raw",
    [b"", b" ", b"null", b"true", b"1", b'"claims"', b"[]", b"[{}]", b"{", b"}", b"{}", b"{]",
     b"\0", b"not json", b"<claims/>", b"---\nsub: a\n", b"a=b&c=d", b"\x80\x04}\x94."],
)  # fmt: skip
def test_claims_are_an_object(fortress: Fortress, raw: bytes) -> None:
    refused(fortress, raw, "token-invalid")


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ("\ufeff", ""),
        ("", "\0"),
        ("", "}"),
        ("", ","),
        ("", "{}"),
        ("", "/* more */"),
        ("// first\n", ""),
        ("\0", ""),
        (")]}'\n", ""),
        ("\xa0", ""),
        ("\x0b", ""),
    ],
)
def test_nothing_stands_around_the_claims(fortress: Fortress, before: str, after: str) -> None:
    raw = before + json.dumps(claims()) + after
    refused(fortress, raw.encode(), "token-invalid")


@pytest.mark.parametrize(
    "value",
    [b'"\xff"', b'"\xc0\xaf"', b'"\xed\xa0\x80"', b'"\xf4\x90\x80\x80"', b'"\xe2\x82"',
     b'"\\ud800"', b'"\\udc00\\ud800"', b'"\\u12"', b'"\\x41"', b'"\\\'"', b'"\n"', b'"\t"',
     b'"\0"', b"'a'", b'"a', b"undefined", b"None", b"True", b"01", b"1e", b"1e+", b"--1", b"1e400",
     b"NaN", b"[1,]", b'{"a":1,}', b'{"a"}', b'{1:"a"}', b'{a:1}', b"[1 2]"],
)  # fmt: skip
def test_the_claims_are_strict_json(fortress: Fortress, value: bytes) -> None:
    raw = json.dumps(claims()).encode()[:-1] + b',"x":' + value + b"}"
    refused(fortress, raw, "token-invalid")


@pytest.mark.parametrize("encoding", ["utf-16", "utf-16-le", "utf-16-be", "utf-32", "utf-8-sig"])
def test_the_claims_are_utf_8(fortress: Fortress, encoding: str) -> None:
    refused(fortress, json.dumps(claims()).encode(encoding), "token-invalid")


def test_odd_but_right_json_is_no_attack(fortress: Fortress) -> None:
    raw = written(x='[1e3,-0.0,"\\ud83d\\ude00","\\u0000",{"":null},""]', sub='"us\\u0065r-7"')
    received = fortress.admits_token(
        "shared", compact({"alg": "HS256"}, raw, hmac_with(SHARED_KEY))
    )
    assert received.header("X-User-ID") == "user-7"
