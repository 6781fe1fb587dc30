"""The law of rate limits in plain Python: slow, exact, and written for reading.

`retry` tries every moment instead of calculating one, so that it shares no mistake with the script.
"""

from __future__ import annotations

from dataclasses import dataclass

MOST = 1 << 26


@dataclass
class Window:
    """A key's two buckets."""

    bucket: int
    previous: int
    current: int

    def rolled(self, now: int, window: int) -> tuple[Window, int]:
        """This at `now`, and what has elapsed of its bucket."""
        bucket = now // window
        if bucket == self.bucket:
            return Window(bucket, self.previous, self.current), now % window
        if bucket == self.bucket + 1:
            return Window(bucket, self.current, 0), now % window
        if bucket > self.bucket:
            return Window(bucket, 0, 0), now % window
        return Window(self.bucket, self.previous, self.current), 0

    def admits(self, cost: int, quota: int, window: int, elapsed: int) -> bool:
        """Whether `cost` may be charged."""
        estimate = self.previous * (window - elapsed) + (self.current + cost) * window
        return estimate <= quota * window

    def remaining(self, quota: int, window: int, elapsed: int) -> int:
        """What may be charged."""
        used = self.previous * (window - elapsed) + self.current * window
        return max(0, (quota * window - used) // window)

    def charge(self, at: int, amount: int) -> bool:
        """Charge in the bucket `at`, or give back with an amount below 0; whether it counts."""
        if amount == 0:
            return False
        # Whose clock is ahead means the present bucket.
        at = min(at, self.bucket)
        if at == self.bucket:
            self.current = max(0, min(MOST, self.current + amount))
        elif at == self.bucket - 1:
            self.previous = max(0, min(MOST, self.previous + amount))
        return at in {self.bucket, self.bucket - 1}

    def retry(self, cost: int, quota: int, window: int, now: int) -> int:
        """Milliseconds until `cost` is admitted; admission never ends before the next charge."""
        cost = min(cost, quota)

        def admitted(delay: int) -> bool:
            later, gone = self.rolled(now + delay, window)
            return later.admits(cost, quota, window, gone)

        low, high = 0, (self.bucket + 2) * window - now
        assert admitted(high)
        while low < high:
            middle = (low + high) // 2
            if admitted(middle):
                high = middle
            else:
                low = middle + 1
        return low


class Model:
    """One key of a Redis."""

    def __init__(self) -> None:
        self.window: Window | None = None

    def step(self, now: int, arguments: list[int]) -> list[int]:
        """Do what the script does with its first nine arguments."""
        quota, window, want, least, divisor, at, previous, current, returned = arguments
        held = self.window or Window(now // window, 0, 0)
        state, elapsed = held.rolled(now, window)
        granted = 0
        if want < 0:
            changed = state.charge(returned, want)
        else:
            changed = state.charge(at - 1, previous) | state.charge(at, current)
            if state.admits(least, quota, window, elapsed):
                most = state.remaining(quota, window, elapsed)
                granted = min(want, max(least, most // divisor), most)
                state.current += granted
        # What was only looked at is as it was, should the clock go back.
        if changed or granted:
            self.window = state
        return [
            granted,
            state.remaining(quota, window, elapsed),
            state.bucket,
            (state.bucket + 1) * window - now,
            state.retry(least, quota, window, now),
        ]
