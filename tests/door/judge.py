"""PyJWT as the judge, and where the gateway is stricter than it on purpose.

PyJWT looks at a clock of its own, so it is given one that stands still. Its law, as its source
states it: `exp <= now - leeway`, `nbf > now + leeway` and `iat > now + leeway` refuse, each time
after it was cut to whole seconds by `int()`, which also takes strings and booleans.
"""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from datetime import datetime, tzinfo
from unittest.mock import patch

import jwt

from tests.door.model.authentication.compact import decoded
from tests.door.model.authentication.ring import Key
from tests.door.model.authentication.specification import Jwt


@contextmanager
def clock_at(now: float) -> Iterator[None]:
    """PyJWT's clock stands at this time."""

    class Clock(datetime):
        @classmethod
        def now(cls, tz: tzinfo | None = None) -> Clock:
            return cls.fromtimestamp(now, tz)

    with patch("jwt.api_jwt.datetime", Clock):
        yield


def accepts(token: bytes, keys: Iterable[Key], rules: Jwt, now: float) -> bool:
    """Whether PyJWT takes the token with one of the keys that its `kid` permits."""
    return any(accepts_with(token, key, rules, now) for key in keys)


def accepts_with(token: bytes, key: Key, rules: Jwt, now: float) -> bool:
    try:
        key_id = jwt.get_unverified_header(token).get("kid")
        if key_id is not None and key.id not in {None, key_id}:
            return False
        with clock_at(now):
            jwt.decode(
                token,
                key.judged_with,  # type: ignore[arg-type]
                [name for name in rules.algorithms if name in key.algorithms],
                audience=rules.audiences or None,
                issuer=rules.issuer,
                leeway=rules.leeway,
            )
    except jwt.PyJWTError:
        return False
    return True


# Where the gateway is stricter. Each looks at a token that PyJWT takes.


def parts(token: bytes) -> tuple[bytes, bytes]:
    header, payload, _ = token.split(b".")
    return decoded(header), decoded(payload)


def repeats_a_name(text: bytes) -> bool:
    doubled = []

    def collect(pairs: list[tuple[str, object]]) -> dict[str, object]:
        doubled.append(len(dict(pairs)) != len(pairs))
        return dict(pairs)

    json.loads(text, object_pairs_hook=collect)
    return any(doubled)


def has_odd_number(text: bytes) -> bool:
    """NaN, Infinity, or what a double cannot hold."""
    odd: list[str] = []
    json.loads(
        text,
        parse_constant=odd.append,
        parse_float=lambda digits: odd.append(digits) if math.isinf(float(digits)) else 0.0,
        parse_int=lambda digits: odd.append(digits) if math.isinf(float(digits)) else 0,
    )
    return bool(odd)


def is_not_plain_text(text: bytes) -> bool:
    """Python also reads UTF-16, UTF-32, a byte order mark and halves of surrogate pairs."""
    try:
        return text.startswith(b"\xef\xbb\xbf") or b"\x00" in text or halved(text.decode())
    except UnicodeDecodeError:
        return True


def halved(text: str) -> bool:
    return any(
        0xD800 <= ord(character) <= 0xDFFF
        for character in json.dumps(json.loads(text), ensure_ascii=False)
    )


def is_deep(text: bytes) -> bool:
    deepest = level = 0
    quoted = escaped = False
    for character in text.decode("utf-8", "replace"):
        if escaped:
            escaped = False
        elif quoted:
            escaped, quoted = character == "\\", character != '"'
        elif character == '"':
            quoted = True
        elif character in "[{":
            level += 1
            deepest = max(deepest, level)
        elif character in "]}":
            level -= 1
    return deepest > 32


def number(value: object) -> float | None:
    """Booleans are no numbers, whatever Python says."""
    is_number = isinstance(value, (int, float)) and not isinstance(value, bool)
    return value if is_number else None  # type: ignore[return-value]


def has_odd_time(payload: Claims) -> bool:
    return any(number(payload[name]) is None for name in ("nbf", "iat") if name in payload)


def begins_later(payload: Claims, rules: Jwt, now: float) -> bool:
    times = [number(payload[name]) for name in ("nbf", "iat") if name in payload]
    return any(time is not None and time > now + rules.leeway for time in times)


def lives_long(payload: Claims, rules: Jwt, now: float) -> bool:
    expires = number(payload.get("exp"))
    return expires is not None and expires > now + rules.longest_life + rules.leeway


def has_long_name(payload: Claims) -> bool:
    return any(
        len(str(payload[name]).encode()) > 1024 for name in ("sub", "jti") if name in payload
    )


Claims = dict[str, object]
Stricter = Callable[[Claims, Claims, Jwt, float], bool]

SHAPE = ("tokens are short", "base64url has no padding")
TEXT: Sequence[Callable[[bytes], bool]] = (
    is_not_plain_text,
    repeats_a_name,
    has_odd_number,
    is_deep,
)
MEANING: dict[str, Stricter] = {
    "no extension is understood": lambda header, _p, _r, _n: "crit" in header,
    "a payload is encoded": lambda header, _p, _r, _n: header.get("b64", True) is not True,
    "nothing is unpacked": lambda header, _p, _r, _n: "zip" in header,
    "a type is wanted": lambda header, _p, rules, _n: (
        bool(rules.types) and not names_type(header.get("typ"), rules.types)
    ),
    "a key id is short": lambda header, _p, _r, _n: len(str(header.get("kid", "")).encode()) > 256,
    "an issuer is text": lambda _h, payload, _r, _n: not isinstance(payload.get("iss", ""), str),
    "an audience is meant, be it empty": lambda _h, payload, rules, _n: (
        not rules.audiences and "aud" in payload
    ),
    "a token ends": lambda _h, payload, _r, _n: number(payload.get("exp")) is None,
    "a token ends soon": lambda _h, payload, rules, now: lives_long(payload, rules, now),
    "times are numbers": lambda _h, payload, _r, _n: has_odd_time(payload),
    "parts of seconds count": lambda _h, payload, rules, now: begins_later(payload, rules, now),
    "names are short": lambda _h, payload, _r, _n: has_long_name(payload),
    "claims are required": lambda _h, payload, rules, _n: any(
        payload.get(name) is None for name in rules.required_claims
    ),
}


def names_type(given: object, wanted: Sequence[str]) -> bool:
    short = {name.lower().removeprefix("application/") for name in wanted}
    return isinstance(given, str) and given.lower().removeprefix("application/") in short


def strictness(token: bytes, rules: Jwt, now: float, token_bytes: int = 8192) -> str | None:
    """Why the gateway refuses a token that PyJWT takes; None where it has no right to."""
    if len(token) > token_bytes:
        return SHAPE[0]
    if b"=" in token:
        return SHAPE[1]
    for text in parts(token):
        for unfit in TEXT:
            if unfit(text):
                return unfit.__name__
    header, payload = (json.loads(text) for text in parts(token))
    return next(
        (why for why, stricter in MEANING.items() if stricter(header, payload, rules, now)), None
    )


def is_within_a_second(token: bytes, rules: Jwt, now: float) -> bool:
    """The one place where PyJWT is stricter: it cuts a fraction off `exp`, the gateway does not."""
    expires = number(json.loads(parts(token)[1]).get("exp"))
    return expires is not None and math.floor(expires) <= now - rules.leeway < expires
