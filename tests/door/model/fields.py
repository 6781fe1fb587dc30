"""Header field syntax and comma-separated lists (RFC 9110 sections 5.1, 5.5 and 5.6)."""

from __future__ import annotations

import string

from tests.door.model.verdict import Fields, RefusedError

TOKEN_BYTES = frozenset((string.ascii_letters + string.digits + "!#$%&'*+-.^_`|~").encode())


def is_token(text: bytes) -> bool:
    """RFC 9110 section 5.6.2: one or more tchar."""
    return len(text) > 0 and all(byte in TOKEN_BYTES for byte in text)


def is_value(text: bytes) -> bool:
    """RFC 9110 section 5.5: no control character but HTAB."""
    return all(byte == 0x09 or (byte >= 0x20 and byte != 0x7F) for byte in text)


def stripped(fields: Fields) -> Fields:
    """The same fields without optional white space around their values."""
    return [(name, value.strip(b" \t")) for name, value in fields]


def check_syntax(fields: Fields) -> None:
    for name, value in fields:
        if not is_token(name):
            raise RefusedError("bad-request", "field name is not a token")
        if not is_value(value):
            raise RefusedError("bad-request", "field value has a control character")


def check_size(fields: Fields, header_count: int, header_bytes: int) -> None:
    if len(fields) > header_count:
        raise RefusedError("headers-too-large", "too many fields")
    if sum(len(name) + len(value) + 4 for name, value in fields) > header_bytes:
        raise RefusedError("headers-too-large", "fields are too large together")


def values(fields: Fields, name: bytes) -> list[bytes]:
    """Values of every line of this name, in wire order."""
    return [value for other, value in fields if other.lower() == name]


def elements(lines: list[bytes]) -> list[bytes]:
    """Members of a list that may be spread over lines; empty ones do not count."""
    members = [member.strip(b" \t") for line in lines for member in line.split(b",")]
    return [member for member in members if member]


def connection_options(fields: Fields) -> set[bytes]:
    """RFC 9110 section 7.6.1, in lower case."""
    return {option.lower() for option in elements(values(fields, b"connection"))}


def keeps_alive(fields: Fields, version: int) -> bool:
    """RFC 9112 section 9.3: whether the connection persists after this message."""
    options = connection_options(fields)
    if b"close" in options:
        return False
    return version == 11 or b"keep-alive" in options
