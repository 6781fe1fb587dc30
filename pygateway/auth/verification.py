"""The queue in which signatures wait to be verified, a few in each turn of the loop.

A signature takes the processor for tens of microseconds, and a burst of tokens that nobody has
seen, forged ones perhaps, would keep everybody else from being served. So each turn of the loop
spends at most `BUDGET` on them, and goes on to those whose tokens are known.
"""

from __future__ import annotations

from collections import deque
from time import perf_counter
from typing import TYPE_CHECKING

from pygateway.telemetry import request_logger

if TYPE_CHECKING:
    import asyncio
    from collections.abc import Callable

    from pygateway._core import Unverified, Verdict
    from pygateway.exchange import Exchange

    Entry = tuple[Exchange, Unverified, Callable[[Exchange, Unverified, Verdict], None]]

BUDGET = 0.0005
"""Seconds of a turn of the loop. About eight ES256 or twenty-five RS256 signatures fit in; a
request with a known token waits half a millisecond longer at worst."""


class VerificationQueue:
    """Exchanges that wait for the verdict on a signature, in order.

    Args:
        loop: Where the work is done, between other things.
        verify: Judges one signature.
        most: The longest that the queue may be.

    Attributes:
        refused: Exchanges that found the queue full.
    """

    __slots__ = ("_loop", "_most", "_scheduled", "_verify", "_waiting", "refused")

    def __init__(
        self,
        loop: asyncio.AbstractEventLoop,
        verify: Callable[[Unverified], Verdict],
        most: int,
    ) -> None:
        self._loop = loop
        self._verify = verify
        self._most = most
        self._waiting: deque[Entry] = deque()
        self._scheduled: asyncio.Handle | None = None
        self.refused = 0

    def __len__(self) -> int:
        """How many wait now."""
        return len(self._waiting)

    def submit(
        self,
        exchange: Exchange,
        unverified: Unverified,
        go_on: Callable[[Exchange, Unverified, Verdict], None],
    ) -> bool:
        """Queue up; whether there was room.

        Args:
            exchange: Who waits; nothing is done for one that has ended meanwhile.
            unverified: What is to be judged.
            go_on: Takes both, and the verdict.
        """
        if len(self._waiting) >= self._most:
            self.refused += 1
            return False
        self._waiting.append((exchange, unverified, go_on))
        if self._scheduled is None:
            self._scheduled = self._loop.call_soon(self._work)
        return True

    def close(self) -> None:
        """Verify nothing more."""
        self._waiting.clear()
        if self._scheduled is not None:
            self._scheduled.cancel()
            self._scheduled = None

    def _work(self) -> None:
        """Verify until the turn's share of time is spent, then let the others have theirs."""
        waiting = self._waiting
        enough = perf_counter() + BUDGET
        while waiting:
            exchange, unverified, go_on = waiting.popleft()
            if exchange.finished:
                continue
            try:
                go_on(exchange, unverified, self._verify(unverified))
            except BaseException:
                # A panic of the core is no Exception, and must cost one request at most.
                request_logger(exchange.decision).exception("verification failed")
                exchange.story.crash(exchange)
            if perf_counter() >= enough:
                break
        self._scheduled = self._loop.call_soon(self._work) if waiting else None
