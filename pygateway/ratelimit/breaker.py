"""When a server is asked at all: a state machine that is told the time, and does nothing else.

    CLOSED   everything is sent
             -> OPEN when it does not answer: `TOLERATED` times in a row, for `SILENCE` seconds, or
                because the connection is gone
    OPEN     nothing is sent, so nothing waits
             -> PROBING when `retry_at` has come
    PROBING  one question is sent
             -> CLOSED when it is answered in time
             -> OPEN when it is not, for twice as long

What comes back is not met by a herd: until the one probe is answered nothing else is sent, each
gateway probes at a moment of its own, and what is sent after that travels in batches that are
bounded by what may be under way.
"""

from __future__ import annotations

import random
from enum import Enum
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

TOLERATED = 3
"""Batches in a row that are not answered in time; one lost packet is no reason. A batch that was
sent before the last failure was known does not count: those that are under way fail together."""

SILENCE = 0.5
"""Seconds after which one failure is enough, where deadlines are so long that three of them would
take a second and more."""

FIRST_PAUSE, LONGEST_PAUSE = 0.05, 2.0
"""Seconds between probes: from the first failure, doubled each time, with full jitter."""


class State(Enum):
    """What may be sent."""

    CLOSED = "closed"
    PROBING = "probing"
    OPEN = "open"


class Breaker:
    """Stands in front of one server; open until a first probe is answered.

    Args:
        draw: Gives a number between two others, by chance.

    Attributes:
        state: What may be sent.
        retry_at: When open, the time of the next probe.
    """

    __slots__ = (
        "_counted_at",
        "_draw",
        "_failing_since",
        "_in_a_row",
        "_pause",
        "retry_at",
        "state",
    )

    def __init__(self, draw: Callable[[float, float], float] = random.uniform) -> None:
        self._draw = draw
        self._pause = FIRST_PAUSE
        self._in_a_row = 0
        self._failing_since = 0.0
        self._counted_at = float("-inf")
        self.retry_at = float("-inf")
        self.state = State.OPEN

    def answered(self) -> None:
        """A batch was answered in time."""
        self._in_a_row = 0
        if self.state is State.PROBING:
            self.state = State.CLOSED
            self._pause = FIRST_PAUSE

    def failed(self, begun: float, now: float) -> None:
        """A batch that was sent at `begun` was not answered in time, or refused as a whole."""
        if self.state is State.OPEN or begun < self._counted_at:
            return
        self._counted_at = now
        self._in_a_row += 1
        if self._in_a_row == 1:
            self._failing_since = begun
        silent = now - self._failing_since >= SILENCE
        if self.state is State.PROBING or self._in_a_row >= TOLERATED or silent:
            self._open(now)

    def broke(self, now: float) -> None:
        """There is no connection, or none that is of any use."""
        self._open(now)

    def probe(self, now: float) -> None:
        """The time has come: one question is sent now."""
        self._counted_at = now
        self.state = State.PROBING

    def _open(self, now: float) -> None:
        self.retry_at = now + self._draw(FIRST_PAUSE, self._pause)
        self._pause = min(2 * self._pause, LONGEST_PAUSE)
        self._in_a_row = 0
        self.state = State.OPEN
