"""One connection to what is measured: a request out, a response in, at a time.

Only what the load has to know is read of a response: its status, where it ends (RFC 9112 section
6.3) and whether the connection persists. Bodies are counted and dropped.
"""

from __future__ import annotations

import asyncio
import re
import time
from typing import TYPE_CHECKING, Final, NamedTuple, Protocol, cast

from pygateway.bench.tally import Failure
from pygateway.chunked import ChunkedBody, MalformedBody

if TYPE_CHECKING:
    from pygateway.bench.requests import Request

HEAD_LIMIT: Final = 64 * 1024
"""Bytes of a response's head, as most clients have it."""

FRAMING_LIMIT: Final = 64 * 1024
"""Bytes of trailers and of framing that a chunked body may have beyond what its chunks need."""

MAX_INTERIM_RESPONSES: Final = 16
"""Interim responses before a final one; real servers send one or two."""

_END: Final = b"\r\n\r\n"
_STATUS_LINE: Final = re.compile(rb"HTTP/1\.([01]) ([1-9]\d\d)[ \r]")
_FRAMING: Final = re.compile(
    rb"\r\n(content-length|transfer-encoding|connection):[ \t]*([^\r\n]*)", re.IGNORECASE
)

# What is read now.
_HEAD, _COUNTED, _CHUNKS, _UNTIL_CLOSE = range(4)


class MalformedResponse(ValueError):
    """It cannot be told where the response ends, or what it says."""


class Head(NamedTuple):
    """What is known of a response by its head.

    Attributes:
        length: Of the body in bytes; None if it ends with the last chunk or with the connection.
        chunked: Whether it ends with the last chunk.
    """

    status: int
    persists: bool
    length: int | None
    chunked: bool


class Owner(Protocol):
    """Whom a connection tells what has become of it and of its request."""

    def answered(self, client: Client, now: int) -> None:
        """The response is complete."""

    def failed(self, client: Client, failure: Failure) -> None:
        """There will be no response."""

    def lost(self, client: Client) -> None:
        """The connection is closed."""


class Client(asyncio.Protocol):
    """A connection. Times are nanoseconds of the monotonic clock.

    Attributes:
        due: When the request that is under way was due; 0 if there is none.
        sent: When it was written.
        status: Of the last response.
        persists: Whether another request can follow.
        received: Bytes that have arrived, since whoever counts them took them off.
    """

    __slots__ = (
        "_bodiless",
        "_buffer",
        "_chunks",
        "_interims",
        "_left",
        "_owner",
        "_reading",
        "_transport",
        "due",
        "persists",
        "received",
        "sent",
        "status",
    )

    _transport: asyncio.Transport
    _chunks: ChunkedBody

    def __init__(self, owner: Owner) -> None:
        self._owner = owner
        self._reading = _HEAD
        self._buffer = b""
        self._left = self._interims = 0
        self._bodiless = False
        self.due = self.sent = self.status = self.received = 0
        self.persists = True

    def send(self, request: Request, body: bytes, due: int, now: int) -> None:
        """Write a request; the connection has to be idle."""
        self.due = due
        self.sent = now
        self._bodiless = request.bodiless
        if body:
            self._transport.writelines((request.head, body))
        else:
            self._transport.write(request.head)

    def close(self) -> None:
        """End the connection."""
        self.persists = False
        self._transport.close()

    def abort(self) -> None:
        """End the connection at once."""
        self.persists = False
        self._transport.abort()

    def fail(self, failure: Failure) -> None:
        """Give up the request that is under way, and the connection with it."""
        self.due = 0
        self.abort()
        self._owner.failed(self, failure)

    # --- asyncio.Protocol -----------------------------------------------------------------------

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Keep what to write to."""
        self._transport = cast("asyncio.Transport", transport)  # uvloop's has another base

    def data_received(self, data: bytes) -> None:
        """Read on."""
        self.received += len(data)
        if not self.due:
            # Nobody asked: whatever this is, the next response could not be told from it.
            self.abort()
            return
        try:
            self._read(data)
        except (MalformedResponse, MalformedBody):
            self.fail(Failure.MALFORMED)

    def eof_received(self) -> None:
        """Complete a response that ends with the connection; a return of None closes that."""
        if self._reading == _UNTIL_CLOSE and self.due:
            self._complete()

    def connection_lost(self, error: Exception | None) -> None:
        """Tell the owner."""
        self.persists = False
        if self.due:
            self.due = 0
            self._owner.failed(self, Failure.RESET if error else Failure.CLOSED)
        self._owner.lost(self)

    # --- reading --------------------------------------------------------------------------------

    def _read(self, data: bytes) -> None:
        if self._reading == _HEAD:
            self._read_head(data)
        elif self._reading == _COUNTED:
            self._count(len(data))
        elif self._reading == _CHUNKS:
            self._read_chunks(data)

    def _read_head(self, data: bytes) -> None:
        if self._buffer:
            data, self._buffer = self._buffer + data, b""
        end = data.find(_END)
        if end < 0 or end > HEAD_LIMIT:
            if len(data) > HEAD_LIMIT:
                raise MalformedResponse
            self._buffer = data
            return
        head = read_head(data[: end + 2])
        if head.status < 200 and head.status != 101:
            self._interims += 1
            if self._interims > MAX_INTERIM_RESPONSES:
                raise MalformedResponse
            self._read_head(data[end + 4 :])
            return
        self.status = head.status
        # A connection that has changed its protocol is of no more use.
        self.persists = head.persists and head.status != 101
        rest = len(data) - end - 4
        if self._bodiless or head.status in {101, 204, 304}:
            self._left = 0
            self._count(rest)
        elif head.length is not None:
            self._left = head.length
            self._reading = _COUNTED
            self._count(rest)
        elif head.chunked:
            self._chunks = ChunkedBody(_drop, FRAMING_LIMIT)
            self._reading = _CHUNKS
            if rest:
                self._read_chunks(data[end + 4 :])
        else:
            self.persists = False
            self._reading = _UNTIL_CLOSE

    def _count(self, count: int) -> None:
        self._left -= count
        if self._left == 0:
            self._complete()
        elif self._left < 0:
            raise MalformedResponse

    def _read_chunks(self, data: bytes) -> None:
        excess = self._chunks.feed(data)
        if excess:
            raise MalformedResponse
        if self._chunks.complete:
            self._complete()

    def _complete(self) -> None:
        if self._transport.get_write_buffer_size():
            # It was answered before all of it was sent, and the rest would be read as the next.
            self.persists = False
        self._reading = _HEAD
        self._interims = 0
        self._owner.answered(self, time.monotonic_ns())


def read_head(head: bytes) -> Head:
    """Read a response's head.

    Args:
        head: Up to and with the end of its last line.

    Raises:
        MalformedResponse: It is none, or says more than one thing about its framing.
    """
    match = _STATUS_LINE.match(head)
    if match is None:
        raise MalformedResponse
    status = int(match[2])
    persists = match[1] == b"1"
    length: int | None = None
    coding = b""
    for name, value in _FRAMING.findall(head):
        if len(name) == 14:
            digits = value.rstrip(b" \t")
            if length is not None or not digits.isdigit() or len(digits) > 18:
                raise MalformedResponse
            length = int(digits)
        elif len(name) == 17:
            coding = coding + b"," + value if coding else value
        else:
            options = [option.strip(b" \t") for option in value.lower().split(b",")]
            persists = b"close" not in options and (persists or b"keep-alive" in options)
    chunked = coding.lower().rpartition(b",")[2].strip(b" \t") == b"chunked"
    if coding and length is not None:
        raise MalformedResponse
    return Head(status, persists, length, chunked)


def _drop(_: bytes) -> None:
    """The body is counted with everything else that arrives."""
