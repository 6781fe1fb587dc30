"""What several machines share, and what one machine remembers of its answers."""

from __future__ import annotations

from dataclasses import dataclass, field

from tests.door.model.rate_limits.window import Law, Window, charged

Answer = tuple[int, int, int, int, int]


@dataclass
class Store:
    """Windows by name. Its answers: granted, remaining, bucket, reset and retry."""

    windows: dict[object, Window] = field(default_factory=dict)

    def acquire(
        self, name: object, law: Law, want: int, least: int, debt: tuple[int, int, int], now: int
    ) -> Answer:
        """Take over the debt, then grant `want`, or what remains, or nothing below `least`."""
        window = law.rolled(self.windows.get(name, Window()), now, forgets=False)
        bucket, previous, current = debt
        window = charged(window, previous, bucket - 1)
        window = charged(window, current, bucket)
        granted = 0
        if law.admits(window, now, least):
            granted = min(want, max(least, law.remaining(window, now) // 2))
            window = charged(window, granted)
        self.windows[name] = window
        return (
            granted,
            law.remaining(window, now),
            window.bucket,
            law.reset(window, now),
            law.retry(window, now, least),
        )

    def give_back(self, name: object, law: Law, amount: int, bucket: int, now: int) -> None:
        window = law.rolled(self.windows.get(name, Window()), now, forgets=False)
        self.windows[name] = charged(window, -amount, bucket)
