"""One run from top to bottom: connections, requests, deadlines.

`Pacing` says which request may go out; here it gets a connection, an end, and a place in the tally.
Every request that was due has exactly one of four ends: a response, a reason why there is none, or,
if the run was interrupted, none that is known. None is left out, however late the gateway is.

A request that is due while every connection is busy waits, and its latency grows from when it was
due. Deadlines are looked at all together, every few milliseconds.
"""

from __future__ import annotations

import asyncio
import gc
import time
from functools import partial
from typing import TYPE_CHECKING, Final

from pygateway.bench.arrivals import NEVER, fixed, poisson
from pygateway.bench.connections import Connections
from pygateway.bench.pacing import ClosedPacing, OpenPacing
from pygateway.bench.tally import Failure, Tally
from pygateway.bench.timer import Timer

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from pygateway.bench.client import Client
    from pygateway.bench.pacing import Pacing
    from pygateway.bench.plan import Plan

_SECOND: Final = 10**9

HEAD_START: Final = 0.02
"""Seconds between the preparation of a round and its first request."""

OVERTIME: Final = 60.0
"""Seconds by which a round may be late. Every request ends in time, so this is never needed."""


class Load:
    """A run, to be awaited once.

    Args:
        plan: What to do.
        on_round: Told after each round that is kept.

    Attributes:
        rounds: The rounds so far, the one that is under way included.
        interrupted: Whether it was stopped before its end.
    """

    _connections: Connections
    _pacing: Pacing
    _tally: Tally
    _timer: Timer
    _sweeping: asyncio.TimerHandle

    def __init__(self, plan: Plan, on_round: Callable[[int, Tally], None] | None = None) -> None:
        self.plan = plan
        self.rounds: list[Tally] = []
        self.interrupted = False
        self._on_round = on_round
        self._timeout = int(plan.timeout * _SECOND)
        self._under_way = 0
        self._last = 0
        self._running: asyncio.Task[None] | None = None
        self._over: asyncio.Future[None] | None = None

    async def run(self) -> None:
        """Run every round.

        Raises:
            CannotConnect: Not all connections could be opened at the start.
        """
        plan = self.plan
        self._loop = asyncio.get_running_loop()
        self._connections = Connections(
            plan.place,
            plan.connections,
            plan.timeout,
            self,
            opened=self._pump,
            not_opened=self._not_opened,
        )
        self._rest()
        self._running = asyncio.create_task(self._run())
        try:
            await asyncio.wait((self._running,))
            if not self._running.cancelled():
                self._running.result()
        finally:
            self._running.cancel()
            await self._connections.close()
            gc.unfreeze()

    def stop(self) -> None:
        """End the run; what there is so far stays."""
        self.interrupted = True
        if self._over is not None and not self._over.done():
            self._over.set_result(None)
        elif self._running is not None:
            self._running.cancel()

    async def _run(self) -> None:
        await self._connections.open_all()
        self._connections.count = 0
        # What has been made until now stays; collections need not look at it again.
        gc.collect()
        gc.freeze()
        if self.plan.warm_up:
            await self._round(Tally(), self.plan.warm_up, "warm-up")
        for number in range(self.plan.rounds):
            if self.interrupted:
                return
            tally = Tally()
            self.rounds.append(tally)
            await self._round(tally, self.plan.duration, str(number))
            if self._on_round is not None and not self.interrupted:
                self._on_round(number + 1, tally)

    # --- a round --------------------------------------------------------------------------------

    async def _round(self, tally: Tally, seconds: float, name: str) -> None:
        start = time.monotonic_ns() + int(HEAD_START * _SECOND)
        self._tally = tally
        self._over = self._loop.create_future()
        self._pacing = self._pace(tally, start, seconds, name)
        processor = time.process_time()
        timer = self._timer = Timer(self._loop, self._on_time)
        self._sweeping = self._loop.call_later(self._sweep_interval, self._sweep)
        try:
            self._pump()
            timer.at(self._pacing.next)
            async with asyncio.timeout(seconds + self.plan.timeout + OVERTIME):
                await self._over
        finally:
            self._sweeping.cancel()
            timer.close()
        now = time.monotonic_ns()
        tally.processor = time.process_time() - processor
        for client in self._connections.open:
            self._take_bytes(client)
        tally.opened, self._connections.count = self._connections.count, 0
        if self.interrupted:
            waiting = 0 if self.plan.rate is None else self._pacing.waiting
            tally.unfinished = self._under_way + waiting
            tally.seconds = max(now - start, 0) / _SECOND
        else:
            tally.seconds = max((self._last - start) / _SECOND, seconds)
        self._over = None
        self._rest()

    def _rest(self) -> None:
        """Send nothing; what may still arrive belongs to no round."""
        self._tally = Tally()
        self._pacing = ClosedPacing(0)
        self._pacing.advance(0)

    def _pace(self, tally: Tally, start: int, seconds: float, name: str) -> Pacing:
        self._last = start
        rate = self.plan.rate
        if rate is None:
            return ClosedPacing(start + int(seconds * _SECOND))
        arrivals: Callable[[], Iterator[int]] = (
            partial(poisson, start, rate, seconds, f"{self.plan.seed}/{name}")
            if self.plan.poisson
            else partial(fixed, start, rate, seconds)
        )
        return OpenPacing(arrivals, tally.lag)

    def _on_time(self) -> None:
        now = time.monotonic_ns()
        self._pacing.advance(now)
        self._pump()
        self._timer.at(self._pacing.next)
        if self._pacing.next == NEVER:
            self._end_if_over()

    def _pump(self) -> None:
        """Send what may go out, as far as there are connections."""
        pacing, idle, requests = self._pacing, self._connections.idle, self.plan.requests
        while pacing.waiting:
            if not idle:
                self._connections.open_more(pacing.waiting)
                return
            client = idle.popleft()
            if client.persists:
                request = requests.next()
                now = time.monotonic_ns()
                self._under_way += 1
                self._tally.sent += len(request.head) + len(requests.body)
                client.send(request, requests.body, pacing.take(now), now)

    def _end_if_over(self) -> None:
        over, pacing = self._over, self._pacing
        if (
            over is not None
            and pacing.next == NEVER
            and not pacing.waiting
            and not self._under_way
            and not over.done()
        ):
            over.set_result(None)

    # --- what becomes of a request --------------------------------------------------------------

    def answered(self, client: Client, now: int) -> None:
        """See `client.Owner`."""
        tally = self._tally
        tally.latency.record(now - client.due)
        tally.service.record(now - client.sent)
        tally.requests += 1
        tally.statuses[client.status] += 1
        if client.status not in self.plan.expected:
            tally.unexpected += 1
        self._last = now
        client.due = 0
        self._under_way -= 1
        if client.persists:
            self._connections.idle.append(client)
        else:
            client.close()
        self._pump()
        if not self._under_way:
            self._end_if_over()

    def failed(self, client: Client, failure: Failure) -> None:
        """See `client.Owner`."""
        del client
        self._under_way -= 1
        self._fail(failure)
        self._loop.call_soon(self._pump)

    def _fail(self, failure: Failure) -> None:
        # Percentiles are of all requests: one that failed is no better than the slowest.
        self._tally.latency.record(self._timeout)
        self._tally.service.record(self._timeout)
        self._tally.requests += 1
        self._tally.failures[failure] += 1
        self._last = time.monotonic_ns()
        self._end_if_over()

    def lost(self, client: Client) -> None:
        """See `client.Owner`."""
        self._take_bytes(client)
        self._connections.forget(client)
        self._pump()

    def _not_opened(self, failure: Failure) -> float:
        """One of those that wait pays for a connection that could not be opened."""
        if self._pacing.waiting:
            self._pacing.take(time.monotonic_ns())
            self._fail(failure)
        return self._pacing.pause

    def _take_bytes(self, client: Client) -> None:
        self._tally.received += client.received
        client.received = 0

    @property
    def _sweep_interval(self) -> float:
        return min(0.05, self.plan.timeout / 4)

    def _sweep(self) -> None:
        """Give up what has waited for too long."""
        self._sweeping = self._loop.call_later(self._sweep_interval, self._sweep)
        overdue = time.monotonic_ns() - self._timeout
        for client in [each for each in self._connections.open if 0 < each.due < overdue]:
            client.fail(Failure.TIMEOUT)
        pacing = self._pacing
        while pacing.waiting and pacing.oldest < overdue:
            pacing.take(overdue)
            self._fail(Failure.UNSENT)
