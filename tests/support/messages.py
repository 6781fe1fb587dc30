"""A second, strict reading of HTTP/1.1 (RFC 9112), independent of what the gateway uses.

Whatever the gateway writes, towards clients or upstreams, is read by these functions in the
tests. They accept only what a careful sender produces and fail the test otherwise, so that
every test also checks the framing of every message that it happens to see.
"""

from __future__ import annotations

import json
import re
from dataclasses import dataclass, field
from typing import Literal

_TOKEN = rb"[!#$%&'*+\-.^_`|~0-9A-Za-z]+"
_FIELD = re.compile(
    rb"(" + _TOKEN + rb"):[ ]?([!-~\x80-\xff](?:[\t -~\x80-\xff]*[!-~\x80-\xff])?)?\Z"
)
_REQUEST_LINE = re.compile(rb"(" + _TOKEN + rb") ([!-~]+) HTTP/1\.([01])\Z")
_STATUS_LINE = re.compile(rb"HTTP/1\.1 ([1-5][0-9]{2}) ([\t -~\x80-\xff]*)\Z")
_CHUNK_SIZE = re.compile(rb"([0-9A-Fa-f]{1,15})\Z")

Fields = tuple[tuple[str, str], ...]
Framing = Literal["none", "length", "chunked", "close"]


class Malformed(AssertionError):
    """What was read is not a message that a careful sender writes."""


class Truncated(AssertionError):
    """The connection ended inside a message; `partial` is the body so far."""

    def __init__(self, message: str, partial: bytes = b"") -> None:
        super().__init__(message)
        self.partial = partial


@dataclass(frozen=True)
class Message:
    """What requests and responses have in common."""

    fields: Fields
    body: bytes
    trailers: Fields
    framing: Framing
    raw: bytes = field(repr=False)

    def all(self, name: str) -> list[str]:
        """Every value of a field, in order."""
        return [value for key, value in self.fields if key.lower() == name.lower()]

    def header(self, name: str) -> str | None:
        """The one value of a field, or None; a second line of that name fails the test."""
        values = self.all(name)
        if len(values) > 1:
            raise Malformed(f"{name} occurs {len(values)} times: {values}")
        return values[0] if values else None

    def tokens(self, name: str) -> list[str]:
        """The comma-separated members of all lines of a field, in lower case."""
        members = ",".join(self.all(name)).split(",")
        return [member.strip().lower() for member in members if member.strip()]

    def names(self) -> set[str]:
        """The lower-case names of all fields."""
        return {name.lower() for name, _ in self.fields}


@dataclass(frozen=True)
class Request(Message):
    """A request as the upstream saw it."""

    method: str
    target: str
    version: str

    @property
    def head(self) -> bytes:
        """The exact bytes before the body, blank line included."""
        return self.raw[: self.raw.index(b"\r\n\r\n") + 4]


@dataclass(frozen=True)
class Response(Message):
    """A final response as the client saw it, with the interim ones that came before."""

    status: int
    reason: str
    interims: tuple[Response, ...] = ()

    @property
    def closes(self) -> bool:
        """Whether the response announces the end of the connection."""
        return "close" in self.tokens("Connection")

    def problem(self, name: str | None = None) -> dict[str, object]:
        """The RFC 9457 object, after checking all that every problem must have."""
        assert self.header("Content-Type") == "application/problem+json", self
        document = json.loads(self.body)
        assert isinstance(document, dict)
        for member in ("type", "title", "detail", "instance", "request_id"):
            assert isinstance(document[member], str), (member, document)
            assert document[member], (member, document)
        assert document["status"] == self.status
        assert document["request_id"] == self.header("X-Request-ID")
        if name is not None:
            assert document["type"] == f"urn:pygateway:problem:{name}", document
        return document


def _fields(lines: list[bytes]) -> Fields:
    parsed = []
    for line in lines:
        match = _FIELD.match(line)
        if match is None:
            raise Malformed(f"field line {line[:200]!r}")
        parsed.append((match[1].decode("latin-1"), (match[2] or b"").decode("latin-1")))
    return tuple(parsed)


def _head(data: bytes) -> tuple[bytes, Fields, int] | None:
    end = data.find(b"\r\n\r\n")
    if end < 0:
        return None
    lines = data[:end].split(b"\r\n")
    for line in lines:
        if b"\r" in line or b"\n" in line or b"\0" in line:
            raise Malformed(f"control character in line {line[:200]!r}")
    return lines[0], _fields(lines[1:]), end + 4


def _values(fields: Fields, name: str) -> list[str]:
    return [value for key, value in fields if key.lower() == name]


def _declared_framing(fields: Fields) -> tuple[Framing, int]:
    lengths = _values(fields, "content-length")
    codings = _values(fields, "transfer-encoding")
    if len(lengths) > 1 or len(codings) > 1 or (lengths and codings):
        raise Malformed(f"contradicting framing: {lengths} {codings}")
    if codings:
        if codings[0] != "chunked":
            raise Malformed(f"Transfer-Encoding: {codings[0]}")
        return "chunked", 0
    if lengths:
        if not re.fullmatch(r"0|[1-9][0-9]{0,18}", lengths[0]):
            raise Malformed(f"Content-Length: {lengths[0]}")
        return "length", int(lengths[0])
    return "none", 0


def parse_chunked(data: bytes, position: int) -> tuple[bytes, Fields, int] | None:
    """Body, trailers and the position after them, or None while they are incomplete."""
    pieces = []
    while True:
        line_end = data.find(b"\r\n", position)
        if line_end < 0:
            return None
        size_line = _CHUNK_SIZE.match(data[position:line_end])
        if size_line is None:
            raise Malformed(f"chunk size {data[position:line_end][:200]!r}")
        size = int(size_line[1], 16)
        position = line_end + 2
        if size == 0:
            break
        if len(data) < position + size + 2:
            return None
        if data[position + size : position + size + 2] != b"\r\n":
            raise Malformed("chunk data is not followed by CRLF")
        pieces.append(data[position : position + size])
        position += size + 2
    lines: list[bytes] = []
    while True:
        line_end = data.find(b"\r\n", position)
        if line_end < 0:
            return None
        line, position = data[position:line_end], line_end + 2
        if not line:
            return b"".join(pieces), _fields(lines), position
        lines.append(line)


def partial_chunked(data: bytes) -> bytes:
    """The bytes of an incomplete chunked body that have arrived so far."""
    pieces, position = [], 0
    while (line_end := data.find(b"\r\n", position)) >= 0:
        size = int(data[position:line_end] or b"0", 16)
        piece = data[line_end + 2 : line_end + 2 + size]
        pieces.append(piece)
        position = line_end + 2 + size + 2
    return b"".join(pieces)


def parse_request(data: bytes) -> Request | None:
    """The first request in `data`, or None while it is incomplete; `raw` is what it took."""
    head = _head(data)
    if head is None:
        return None
    line, fields, position = head
    match = _REQUEST_LINE.match(line)
    if match is None:
        raise Malformed(f"request line {line[:200]!r}")
    if len(_values(fields, "host")) != 1:
        raise Malformed(f"Host lines: {_values(fields, 'host')}")
    framing, length = _declared_framing(fields)
    body = b""
    trailers: Fields = ()
    if framing == "chunked":
        chunked = parse_chunked(data, position)
        if chunked is None:
            return None
        body, trailers, position = chunked
    elif framing == "length":
        body = data[position : position + length]
        if len(body) < length:
            return None
        position += length
    return Request(
        fields=fields,
        body=body,
        trailers=trailers,
        framing=framing,
        raw=data[:position],
        method=match[1].decode(),
        target=match[2].decode(),
        version=f"1.{match[3].decode()}",
    )


def _parse_status_line(line: bytes) -> tuple[int, str]:
    match = _STATUS_LINE.match(line)
    if match is None:
        raise Malformed(f"status line {line[:200]!r}")
    return int(match[1]), match[2].decode("latin-1")


def _check_response_framing(status: int, fields: Fields) -> None:
    codings = _values(fields, "transfer-encoding")
    lengths = _values(fields, "content-length")
    if (status < 200 or status == 204) and (codings or lengths):
        raise Malformed(f"a {status} with body framing: {fields}")
    if status == 304 and codings:
        raise Malformed("a 304 with Transfer-Encoding")


def parse_response_head(data: bytes) -> tuple[int, str, Fields, int] | None:
    """Status, reason, fields and the position after the head, or None while incomplete."""
    head = _head(data)
    if head is None:
        return None
    line, fields, position = head
    status, reason = _parse_status_line(line)
    _check_response_framing(status, fields)
    _declared_framing(fields)
    return status, reason, fields, position


def parse_response(data: bytes, *, head_only: bool, ended: bool) -> Response | None:
    """The first response (interim or final) in `data`, or None while it is incomplete.

    Args:
        data: Everything received and not yet taken.
        head_only: Whether the request was a HEAD, so that no body follows.
        ended: Whether the peer has closed; an incomplete message is then `Truncated`.
    """
    head = parse_response_head(data)
    if head is None:
        if ended:
            raise Truncated(f"connection ended inside a head: {data[:200]!r}")
        return None
    status, reason, fields, position = head
    framing, length = _declared_framing(fields)
    body = b""
    trailers: Fields = ()
    if head_only or status < 200 or status in {204, 304}:
        framing = "none"
    elif framing == "chunked":
        chunked = parse_chunked(data, position)
        if chunked is None:
            if ended:
                raise Truncated("no last chunk", partial_chunked(data[position:]))
            return None
        body, trailers, position = chunked
    elif framing == "length":
        body = data[position : position + length]
        if len(body) < length:
            if ended:
                raise Truncated(f"{len(body)} of {length} bytes", body)
            return None
        position += length
    else:
        if "close" not in [value.lower() for value in _values(fields, "connection")]:
            raise Malformed(f"a body until close without Connection: close: {fields}")
        if not ended:
            return None
        framing, body, position = "close", data[position:], len(data)
    return Response(
        fields=fields,
        body=body,
        trailers=trailers,
        framing=framing,
        raw=data[:position],
        status=status,
        reason=reason,
    )
