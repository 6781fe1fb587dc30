"""Where a message ends: RFC 9112 section 6.3, with every doubt refused."""

from __future__ import annotations

import re

from tests.door.model.fields import elements, is_token, values
from tests.door.model.verdict import Fields, RefusedError, UpstreamProtocolError

CHUNKED = -1
UNTIL_CLOSE = -2
LARGEST = 2**63 - 1


def content_length(lines: list[bytes]) -> int | None:
    """The one length, or None without any; ValueError when it cannot be believed."""
    if not lines:
        return None
    if len(lines) > 1:
        raise ValueError("more than one Content-Length")
    if re.fullmatch(rb"[0-9]+", lines[0]) is None:
        raise ValueError("Content-Length is not digits")
    length = int(lines[0])
    if length > LARGEST:
        raise ValueError("Content-Length is too large")
    return length


def is_coding(text: bytes) -> bool:
    """RFC 9112 section 7: a token with parameters."""
    name, *parameters = [part.strip(b" \t") for part in text.split(b";")]
    halves = [parameter.partition(b"=") for parameter in parameters]
    return is_token(name) and all(
        is_token(key.strip(b" \t")) and is_token(value.strip(b" \t")) for key, _, value in halves
    )


def request_length(fields: Fields, version: int) -> int:
    """Length of a request's body in bytes, or CHUNKED."""
    codings = values(fields, b"transfer-encoding")
    lengths = values(fields, b"content-length")
    if codings:
        if version == 10:
            raise RefusedError("bad-request", "Transfer-Encoding in HTTP/1.0")
        if lengths:
            raise RefusedError("bad-request", "Transfer-Encoding and Content-Length")
        if len(codings) == 1 and codings[0].lower() == b"chunked":
            return CHUNKED
        members = elements(codings)
        if members and members[-1].lower() == b"chunked" and all(map(is_coding, members)):
            raise RefusedError("not-implemented", "other transfer codings than chunked")
        raise RefusedError("bad-request", "Transfer-Encoding does not end in chunked")
    try:
        return content_length(lengths) or 0
    except ValueError as error:
        raise RefusedError("bad-request", str(error)) from None


def response_length(fields: Fields, version: int, status: int, head_request: bool) -> int | None:
    """Length of a response's body in bytes, CHUNKED, UNTIL_CLOSE, or None when it has no body."""
    codings = values(fields, b"transfer-encoding")
    lengths = values(fields, b"content-length")
    try:
        length = content_length(lengths)
    except ValueError as error:
        raise UpstreamProtocolError(str(error)) from None
    if codings:
        if version == 10:
            raise UpstreamProtocolError("Transfer-Encoding in HTTP/1.0")
        if lengths:
            raise UpstreamProtocolError("Transfer-Encoding and Content-Length")
        if len(codings) != 1 or codings[0].lower() != b"chunked":
            raise UpstreamProtocolError("Transfer-Encoding is not chunked")
        if status in {101, 204}:
            raise UpstreamProtocolError("Transfer-Encoding without a body")
    if head_request or status in {101, 204, 304}:
        return None
    if codings:
        return CHUNKED
    return UNTIL_CLOSE if length is None else length
