"""A connection to an endpoint: one request out, one response in, at a time.

httptools tokenises the response; the gate judges its head (RFC 9112 section 6.3 and the guards).
After the least doubt about where a response ends, the connection is not used again.
"""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, cast

import httptools

from pygateway.errors import UpstreamGone, UpstreamProtocolViolation
from pygateway.exchange import TUNNELLING

if TYPE_CHECKING:
    from collections.abc import Callable

    from pygateway.errors import ExchangeError
    from pygateway.exchange import Exchange, Headers
    from pygateway.upstream.pool import Pool

# Interim responses carry no body and no decision, so an endpoint could send them for ever; real
# ones send a 100 and a few 103s.
MAX_INTERIM_RESPONSES = 16

VERSIONS = {"1.1": 11, "1.0": 10}

# A chunk of one byte needs five bytes of framing; nobody honest needs more than nine.
MAX_FRAMING_RATIO = 9


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
        "_began",
        "_complete",
        "_failure",
        "_headers",
        "_interims",
        "_parser",
        "_paused",
        "_persists",
        "_raw_bytes",
        "_reason",
        "_transport",
        "_version",
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

    _began: int
    _complete: bool
    _failure: ExchangeError | None
    _headers: Headers
    _interims: int
    _persists: bool
    _raw_bytes: int
    _reason: bytes
    _transport: asyncio.Transport
    _version: int
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
        self._parser = httptools.HttpResponseParser(self)
        self._expect_response()

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
        """Feed a piece of a response to the parser and pass on what it gave."""
        exchange = self.exchange
        if exchange is None:
            # Nobody asked: whatever this is, it must not become the next request's answer.
            self.abort()
            return
        if exchange.phase == TUNNELLING:
            exchange.rest_tunnel()
            exchange.client.write(data)
            return
        if not self._raw_bytes and data.startswith(b"HTTP/1.1 "):
            self._version = 11
        elif not self._plausible(exchange, data):
            return
        self._raw_bytes += len(data)
        try:
            self._parser.feed_data(data)
        except httptools.HttpParserUpgrade as upgrade:
            self._upgraded(exchange, data[upgrade.args[0] :])
            return
        except httptools.HttpParserError as error:
            self._parse_failed(exchange, error)
            return
        if self._failure is not None:
            self._fail(self._failure)
        elif self._complete:
            reusable = self._persists and self._began == 1
            self._expect_response()
            exchange.response_end(reusable=reusable)
        elif exchange.response_started:
            if exchange.forward.head_only:
                self._respond_to_head(exchange)
            else:
                exchange.flush_response()

    def connection_lost(self, exc: Exception | None) -> None:
        """The endpoint has closed or reset the connection, or we have."""
        self.closed = True
        self.pool.forget(self)
        exchange = self.exchange
        if exchange is None:
            return
        self.exchange = None
        exchange.upstream = None
        if exchange.phase == TUNNELLING:
            exchange.finish(close=True)
        elif exc is None and self._ends_with_connection(exchange):
            exchange.response_end(reusable=False)
        else:
            self._report_loss(exchange)

    # --- httptools' callbacks -----------------------------------------------------------------

    def on_message_begin(self) -> None:
        """A response begins; a second one behind the first belongs to nobody."""
        self._began += 1

    def on_status(self, reason: bytes) -> None:
        """Take the reason phrase."""
        self._reason += reason

    def on_header(self, name: bytes, value: bytes) -> None:
        """Take a header, or a trailer, which is read and dropped."""
        self._headers.append((name, value))

    def on_headers_complete(self) -> None:
        """Judge the head, and pass it on."""
        exchange = self.exchange
        if exchange is None or self._began > 1 or self._failure is not None:
            return
        parser = self._parser
        status = parser.get_status_code()
        version = self._version or VERSIONS.get(parser.get_http_version(), 0)
        try:
            if status < 200 and status != 101:
                self._interim(exchange, status)
            else:
                exchange.response_head(status, self._reason, self._headers, version)
                if exchange.forward.head_only:
                    self._persists = parser.should_keep_alive()
        except UpstreamProtocolViolation as error:
            self._failure = error

    def on_body(self, data: bytes) -> None:
        """Pass on a piece of the body."""
        exchange = self.exchange
        if exchange is None or self._began > 1 or self._failure is not None:
            return
        if exchange.forward.head_only:
            self._began += 1
        else:
            exchange.response_body(data)

    def on_message_complete(self) -> None:
        """The response is complete, or an interim one was."""
        exchange = self.exchange
        if exchange is not None and self._began == 1:
            if exchange.response_started:
                self._complete = True
                # The parser forgets the message as soon as this callback returns.
                self._persists = self._parser.should_keep_alive()
            else:
                self._began = self._version = 0
                self._headers = []
                self._reason = b""

    # --- inside -------------------------------------------------------------------------------

    def _expect_response(self) -> None:
        self._began = self._interims = self._raw_bytes = self._version = 0
        self._complete = self._persists = False
        self._failure = None
        self._headers = []
        self._reason = b""

    def _plausible(self, exchange: Exchange, data: bytes) -> bool:
        """Refuse what the parser would take: a bad beginning, and framing without end."""
        if self._raw_bytes == 0:
            # llhttp takes empty lines ahead of a response; here one begins with its version.
            if not data.startswith(b"H"):
                self._fail(UpstreamProtocolViolation("The upstream does not speak HTTP/1.1."))
                return False
        elif self._raw_bytes > self.pool.head_limit + MAX_FRAMING_RATIO * exchange.moved:
            # Heads, chunk sizes and trailers may not outgrow the body that they frame.
            self._fail(UpstreamProtocolViolation("The upstream's response has too long a head."))
            return False
        return True

    def _interim(self, exchange: Exchange, status: int) -> None:
        self._interims += 1
        if self._interims > MAX_INTERIM_RESPONSES:
            raise UpstreamProtocolViolation("The upstream sends too many interim responses.")
        exchange.interim_response(status, self._reason, self._headers)

    def _respond(self, exchange: Exchange, *, reusable: bool) -> None:
        reusable = reusable and self._began == 1
        self._expect_response()
        exchange.response_end(reusable=reusable)

    def _respond_to_head(self, exchange: Exchange) -> None:
        """A response to HEAD ends with its head, which the parser cannot know."""
        self._parser = httptools.HttpResponseParser(self)
        self._respond(exchange, reusable=self._persists)

    def _upgraded(self, exchange: Exchange, early: bytes) -> None:
        if self._failure is not None:
            self._fail(self._failure)
        elif exchange.response_started and exchange.forward.upgrade:
            exchange.begin_tunnel(early)
        else:
            self._fail(UpstreamProtocolViolation("The upstream changed protocols unasked."))

    def _parse_failed(self, exchange: Exchange, error: Exception) -> None:
        if self._complete:
            # The response was whole; what follows it is not one, so the connection ends here.
            self._respond(exchange, reusable=False)
        else:
            self._fail(
                self._failure
                or UpstreamProtocolViolation(f"The upstream's response cannot be parsed: {error}.")
            )

    def _ends_with_connection(self, exchange: Exchange) -> bool:
        """Whether the body has no length of its own (RFC 9112 section 6.3, step 8)."""
        return exchange.response_started and not any(
            name.lower() in (b"content-length", b"transfer-encoding") for name, _ in self._headers
        )

    def _report_loss(self, exchange: Exchange) -> None:
        stale = self.served > 0 and self._raw_bytes == 0
        detail = (
            "The upstream closed the connection before it had answered."
            if not exchange.response_started
            else "The upstream closed the connection within its response."
        )
        repeatable = stale and exchange.forward.idempotent and exchange.forward.body_length == 0
        exchange.story.fail(exchange, UpstreamGone(detail, retryable=repeatable))

    def _fail(self, error: ExchangeError) -> None:
        exchange = self.exchange
        if exchange is not None:
            exchange.story.fail(exchange, error)
        else:
            self.abort()
