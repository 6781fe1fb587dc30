"""Which request may go out now.

An open loop goes by the clock: requests are due at their times whether or not earlier ones have
been answered, as the requests of independent users are. A closed loop goes by the answers: whoever
has got one asks again, so that a gateway which stalls is asked less. The open one measures latency,
the closed one finds the maximum.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, Protocol

from pygateway.bench.arrivals import NEVER

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from pygateway.bench.histogram import Histogram

AS_MANY_AS_CAN: Final = 1 << 30


class Pacing(Protocol):
    """Says what may go out. Times are nanoseconds of the monotonic clock.

    Attributes:
        next: When `advance` has something to do; `NEVER` if that was all.
        waiting: How many requests may go out now.
        oldest: When the first of those was due.
        pause: Seconds to wait after a connection could not be opened.
    """

    next: int
    waiting: int
    oldest: int
    pause: float

    def advance(self, now: int) -> None:
        """Let everything be due that is, at `now`."""

    def take(self, now: int) -> int:
        """Take one request off those that wait; give when it was due."""


class OpenPacing:
    """Goes by the clock.

    Args:
        arrivals: Gives the times at which requests are due, the same ones at every call.
        lag: Gets, for each request, how long after its time it was noticed to be due.
    """

    __slots__ = ("_due", "_lag", "_oldest", "next", "oldest", "pause", "waiting")

    def __init__(self, arrivals: Callable[[], Iterator[int]], lag: Histogram) -> None:
        self._due, self._oldest = arrivals(), arrivals()
        self._lag = lag
        self.next, self.oldest = next(self._due, NEVER), next(self._oldest, NEVER)
        self.waiting = 0
        self.pause = 0.0

    def advance(self, now: int) -> None:
        """See `Pacing`."""
        due = self.next
        while due <= now:
            self._lag.record(now - due)
            self.waiting += 1
            due = next(self._due, NEVER)
        self.next = due

    def take(self, now: int) -> int:
        """See `Pacing`."""
        due = self.oldest
        self.oldest = next(self._oldest, NEVER)
        self.waiting -= 1
        return due


class ClosedPacing:
    """Goes by the answers, from `start` to `end`: what may go out is due when it does."""

    __slots__ = ("next", "oldest", "pause", "waiting")

    def __init__(self, end: int) -> None:
        self.next = end
        self.oldest = NEVER
        self.waiting = AS_MANY_AS_CAN
        # Else a gateway that is not there would be asked as fast as it can refuse.
        self.pause = 0.1

    def advance(self, now: int) -> None:
        """See `Pacing`."""
        if now >= self.next:
            self.next = NEVER
            self.waiting = 0

    def take(self, now: int) -> int:
        """See `Pacing`."""
        return now
