"""What only some requests wait for: kept apart, so that the others carry nothing of it."""

from __future__ import annotations

VERIFY, LIMIT, CONNECT = 1, 2, 3
"""What a request can wait for: its credential's verification, the store of rate limits, and a
connection to its upstream."""


class Waits:
    """Adds up the seconds that one request waits, by what for. Times are monotonic seconds.

    Attributes:
        parse: For the rest of its head, since its first byte.
        earlier: For upstreams that did not answer, before it was tried again.
        seconds: For each of `VERIFY`, `LIMIT` and `CONNECT`.
        starts: When it first waited for each of these; 0 if never.
    """

    __slots__ = ("_kind", "_since", "earlier", "parse", "seconds", "starts")

    def __init__(self) -> None:
        self.parse = self.earlier = 0.0
        self.seconds = [0.0, 0.0, 0.0, 0.0]
        self.starts = [0.0, 0.0, 0.0, 0.0]
        self._kind = 0
        self._since = 0.0

    def begin(self, kind: int, now: float) -> None:
        """Wait for `kind` from now on; any other wait ends."""
        self.end(now)
        self._kind, self._since = kind, now
        if not self.starts[kind]:
            self.starts[kind] = now

    def end(self, now: float) -> None:
        """Wait no more."""
        if self._kind:
            self.seconds[self._kind] += max(0.0, now - self._since)
            self._kind = 0

    def spell(self, kind: int) -> tuple[float, float] | None:
        """Give when it first waited for `kind`, and how long in all; None if it never did."""
        start = self.starts[kind]
        return (start, self.seconds[kind]) if start else None

    def totals(self) -> tuple[float, float, float, float, float]:
        """Give what `Decision.conclude` takes."""
        _, verify, limit, connect = self.seconds
        return self.parse, verify, limit, connect, self.earlier
