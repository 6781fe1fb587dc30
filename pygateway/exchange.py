"""One request and its response, from the complete request head to `finish`.

An exchange stands between two connections that know nothing of each other. The client's
connection hands it the request's body, the upstream's connection hands it the response; the
exchange frames, counts and passes on. Bodies are never gathered: what one side has sent is
written to the other in the same turn of the loop, and a side whose peer does not keep up is no
longer read from.

                    request body                        request body
    ClientConnection ------------> Exchange (framing, -------------> UpstreamConnection
                     <------------ limits, counts)    <-------------
                    response                            response
"""

from __future__ import annotations

import asyncio
import re
from time import monotonic
from typing import TYPE_CHECKING, Any, Protocol

from pygateway._core import ProtocolError
from pygateway.errors import BodyTooLarge, ExchangeError, UpstreamProtocolViolation
from pygateway.sweep import NEVER
from pygateway.waits import Waits

if TYPE_CHECKING:
    from collections.abc import Callable

    from pygateway._core import (
        Forward,
        Funding,
        Peer,
        Reject,
        Respond,
        Unfunded,
        Unverified,
        Verdict,
    )
    from pygateway.sweep import Sweep

    Decision = Forward | Respond | Reject | Unverified | Unfunded

# What an exchange waits for; decides which error a missed deadline becomes.
AUTHENTICATING, FUNDING, QUEUED, CONNECTING, SENDING, AWAITING, STREAMING, TUNNELLING = range(8)

CHUNKED = -1
"""`body_length` of a message whose length is not known ahead (RFC 9112 section 7.1)."""

IN_CHUNKS, BODILESS, CLOSES, COMES_CHUNKED, COMES_UNTIL_CLOSE, PERSISTS = 1, 2, 4, 8, 16, 32
"""Bits of `Forward.response_framing`."""

EVENT_STREAM = re.compile(rb"\r\nContent-Type:[ \t]*text/event-stream", re.IGNORECASE)

SMALL_BODY = 8192
"""Bytes under which copying a body behind its head is cheaper than writing both as a vector."""

HELD_BODY = 16 * 1024
"""Bytes of a body that are held for an upstream that is not there yet before the client is paused.

Whether a client is still there can only be seen while it is read from, so one that sends little is
not paused. What may be held at worst is this and one read more."""

HALF_CLOSED_GRACE = 0.5
"""Seconds that a client which has closed its sending side still gets to be answered in.

A client that has gone and one that has merely said all it has to say look the same until
something is written to them. Half a second lets the second kind have its answer, and keeps the
first from holding an upstream for longer."""


class ClientSide(Protocol):
    """What an exchange needs of the client's connection."""

    peer: Peer
    deadline: float
    final_deadline: float

    write: Callable[[bytes], object]
    """Send bytes to the client."""

    def send(self, parts: list[bytes]) -> None:
        """Send `parts` to the client in one go."""

    def pause(self, reason: int) -> None:
        """Read no more for `reason`."""

    def resume(self, reason: int) -> None:
        """Read again once no reason is left."""

    def expect_body(self, length: int) -> None:
        """The head announces a body of `length` bytes, or `CHUNKED`."""

    def begin_tunnel(self) -> bytes:
        """Pass on every further byte as it is; gives those that came before the 101."""

    def exchange_done(self, *, close: bool, linger: bool = ...) -> None:
        """The exchange has ended; take the next request, or close, at once or with patience."""

    def reset(self) -> None:
        """Let the connection end with a reset (RST) when it is aborted."""

    def abort(self) -> None:
        """Break the connection, so that the client sees that something is missing."""


class UpstreamSide(Protocol):
    """What an exchange needs of the upstream's connection."""

    write: Callable[[bytes], object]
    """Send bytes to the endpoint."""

    def send(self, parts: list[bytes]) -> None:
        """Send `parts` to the endpoint in one go."""

    @property
    def host_line(self) -> bytes:
        """The Host line that names the endpoint, and the blank line that ends a head."""

    def read(self, *, wanted: bool) -> None:
        """Read on, or no more for now."""

    def finish_sending(self) -> None:
        """Tell the endpoint that nothing more will be sent."""

    def release(self, *, reusable: bool) -> None:
        """The exchange needs the connection no more."""


class Story(Protocol):
    """What an exchange needs of the proxy."""

    sweep: Sweep
    draining: bool
    server_timing: bool

    def trace(self, exchange: Exchange) -> None:
        """Collect the spans of an exchange that has ended, whose trace is sampled."""

    def fail(self, exchange: Exchange, error: ExchangeError) -> None:
        """The exchange cannot go on."""

    def crash(self, exchange: Exchange) -> None:
        """The gateway has made a mistake; the exception is being handled."""


class Timeouts(Protocol):
    """Durations in seconds, as configured for the route."""

    @property
    def body_stall(self) -> float:
        """The longest that a body may rest."""

    @property
    def connect(self) -> float:
        """The longest that establishing a connection may take."""

    @property
    def request(self) -> float:
        """The longest that a whole exchange may take, unless its body keeps moving."""

    @property
    def response(self) -> float:
        """The longest that a response head may take."""

    @property
    def tunnel(self) -> float:
        """The longest that an upgraded connection may rest."""


CLIENT_CLOSED_REQUEST = "client-closed-request"
"""The problem of a request whose client has left before it was answered in full, or has not taken
its answer. Nobody is told; it is for the log."""

CLIENT_CLOSED_STATUS = 499
"""The status of a request whose client has left before anything was sent to it, as nginx has it."""

# Reasons for not reading from a client.
UPSTREAM_SLOW, NO_UPSTREAM_YET, PIPELINE_FULL = 1, 2, 4


class Exchange:
    """A request on its way; see the module's text.

    Attributes:
        decision: What the gate said about the request, once it was asked; `forward` is the same,
            where the request goes on.
        endpoint, upstream_state: Where it goes, or last went; known to the proxy alone.
        request_head: The head as it came; kept where the gate has to be asked more than once,
            `rounds` times so far, with what is known by then: `verdict` and `funding`.
        funding_until: Until when the store may be asked, by the monotonic clock; None before it
            was asked at all.
        began, sent, answered, written, ended: When its head was complete, when it was about to be
            written to the upstream (last), when the upstream's response head had come, when the
            first of a response's several pieces was about to be passed on, and when all was over; 0
            where that has not happened.
        waits: What it had to wait for before it was sent; None for nothing.
        problem: Name of the problem that it met.
        tries: Connections that were asked for so far.
        tried: Endpoints that could not be connected to.
        request_done: Whether the whole request has arrived.
        response_started: Whether the client has been sent the final response's head.
        request_bytes, response_bytes: Body bytes that have come in either direction.
    """

    __slots__ = (
        "answered",
        "began",
        "client",
        "client_left",
        "client_slow",
        "concluded",
        "corked",
        "decision",
        "discarding",
        "ended",
        "endpoint",
        "finished",
        "forward",
        "funding",
        "funding_until",
        "moved_at_check",
        "outbox",
        "phase",
        "problem",
        "quiet",
        "request_bytes",
        "request_done",
        "request_head",
        "response_bytes",
        "response_framing",
        "response_started",
        "rounds",
        "sent",
        "story",
        "task",
        "timeouts",
        "to_client",
        "tried",
        "tries",
        "upstream",
        "upstream_head",
        "upstream_slow",
        "upstream_state",
        "verdict",
        "waits",
        "written",
    )

    decision: Any
    ended: float
    forward: Forward
    endpoint: Any
    upstream_state: Any
    timeouts: Timeouts
    request_head: bytes
    response_framing: int
    rounds: int
    upstream_head: bytes
    verdict: Verdict | None
    funding: Funding | None
    funding_until: float | None

    def __init__(self, client: ClientSide, story: Story) -> None:
        self.began = monotonic()
        self.client = client
        self.story = story
        self.request_done = True
        self.outbox: list[bytes] | None = None
        self.to_client: list[bytes] | None = None
        self.upstream: UpstreamSide | None = None
        self.task: asyncio.Task[None] | None = None
        self.waits: Waits | None = None
        self.problem: str | None = None
        self.upstream_state = self.decision = None
        self.sent = self.answered = self.written = 0.0
        self.response_started = self.discarding = self.finished = self.client_left = False
        self.client_slow = self.upstream_slow = self.quiet = self.corked = self.concluded = False
        self.phase = CONNECTING
        self.tries = self.request_bytes = self.response_bytes = self.moved_at_check = 0
        self.tried: set[object] | None = None

    # --- the request's body, from the client --------------------------------------------------

    def request_body(self, data: bytes) -> None:
        """Pass on a piece of the request's body, framed anew for the upstream."""
        self.request_bytes += len(data)
        if self.discarding:
            return
        decision = self.decision
        limit = decision.body_limit
        if limit and self.request_bytes > limit:
            self.story.fail(self, BodyTooLarge(f"The body is larger than {limit} bytes."))
            return
        if self.outbox is None:
            self.outbox = []
        if decision.body_length == CHUNKED:
            self.outbox += (b"%x\r\n" % len(data), data, b"\r\n")
        else:
            self.outbox.append(data)

    def request_end(self) -> None:
        """The request's body is complete."""
        self.request_done = True
        if not self.discarding and self.decision.body_length == CHUNKED:
            if self.outbox is None:
                self.outbox = []
            self.outbox.append(b"0\r\n\r\n")

    def flush_request(self) -> None:
        """Write what this turn of the loop has brought, or hold it until there is a connection."""
        self.corked = False
        if self.discarding or self.finished:
            return
        upstream = self.upstream
        if upstream is None:
            if not self.request_done and self.request_bytes > HELD_BODY:
                self.client.pause(NO_UPSTREAM_YET)
            return
        parts = self.outbox
        if parts:
            self.outbox = None
            upstream.send(parts)
            if self.phase == STREAMING:
                self.client.deadline = self.story.sweep.now + self.timeouts.body_stall
            else:
                self.await_next()

    def send_request(self, upstream: UpstreamSide) -> None:
        """`upstream` serves this exchange from now on: send it the head and what has come since.

        The Host line stands at the end of the head where it names the endpoint, which only now
        is known.
        """
        self.upstream = upstream
        if self.waits is not None:
            self.waits.end(monotonic())
        forward = self.forward
        head = forward.head
        if forward.host_from_endpoint:
            head += upstream.host_line
        # Before it is written: what is on the way runs on its own time, and where it is on this
        # machine, it may do so before the writing has returned.
        self.sent = monotonic()
        if self.corked:
            self.outbox = [head, *(self.outbox or ())]
        elif self.outbox:
            upstream.send([head, *self.outbox])
            self.outbox = None
        else:
            upstream.write(head)
        if self.request_done:
            self.phase = AWAITING
            self.client.deadline = self.story.sweep.now + self.timeouts.response
        else:
            self.await_next()
            self.client.resume(NO_UPSTREAM_YET)

    def await_next(self) -> None:
        """Set the phase and the deadline that fit what has been sent so far."""
        now = self.story.sweep.now
        if self.request_done:
            self.phase = AWAITING
            self.client.deadline = now + self.timeouts.response
        elif self.decision.expects_continue and not self.request_bytes:
            # The client waits for the upstream's word; its own silence is not held against it.
            self.phase = AWAITING
            self.client.deadline = now + self.timeouts.response
        else:
            self.phase = SENDING
            self.client.deadline = now + self.timeouts.body_stall

    # --- the response, from the upstream ------------------------------------------------------

    def interim_response(self, head: bytes) -> None:
        """Pass on a 1xx response (RFC 9110 section 15.2) to a client that can take it.

        Raises:
            UpstreamProtocolViolation: The head breaks a guard.
        """
        try:
            rewritten = self.forward.read_interim(head)
        except ProtocolError as error:
            raise _violation(error) from None
        if rewritten:
            self.client.write(rewritten)
        if not self.request_done and head[9:12] == b"100":
            self.phase = SENDING
            self.client.deadline = self.story.sweep.now + self.timeouts.body_stall

    def retract_head(self) -> None:
        """The response is broken, and none of it was written yet: nobody need see its head."""
        self.to_client = None
        self.response_started = False
        self.answered = 0.0

    def response_head(self, head: bytes) -> int:
        """Take the final response's head; it is written together with the body that follows.

        Returns:
            Bits that tell how the body comes and goes (`Forward.response_framing`).

        Raises:
            UpstreamProtocolViolation: The head breaks a guard.
        """
        story = self.story
        # A client that was not told to go on may send its body or its next request: nobody knows.
        close = story.draining or (
            not self.request_done and self.decision.expects_continue and not self.request_bytes
        )
        forward = self.forward
        answered = self.answered = monotonic()
        try:
            rewritten = forward.read_response(head, answered + story.sweep.epoch, close)
        except ProtocolError as error:
            self.answered = 0.0
            raise _violation(error) from None
        if story.server_timing:
            rewritten = with_server_timing(rewritten, self)
        self.response_started = True
        self.upstream_head = head
        self.phase = STREAMING
        self.to_client = [rewritten]
        framing = self.response_framing = forward.response_framing
        return framing

    def response_body(self, data: bytes) -> None:
        """Take a piece of the response's body."""
        framing = self.response_framing
        if framing & BODILESS:
            return
        self.response_bytes += len(data)
        if self.to_client is None:
            self.to_client = []
        if framing & IN_CHUNKS:
            self.to_client += (b"%x\r\n" % len(data), data, b"\r\n")
        else:
            self.to_client.append(data)

    def flush_response(self) -> None:
        """Write what this turn of the loop has brought."""
        parts = self.to_client
        if parts:
            self.to_client = None
            self.quiet = False
            self.client.deadline = self.story.sweep.now + self.timeouts.body_stall
            if not self.written:
                self.written = monotonic()
            self.client.send(parts)

    def response_end(self, *, reusable: bool) -> None:
        """The response is complete; the upstream's connection may serve again if `reusable`."""
        framing = self.response_framing
        parts = self.to_client
        if framing & IN_CHUNKS:
            if parts is None:
                parts = []
            parts.append(b"0\r\n\r\n")
        client = self.client
        # Counted and logged first: no answer is complete that nobody knows of, whoever is killed.
        if self.concluded or self.waits is not None:
            is_traced = self.conclude()
        else:
            # The same without a call, for the many that had to wait for nothing.
            self.concluded = True
            ended = self.ended = monotonic()
            is_traced = self.decision.conclude(
                self.began,
                self.sent,
                self.answered,
                self.written,
                ended,
                self.request_bytes,
                self.response_bytes,
                self.upstream_state.index,
                self.problem,
                None,
            )
        if parts:
            self.to_client = None
            if len(parts) == 2 and len(parts[1]) < SMALL_BODY:
                client.write(parts[0] + parts[1])
            else:
                client.send(parts)
        upstream = self.upstream
        if upstream is not None:
            self.upstream = None
            # One that has answered before the request was complete may be reading it still.
            upstream.release(reusable=reusable and self.request_done)
        if not self.finished:
            self.finished = True
            client.exchange_done(close=bool(framing & CLOSES))
        if is_traced:
            self.story.trace(self)

    def begin_tunnel(self, early: bytes) -> None:
        """Both sides have agreed on another protocol (RFC 9110 section 7.8): pass bytes on.

        Args:
            early: What the upstream has sent behind its 101.
        """
        upstream = self.upstream
        parts = self.to_client or []
        self.to_client = None
        self.phase = TUNNELLING
        self.client.final_deadline = NEVER
        if early:
            parts.append(early)
        self.written = monotonic()
        self.client.send(parts)
        waiting = self.client.begin_tunnel()
        if waiting and upstream is not None:
            upstream.write(waiting)
        self.request_bytes += len(waiting)
        self.response_bytes += len(early)
        self.rest_tunnel()
        if self.client_left:
            self.client_left = False
            self.client_half_closed()

    def rest_tunnel(self) -> None:
        """Bytes have passed through the tunnel: it may rest again for its idle time."""
        self.client.deadline = self.story.sweep.now + self.timeouts.tunnel

    # --- flow control -------------------------------------------------------------------------

    def client_writable(self, *, writable: bool) -> None:
        """The client keeps up again, or no longer does: read its upstream accordingly."""
        self.client_slow = not writable
        if self.upstream is not None:
            self.upstream.read(wanted=writable)
            if writable and self.phase == STREAMING:
                self.client.deadline = self.story.sweep.now + self.timeouts.body_stall

    def upstream_writable(self, *, writable: bool) -> None:
        """The upstream keeps up again, or no longer does: read its client accordingly."""
        self.upstream_slow = not writable
        if writable:
            self.client.resume(UPSTREAM_SLOW)
            if self.phase == SENDING:
                self.await_next()
        else:
            self.client.pause(UPSTREAM_SLOW)

    # --- ends ---------------------------------------------------------------------------------

    @property
    def event_stream(self) -> bool:
        """Whether the response is a stream of Server-Sent Events, which may well be silent."""
        return self.response_started and EVENT_STREAM.search(self.upstream_head) is not None

    def client_gone(self) -> None:
        """Nobody waits for the response any more: cancel the request at the upstream."""
        self.drop_upstream()
        if self.problem is None and self.phase != TUNNELLING:
            self.problem = CLIENT_CLOSED_REQUEST
        self.finish(close=True)

    def client_half_closed(self) -> None:
        """The client will send no more; see `HALF_CLOSED_GRACE`."""
        if self.phase == TUNNELLING:
            self.client.deadline = self.story.sweep.now + self.timeouts.body_stall
            if self.upstream is not None:
                self.upstream.finish_sending()
        elif self.request_done:
            self.client_left = True
            self.client.final_deadline = self.story.sweep.now + HALF_CLOSED_GRACE
        else:
            self.client.abort()

    def drop_upstream(self) -> None:
        """Let go of whatever serves, or is to serve, this exchange."""
        if self.task is not None:
            self.task.cancel()
            self.task = None
        upstream = self.upstream
        if upstream is not None:
            self.upstream = None
            upstream.release(reusable=False)

    def finish(self, *, close: bool, linger: bool = False) -> None:
        """End the exchange, whatever happened to it; further calls do nothing.

        Args:
            close: The client's connection ends, too.
            linger: The client may still be sending, and shall be able to read the answer.
        """
        if not self.finished:
            self.finished = True
            is_traced = self.conclude()
            self.client.exchange_done(close=close, linger=linger)
            if is_traced:
                self.story.trace(self)

    def conclude(self) -> bool:
        """Have the request counted and logged, once; whether its spans are to be collected."""
        # There is no decision if the gate could not even be asked.
        if self.concluded or self.decision is None:
            return False
        self.concluded = True
        ended = self.ended = monotonic()
        waits, upstream = self.waits, self.upstream_state
        if waits is not None:
            waits.end(ended)
        is_traced: bool = self.decision.conclude(
            self.began,
            self.sent,
            self.answered,
            self.written,
            ended,
            self.request_bytes,
            self.response_bytes,
            -1 if upstream is None else upstream.index,
            self.problem,
            None if waits is None else waits.totals(),
        )
        return is_traced

    def wait_for(self, kind: int) -> None:
        """Note that it waits, and for what: see `pygateway.waits`."""
        waits = self.waits
        if waits is None:
            waits = self.waits = Waits()
        waits.begin(kind, monotonic())

    def try_again(self) -> None:
        """Note that all that was sent so far was in vain."""
        now = monotonic()
        if self.waits is None:
            self.waits = Waits()
        self.waits.end(now)
        if self.sent:
            self.waits.earlier += now - self.sent
            self.sent = 0.0


def with_server_timing(head: bytes, exchange: Exchange) -> bytes:
    """Add a Server-Timing field (W3C Server Timing) to a head: the phases so far, in ms."""
    now = exchange.answered or monotonic()
    parse = verify = limit = connect = earlier = 0.0
    if exchange.waits is not None:
        exchange.waits.end(now)
        parse, verify, limit, connect, earlier = exchange.waits.totals()
    decided = (exchange.sent or now) - exchange.began - verify - limit - connect - earlier
    phases = (
        ("parse", parse),
        ("decide", decided),
        ("verify", verify),
        ("limit", limit),
        ("connect", connect),
        ("wait", earlier + (now - exchange.sent if exchange.sent else 0.0)),
    )
    timing = ", ".join(
        f"{name};dur={seconds * 1000:.3f}" for name, seconds in phases if seconds > 0
    )
    return head[:-2] + b"Server-Timing: " + timing.encode("ascii") + b"\r\n\r\n"


def _violation(error: ProtocolError) -> UpstreamProtocolViolation:
    return UpstreamProtocolViolation(f"The upstream's response is refused: {error}")
