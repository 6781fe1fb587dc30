"""What can be wrong with a token: with a member, with a part's text, with the whole."""

from __future__ import annotations

import json
from collections.abc import Callable

from tests.door.keys import NATIVE
from tests.door.tokens import encoded

ISSUER = "https://idp.example"
OTHER_ISSUER = "https://other.example"

REMOVED = None
Deviation = tuple[str, str, str | None]
"""Part, name, and the text that replaces the member; REMOVED takes it away."""

ODD_TEXTS = ("null", "true", '""', '"x"', "[]", "{}", "1e400", "-1", "NaN", '["api",1]', "0.5")
ODD_TIMES = (
    *ODD_TEXTS,
    *('"1790000100"', "1790000100.5", "1.7900001e9", "179000010000e-2", "-0", "1e300", "1E+400"),
    *("0x6ab1a380", "01790000100", "1790000100.", "+1790000100", "1_790_000_100", "-Infinity"),
    "9" * 400,
    "1790000100" + "." + "0" * 400,
)
HEADER_DEVIATIONS: list[Deviation] = [
    *(
        ("header", "alg", json.dumps(name))
        for name in (
            *("none", "None", "NONE", "nOnE", "", "hs256", "HS256 ", "HS1", "ES256K", "RS1"),
            *NATIVE,
        )
    ),
    *(
        ("header", "alg", text)
        for text in (REMOVED, "null", "[]", '["HS256"]', "0", '"HS\\u003256"')
    ),
    *(
        ("header", "typ", text)
        for text in (
            REMOVED,
            '"JWT"',
            '"jwt"',
            '"AT+JWT"',
            '"application/AT+jwt"',
            "null",
            "1",
            '""',
        )
    ),
    *(
        ("header", "kid", text)
        for text in (
            *(REMOVED, "null", "1", "[]", '""', '"unknown"', '"../../dev/null"', '"\\u0000"'),
            *(json.dumps("x" * size) for size in (256, 257)),
            *(json.dumps("\u00e9" * size, ensure_ascii=False) for size in (128, 129)),
            '"\' OR 1=1 --"',
        )
    ),
    ("header", "crit", "[]"),
    ("header", "crit", '["exp"]'),
    ("header", "crit", '["b64"]'),
    ("header", "b64", "false"),
    ("header", "b64", "true"),
    ("header", "b64", "null"),
    ("header", "b64", "0"),
    ("header", "zip", '"DEF"'),
    ("header", "jwk", '{"kty":"oct","k":"AAAA"}'),
    ("header", "jku", '"https://evil.example/keys"'),
    ("header", "x5c", '["MIIB"]'),
    ("header", "cty", '"JWT"'),
]
PAYLOAD_DEVIATIONS: list[Deviation] = [
    *(
        ("payload", "iss", text)
        for text in (REMOVED, json.dumps(OTHER_ISSUER), json.dumps(ISSUER + "/"), *ODD_TEXTS)
    ),
    *(
        ("payload", "aud", text)
        for text in (
            *(REMOVED, '"web"', '"API"', '["x","web"]', '["x"]', '"api "', '["api",null]'),
            *('{"api":"api"}', '[["api"]]', '["api","api"]', '"\\u0061pi"'),
            *ODD_TEXTS,
        )
    ),
    *(("payload", name, text) for name in ("exp", "nbf", "iat") for text in (REMOVED, *ODD_TIMES)),
    *(
        ("payload", name, text)
        for name in ("sub", "jti", "client_id")
        for text in (
            *(REMOVED, *ODD_TEXTS, '"\\ud800"', '"\\ud83d\\ude00"', '"tab\\there"'),
            *(json.dumps("s" * size) for size in (1024, 1025)),
        )
    ),
    ("payload", "more", "NaN"),
    ("payload", "more", "1e999"),
    ("payload", "more", '{"a":1,"a":1}'),
    ("payload", "more", '{"a":1,"\\u0061":1}'),
    ("payload", "more", '[{"b":[{"c":1,"c":2}]}]'),
    *(("payload", "more", "[" * depth + "]" * depth) for depth in (30, 31, 32, 33, 200)),
    *(("payload", "more", '{"a":' * depth + "1" + "}" * depth) for depth in (31, 32)),
    ("payload", "more", '"' + "[{" * 40 + '"'),
    ("payload", "more", '"\x7f\u0085\u2028"'),
    ("payload", "more", '"line\nbreak"'),
    ("payload", "more", "'single'"),
    ("payload", "more", "[1,]"),
    ("payload", "more", '"\\x41"'),
    ("payload", "more", json.dumps("x" * 8000)),
]


Spoiler = Callable[[bytes], bytes]

SPOILED_TEXTS: list[Spoiler] = [
    lambda text: b"\xef\xbb\xbf" + text,
    lambda text: text.decode().encode("utf-16-le"),
    lambda text: text.decode().encode("utf-16"),
    lambda text: text.decode().encode("utf-32"),
    lambda text: text + b"\x00",
    lambda text: text[:-1],
    lambda text: text + b"}",
    lambda text: text[:-1] + b",}",
    lambda text: b" \t\r\n" + text + b"\n",
    lambda text: b"[" + text + b"]",
    lambda text: text.replace(b":", b" :\n "),
    lambda text: text.replace(b'"}', b'\xff"}'),
    lambda text: text[:-1] + b',"x":"\xed\xa0\x80"}',
    lambda text: text[:-1] + b',"x":"\xc0\xaf"}',
    lambda text: text + b"//",
    lambda text: b"/**/" + text,
    lambda text: text + b" " * 5000,
    lambda _: b"",
    lambda _: b"null",
    lambda _: b"{}",
    lambda _: b'"text"',
    lambda _: b"7",
]
ODD_CHARACTERS = b"=+/~.AQgw-_ 09"


def spelled_otherwise(part: bytes) -> bytes:
    """The same bytes in base64url, with other bits left over where there are any."""
    alphabet = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"
    if not part or part[-1] not in alphabet:
        return part
    return part[:-1] + bytes([alphabet[alphabet.index(part[-1]) ^ 1]])


def per_part(spoil: Spoiler) -> list[Spoiler]:
    """The same damage to each part on its own."""

    def at(place: int) -> Spoiler:
        def spoiler(token: bytes) -> bytes:
            found = token.split(b".")
            found[place] = spoil(found[place])
            return b".".join(found)

        return spoiler

    return [at(0), at(1), at(2)]


PART_SPOILERS: list[Spoiler] = [
    spelled_otherwise,
    lambda part: part + b"=" * (-len(part) % 4),
    lambda part: part + b"=",
    lambda part: part[:-1],
    lambda part: part[1:],
    lambda part: part + b"A",
    lambda part: part + b"AA",
    lambda part: part + b"AAAA",
    lambda part: part.replace(b"-", b"+").replace(b"_", b"/"),
    lambda part: part.swapcase(),
    lambda _: b"",
    lambda part: b"A" * len(part),
    lambda part: part[: len(part) // 2] + b"." + part[len(part) // 2 :],
    lambda part: part[: len(part) // 2] + b"~" + part[len(part) // 2 + 1 :],
    encoded,
]
TOKEN_SPOILERS: list[Spoiler] = [
    *(spoiler for spoil in PART_SPOILERS for spoiler in per_part(spoil)),
    lambda token: token.rpartition(b".")[0],
    lambda token: token.rpartition(b".")[0] + b".",
    lambda token: token + b".",
    lambda token: b"." + token,
    lambda token: token + b".e30",
    lambda token: token + b".e30.e30",
    lambda token: token.replace(b".", b".."),
    lambda token: b"..".join(token.split(b".", 1)),
    lambda _: b".",
    lambda _: b"..",
    lambda _: b"....",
    lambda _: b"e30.e30.",
    lambda _: b"x",
    lambda token: token * 3,
    lambda token: token + b"A" * 8192,
]


def flipped(token: bytes, place: int, character: int) -> bytes:
    """One character of the token is another one."""
    place %= len(token)
    return token[:place] + bytes([character]) + token[place + 1 :]
