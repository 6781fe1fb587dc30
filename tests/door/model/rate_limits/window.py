"""The law of one window. Times are Unix milliseconds, and everything is a whole number."""

from __future__ import annotations

from dataclasses import dataclass, replace

MOST = 1 << 26
BACKWARD = 1000
"""Milliseconds by which readings of one clock may differ, where a window is shorter than that."""


@dataclass(frozen=True)
class Window:
    """What was charged in a bucket, and in the one before it."""

    bucket: int = 0
    previous: int = 0
    current: int = 0

    @property
    def total(self) -> int:
        return self.previous + self.current


@dataclass(frozen=True)
class Law:
    """So much in so many milliseconds."""

    quota: int
    length: int

    def rolled(self, window: Window, now: int, *, forgets: bool = True) -> Window:
        """The window by now. One that lies far ahead is of another clock, and some forget it."""
        bucket = now // self.length
        if window.bucket == bucket:
            return window
        if window.bucket == bucket - 1:
            return Window(bucket, window.current, 0)
        if window.bucket < bucket:
            return Window(bucket, 0, 0)
        ahead = window.bucket * self.length - now
        if forgets and ahead > max(self.length, BACKWARD):
            return Window(bucket, 0, 0)
        return window

    def used(self, rolled: Window, now: int) -> int:
        """The estimate, times the length. A bucket that has not begun has just begun."""
        elapsed = max(0, now - rolled.bucket * self.length)
        return rolled.previous * (self.length - elapsed) + rolled.current * self.length

    def admits(self, rolled: Window, now: int, cost: int) -> bool:
        return self.used(rolled, now) + cost * self.length <= self.quota * self.length

    def remaining(self, rolled: Window, now: int) -> int:
        return max(0, (self.quota * self.length - self.used(rolled, now)) // self.length)

    def reset(self, rolled: Window, now: int) -> int:
        """Milliseconds until the bucket ends."""
        return (rolled.bucket + 1) * self.length - now

    def retry(self, rolled: Window, now: int, cost: int) -> int:
        """The first of the coming milliseconds at which the cost is admitted, by trying them."""
        cost = min(cost, self.quota)

        def is_admitted(wait: int) -> bool:
            later = self.rolled(rolled, now + wait, forgets=False)
            return self.admits(later, now + wait, cost)

        low, high = 0, 3 * self.length + max(self.length, BACKWARD)
        assert is_admitted(high)
        while low < high:
            middle = (low + high) // 2
            low, high = (low, middle) if is_admitted(middle) else (middle + 1, high)
        return low


def charged(rolled: Window, amount: int, bucket: int | None = None) -> Window:
    """With so much more (or less) in a bucket, where that still counts."""
    if bucket in {None, rolled.bucket}:
        return replace(rolled, current=max(0, rolled.current + amount))
    if bucket == rolled.bucket - 1:
        return replace(rolled, previous=max(0, rolled.previous + amount))
    return rolled
