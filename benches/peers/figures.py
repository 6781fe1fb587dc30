"""The bench's arithmetic, apart from processes and sockets."""

from __future__ import annotations

import statistics
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple


class Spread(NamedTuple):
    """A median, with the smallest and the largest beside it."""

    median: float
    least: float
    most: float

    @classmethod
    def of(cls, values: Sequence[float]) -> Spread:
        """The spread of values; at least one."""
        return cls(statistics.median(values), min(values), max(values))


@dataclass(frozen=True)
class Turn:
    """What a gateway did in one turn.

    Attributes:
        requests: Answers.
        seconds: How long it took.
        total: Processor seconds of the gateway, user and system.
        user: The user's part of it.
        octets: Bytes of the answers.
    """

    requests: int
    seconds: float
    total: float
    user: float
    octets: int = 0

    @property
    def cost(self) -> float:
        """Processor microseconds for each request."""
        return self.total / self.requests * 1e6

    @property
    def user_cost(self) -> float:
        """The user's part of the cost."""
        return self.user / self.requests * 1e6

    @property
    def rate(self) -> float:
        """Requests per second."""
        return self.requests / self.seconds

    @property
    def busy(self) -> float:
        """Share of its one core that the gateway was busy in; the rest it waited for the load."""
        return self.total / self.seconds


SATURATED = 0.9
"""From this share on, the rate of a turn is the gateway's maximum; below, the load's."""


def order(names: Sequence[str], number: int) -> Iterator[str]:
    """Whose turn it is in a round: forwards, then backwards, so that a drift meets all alike."""
    return iter(names) if number % 2 == 0 else reversed(names)


def ratios(turns: Sequence[Turn], reference: Sequence[Turn]) -> Spread:
    """The ratio of two costs, taken in each round; a drift between rounds is not in it."""
    return Spread.of(
        [ours.cost / theirs.cost for ours, theirs in zip(turns, reference, strict=True)]
    )


def maximum(turns: Sequence[Turn]) -> float:
    """The median of the rates."""
    return statistics.median(turn.rate for turn in turns)


def slowest(turns: Mapping[str, Sequence[Turn]]) -> float:
    """The least of the maxima of several gateways."""
    return min(maximum(each) for each in turns.values())


QUANTILES = ("p50_ms", "p99_ms", "p999_ms")

Times = Mapping[str, float]
"""Milliseconds by the name of the quantile."""


def added(times: Sequence[Times], direct: Sequence[Times]) -> dict[str, Spread]:
    """What a gateway adds to each quantile, beside no gateway in the same round."""
    return {
        name: Spread.of(
            [ours[name] - theirs[name] for ours, theirs in zip(times, direct, strict=True)]
        )
        for name in QUANTILES
    }


def slope(few: Sequence[Turn], many: Sequence[Turn], steps: int) -> Spread:
    """Microseconds that each of `steps` more things costs, taken in each round."""
    return Spread.of(
        [(after.cost - before.cost) / steps for before, after in zip(few, many, strict=True)]
    )
