"""A connection to an endpoint: one request out, one response in, at a time.

The gate tokenises and judges the response's head (RFC 9112 section 6.3 and the guards); what is
left here is to know where the body ends. After the least doubt about that, the connection is not
used again.
"""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, cast

from pygateway.chunked import END, ChunkedBody, MalformedBody
from pygateway.errors import UpstreamGone, UpstreamProtocolViolation
from pygateway.exchange import (
    BODILESS,
    COMES_CHUNKED,
    COMES_UNTIL_CLOSE,
    PERSISTS,
    TUNNELLING,
)

if TYPE_CHECKING:
    from collections.abc import Callable

    from pygateway.errors import ExchangeError
    from pygateway.exchange import Exchange
    from pygateway.upstream.pool import Pool

# Interim responses carry no body and no decision, so an endpoint could send them for ever; real
# ones send a 100 and a few 103s.
MAX_INTERIM_RESPONSES = 16

# What the connection reads now.
HEAD, COUNTED, CHUNKS, UNTIL_CLOSE = range(4)


class UpstreamConnection(asyncio.Protocol):
    """Speaks HTTP/1.1 to one endpoint on behalf of one exchange after another.

    Attributes:
        exchange: The exchange that is served now; None while the connection is idle.
        write: Sends bytes to the endpoint.
        counted: Whether the pool counts it as one of its connections.
        served: Responses that were completed on this connection.
        idle_since: The loop's time, in seconds, of its return to the pool.
    """

    __slots__ = (
        "_buffer",
        "_chunks",
        "_interims",
        "_left",
        "_paused",
        "_reading",
        "_reusable",
        "_transport",
        "_write_paused",
        "closed",
        "counted",
        "exchange",
        "host_line",
        "idle_since",
        "pool",
        "served",
        "write",
    )

    _chunks: ChunkedBody
    _transport: asyncio.Transport
    write: Callable[[bytes], object]
    exchange: Exchange | None

    def __init__(self, pool: Pool) -> None:
        self.pool = pool
        self.host_line = pool.host_line
        self.exchange = None
        self.served = 0
        self.idle_since = 0.0
        self.closed = self.counted = False
        self._paused = self._write_paused = False
        self._reusable = False
        self._buffer = b""
        self._reading = HEAD
        self._interims = self._left = 0

    # --- towards the endpoint -----------------------------------------------------------------

    def send(self, parts: list[bytes]) -> None:
        """Write `parts` of a request in one go."""
        self._transport.writelines(parts)

    def read(self, *, wanted: bool) -> None:
        """Read on, or no more for now."""
        if wanted and self._paused:
            self._paused = False
            self._transport.resume_reading()
        elif not wanted and not self._paused and not self.closed:
            self._paused = True
            self._transport.pause_reading()

    def finish_sending(self) -> None:
        """Tell the endpoint that nothing more will be sent."""
        if self._transport.can_write_eof():
            self._transport.write_eof()
        else:
            self._transport.close()

    def release(self, *, reusable: bool) -> None:
        """The exchange is over: go back to the pool, or close."""
        self.exchange = None
        if reusable and not (self.closed or self._write_paused):
            self.served += 1
            if self._paused:
                self.read(wanted=True)
            self.pool.put_back(self)
        else:
            self.abort()

    def abort(self) -> None:
        """Close at once; what was not yet sent is dropped."""
        if not self.closed:
            self._transport.abort()

    # --- asyncio.Protocol ---------------------------------------------------------------------

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """The endpoint has accepted."""
        self._transport = cast("asyncio.Transport", transport)
        self.write = self._transport.write

    def pause_writing(self) -> None:
        """The endpoint does not read as fast as the client sends."""
        self._write_paused = True
        if self.exchange is not None:
            self.exchange.upstream_writable(writable=False)

    def resume_writing(self) -> None:
        """The endpoint has caught up."""
        self._write_paused = False
        if self.exchange is not None:
            self.exchange.upstream_writable(writable=True)

    def data_received(self, data: bytes) -> None:
        """Take a piece of a response and pass it on."""
        exchange = self.exchange
        if exchange is None:
            # Nobody asked: whatever this is, it must not become the next request's answer.
            self.pool.forget(self)
            self.abort()
            return
        try:
            if exchange.phase == TUNNELLING:
                exchange.rest_tunnel()
                exchange.response_bytes += len(data)
                exchange.client.write(data)
            elif self._reading != HEAD:
                self._take_body(exchange, data)
            else:
                self._read_head(exchange, data)
        except BaseException:
            exchange.story.crash(exchange)

    def eof_received(self) -> None:
        """The endpoint will send no more: an idle connection must not be lent any more."""
        if self.exchange is None:
            self.pool.forget(self)

    def connection_lost(self, exc: Exception | None) -> None:
        """The endpoint has closed or reset the connection, or we have."""
        self.closed = True
        self.pool.forget(self)
        exchange = self.exchange
        if exchange is None:
            return
        self.exchange = None
        exchange.upstream = None
        try:
            if exchange.phase == TUNNELLING:
                exchange.finish(close=True)
            elif exc is None and self._reading == UNTIL_CLOSE:
                exchange.response_end(reusable=False)
            else:
                self._report_loss(exchange)
        except BaseException:
            exchange.story.crash(exchange)

    # --- inside -------------------------------------------------------------------------------

    def _read_head(self, exchange: Exchange, data: bytes) -> None:
        """Go on as soon as a whole head has come."""
        if self._buffer:
            data = self._buffer + data
            self._buffer = b""
        if self._interims and data.startswith(b"\r\n"):
            # Some servers end an interim response with two empty lines.
            data = data[2:]
        end = data.find(END) + 4
        if end < 4:
            self._await_head(data)
        elif data[8:10] == b" 1":
            self._take_interim(exchange, data[:end], data[end:])
        else:
            self._take_head(exchange, data[:end], data[end:])

    def _await_head(self, data: bytes) -> None:
        """Keep the beginning of a head, unless it can be seen already that it is not one."""
        if not b"HTTP/1.".startswith(data[:7]):
            self._fail(UpstreamProtocolViolation("The upstream does not speak HTTP/1.1."))
        elif data.count(b"\n") != data.count(b"\r\n") or b"\r\n " in data or b"\r\n\t" in data:
            self._fail(UpstreamProtocolViolation("The upstream's response head is malformed."))
        elif len(data) > self.pool.head_limit:
            self._fail(UpstreamProtocolViolation("The upstream's response head is too large."))
        else:
            self._buffer = data

    def _take_interim(self, exchange: Exchange, head: bytes, rest: bytes) -> None:
        """Pass on a 1xx response; a 101 is final and changes the protocol."""
        if head[8:12] == b" 101":
            self._take_head(exchange, head, rest)
            return
        self._interims += 1
        try:
            if self._interims > MAX_INTERIM_RESPONSES:
                raise UpstreamProtocolViolation("The upstream sends too many interim responses.")
            exchange.interim_response(head)
        except UpstreamProtocolViolation as error:
            self._fail(error)
        else:
            if rest:
                self._read_head(exchange, rest)

    def _take_head(self, exchange: Exchange, head: bytes, rest: bytes) -> None:
        """Pass on the final response's head, and what has come of its body."""
        try:
            framing = exchange.response_head(head)
        except UpstreamProtocolViolation as error:
            self._fail(error)
            return
        self._reusable = bool(framing & PERSISTS)
        if framing & BODILESS:
            if head[8:12] == b" 101":
                exchange.begin_tunnel(rest)
            else:
                self._complete(exchange, rest)
            return
        if framing & COMES_CHUNKED:
            self._reading = CHUNKS
            self._chunks = ChunkedBody(exchange.response_body, self.pool.head_limit)
        elif framing & COMES_UNTIL_CLOSE:
            self._reading = UNTIL_CLOSE
        else:
            self._reading = COUNTED
            self._left = exchange.forward.response_length
        self._take_body(exchange, rest, fresh=True)

    def _take_body(self, exchange: Exchange, data: bytes, *, fresh: bool = False) -> None:
        """Pass on a piece of the body; what follows its end belongs to nobody.

        Args:
            exchange: Whose body it is.
            data: What has come.
            fresh: The head has come with it, and has not been written yet.
        """
        reading = self._reading
        if reading == COUNTED:
            left = self._left - len(data)
            if left > 0:
                self._left = left
                if data:
                    exchange.response_body(data)
                exchange.flush_response()
                return
            rest = data[self._left :] if left else b""
            if self._left:
                exchange.response_body(data[: self._left] if left else data)
            self._complete(exchange, rest)
        elif reading == CHUNKS:
            try:
                rest = self._chunks.feed(data)
            except MalformedBody as error:
                if fresh:
                    exchange.retract_head()
                self._fail(UpstreamProtocolViolation(str(error)))
                return
            if self._chunks.complete:
                self._complete(exchange, rest)
            else:
                exchange.flush_response()
        else:
            if data:
                exchange.response_body(data)
            exchange.flush_response()

    def _complete(self, exchange: Exchange, rest: bytes) -> None:
        """The response is complete; with anything behind it the connection is spoilt."""
        self._reading = HEAD
        self._interims = 0
        exchange.response_end(reusable=self._reusable and not rest)

    def _report_loss(self, exchange: Exchange) -> None:
        untouched = not (exchange.response_started or self._buffer or self._interims)
        stale = self.served > 0 and untouched
        detail = (
            "The upstream closed the connection within its response."
            if exchange.response_started
            else "The upstream closed the connection before it had answered."
        )
        repeatable = stale and exchange.forward.idempotent and exchange.forward.body_length == 0
        exchange.story.fail(exchange, UpstreamGone(detail, retryable=repeatable))

    def _fail(self, error: ExchangeError) -> None:
        exchange = self.exchange
        if exchange is not None:
            exchange.story.fail(exchange, error)
        else:
            self.abort()
