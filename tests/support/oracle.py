"""What a stream of bytes holds, read with no leniency about where messages end.

This is the upper bound for the gateway: it may refuse more than this reading, for reasons that have
nothing to do with framing, but it may never find a message where this reading finds none.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

_TOKEN = rb"[!#$%&'*+\-.^_`|~0-9A-Za-z]+"
_LINE = re.compile(rb"(" + _TOKEN + rb") ([!-~]+) HTTP/1\.([01])")
_STATUS = re.compile(rb"HTTP/1\.([01]) ([2-5][0-9]{2})(?: [\t -~\x80-\xff]*)?")
_FIELD = re.compile(rb"(" + _TOKEN + rb"):([\t -~\x80-\xff]*)")
_SIZE = re.compile(rb"([0-9A-Fa-f]{1,32})(?:;[\t -~\x80-\xff]*)?")


@dataclass(frozen=True)
class Reading:
    """One message: its first line's tokens, and its body."""

    line: tuple[bytes, ...]
    fields: tuple[tuple[bytes, bytes], ...]
    body: bytes
    end: int


class Doubtful(Exception):
    """From here on the stream has no certain meaning."""


def _head(
    data: bytes, line: re.Pattern[bytes]
) -> tuple[re.Match[bytes], tuple[tuple[bytes, bytes], ...], int]:
    end = data.find(b"\r\n\r\n")
    if end < 0:
        raise Doubtful("incomplete head")
    first, *others = data[:end].split(b"\r\n")
    found = line.fullmatch(first)
    if found is None:
        raise Doubtful("first line")
    fields = []
    for other in others:
        field = _FIELD.fullmatch(other)
        if field is None:
            raise Doubtful("field line")
        fields.append((field[1].lower(), field[2].strip(b" \t")))
    return found, tuple(fields), end + 4


def _chunked(data: bytes, position: int) -> tuple[bytes, int]:
    body = b""
    while True:
        end = data.find(b"\r\n", position)
        size_line = _SIZE.fullmatch(data[position:end]) if end >= 0 else None
        if size_line is None:
            raise Doubtful("chunk size")
        size = int(size_line[1], 16)
        position = end + 2
        if size == 0:
            break
        if data[position + size : position + size + 2] != b"\r\n":
            raise Doubtful("chunk data")
        body += data[position : position + size]
        position += size + 2
    while True:
        end = data.find(b"\r\n", position)
        if end < 0:
            raise Doubtful("trailers")
        trailer, position = data[position:end], end + 2
        if not trailer:
            return body, position
        if _FIELD.fullmatch(trailer) is None:
            raise Doubtful("trailer")


def _framed(
    data: bytes, fields: tuple[tuple[bytes, bytes], ...], position: int, *, modern: bool
) -> tuple[bytes, int] | None:
    lengths = [value for name, value in fields if name == b"content-length"]
    codings = [value for name, value in fields if name == b"transfer-encoding"]
    if codings:
        if lengths or len(codings) > 1 or codings[0].lower() != b"chunked" or not modern:
            raise Doubtful("transfer coding")
        return _chunked(data, position)
    if not lengths:
        return None
    if len(lengths) > 1 or re.fullmatch(rb"[0-9]{1,19}", lengths[0]) is None:
        raise Doubtful("length")
    end = position + int(lengths[0])
    if end > len(data):
        raise Doubtful("body cut short")
    return data[position:end], end


def read_request(data: bytes) -> Reading:
    """The request at the beginning of `data`.

    Raises:
        Doubtful: There is none, or none that is whole, or its end is open to interpretation.
    """
    start = 0
    while data.startswith(b"\r\n", start):
        start += 2
    found, fields, position = _head(data[start:], _LINE)
    if len([1 for name, _ in fields if name == b"host"]) > 1:
        raise Doubtful("Host")
    framed = _framed(data[start:], fields, position, modern=found[3] == b"1")
    body, end = framed if framed is not None else (b"", position)
    return Reading((found[1], found[2]), fields, body, start + end)


def read_requests(data: bytes) -> list[Reading]:
    """Every request up to the first doubt."""
    readings = []
    try:
        while data:
            reading = read_request(data)
            readings.append(reading)
            data = data[reading.end :]
    except Doubtful:
        pass
    return readings


def read_response(data: bytes) -> Reading:
    """The final response at the beginning of `data`, whose connection then ends.

    Raises:
        Doubtful: There is none, or none that is whole, or its end is open to interpretation.
    """
    found, fields, position = _head(data, _STATUS)
    bodiless = found[2] in {b"204", b"304"}
    framed = _framed(data, fields, position, modern=found[1] == b"1")
    if bodiless:
        framed = (b"", position)
    body, end = framed if framed is not None else (data[position:], len(data))
    return Reading((found[2],), fields, body, end)
