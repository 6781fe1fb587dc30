"""When requests are due: at fixed times, or as independent clients would come.

Whoever needs the times twice, once to know what is due and once to know what was kept waiting, asks
for them twice and gets the same: a backlog then needs no memory.
"""

from __future__ import annotations

import random
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Iterator

NEVER: Final = 1 << 62
"""A time, in nanoseconds, at which nothing is due."""

_SECOND: Final = 10**9


def fixed(start: int, rate: float, seconds: float) -> Iterator[int]:
    """Give times `1/rate` apart, from `start` on, as many as are due within `seconds`.

    Each is counted from the start, so that no error adds up.
    """
    interval = _SECOND / rate
    for number in range(max(1, round(rate * seconds))):
        yield start + int(number * interval)


def poisson(start: int, rate: float, seconds: float, seed: str) -> Iterator[int]:
    """Give times of a Poisson process: independent of each other, `rate` a second on average."""
    source = random.Random(seed)  # noqa: S311 - a load, no secret, and to be the same next time
    at = 0.0
    while (at := at + source.expovariate(rate)) < seconds:
        yield start + int(at * _SECOND)
