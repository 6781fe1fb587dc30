"""One coarse sweep instead of a timer for every request.

A timer that is made and cancelled costs two microseconds and every request would need several.
Here whoever waits writes the time at which its patience ends into an attribute; once in `TICK`
seconds the sweep visits everyone and calls `expire` where that time has passed. A deadline is
therefore met up to two ticks late and never early.
"""

from __future__ import annotations

import asyncio
from time import monotonic, time
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from collections.abc import Callable

TICK = 0.1
"""Seconds between two visits. Ten thousand connections are visited in about a millisecond, so
that the sweep costs about a hundredth of a core at the default limit of connections."""

NEVER = float("inf")


class Waiter(Protocol):
    """Whoever has a deadline."""

    deadline: float
    final_deadline: float

    def expire(self, now: float) -> None:
        """The deadline has passed; `now` is the loop's time in seconds."""

    def abort(self) -> None:
        """Give up whatever is waited for; `expire` has failed."""


class Sweep:
    """Keeps the time of the loop, to one tick, and expires those whose deadline has passed.

    Attributes:
        now: The loop's time in seconds at the last tick. Deadlines are set from it, one tick
            later than asked for, so that coarseness never shortens a wait.
        epoch: What to add to `time.monotonic()` to get Unix seconds, as of the last tick. Whoever
            has taken the one time for its durations need not take the other one too; when the
            system's clock is set, this follows within a tick.
    """

    __slots__ = ("_chores", "_handle", "_loop", "epoch", "now", "waiters")

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self._loop = loop
        self._handle: asyncio.TimerHandle | None = None
        self._chores: list[Chore] = []
        self.now = loop.time() + TICK
        self.epoch = time() - monotonic()
        self.waiters: set[Waiter] = set()

    def start(self) -> None:
        """Begin to visit; building what is served may have taken a while."""
        self.now = self._loop.time() + TICK
        self._handle = self._loop.call_later(TICK, self._visit)

    def stop(self) -> None:
        """Visit no more."""
        if self._handle is not None:
            self._handle.cancel()
            self._handle = None

    def add_chore(self, chore: Chore) -> None:
        """Call `chore.tidy` at every tick, for owners of many things that grow old in order."""
        self._chores.append(chore)

    def _visit(self) -> None:
        self._handle = self._loop.call_later(TICK, self._visit)
        now = self._loop.time()
        self.now = now + TICK
        self.epoch = time() - monotonic()
        expired = [
            waiter
            for waiter in self.waiters
            if now >= waiter.deadline or now >= waiter.final_deadline
        ]
        for waiter in expired:
            if not self._guarded(waiter.expire, now):
                self._give_up(waiter)
        for chore in self._chores:
            self._guarded(chore.tidy, now)

    def _give_up(self, waiter: Waiter) -> None:
        self.waiters.discard(waiter)

        def abort(_: float) -> None:
            waiter.abort()

        self._guarded(abort, self.now)

    def _guarded(self, visit: Callable[[float], None], now: float) -> bool:
        """One whose visit fails must not keep the others from theirs; a panic is no exception."""
        try:
            visit(now)
        except BaseException as error:
            self._loop.call_exception_handler({"message": "sweep failed", "exception": error})
            return False
        return True


class Chore(Protocol):
    """Something that is tidied at every tick."""

    def tidy(self, now: float) -> None:
        """Drop what is too old at `now` seconds of the loop's time."""
