"""A client's connection: one request after another, in order (RFC 9112 section 9).

httptools tokenises; this file knows where messages begin and end. Both a head and a chunked body
end with an empty line and every other body has a length, so bytes are handed to the parser up to
the next such end and never beyond. That gives three things which the parser alone does not: the
request line can be compared with what the parser made of it, a pipelined request stays bytes
until its turn has come, and what follows an upgrade is not mistaken for HTTP.

    HEAD ──head complete──> BODY ──body complete──> HOLDING ──exchange done──> HEAD
      │                      │ (no body)               ^ │
      │                      └─────────────────────────┘ └─101─> TUNNEL
      └──refused or told to close──> LINGERING ──all read, or enough──> CLOSED
"""

from __future__ import annotations

import asyncio
from time import time
from typing import TYPE_CHECKING, cast

import httptools

from pygateway import problem
from pygateway.errors import BadRequest
from pygateway.exchange import CHUNKED, PIPELINE_FULL, Exchange
from pygateway.sweep import NEVER

if TYPE_CHECKING:
    from collections.abc import Callable

    from pygateway._core import Peer
    from pygateway.exchange import Headers
    from pygateway.server.server import Server

HEAD, BODY, HOLDING, TUNNEL, LINGERING, CLOSED = range(6)

END_OF_HEAD = b"\r\n\r\n"

# A client that sends one byte a chunk needs five bytes of framing for each; nine leave room for
# extensions that nobody sends. What exceeds that is an attempt to be read for ever.
MAX_FRAMING_RATIO = 9

# Trailers are dropped, but one that would have changed the message's meaning is an attack
# (RFC 9110 section 6.5.1).
FORBIDDEN_TRAILERS = frozenset(
    (
        b"transfer-encoding",
        b"content-length",
        b"host",
        b"trailer",
        b"content-encoding",
        b"content-type",
        b"content-range",
        b"authorization",
        b"connection",
        b"te",
        b"expect",
        b"cache-control",
        b"max-forwards",
        b"range",
        b"set-cookie",
        b"cookie",
        b"upgrade",
    )
)

# After a refusal the client may still be sending. Closing at once would reset the connection and
# could take the answer with it (RFC 9112 section 9.6), so this much is read, this long.
LINGER_BYTES = 1024 * 1024
LINGER_SECONDS = 2.0

# What llhttp cannot know of a body whose head announced an upgrade: it is told again, without.
_CHUNKED = b"Transfer-Encoding: chunked"
_BODY_ONLY = b"POST / HTTP/1.1\r\nHost: x\r\n"


class ClientConnection(asyncio.Protocol):
    """Speaks HTTP/1.1 to one client.

    Attributes:
        peer: What the gate knows of the client's address.
        write: Sends bytes to the client.
        deadline: The loop's time, in seconds, at which the present wait ends.
        final_deadline: The time at which the exchange ends at the latest.
    """

    __slots__ = (
        "_advancing",
        "_body_left",
        "_buffer",
        "_complete",
        "_discarded",
        "_exchange",
        "_framing",
        "_half_closed",
        "_head_begun",
        "_headers",
        "_parser",
        "_pauses",
        "_proxy",
        "_server",
        "_state",
        "_tail",
        "_target",
        "_transport",
        "_write_paused",
        "deadline",
        "final_deadline",
        "peer",
        "write",
    )

    _exchange: Exchange | None
    _headers: Headers
    _transport: asyncio.Transport
    peer: Peer
    write: Callable[[bytes], object]

    def __init__(self, server: Server) -> None:
        self._server = server
        self._proxy = server.proxy
        self._exchange = None
        self._state = HEAD
        self._buffer = b""
        self._pauses = 0
        self._advancing = self._write_paused = self._complete = self._half_closed = False
        self._head_begun = False
        self._parser = httptools.HttpRequestParser(self)
        self._headers = []
        self._target = b""
        self._tail = b""
        self._framing = self._discarded = self._body_left = 0
        self.deadline = self.final_deadline = NEVER

    # --- asyncio.Protocol ---------------------------------------------------------------------

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """A client has connected."""
        self._transport = cast("asyncio.Transport", transport)
        self.write = self._transport.write
        server = self._server
        self.peer = server.identify(self._transport)
        self.deadline = server.sweep.now + server.timeouts.header
        if not server.admit(self):
            self._refuse("overloaded", "The gateway serves as many connections as it may.")
            self._close()

    def connection_lost(self, exc: Exception | None) -> None:
        """The client, or we, have closed."""
        self._state = CLOSED
        self._buffer = b""
        self._server.dismiss(self)
        exchange = self._exchange
        if exchange is not None:
            exchange.client_gone()

    def eof_received(self) -> bool:
        """The client will send no more."""
        exchange = self._exchange
        if exchange is None:
            return False
        self._half_closed = True
        exchange.client_half_closed()
        return self._state != CLOSED

    def pause_writing(self) -> None:
        """The client does not read as fast as its upstream sends."""
        self._write_paused = True
        if self._exchange is not None:
            self._exchange.client_writable(writable=False)

    def resume_writing(self) -> None:
        """The client has caught up."""
        self._write_paused = False
        if self._exchange is not None:
            self._exchange.client_writable(writable=True)
        elif self._state == HEAD and self._buffer:
            self.resume(PIPELINE_FULL)
            self._advance(b"")

    def data_received(self, data: bytes) -> None:
        """Take bytes in whatever pieces they come."""
        state = self._state
        if state == HEAD and not self._buffer and not self._write_paused:
            # Nearly always this is one whole request without a body, and all there is to do.
            data = self._take_head(data)
            if not data:
                return
            state = self._state
        if state == TUNNEL:
            exchange = self._exchange
            if exchange is not None and exchange.upstream is not None:
                exchange.rest_tunnel()
                exchange.upstream.write(data)
        elif state == LINGERING:
            self._discarded += len(data)
            if self._discarded > LINGER_BYTES:
                self.abort()
        elif state != CLOSED:
            self._advance(data)

    # --- from bytes to exchanges --------------------------------------------------------------

    def _advance(self, data: bytes) -> None:
        """Do what can be done with `data` behind what was kept."""
        if self._buffer:
            data = self._buffer + data
            self._buffer = b""
        self._advancing = True
        while data:
            state = self._state
            if state == HEAD and not self._write_paused:
                data = self._take_head(data)
            elif state == BODY:
                data = self._take_body(data)
            elif state >= TUNNEL:
                break
            else:
                self._hold(data)
                break
        self._advancing = False
        exchange = self._exchange
        if self._half_closed and self._state == HEAD:
            self._close()
        elif self._half_closed and self._state == BODY and exchange is not None:
            # The rest of this request can never come.
            exchange.client_gone()
        elif self._half_closed and self._state == BODY:
            self._close()
        if exchange is not None and exchange.outbox:
            exchange.flush_request()

    def _take_head(self, data: bytes) -> bytes:
        """Begin an exchange if `data` holds a whole head; give what follows it."""
        if data.startswith(b"\r\n"):
            # An empty line ahead of a request is to be ignored (RFC 9112 section 2.2).
            data = data[2:]
            if not data:
                return data
        end = data.find(END_OF_HEAD) + 4
        if end < 4:
            self._await_head(data)
            return b""
        rest = data[end:]
        head = data if not rest else data[:end]
        if end > self._server.largest_head:
            self._refuse_oversize(head)
            return b""
        headers: Headers = []
        self._headers = headers
        self._complete = False
        parser = self._parser
        upgrade = False
        try:
            parser.feed_data(head)
        except httptools.HttpParserUpgrade:
            upgrade = True
        except httptools.HttpParserInvalidMethodError:
            self._refuse("not-implemented", "The method is not known.")
            return b""
        except httptools.HttpParserError as error:
            self._refuse("bad-request", f"The request head cannot be parsed: {error}.")
            return b""
        method = parser.get_method()
        target = self._target
        line = len(method) + len(target) + 1
        version = 11
        if head[line : line + 11] != b" HTTP/1.1\r\n":
            version = self._read_version(head[line : line + 11])
            if not version:
                return b""
        done = self._complete if not upgrade else not _announces_body(headers)
        exchange = Exchange(self, self._proxy, method, done)
        # Body bytes that came with the head are sent with the head.
        exchange.corked = not done and bool(rest)
        self._exchange = exchange
        self._state = HOLDING if done else BODY
        self._proxy.start(exchange, target, headers, version)
        if upgrade:
            self._replace_parser(exchange)
        if self._state == BODY:
            self._body_left = exchange.decision.body_length
            self._framing = 0
            self._tail = b""
        elif self._half_closed and not exchange.finished:
            exchange.client_half_closed()
        return rest

    def _read_version(self, ending: bytes) -> int:
        """Tell a version other than 1.1 from the request line's `ending`; 0 after a refusal.

        The request line has to be exactly what the parser saw: one space, one space, one version.
        """
        if ending == b" HTTP/1.0\r\n":
            return 10
        if ending.startswith(b" HTTP/") and ending.endswith(b"\r\n"):
            self._refuse("version-not-supported", "Only HTTP/1.1 and HTTP/1.0 are spoken here.")
        else:
            self._refuse("bad-request", "The request line is malformed.")
        return 0

    def _replace_parser(self, exchange: Exchange) -> None:
        """Go on with a new parser, for one that met a request for an upgrade has stopped for good.

        A body after such a head is legal (clients offer h2c with a POST) but llhttp does not read
        it: the new parser is told of the body only.
        """
        self._parser = httptools.HttpRequestParser(self)
        if self._state == BODY:
            length = exchange.decision.body_length
            framing = (
                b"Transfer-Encoding: chunked" if length < 0 else b"Content-Length: %d" % length
            )
            self._parser.feed_data(_BODY_ONLY + framing + END_OF_HEAD)
            self._headers = []
            self._complete = False

    def _take_body(self, data: bytes) -> bytes:
        """Feed the part of `data` that can only be body; give what follows."""
        chunked = self._body_left == CHUNKED
        cut = self._find_chunked_cut(data) if chunked else self._body_left
        piece = data[:cut] if cut < len(data) else data
        self._framing += len(piece)
        known = len(self._headers)
        try:
            self._parser.feed_data(piece)
        except httptools.HttpParserError as error:
            self._body_failed(f"The request body cannot be parsed: {error}.")
            return b""
        if chunked:
            if len(self._headers) > known and self._forbidden_trailer(known):
                self._body_failed("A trailer may not repeat what belongs into the head.")
                return b""
            if self._framing > self._server.largest_head:
                self._body_failed("The framing of the chunked body is larger than the body.")
                return b""
        else:
            self._body_left -= len(piece)
        exchange = self._exchange
        if self._complete and self._state == BODY:
            self._request_complete(exchange)
        elif exchange is not None:
            exchange.flush_request()
        elif self._discarded > LINGER_BYTES:
            self._leave()
        return data[cut:] if piece is not data else b""

    def _find_chunked_cut(self, data: bytes) -> int:
        """Where the next empty line ends, which may have begun in what was fed before."""
        tail = self._tail
        if tail:
            straddling = (tail + data[:3]).find(END_OF_HEAD)
            if straddling >= 0:
                cut = straddling + 4 - len(tail)
                self._tail = b""
                return cut
        cut = data.find(END_OF_HEAD) + 4
        if cut < 4:
            self._tail = (tail + data)[-3:]
            return len(data)
        self._tail = b""
        return cut

    def _request_complete(self, exchange: Exchange | None) -> None:
        self._headers = []
        if exchange is None:
            self._next_request()
            return
        self._state = HOLDING
        exchange.request_end()
        exchange.flush_request()

    def _await_head(self, data: bytes) -> None:
        """Keep the beginning of a head, unless it can be seen already that it is not one."""
        if len(data) > self._server.largest_head:
            self._refuse_oversize(data)
        elif data != b"\r" and (
            data.count(b"\n") != data.count(b"\r\n") or not 65 <= data[0] <= 90
        ):
            self._refuse("bad-request", "This is not the head of an HTTP/1.1 request.")
        else:
            if not self._head_begun:
                self._head_begun = True
                self.deadline = self._server.sweep.now + self._server.timeouts.header
            self._buffer = data

    def _hold(self, data: bytes) -> None:
        """Keep what comes while the last request is being answered: at most one head's worth."""
        self._buffer = data
        if len(data) > self._server.largest_head:
            self.pause(PIPELINE_FULL)

    # --- httptools' callbacks -----------------------------------------------------------------

    def on_url(self, target: bytes) -> None:
        """Take the request target."""
        self._target = target

    def on_header(self, name: bytes, value: bytes) -> None:
        """Take a header, or a trailer."""
        self._headers.append((name, value))

    def on_body(self, data: bytes) -> None:
        """Pass on a piece of the body, or throw it away where nobody wants it any more."""
        self._framing -= MAX_FRAMING_RATIO * len(data)
        exchange = self._exchange
        if exchange is not None:
            exchange.request_body(data)
        else:
            self._discarded += len(data)

    def on_message_complete(self) -> None:
        """The request is complete."""
        self._complete = True

    # --- what an exchange asks for ------------------------------------------------------------

    def send(self, parts: list[bytes]) -> None:
        """Send `parts` in one go."""
        self._transport.writelines(parts)

    def pause(self, reason: int) -> None:
        """Read no more for `reason`."""
        if not self._pauses and self._state != CLOSED:
            self._transport.pause_reading()
        self._pauses |= reason

    def resume(self, reason: int) -> None:
        """Read again once no reason is left."""
        if self._pauses & reason:
            self._pauses &= ~reason
            if not self._pauses and self._state != CLOSED:
                self._transport.resume_reading()

    def begin_tunnel(self) -> bytes:
        """Pass on every further byte as it is; gives those that came before the 101."""
        self._state = TUNNEL
        waiting, self._buffer = self._buffer, b""
        self.resume(PIPELINE_FULL)
        return waiting

    def exchange_done(self, *, close: bool) -> None:
        """The exchange has ended: take the next request, or close."""
        self._exchange = None
        if self._state >= LINGERING:
            return
        if self._state == HOLDING and not (close or self._proxy.draining):
            if self._buffer or self._pauses or self._half_closed:
                self._next_request()
                return
            self._state = HEAD
            self._head_begun = False
            self.deadline = self._server.sweep.now + self._server.timeouts.idle
            self.final_deadline = NEVER
            return
        if self._state == TUNNEL:
            self._close()
        elif close or self._proxy.draining:
            self._leave()
        else:
            # Answered early: what is left of the body is read and thrown away, within bounds.
            self._discarded = 0
            self.final_deadline = self._server.sweep.now + self._server.timeouts.body_stall
            self.resume(self._pauses)

    def abort(self) -> None:
        """Break the connection, so that the client sees that something is missing."""
        self._state = CLOSED
        self._transport.abort()

    # --- ends ---------------------------------------------------------------------------------

    def expire(self, now: float) -> None:
        """A deadline has passed."""
        if self._exchange is not None:
            self._proxy.expire(self._exchange, now)
        elif self._state == HEAD and self._buffer:
            self._refuse("request-timeout", "The request head did not arrive in time.")
        elif self._state == HEAD:
            self._close()
        else:
            self.abort()

    def drain(self, now: float) -> None:
        """The gateway is shutting down: an idle connection may go after a moment of silence."""
        if self._exchange is None and self._state == HEAD and not self._buffer:
            self.deadline = min(self.deadline, now + self._server.drain_idle)

    def _next_request(self) -> None:
        self._state = HEAD
        self._head_begun = False
        self.deadline = self._server.sweep.now + self._server.timeouts.idle
        self.final_deadline = NEVER
        if self._pauses:
            self.resume(self._pauses)
        if self._advancing:
            return
        if self._buffer:
            self._advance(b"")
        elif self._half_closed:
            self._close()

    def _leave(self) -> None:
        """Close after an answer, once the client has had the time to read it."""
        if self._state == HOLDING and not self._buffer:
            self._close()
            return
        self._buffer = b""
        self._state = LINGERING
        self._discarded = 0
        self.deadline = self._server.sweep.now + LINGER_SECONDS
        self.final_deadline = NEVER
        self.resume(self._pauses)
        if self._transport.can_write_eof():
            self._transport.write_eof()
        else:
            self._close()

    def _close(self) -> None:
        """Close once what was written has been sent, which may take as long as a body may rest."""
        self._state = CLOSED
        self.deadline = self._server.sweep.now + self._server.timeouts.body_stall
        self.final_deadline = NEVER
        self._transport.close()

    # --- refusals -----------------------------------------------------------------------------

    def _refuse(self, name: str, detail: str) -> None:
        """Answer what never became a request, and close."""
        now = time()
        refusal = self._proxy.gate.refuse(name, detail, self.peer, now)
        self._transport.write(problem.render(refusal, name, detail, now, close=True))
        self._leave()

    def _refuse_oversize(self, data: bytes) -> None:
        if b"\r\n" not in data[: self._server.largest_target + 32]:
            self._refuse("target-too-long", "The request line is too long.")
        else:
            self._refuse("headers-too-large", "The request head is too large.")

    def _body_failed(self, detail: str) -> None:
        exchange = self._exchange
        if exchange is None:
            self._leave()
        else:
            self._proxy.fail(exchange, BadRequest(detail))

    def _forbidden_trailer(self, known: int) -> bool:
        trailers = self._headers[known:]
        del self._headers[known:]
        return any(name.lower() in FORBIDDEN_TRAILERS for name, _ in trailers)


def _announces_body(headers: Headers) -> bool:
    """Whether a head that asks for an upgrade also announces a body."""
    return any(
        name.lower() == b"transfer-encoding"
        or (name.lower() == b"content-length" and value.strip() != b"0")
        for name, value in headers
    )
