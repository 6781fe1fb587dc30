"""Latencies in log-linear buckets: three significant digits from a nanosecond to an hour.

The buckets are those of HdrHistogram: within each power of two they are equally wide, so that a
bucket is never wider than a thousandth of what it holds, and to find one takes a shift. Recording
costs the same for every value, and memory does not grow with what is recorded.
"""

from __future__ import annotations

from array import array
from fractions import Fraction
from typing import TYPE_CHECKING, Final, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Iterator

# Values below 2**11 have a bucket each. Above, every power of two has 2**10, each of which is at
# most 1/1024 of its values wide: three digits.
_HALF_BITS: Final = 10
_EXACT_BITS: Final = _HALF_BITS + 1
_EXACT: Final = 1 << _EXACT_BITS

HIGHEST: Final = 3600 * 10**9
"""An hour in nanoseconds. Whatever is longer counts as that long, except in `highest`."""


def _index(value: int) -> int:
    if value < _EXACT:
        return max(value, 0)
    shift = value.bit_length() - _EXACT_BITS
    return (shift << _HALF_BITS) + (value >> shift)


_LAST: Final = _index(HIGHEST)


class Bucket(NamedTuple):
    """How many values were recorded from `lowest` to `highest`, in nanoseconds, both included."""

    lowest: int
    highest: int
    values: int


class Histogram:
    """Counts durations in nanoseconds.

    Attributes:
        count: How many were recorded.
        total: Their sum, exactly.
        lowest: The least, exactly; 0 if there is none.
        highest: The greatest, exactly; 0 if there is none.
    """

    __slots__ = ("_counts", "count", "highest", "lowest", "total")

    def __init__(self) -> None:
        self._counts = array("Q", bytes(8 * (_LAST + 1)))
        self.count = self.total = self.lowest = self.highest = 0

    def record(self, value: int) -> None:
        """Count `value`, which is not negative."""
        # `_index`, written out, because this is called for every request.
        if value < _EXACT:
            index = max(value, 0)
        else:
            shift = value.bit_length() - _EXACT_BITS
            index = (shift << _HALF_BITS) + (value >> shift)
        self._counts[min(_LAST, index)] += 1
        if value > self.highest:  # noqa: PLR1730 - `max` takes twice as long
            self.highest = value
        if value < self.lowest or not self.count:
            self.lowest = value
        self.count += 1
        self.total += value

    def add(self, other: Histogram) -> None:
        """Count everything that another histogram has counted."""
        if not other.count:
            return
        self.lowest = min(self.lowest, other.lowest) if self.count else other.lowest
        self.highest = max(self.highest, other.highest)
        self.count += other.count
        self.total += other.total
        for index in other._used():
            self._counts[index] += other._counts[index]

    def percentile(self, percent: Fraction) -> int:
        """Give the least value that `percent` of a hundred do not exceed; 0 if there is none.

        It is the upper end of its bucket, so at most a thousandth too much and never too little.

        Args:
            percent: Above 0 and at most 100. Exact, because 99.9 % of 1,000 is the 999th value
                and 99.9 as a float makes it the 1,000th.
        """
        rank = -(-percent * self.count // 100)
        seen = 0
        for bucket in self.buckets():
            seen += bucket.values
            if seen >= rank:
                return min(bucket.highest, self.highest)
        return self.highest

    def mean(self) -> float:
        """Give the mean in nanoseconds; 0 if there is none."""
        return self.total / self.count if self.count else 0.0

    def buckets(self) -> Iterator[Bucket]:
        """Give the buckets that hold something, upwards."""
        for index in self._used():
            count = self._counts[index]
            if count:
                yield Bucket(*_bounds(index), count)

    def _used(self) -> range:
        """Where buckets may hold something."""
        if not self.count:
            return range(0)
        return range(min(_index(self.lowest), _LAST), min(_index(self.highest), _LAST) + 1)


def _bounds(index: int) -> tuple[int, int]:
    """Give the least and the greatest value of a bucket."""
    if index < _EXACT:
        return index, index
    shift = (index >> _HALF_BITS) - 1
    lowest = (index - (shift << _HALF_BITS)) << shift
    return lowest, lowest + (1 << shift) - 1
