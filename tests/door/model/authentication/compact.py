"""A token taken apart (RFC 7515 section 7.1); nothing of it is believed here."""

from __future__ import annotations

import base64
import string
from dataclasses import dataclass

from tests.door.model.authentication.strict_json import MOST, UnfitError, parse_object, size

ALPHABET = frozenset((string.ascii_letters + string.digits + "-_").encode())


@dataclass(frozen=True)
class Token:
    """What a token says of itself."""

    header: dict[str, object]
    payload: dict[str, object]
    signing_input: bytes
    signature: bytes


def take_apart(text: bytes) -> Token:
    """Three parts, none empty; also the five of a JWE and what is not signed are unfit."""
    parts = text.split(b".")
    if len(parts) != 3 or not all(parts):
        raise UnfitError("no three parts")
    header, payload, signature = map(decoded, parts)
    parsed = parse_object(header), parse_object(payload)
    if max(map(size, parsed)) > MOST:
        raise UnfitError("too many values")
    return Token(*parsed, text.rpartition(b".")[0], signature)


def decoded(part: bytes) -> bytes:
    """RFC 4648 section 5, without padding (RFC 7515 section 2) and with one spelling of a value."""
    if not ALPHABET.issuperset(part) or len(part) % 4 == 1:
        raise UnfitError("no base64url")
    value = base64.urlsafe_b64decode(part + b"=" * (-len(part) % 4))
    if base64.urlsafe_b64encode(value).rstrip(b"=") != part:
        raise UnfitError("bits are left over")
    return value
