"""The header and the registered claims of a token (RFC 7519 section 4.1), at a given time."""

from __future__ import annotations

from tests.door.model.authentication.compact import Token
from tests.door.model.authentication.specification import Jwt

KEY_ID_BYTES = 256
NAME_BYTES = 1024


class InvalidTokenError(Exception):
    """The token is refused; `reason` is the problem's name."""

    def __init__(self, detail: str, reason: str = "token-invalid") -> None:
        super().__init__(detail)
        self.reason = reason


def require(condition: bool, detail: str) -> None:
    if not condition:
        raise InvalidTokenError(detail)


def check_header(header: dict[str, object], rules: Jwt) -> None:
    """RFC 8725 sections 3.1 and 3.11: the gateway knows what it wants, and the token obeys."""
    require(header.get("alg") in rules.algorithms, "algorithm")
    require("crit" not in header, "critical extension (RFC 7515 section 4.1.11)")
    require(header.get("b64", True) is True, "unencoded payload (RFC 7797)")
    require("zip" not in header, "compression")
    if rules.types:
        wanted = {media_type(name) for name in rules.types}
        given = header.get("typ")
        require(isinstance(given, str) and media_type(given) in wanted, "type")
    if "kid" in header:
        check_name(header["kid"], KEY_ID_BYTES)


def media_type(name: str) -> str:
    """RFC 7515 section 4.1.9: `application/` may be left out."""
    return name.lower().removeprefix("application/")


def check_name(name: object, longest: int) -> None:
    require(isinstance(name, str) and len(name.encode()) <= longest, "no text, or too long")


def number(value: object) -> float:
    """NumericDate (RFC 7519 section 2); booleans are no numbers, whatever Python says."""
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        raise InvalidTokenError("no number")
    return value


def has_issuer(payload: dict[str, object], rules: Jwt) -> bool:
    return rules.issuer is None or payload.get("iss") == rules.issuer


def has_audience(payload: dict[str, object], rules: Jwt) -> bool:
    """RFC 7519 section 4.1.3: who is not meant refuses, and nobody is meant by no name."""
    if not rules.audiences:
        return "aud" not in payload
    given = payload.get("aud")
    names = given if isinstance(given, list) else [given]
    return all(isinstance(name, str) for name in names) and bool(set(names) & {*rules.audiences})


def check_claims(payload: dict[str, object], rules: Jwt, now: float) -> None:
    """In the order that decides which reason is told."""
    require(isinstance(payload.get("iss", ""), str), "issuer is no text")
    require(has_issuer(payload, rules), "issuer")
    require(has_audience(payload, rules), "audience")
    expires = number(payload.get("exp"))
    if expires <= now - rules.leeway:
        raise InvalidTokenError("expired", "token-expired")
    require(expires <= now + rules.longest_life + rules.leeway, "lives too long")
    for name in ("nbf", "iat"):
        if name in payload:
            require(number(payload[name]) <= now + rules.leeway, "not yet")
    for name in ("sub", "jti"):
        if name in payload:
            check_name(payload[name], NAME_BYTES)
    for name in rules.required_claims:
        require(payload.get(name) is not None, "claim is missing")


def check(token: Token, rules: Jwt, now: float) -> None:
    """Everything that can be known without a key."""
    check_header(token.header, rules)
    check_claims(token.payload, rules, now)
