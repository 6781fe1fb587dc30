"""How long to wait before a worker that has ended is started again."""

FIRST_DELAY = 0.1
"""Seconds before the first restart: a worker that was killed once is back within a second."""

LONGEST_DELAY = 5.0
"""Seconds: slow enough to cost nothing, quick enough once the cause is gone."""

STEADY_AFTER = 10.0
"""Seconds of life after which an end counts as the first one again."""


class RestartDelay:
    """Doubles from `FIRST_DELAY` to `LONGEST_DELAY` while a worker keeps ending early."""

    def __init__(self) -> None:
        self._next = FIRST_DELAY

    def after(self, lifetime: float) -> float:
        """Give the seconds to wait after a worker that has lived `lifetime` seconds."""
        delay = FIRST_DELAY if lifetime >= STEADY_AFTER else self._next
        self._next = min(2 * delay, LONGEST_DELAY)
        return delay
