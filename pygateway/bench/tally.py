"""What was counted and measured in one round."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from enum import StrEnum

from pygateway.bench.histogram import Histogram


class Failure(StrEnum):
    """Why a request got no response."""

    TIMEOUT = "timeout"
    """It was sent, and its time was over before the response was complete."""
    UNSENT = "unsent"
    """No connection was free before its time was over."""
    CLOSED = "closed"
    """The connection was closed before the response was complete."""
    RESET = "reset"
    """The connection broke."""
    MALFORMED = "malformed"
    """What came was no response."""
    REFUSED = "refused"
    """Nobody listens there."""
    CONNECT = "connect"
    """There was no connection for another reason, time included."""
    TLS = "tls"
    """There was a connection and no TLS session."""


@dataclass
class Tally:
    """One round, or all of them.

    Attributes:
        latency: From when a request was due to the end of its response, in nanoseconds. A
            request without a response counts as if it had waited for the whole timeout.
        service: The same from when the request was written: what a client that waits for its
            turn would have seen.
        lag: From when a request was due to when the load had noticed; nothing in a closed loop.
        requests: Those that were due and that there was time to see the end of.
        statuses: Responses by status.
        failures: Requests without a response, by reason.
        unfinished: Requests that were due, and whose end an interruption left open.
        unexpected: Responses with a status that was not expected.
        received: Bytes, heads included, TLS not.
        sent: Likewise.
        opened: Connections that were opened in the course of it.
        seconds: From the start to the last response, and at least as long as it was to take.
        processor: Seconds of CPU that the load itself took.
    """

    latency: Histogram = field(default_factory=Histogram)
    service: Histogram = field(default_factory=Histogram)
    lag: Histogram = field(default_factory=Histogram)
    requests: int = 0
    statuses: Counter[int] = field(default_factory=Counter)
    failures: Counter[Failure] = field(default_factory=Counter)
    unfinished: int = 0
    unexpected: int = 0
    received: int = 0
    sent: int = 0
    opened: int = 0
    seconds: float = 0.0
    processor: float = 0.0

    @property
    def answered(self) -> int:
        """How many requests got a response, of whatever status."""
        return self.statuses.total()

    @property
    def errors(self) -> int:
        """How many requests got no response, or one that was not expected."""
        return self.failures.total() + self.unexpected

    @property
    def rate(self) -> float:
        """Responses in a second."""
        return self.answered / self.seconds if self.seconds else 0.0

    def add(self, other: Tally) -> None:
        """Count everything that another tally has counted."""
        for mine, theirs in (
            (self.latency, other.latency),
            (self.service, other.service),
            (self.lag, other.lag),
        ):
            mine.add(theirs)
        self.statuses.update(other.statuses)
        self.failures.update(other.failures)
        for name in ("requests", "unfinished", "unexpected", "received", "sent", "opened"):
            setattr(self, name, getattr(self, name) + getattr(other, name))
        self.seconds += other.seconds
        self.processor += other.processor
