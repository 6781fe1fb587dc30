"""The story of a request, from its complete head to the last byte of its response.

    start ──> decide ──> Unverified ──> a signature: queue for the processor's time ──┐
                ^   │              └──> a key, an entry, a service's word: ask for it ─┤
                │   ├──> Unfunded ────> ask the store, with all others of this turn ───┤
                │   │                                                                 │
                └───│──────────── the verdict, or the funding ────────────────────────┘
                    ├──> Reject   a problem, rendered in one place
                    ├──> Respond  an answer of the gateway's own
                    └──> Forward ──> choose an endpoint ──> an idle connection? ──> send
                                          ^                      │ no
                                          │ retry                v
                                          └── fail <── open a connection, or queue for one ──> send

Whatever follows, bodies and the response's head, passes through the `Exchange`. Every failure,
whoever noticed it, arrives at `fail`, which tries again, answers, or breaks the connection so that
the client cannot mistake a part for the whole. A request whose credential is known and which finds
an idle connection, and whose quota is at hand, makes no Task, no Future and no timer.
"""

from __future__ import annotations

import asyncio
from time import monotonic, time
from typing import TYPE_CHECKING, TypeVarTuple, Unpack

from pygateway import problem
from pygateway._core import Forward, Reject, Respond, Unfunded
from pygateway.auth.outcome import Denial
from pygateway.errors import (
    AuthenticationUnavailable,
    BadRequest,
    ConnectFailed,
    ExchangeError,
    NoHealthyEndpoint,
    Overloaded,
    RateLimitUnavailable,
    RequestTimeout,
    UpstreamTimeout,
)
from pygateway.exchange import (
    AUTHENTICATING,
    CLIENT_CLOSED_REQUEST,
    CLIENT_CLOSED_STATUS,
    CONNECTING,
    FUNDING,
    IN_CHUNKS,
    NO_UPSTREAM_YET,
    QUEUED,
    SENDING,
    STREAMING,
    TUNNELLING,
    Exchange,
    with_server_timing,
)
from pygateway.sweep import NEVER
from pygateway.telemetry import get_logger, is_debugging, request_logger
from pygateway.telemetry.finished import Finished
from pygateway.waits import CONNECT, LIMIT, VERIFY

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Mapping

    from structlog.typing import FilteringBoundLogger

    from pygateway._core import Funding, Gate, Unverified, Verdict
    from pygateway.auth.authenticator import Authenticator
    from pygateway.auth.outcome import Outcome
    from pygateway.ratelimit.limiter import Limiter
    from pygateway.sweep import Sweep
    from pygateway.telemetry.tracing import Tracer
    from pygateway.upstream.connection import UpstreamConnection
    from pygateway.upstream.plan import Plan
    from pygateway.upstream.upstream import EndpointState, UpstreamState

Question = TypeVarTuple("Question")

DISCARDABLE = 64 * 1024
"""Bytes of a request's body that are read and thrown away to keep a connection.

A client that was refused goes on sending what it has begun to send. Up to this many bytes that is
cheaper than a new connection; beyond, the connection is closed after the answer."""

MOST_ROUNDS = 6
"""Times that the gate is asked again about one request. A token that is new twice over takes two:
one for its key and one for its signature; keys that change meanwhile may cost another. The store
is asked once, and again if a lease that was there is gone by the time that the others have come,
unless `redis.timeout` has passed by then."""

FUNDING_PATIENCE = 1.0
"""Seconds beyond `redis.timeout` until a request gives up waiting for the store. The limiter keeps
that deadline itself; this is for the case that it does not."""

GAVE_UP = 0.0
"""`Exchange.funding_until` of a request about which the store is not asked any more."""

PROGRESS_INTERVAL = 10.0
"""Seconds between two looks at whether an exchange past its total deadline still moves."""


class Proxy:
    """Carries out what the gate decides.

    Attributes:
        gate: Decides about every request.
        authenticator: Finds out what the gate has to know of a credential.
        limiter: Asks the store for what the gate has to have of a quota; None without a store.
        sweep: Keeps the deadlines.
        draining: No further requests are taken on connections that exist.
        server_timing: Whether clients are told where the time went.
    """

    __slots__ = (
        "_health",
        "_minimum_rate",
        "_plans",
        "_tracer",
        "authenticator",
        "draining",
        "gate",
        "limiter",
        "server_timing",
        "sweep",
    )

    def __init__(
        self,
        gate: Gate,
        authenticator: Authenticator,
        limiter: Limiter[Exchange, Unfunded, Funding] | None,
        plans: Mapping[int, Plan],
        sweep: Sweep,
        health: Callable[[], tuple[int, bytes]],
        minimum_rate: int,
        *,
        server_timing: bool = False,
        tracer: Tracer | None = None,
    ) -> None:
        self.gate = gate
        self.authenticator = authenticator
        self.limiter = limiter
        self.sweep = sweep
        self.draining = False
        self.server_timing = server_timing
        self._tracer = tracer
        self._plans = plans
        self._health = health
        self._minimum_rate = minimum_rate

    # --- from the head to the decision --------------------------------------------------------

    def start(self, exchange: Exchange, head: bytes) -> None:
        """Take a request whose head is complete."""
        client = exchange.client
        try:
            now = exchange.began + self.sweep.epoch
            decision = exchange.decision = self.gate.decide_head(head, client.peer, now)
            length = decision.body_length
            if length:
                exchange.request_done = False
                client.expect_body(length)
            if type(decision) is Forward:
                exchange.forward = decision
                self.forward(exchange, decision)
            else:
                exchange.request_head = head
                exchange.rounds = 0
                exchange.verdict = exchange.funding = exchange.funding_until = None
                self.answer(exchange, decision)
        except BaseException:
            self.crash(exchange)

    def answer(
        self, exchange: Exchange, decision: Respond | Reject | Unverified | Unfunded
    ) -> None:
        """Answer a request that does not go on, or does not yet."""
        if type(decision) is Respond:
            self.respond(exchange, decision)
        elif type(decision) is Reject:
            self.reject(exchange, decision)
        elif type(decision) is Unfunded:
            self.fund(exchange, decision)
        else:
            self.authenticate(exchange, decision)

    # --- who asks -----------------------------------------------------------------------------

    def authenticate(self, exchange: Exchange, unverified: Unverified) -> None:
        """Find out what the gate has to know of a credential: in its turn, at once, or in time.

        Meanwhile little of the body is held (`HELD_BODY`), and then the client is paused.
        """
        authenticator = self.authenticator
        exchange.rounds += 1
        exchange.phase = AUTHENTICATING
        exchange.wait_for(VERIFY)
        exchange.client.deadline = self.sweep.now + authenticator.patience(unverified)
        if exchange.rounds > MOST_ROUNDS:
            self.fail(exchange, AuthenticationUnavailable("The keys change too quickly."))
        elif unverified.kind in {"signature", "external"}:
            if not authenticator.queue_up(exchange, unverified, self.take_verdict):
                detail = "Too many requests wait to be authenticated."
                self.fail(exchange, AuthenticationUnavailable(detail))
        elif (verdict := authenticator.answer_now(unverified)) is not None:
            self.decide_again(exchange, verdict)
        else:
            self.wait_for(exchange, authenticator.resolve, unverified)

    def take_verdict(self, exchange: Exchange, unverified: Unverified, verdict: Verdict) -> None:
        """Go on with the verdict on a signature, which may need a look at the issuer's keys."""
        authenticator = self.authenticator
        if authenticator.has_doubts(unverified, verdict):
            patience = authenticator.patience(unverified, for_keys=True)
            exchange.client.deadline = self.sweep.now + patience
            self.wait_for(exchange, authenticator.look_again, unverified, verdict)
        else:
            self.decide_again(exchange, verdict)

    def wait_for(
        self,
        exchange: Exchange,
        ask: Callable[[Unpack[Question]], Awaitable[Outcome]],
        *question: *Question,
    ) -> None:
        """Go on once somebody has said what there is to say."""
        exchange.task = asyncio.get_running_loop().create_task(
            self.ask_and_go_on(exchange, ask, *question)
        )

    async def ask_and_go_on(
        self,
        exchange: Exchange,
        ask: Callable[[Unpack[Question]], Awaitable[Outcome]],
        *question: *Question,
    ) -> None:
        """Ask whoever knows, then go on with the answer."""
        try:
            outcome = await ask(*question)
            exchange.task = None
            if isinstance(outcome, Denial):
                self.deny(exchange, outcome)
            else:
                self.decide_again(exchange, outcome)
        except asyncio.CancelledError:
            raise
        except BaseException:
            exchange.task = None
            self.crash(exchange)

    def decide_again(self, exchange: Exchange, verdict: Verdict | None) -> None:
        """Ask the gate once more, now that something is known that was not."""
        if exchange.finished:
            return
        client = exchange.client
        exchange.verdict = verdict
        try:
            head, funding = exchange.request_head, exchange.funding
            if exchange.waits is not None:
                exchange.waits.end(monotonic())
            decision = exchange.decision = self.gate.decide_head(
                head, client.peer, time(), verdict, funding, exchange.decision
            )
            if funding is not None and type(decision) is not Unfunded:
                exchange.funding = None
                self.give_back(funding)
            if type(decision) is Forward:
                exchange.forward = decision
                self.forward(exchange, decision)
                if exchange.client_left:
                    exchange.client_half_closed()
            else:
                self.answer(exchange, decision)
        except BaseException:
            self.crash(exchange)

    # --- how much may be asked for -------------------------------------------------------------

    def fund(self, exchange: Exchange, unfunded: Unfunded) -> None:
        """Ask the store for what the request costs, in one go with all others of this turn.

        Where the gate needs more than it was given, it is asked again, but only until the deadline
        of the first time has passed; then the gate decides without the store, once.
        """
        limiter = self.limiter
        exchange.rounds += 1
        exchange.phase = FUNDING
        exchange.wait_for(LIMIT)
        until = exchange.funding_until
        if limiter is None or exchange.rounds > MOST_ROUNDS or until == GAVE_UP:
            # The gate takes back what is owed and was about to be told; what was granted goes to
            # others.
            now, count = time(), len(unfunded.acquires)
            self.give_back(self.gate.fund(unfunded, [None] * count, now, now, exchange.funding))
            self.fail(exchange, RateLimitUnavailable("The rate limits change too quickly."))
            return
        exchange.client.deadline = self.sweep.now + limiter.timeout + FUNDING_PATIENCE
        if until is None or monotonic() < until:
            if until is None:
                exchange.funding_until = monotonic() + limiter.timeout
            limiter.acquire(exchange, unfunded, self.take_funding, exchange.funding)
        else:
            exchange.funding_until = GAVE_UP
            limiter.give_up(exchange, unfunded, self.take_funding, exchange.funding)

    def take_funding(self, exchange: Exchange, funding: Funding) -> None:
        """Go on with what the store has said."""
        if exchange.finished:
            self.give_back(funding)
        else:
            exchange.funding = funding
            self.decide_again(exchange, exchange.verdict)

    def give_back(self, funding: Funding) -> None:
        """Let others have what was granted and not spent."""
        refunds = funding.refunds(time())
        if refunds and self.limiter is not None:
            self.limiter.give_back(refunds)

    # --- from the decision to the upstream ----------------------------------------------------

    def forward(self, exchange: Exchange, forward: Forward) -> None:
        """Send the request on, at once where a connection is idle."""
        plan = self._plans[forward.route]
        destination = plan.only or plan.choose()
        timeouts = exchange.timeouts = destination.timeouts
        exchange.client.final_deadline = self.sweep.now + timeouts.request
        upstream = exchange.upstream_state = destination.upstream
        endpoint = exchange.endpoint = upstream.only or upstream.choose(None)
        if endpoint is not None:
            idle = endpoint.pool.idle
            if idle:
                exchange.tries = 1
                connection = idle.pop()
                connection.exchange = exchange
                exchange.send_request(connection)
                return
        exchange.client.deadline = self.sweep.now + timeouts.connect
        exchange.wait_for(CONNECT)
        exchange.task = asyncio.get_running_loop().create_task(
            self.open_and_send(exchange, upstream, endpoint)
        )

    async def open_and_send(
        self, exchange: Exchange, upstream: UpstreamState, endpoint: EndpointState | None
    ) -> None:
        """The slow way: queue for a connection or make one, then send."""
        exchange.tries += 1
        try:
            if endpoint is None:
                raise NoHealthyEndpoint(f"Upstream {upstream.name} has no endpoint left to try.")
            connection = await self.obtain(exchange, endpoint)
            self._note(upstream, endpoint, None)
            exchange.task = None
            connection.exchange = exchange
            exchange.send_request(connection)
            exchange.client.resume(NO_UPSTREAM_YET)
        except ExchangeError as error:
            exchange.task = None
            if endpoint is not None:
                self._exclude(exchange, endpoint)
                if isinstance(error, ConnectFailed):
                    self._note(upstream, endpoint, str(error.__cause__ or error))
            self.fail(exchange, error)
        except asyncio.CancelledError:
            raise
        except BaseException:
            exchange.task = None
            self.crash(exchange)

    def _note(self, upstream: UpstreamState, endpoint: EndpointState, failure: str | None) -> None:
        """Log that an endpoint cannot be connected to any more, or can again; once each."""
        if endpoint.reachable is (failure is None):
            return
        endpoint.reachable = failure is None
        log = get_logger().bind(upstream=upstream.name, endpoint=endpoint.url)
        if failure is None:
            log.info("endpoint reachable again")
        else:
            log.warning("endpoint unreachable", detail=failure)

    async def obtain(self, exchange: Exchange, endpoint: EndpointState) -> UpstreamConnection:
        """Get a connection to `endpoint` that is not an old idle one.

        Raises:
            Overloaded: The queue for connections is full.
            ConnectFailed: The endpoint cannot be reached.
        """
        pool = endpoint.pool
        client = exchange.client
        exchange.endpoint = endpoint
        reserved = False
        if pool.exhausted:
            exchange.phase = QUEUED
            client.deadline = self.sweep.now + pool.queue_timeout
        while pool.exhausted and not reserved:
            connection = await pool.wait_for_turn()
            if connection is None:
                reserved = True
            elif not connection.closed:
                return connection
        exchange.phase = CONNECTING
        client.deadline = self.sweep.now + exchange.timeouts.connect
        return await pool.connect(reserved=reserved)

    # --- answers of the gateway's own ---------------------------------------------------------

    def respond(self, exchange: Exchange, respond: Respond) -> None:
        """Answer what the configuration answers: redirects, fixed responses, preflights, health."""
        status, headers, body = respond.status, respond.headers, respond.body
        if respond.kind == "health":
            status, body = self._health()
            headers = [(b"Content-Type", b"application/json"), (b"Cache-Control", b"no-store")]
        self._reply(exchange, status, headers, body)

    def deny(self, exchange: Exchange, denial: Denial) -> None:
        """Answer what a service has answered instead of letting the request go on."""
        self._reply(exchange, denial.status, denial.headers, denial.body)

    def _reply(
        self, exchange: Exchange, status: int, headers: problem.Headers, body: bytes
    ) -> None:
        decision = exchange.decision
        close = self._must_close(exchange)
        head = decision.reply_head(status, headers, len(body), time(), close)
        if self.server_timing:
            head = with_server_timing(head, exchange)
        if decision.head_only:
            body = b""
        exchange.response_bytes = len(body)
        self._send(exchange, head + body)
        close = close or not decision.keep_alive
        exchange.finish(close=close, linger=close)

    def _send(self, exchange: Exchange, reply: bytes) -> None:
        """Send a whole answer of the gateway's own, after it was counted and logged."""
        is_traced = exchange.conclude()
        exchange.client.write(reply)
        exchange.discarding = True
        if is_traced:
            self.trace(exchange)

    def reject(self, exchange: Exchange, reject: Reject) -> None:
        """Answer a request that the gate refuses."""
        close = self._must_close(exchange) or not reject.keep_alive
        violated = reject.violated
        self._answer(
            exchange,
            reject.reason,
            reject.detail,
            headers=reject.headers,
            members={"violated_policies": violated} if violated else None,
            close=close,
        )

    def _answer(
        self,
        exchange: Exchange,
        name: str,
        detail: str,
        *,
        headers: problem.Headers | None = None,
        members: Mapping[str, object] | None = None,
        close: bool,
    ) -> None:
        decision = exchange.decision
        reply = problem.render(
            decision, name, detail, time(), headers=headers, members=members, close=close
        )
        exchange.problem = name
        exchange.response_bytes = problem.body_length(reply)
        if self.server_timing:
            end = len(reply) - exchange.response_bytes
            reply = with_server_timing(reply[:end], exchange) + reply[end:]
        self._send(exchange, reply)
        exchange.finish(close=close, linger=close)

    def _must_close(self, exchange: Exchange) -> bool:
        """Whether the connection has to end after an answer of the gateway's own.

        It has where the rest of the request would have to be read first and is long, of unknown
        length, or may never come, because the client waits to be told to send it (RFC 9110
        section 10.1.1).
        """
        if self.draining:
            return True
        if exchange.request_done:
            return False
        decision = exchange.decision
        length = decision.body_length
        return decision.expects_continue or not 0 <= length <= DISCARDABLE

    def drain(self) -> None:
        """Announce to every client that its connection ends after the next answer."""
        self.draining = True

    # --- failures -----------------------------------------------------------------------------

    def fail(self, exchange: Exchange, error: ExchangeError) -> None:
        """The one place where failures arrive: try again, answer, or break the connection."""
        if exchange.finished:
            return
        if is_debugging():
            members = {"problem": error.problem, "detail": error.detail, "tries": exchange.tries}
            _log_of(exchange).debug("request met a problem", **members)
        exchange.drop_upstream()
        if error.event is not None and exchange.upstream_state is not None:
            self.gate.count_upstream(exchange.upstream_state.index, error.event)
        if error.retryable and exchange.tries < exchange.upstream_state.attempts:
            self.retry(exchange)
        elif exchange.response_started:
            self._break_off(exchange, error.problem)
        else:
            close = (
                self._must_close(exchange)
                or not exchange.decision.keep_alive
                or isinstance(error, RequestTimeout | BadRequest)
            )
            self._answer(exchange, error.problem, error.detail, close=close)

    def _break_off(self, exchange: Exchange, name: str) -> None:
        """End a response that is not complete, so that the client can tell."""
        exchange.problem = name
        if not exchange.response_framing & IN_CHUNKS and exchange.forward.response_length < 0:
            # Where the end of the connection is the end of the body, only a reset tells.
            exchange.client.reset()
        exchange.client.abort()
        exchange.finish(close=True)

    def retry(self, exchange: Exchange) -> None:
        """Try again, on a fresh connection and on another endpoint where there is one."""
        upstream = exchange.upstream_state
        exchange.try_again()
        exchange.wait_for(CONNECT)
        self.gate.count_upstream(upstream.index, "retry")
        endpoint = upstream.choose(exchange.tried) or upstream.choose(None)
        exchange.task = asyncio.get_running_loop().create_task(
            self.open_and_send(exchange, upstream, endpoint)
        )

    def _exclude(self, exchange: Exchange, endpoint: EndpointState) -> None:
        if exchange.tried is None:
            exchange.tried = set()
        exchange.tried.add(endpoint)

    def crash(self, exchange: Exchange) -> None:
        """Our own mistake: say so in the log, and no more than `internal` to the client.

        Whatever was begun is ended, even if the answer cannot be made either.
        """
        _log_of(exchange).exception("request failed")
        exchange.drop_upstream()
        exchange.discarding = True
        exchange.problem = "internal"
        client = exchange.client
        try:
            if exchange.response_started:
                client.abort()
            elif not exchange.finished:
                now = time()
                detail = "The gateway failed to handle this request."
                decision = exchange.decision
                refusal = self.gate.refuse("internal", detail, client.peer, now, decision)
                if decision is not None:
                    decision.release()
                exchange.decision = refusal
                reply = problem.render(refusal, "internal", detail, now, close=True)
                exchange.response_bytes = problem.body_length(reply)
                self._send(exchange, reply)
        except BaseException:
            _log_of(exchange).exception("answer failed")
            client.abort()
        exchange.finish(close=True, linger=True)

    # --- what is told of it --------------------------------------------------------------------

    def trace(self, exchange: Exchange) -> None:
        """Collect the spans of an exchange that has ended, whose trace is sampled."""
        if self._tracer is None:
            return
        decision, waits = exchange.decision, exchange.waits
        upstream, endpoint = exchange.upstream_state, getattr(exchange, "endpoint", None)
        self._tracer.record(
            Finished(
                trace_id=decision.trace_id,
                spans=decision.spans,
                method=decision.method_name,
                scheme="https" if decision.secure else "http",
                path=decision.path,
                route=decision.route_name,
                client=decision.client,
                request_id=decision.request_id,
                status=decision.sent_status or CLIENT_CLOSED_STATUS,
                problem=exchange.problem,
                began=exchange.began,
                sent=exchange.sent,
                answered=exchange.answered,
                ended=exchange.ended,
                verify=None if waits is None else waits.spell(VERIFY),
                store=None if waits is None else waits.spell(LIMIT),
                connect=0.0 if waits is None else waits.seconds[CONNECT],
                upstream=None if upstream is None else upstream.name,
                endpoint=None if endpoint is None else endpoint.url,
                tries=exchange.tries,
                request_bytes=exchange.request_bytes,
                response_bytes=exchange.response_bytes,
            )
        )

    # --- deadlines ----------------------------------------------------------------------------

    def expire(self, exchange: Exchange, now: float) -> None:
        """A deadline of the exchange has passed."""
        client = exchange.client
        if exchange.client_left:
            client.abort()
        elif now >= client.final_deadline:
            if exchange.event_stream:
                client.final_deadline = NEVER
            elif self._moves(exchange):
                client.final_deadline = now + PROGRESS_INTERVAL
            else:
                self._give_up(exchange, is_final=True)
        elif exchange.phase == TUNNELLING:
            client.abort()
        elif exchange.phase == STREAMING and exchange.event_stream and not exchange.quiet:
            # A stream of events may be silent for as long as a tunnel.
            exchange.quiet = True
            client.deadline = now + exchange.timeouts.tunnel - exchange.timeouts.body_stall
        else:
            self._give_up(exchange)

    def _give_up(self, exchange: Exchange, *, is_final: bool = False) -> None:
        """Fail because of what has been waited for; `is_final` if there is no time to try again."""
        if exchange.phase == STREAMING and exchange.client_slow:
            # It takes nothing of its answer. For its upstream that is as if it had left.
            exchange.drop_upstream()
            self._break_off(exchange, CLIENT_CLOSED_REQUEST)
            return
        error = self._name_delay(exchange)
        error.retryable = error.retryable and not is_final
        self.fail(exchange, error)

    def _moves(self, exchange: Exchange) -> bool:
        """Whether bodies have moved fast enough to outlive the total deadline.

        A total deadline is for exchanges that make no progress worth the name. A long download is
        not one, a drip of a byte a second is.
        """
        all_moved = exchange.request_bytes + exchange.response_bytes
        moved = all_moved - exchange.moved_at_check
        seconds = PROGRESS_INTERVAL if exchange.moved_at_check else exchange.timeouts.request
        exchange.moved_at_check = all_moved
        return 0 < self._minimum_rate * seconds <= moved

    def _name_delay(self, exchange: Exchange) -> ExchangeError:
        phase = exchange.phase
        if phase == AUTHENTICATING:
            return AuthenticationUnavailable("Nobody could say in time whether this is permitted.")
        if phase == FUNDING:
            return RateLimitUnavailable(
                "Nobody could say in time whether a rate limit permits this."
            )
        if phase == QUEUED:
            return Overloaded("No connection to the upstream became free in time.")
        if phase == CONNECTING:
            self._exclude(exchange, exchange.endpoint)
            self._note(exchange.upstream_state, exchange.endpoint, "no connection in time")
            return UpstreamTimeout("The upstream could not be reached in time.", retryable=True)
        if phase == SENDING and not exchange.upstream_slow:
            return RequestTimeout("The rest of the request did not arrive in time.")
        return UpstreamTimeout("The upstream did not answer in time.")


def _log_of(exchange: Exchange) -> FilteringBoundLogger:
    """The log, for a line about a request that did not go well."""
    upstream = exchange.upstream_state
    return request_logger(exchange.decision, None if upstream is None else upstream.name)
