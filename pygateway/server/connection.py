"""A client's connection: one request after another, in order (RFC 9112 section 9).

A head ends with an empty line and a body by its length or with its last chunk, so it is always
known where a message ends. Nothing beyond is looked at: a pipelined request stays bytes until its
turn has come, and what follows an upgrade is not mistaken for HTTP.

    HEAD ──head complete──> BODY ──body complete──> HOLDING ──exchange done──> HEAD
      │                      │ (no body)               ^ │
      │                      └─────────────────────────┘ └─101─> TUNNEL
      └──refused or told to close──> LINGERING ──all read, or enough──> CLOSED
"""

from __future__ import annotations

import asyncio
import os
import socket
import struct
from time import monotonic, time
from typing import TYPE_CHECKING, cast

from pygateway import problem
from pygateway.chunked import END, FORBIDDEN_TRAILERS, ChunkedBody, MalformedBody
from pygateway.errors import BadRequest, Draining
from pygateway.exchange import CHUNKED, PIPELINE_FULL, TUNNELLING, Exchange
from pygateway.sweep import NEVER
from pygateway.telemetry import get_logger
from pygateway.waits import Waits

if TYPE_CHECKING:
    from collections.abc import Callable

    from pygateway._core import Peer
    from pygateway.server.server import Server

HEAD, BODY, HOLDING, TUNNEL, LINGERING, CLOSED = range(6)

# After a refusal the client may still be sending. Closing at once would reset the connection and
# could take the answer with it (RFC 9112 section 9.6), so this much is read, this long.
LINGER_BYTES = 1024 * 1024
LINGER_SECONDS = 2.0

# struct linger {on, 0 s}: closing sends RST and drops what is unsent (socket(7)).
NO_LINGER = struct.pack("ii", 1, 0)


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
        "_chunks",
        "_discarded",
        "_exchange",
        "_half_closed",
        "_head_begun",
        "_more",
        "_pauses",
        "_proxy",
        "_server",
        "_state",
        "_transport",
        "_write_paused",
        "deadline",
        "final_deadline",
        "peer",
        "write",
    )

    _chunks: ChunkedBody
    _exchange: Exchange | None
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
        self._advancing = self._write_paused = self._half_closed = False
        self._head_begun = 0.0
        self._more = False
        self._discarded = self._body_left = 0
        self.deadline = self.final_deadline = NEVER

    # --- asyncio.Protocol ---------------------------------------------------------------------

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """A client has connected."""
        self._transport = cast("asyncio.Transport", transport)
        self.write = self._transport.write
        server = self._server
        peer = server.identify(self._transport)
        if peer is None:
            self.abort()
            return
        self.peer = peer
        self.deadline = server.sweep.now + server.timeouts.header
        if not server.admit(self):
            self._refuse("overloaded", "The gateway serves as many connections as it may.")

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
            if self._state == HEAD and self._buffer and self._write_paused:
                # Whole requests wait for the client to read; it has sent all it had to send.
                self._half_closed = True
                return True
            self._state = CLOSED
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
        try:
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
                    exchange.request_bytes += len(data)
                    exchange.upstream.write(data)
            elif state == LINGERING:
                self._discarded += len(data)
                if self._discarded > LINGER_BYTES:
                    self.pause(PIPELINE_FULL)
            elif state != CLOSED:
                self._advance(data)
        except BaseException:
            self._crash()

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
        end = data.find(END) + 4
        if end < 4:
            self._await_head(data)
            return b""
        rest = data[end:]
        if end > self._server.largest_head:
            self._refuse_oversize(data[:end])
            return b""
        exchange = self._exchange = Exchange(self, self._proxy)
        if self._head_begun:
            waits = exchange.waits = Waits()
            waits.parse = exchange.began - self._head_begun
        self._state = HOLDING
        self._more = bool(rest)
        self._proxy.start(exchange, data[:end] if rest else data)
        if self._half_closed and self._state == HOLDING and not exchange.finished:
            exchange.client_half_closed()
        return rest

    def _take_body(self, data: bytes) -> bytes:
        """Pass on the part of `data` that is body; give what follows."""
        left = self._body_left
        if left == CHUNKED:
            try:
                rest = self._chunks.feed(data)
            except MalformedBody as error:
                self._body_failed(str(error))
                return b""
            complete = self._chunks.complete
        else:
            rest = data[left:]
            self._body_left = max(0, left - len(data))
            self._take_piece(data[:left] if rest else data)
            complete = self._body_left == 0
        exchange = self._exchange
        if self._state != BODY:
            return rest
        if complete:
            self._request_complete(exchange)
        elif exchange is not None:
            exchange.flush_request()
        elif self._discarded > LINGER_BYTES:
            self._linger()
        return rest

    def _take_piece(self, data: bytes) -> None:
        """Pass on a piece of the body, or throw it away where nobody wants it any more."""
        exchange = self._exchange
        if exchange is not None:
            exchange.request_body(data)
        else:
            self._discarded += len(data)

    def _request_complete(self, exchange: Exchange | None) -> None:
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
                self._head_begun = monotonic()
                self.deadline = self._server.sweep.now + self._server.timeouts.header
            self._buffer = data

    def _hold(self, data: bytes) -> None:
        """Keep what comes while the last request is being answered: at most one head's worth."""
        self._buffer = data
        if len(data) > self._server.largest_head:
            self.pause(PIPELINE_FULL)

    @property
    def busy(self) -> bool:
        """Whether a request is being served."""
        return self._exchange is not None

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

    def expect_body(self, length: int) -> None:
        """The head announces a body of `length` bytes, or `CHUNKED`."""
        self._state = BODY
        self._body_left = length
        if length == CHUNKED:
            limit = self._server.largest_head
            self._chunks = ChunkedBody(self._take_piece, limit, FORBIDDEN_TRAILERS)
        if self._exchange is not None:
            # Body bytes that came with the head are sent with the head.
            self._exchange.corked = self._more

    def begin_tunnel(self) -> bytes:
        """Pass on every further byte as it is; gives those that came before the 101."""
        self._state = TUNNEL
        waiting, self._buffer = self._buffer, b""
        self.resume(PIPELINE_FULL)
        return waiting

    def exchange_done(self, *, close: bool, linger: bool = False) -> None:
        """The exchange has ended: take the next request, or close."""
        self._exchange = None
        if self._state >= LINGERING:
            return
        if self._state == HOLDING and not close:
            if self._buffer or self._pauses or self._half_closed:
                self._next_request()
                return
            self._state = HEAD
            self._head_begun = 0.0
            self.deadline = self._server.sweep.now + self._server.idle
            self.final_deadline = NEVER
            return
        if self._state == TUNNEL:
            self._close()
        elif not close:
            # Answered early: what is left of the body is read and thrown away, within bounds.
            self._discarded = 0
            self.deadline = self._server.sweep.now + self._server.timeouts.body_stall
            self.final_deadline = self.deadline
            self.resume(self._pauses)
        elif linger or self._buffer or self._state == BODY:
            self._linger()
        else:
            self._close()

    def reset(self) -> None:
        """Let the connection end with a reset (RST) when it is aborted."""
        pseudo = self._transport.get_extra_info("socket")
        if pseudo is not None and pseudo.family != socket.AF_UNIX:
            with socket.socket(fileno=os.dup(pseudo.fileno())) as duplicate:
                duplicate.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, NO_LINGER)

    def abort(self) -> None:
        """Break the connection, so that the client sees that something is missing."""
        self._state = CLOSED
        self._transport.abort()

    # --- ends ---------------------------------------------------------------------------------

    def expire(self, now: float) -> None:
        """A deadline has passed."""
        if self._exchange is not None:
            self._proxy.expire(self._exchange, now)
        elif self._state == HEAD and self._buffer and not self._write_paused:
            self._refuse("request-timeout", "The request head did not arrive in time.")
        elif self._state == HEAD:
            self._close()
        elif self._state == LINGERING and now < self.final_deadline and self._unsent:
            # The patience begins when the answer has left.
            self.deadline = now + LINGER_SECONDS
        else:
            self.abort()

    @property
    def _unsent(self) -> int:
        return self._transport.get_write_buffer_size()

    def cut_off(self) -> None:
        """The time to drain is over: say so to a client that waits for its answer, and close."""
        exchange = self._exchange
        if exchange is None or exchange.phase == TUNNELLING:
            self.abort()
        else:
            self._proxy.fail(exchange, Draining("The gateway ends before it has an answer."))

    def drain(self, now: float) -> None:
        """The gateway is shutting down: an idle connection may go after a moment of silence."""
        if self._exchange is None and self._state == HEAD and not self._buffer:
            self.deadline = min(self.deadline, now + self._server.idle)

    def _next_request(self) -> None:
        self._state = HEAD
        self._head_begun = 0.0
        self.deadline = self._server.sweep.now + self._server.idle
        self.final_deadline = NEVER
        if self._pauses:
            self.resume(self._pauses)
        if self._advancing:
            return
        if self._buffer:
            self._advance(b"")
        elif self._half_closed:
            self._close()

    def _linger(self) -> None:
        """Send no more, and close once the client has had the time to read what was sent."""
        self._buffer = b""
        self._state = LINGERING
        self._discarded = 0
        self.deadline = self._server.sweep.now + LINGER_SECONDS
        self.final_deadline = self._server.sweep.now + self._server.timeouts.body_stall
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
        reply = problem.render(refusal, name, detail, now, close=True)
        ended = monotonic()
        since = self._head_begun
        waits = (ended - since, 0.0, 0.0, 0.0, 0.0) if since else None
        sent = problem.body_length(reply)
        refusal.conclude(ended, 0.0, 0.0, 0.0, ended, 0, sent, -1, name, waits)
        self._transport.write(reply)
        self._linger()

    def _refuse_oversize(self, data: bytes) -> None:
        if b"\r\n" not in data[: self._server.largest_target + 32]:
            self._refuse("target-too-long", "The request line is too long.")
        else:
            self._refuse("headers-too-large", "The request head is too large.")

    def _crash(self) -> None:
        """An exception of ours is being handled: end what it was about."""
        if self._exchange is not None:
            self._proxy.crash(self._exchange)
        else:
            get_logger().exception("connection failed")
            self.abort()

    def _body_failed(self, detail: str) -> None:
        exchange = self._exchange
        if exchange is None:
            self._linger()
        else:
            self._proxy.fail(exchange, BadRequest(detail))
