"""What a route's forwarding comes to: which upstream, and how long everything may take."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from pygateway.upstream.balancer import RoundRobin

if TYPE_CHECKING:
    from collections.abc import Sequence

    from pygateway.upstream.upstream import UpstreamState


@dataclass(frozen=True, slots=True)
class Timeouts:
    """Durations in seconds; see `timeouts` in the configuration."""

    connect: float
    response: float
    body_stall: float
    request: float
    tunnel: float


@dataclass(frozen=True, slots=True)
class Destination:
    """An upstream, its share of a route's requests, and the timeouts that hold for both."""

    upstream: UpstreamState
    weight: int
    timeouts: Timeouts


class Plan:
    """Where and how a route's requests are sent on.

    Attributes:
        only: The destination, where there is no choice.
        destinations: All of them.
    """

    __slots__ = ("_shares", "destinations", "only")

    def __init__(self, destinations: Sequence[Destination]) -> None:
        self.destinations = destinations
        self.only = destinations[0] if len(destinations) == 1 else None
        self._shares = RoundRobin(destinations)

    def choose(self) -> Destination:
        """Take the destination whose turn it is."""
        destination = self.only or self._shares.choose()
        assert destination is not None  # noqa: S101 - none is excluded, and a route has at least one
        return destination

    def peek(self) -> Destination:
        """Say whose turn it is, which stays so."""
        destination = self._shares.peek()
        assert destination is not None  # noqa: S101 - a route has at least one
        return destination
