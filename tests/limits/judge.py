"""Finds in a history what the law of rate limits forbids, and never anything else.

A client knows of a request that was let in when it was sent and when its answer had come; somewhere
between the two lies the moment at which it was let in. Clients, gateways and Redis share one clock
here. Three questions, each of which can be answered with certainty:

* `overshoot`: do the requests alone break the law, wherever in their spans they were let in?
* `misjudged`: has Redis, of which every write is known, charged what the law does not admit?
* `uncharged`: were there requests that nobody was charged for?

Redis' writes obey the law, and every request is covered by a charge of its own bucket: together
that is what "never over the quota" means, and one request too many is found wherever it lies.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterable, Mapping, Sequence
from itertools import accumulate, pairwise
from typing import NamedTuple


class Passage(NamedTuple):
    """A request that was let in.

    Attributes:
        sent: Unix seconds before it was sent.
        received: Unix seconds after its answer was there.
        cost: What it took of the quota.
    """

    sent: float
    received: float
    cost: int = 1

    def bucket(self, window: int) -> int | None:
        """The bucket in which it was certainly let in; None if there are several."""
        first = milliseconds(self.sent) // window
        return first if first == milliseconds(self.received) // window else None


class Write(NamedTuple):
    """What Redis has written of a window.

    Attributes:
        at: Unix seconds after the time by which it has judged.
        bucket: Number of the bucket.
        previous: Charged in the bucket before.
        current: Charged in it.
    """

    at: float
    bucket: int
    previous: int
    current: int


class Limit(NamedTuple):
    """A quota, and the milliseconds of its window."""

    quota: int
    window: int

    def excess(self, bucket: int, previous: int, current: int, now: int) -> float:
        """By how much a window exceeds the quota at a time; 0 or less if it does not."""
        elapsed = min(max(now - bucket * self.window, 0), self.window)
        return previous * (self.window - elapsed) / self.window + current - self.quota


def milliseconds(seconds: float) -> int:
    """Whole milliseconds, by which windows are counted."""
    return int(seconds * 1000)


def overshoot(limit: Limit, passages: Iterable[Passage]) -> list[str]:
    """Where requests alone break the law.

    What is spent was charged before, in the bucket in which it is spent. So when a request has
    been answered, everything was charged that had been answered before it was sent; the bucket
    before has at least the requests that were certainly in it; and no more of it has faded than at
    the moment of the answer.
    """
    buckets: dict[int, list[Passage]] = {}
    for passage in passages:
        bucket = passage.bucket(limit.window)
        if bucket is not None:
            buckets.setdefault(bucket, []).append(passage)
    found = []
    for bucket, inside in buckets.items():
        previous = sum(each.cost for each in buckets.get(bucket - 1, ()))
        inside.sort(key=lambda each: each.received)
        ends = [each.received for each in inside]
        sums = [0, *accumulate(each.cost for each in inside)]
        for each in inside:
            current = sums[bisect_left(ends, each.sent)] + each.cost
            excess = limit.excess(bucket, previous, current, milliseconds(each.received))
            if excess > 0:
                found.append(f"{excess:.3f} too many in bucket {bucket}: {previous} + {current}")
        # And all of them, when the last one has been answered.
        excess = limit.excess(bucket, previous, sums[-1], milliseconds(ends[-1]))
        if excess > 0:
            found.append(
                f"{excess:.3f} too many in all of bucket {bucket}: {previous} + {sums[-1]}"
            )
    return found


def misjudged(limit: Limit, writes: Sequence[Write]) -> list[str]:
    """Where Redis has charged what the law does not admit; or has gone back in time."""
    found = []
    for before, after in pairwise((Write(0.0, -2, 0, 0), *writes)):
        if after.bucket < before.bucket:
            found.append(f"bucket {before.bucket} was followed by {after.bucket}")
        held = before.current if after.bucket == before.bucket else 0
        excess = limit.excess(after.bucket, after.previous, after.current, milliseconds(after.at))
        if after.current > held and excess > 0:
            found.append(f"{excess:.3f} too many were charged: {after}")
    return found


def charged(writes: Iterable[Write]) -> dict[int, int]:
    """What every bucket was charged in the end, less what was given back."""
    buckets: dict[int, int] = {}
    for write in writes:
        if write.bucket - 1 in buckets or write.previous:
            buckets[write.bucket - 1] = write.previous
        buckets[write.bucket] = write.current
    return buckets


def uncharged(limit: Limit, passages: Sequence[Passage], charges: Mapping[int, int]) -> list[str]:
    """Where more was let in than charged.

    Requests whose bucket is not certain may be of any that they touch. They can all be covered if
    and only if, of every run of buckets, those that touch no others fit into what was charged in
    it (Hall's theorem, for intervals).
    """
    spans = [
        (milliseconds(each.sent) // limit.window, milliseconds(each.received) // limit.window, each)
        for each in passages
    ]
    touched = {bucket for first, last, _ in spans for bucket in (first, last)}
    buckets = sorted(touched | set(charges))
    found = []
    for place, start in enumerate(buckets):
        room = 0
        for end in buckets[place:]:
            room += charges.get(end, 0)
            let_in = sum(each.cost for first, last, each in spans if start <= first and last <= end)
            if let_in > room:
                found.append(f"{let_in} let in, {room} charged in buckets {start} to {end}")
    return found
