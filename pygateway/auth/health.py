"""Whether a service that the gateway depends on answers, told to the log when it changes."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from pygateway.telemetry import get_logger

if TYPE_CHECKING:
    from collections.abc import Callable

PAUSE = 1.0
"""Seconds for which a service that did not answer is not asked again. Every request would wait for
its deadline otherwise, and the service would come back to a crowd."""

TOLERATED = 3
"""Failures in a row after which that begins; a single lost packet is no reason. What was asked
before the last failure that counted does not count: a crowd that asks at once fails once."""


class ServiceHealth:
    """Counts what a service answers, and says when it is better left alone.

    Args:
        service: What the log calls it.
        provider: Whose service it is.
        clock: Seconds of a clock that never goes back.

    Attributes:
        asked: Questions put to it.
        failures: Questions that were not answered.
    """

    __slots__ = (
        "_clock",
        "_counted_at",
        "_in_a_row",
        "_log",
        "_paused_until",
        "_service",
        "asked",
        "failures",
    )

    def __init__(self, service: str, provider: str, clock: Callable[[], float]) -> None:
        self.asked = self.failures = 0
        self._service = service
        self._log = get_logger().bind(provider=provider)
        self._clock = clock
        self._in_a_row = 0
        self._counted_at = -math.inf
        self._paused_until = 0.0

    @property
    def resting(self) -> bool:
        """Whether it is not to be asked now."""
        return self._clock() < self._paused_until

    @property
    def failing(self) -> bool:
        """Whether the last questions were not answered."""
        return self._in_a_row >= TOLERATED

    def succeeded(self) -> None:
        """It has answered."""
        self.asked += 1
        if self.failing:
            self._log.info(f"{self._service} answers again")
        self._in_a_row = 0
        self._paused_until = 0.0

    def failed(self, reason: str, begun: float) -> None:
        """It has not, because of `reason`, when it was asked at `begun`."""
        self.asked += 1
        self.failures += 1
        if begun < self._counted_at:
            return
        self._counted_at = self._clock()
        self._in_a_row += 1
        if self._in_a_row == TOLERATED:
            self._log.warning(f"{self._service} does not answer", detail=reason)
        if self.failing:
            self._paused_until = self._counted_at + PAUSE

    def statistics(self) -> dict[str, object]:
        """Describe the state, for reports and metrics."""
        return {"asked": self.asked, "failures": self.failures, "failing": self.failing}
