"""Who takes the next request: arithmetic only, no sockets and no clock."""

from __future__ import annotations

from typing import TYPE_CHECKING, Generic, Protocol, TypeVar

if TYPE_CHECKING:
    from collections.abc import Collection, Sequence


class Weighted(Protocol):
    """Something with a share.

    Attributes:
        weight: Share of the requests relative to the others' weights; at least 1.
    """

    @property
    def weight(self) -> int:
        """The share."""


class Loaded(Weighted, Protocol):
    """Something with a share that also knows how busy it is."""

    @property
    def load(self) -> int:
        """Requests that it serves now."""


WeightedT = TypeVar("WeightedT", bound=Weighted)
LoadedT = TypeVar("LoadedT", bound=Loaded)


class RoundRobin(Generic[WeightedT]):
    """Smooth weighted round robin, as nginx does it.

    Every choice adds each candidate's weight to its credit and takes the candidate with the most
    credit, which pays the sum of all weights. A candidate of weight 5 among two of weight 1 is
    then chosen in the order A A B A C A A, not five times in a row.
    """

    __slots__ = ("_balances", "_candidates")

    def __init__(self, candidates: Sequence[WeightedT]) -> None:
        self._candidates = candidates
        self._balances = [0] * len(candidates)

    def choose(self, excluded: Collection[object] | None = None) -> WeightedT | None:
        """Take the next candidate that is not `excluded`; None where all are."""
        candidates = self._candidates
        if len(candidates) == 1 and not excluded:
            return candidates[0]
        balance = self._balances
        best = -1
        total = 0
        for index, candidate in enumerate(candidates):
            if excluded and candidate in excluded:
                continue
            weight = candidate.weight
            total += weight
            balance[index] += weight
            if best < 0 or balance[index] > balance[best]:
                best = index
        if best < 0:
            return None
        balance[best] -= total
        return candidates[best]

    def peek(self) -> WeightedT | None:
        """Say which candidate `choose` would take; its turn stays as it is."""
        standing = zip(self._candidates, self._balances, strict=True)
        # Of equals the first, as in `choose`.
        return max(standing, key=lambda one: one[1] + one[0].weight, default=(None, 0))[0]


class LeastRequests(Generic[LoadedT]):
    """The candidate with the fewest requests under way, in proportion to its weight.

    Ties go round, so that idle candidates share the load evenly.
    """

    __slots__ = ("_candidates", "_first")

    def __init__(self, candidates: Sequence[LoadedT]) -> None:
        self._candidates = candidates
        self._first = 0

    def choose(self, excluded: Collection[object] | None = None) -> LoadedT | None:
        """Take the least busy candidate that is not `excluded`; None where all are."""
        candidates = self._candidates
        count = len(candidates)
        first = self._first
        self._first = (first + 1) % count
        best: LoadedT | None = None
        least = 0.0
        for step in range(count):
            candidate = candidates[(first + step) % count]
            if excluded and candidate in excluded:
                continue
            busy = (candidate.load + 1) / candidate.weight
            if best is None or busy < least:
                best, least = candidate, busy
        return best

    def peek(self) -> LoadedT | None:
        """Say which candidate `choose` would take; its turn stays as it is."""
        first = self._first
        candidates = [*self._candidates[first:], *self._candidates[:first]]
        return min(candidates, key=lambda one: (one.load + 1) / one.weight, default=None)
