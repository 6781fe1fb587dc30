"""How much traffic there is, and how it fares: now, and for the last quarter of an hour.

The native core counts since the gateway was started. `Traffic` keeps what it had counted every few
seconds, and tells from the differences what happened in between. Times are passed in.
"""

from __future__ import annotations

from array import array
from bisect import bisect_right
from collections import deque
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import accumulate
from typing import Final, NamedTuple, TypedDict

from pygateway.admin.counted import Counted, RequestTimes

INTERVAL: Final = 5.0
"""Seconds between two samples."""

SPANS: Final = {"1m": 60.0, "5m": 300.0, "15m": 900.0}
"""Seconds over which rates are told."""

KEPT: Final = round(max(SPANS.values()) / INTERVAL) + 1
"""Samples that are kept: as many as there are intervals in the longest span, and its beginning."""


class Rate(TypedDict):
    """What happened in a span of time.

    Attributes:
        requests_per_second: Requests that have ended.
        error_rate: The share of those with a status of 500 or more; None if there were none.
    """

    requests_per_second: float
    error_rate: float | None


class Point(NamedTuple):
    """What happened between two samples. Times of requests are None if there were none.

    Attributes:
        at: When it ended.
        requests: Requests a second.
        server_errors: Those with a status of 500 or more, a second.
        client_errors: Those with one of 400 to 499, a second.
        p50: Seconds that half of the requests stayed below.
        p99: Seconds that all but a hundredth stayed below.
        overhead_p50: The same for the gateway's own part.
        overhead_p99: The same for the gateway's own part.
    """

    at: float
    requests: float
    server_errors: float
    client_errors: float
    p50: float | None
    p99: float | None
    overhead_p50: float | None
    overhead_p99: float | None


class _Sums(NamedTuple):
    """What had been counted at a time.

    Attributes:
        at: When.
        requests: By the route's place: requests.
        errors: By the route's place: those with a status of 500 or more.
        client_errors: Requests with a status of 400 to 499.
        buckets: Requests by time.
        overhead: Requests by the gateway's own part of it.
    """

    at: float
    requests: array[int]
    errors: array[int]
    client_errors: int
    buckets: list[int]
    overhead: list[int]


@dataclass(frozen=True)
class RouteTraffic:
    """Requests that a route took.

    Attributes:
        requests: Since the gateway started.
        errors: Those with a status of 500 or more.
        rates: By the name of a span.
    """

    requests: int
    errors: int
    rates: dict[str, Rate]


class Traffic:
    """Keeps samples of the last quarter of an hour, in memory that is bounded.

    Args:
        now: Seconds of a clock that never goes back.
    """

    def __init__(self, now: float) -> None:
        # Routes only become more; what the native core can tell apart bounds them.
        self._places: dict[str, int] = {}
        # As much as nothing has happened before the start.
        self._samples: deque[_Sums] = deque([_Sums(now, array("Q"), array("Q"), 0, [], [])], KEPT)
        self._points: deque[Point] = deque(maxlen=KEPT - 1)

    def sample(self, now: float, counted: Counted) -> None:
        """Keep what has been counted by `now`."""
        last = self._samples[-1]
        if now <= last.at:
            return
        sums = self._sum_up(now, counted)
        self._samples.append(sums)
        self._points.append(_point(last, sums, counted))

    def history(self) -> list[Point]:
        """Give what happened between samples, the oldest first."""
        return list(self._points)

    def rates(self, now: float, counted: Counted) -> dict[str, Rate]:
        """Give the rates of all requests by `now`, by the name of the span."""
        sums = self._sum_up(now, counted)
        return {
            name: _rate(
                now - earlier.at,
                sum(sums.requests) - sum(earlier.requests),
                sum(sums.errors) - sum(earlier.errors),
            )
            for name, earlier in self._beginnings(now)
        }

    def routes(self, now: float, counted: Counted) -> dict[str, RouteTraffic]:
        """Give what every route took by `now` that has taken anything."""
        sums = self._sum_up(now, counted)
        beginnings = list(self._beginnings(now))
        return {
            route: RouteTraffic(
                sums.requests[place],
                sums.errors[place],
                {
                    name: _rate(
                        now - earlier.at,
                        sums.requests[place] - _at(earlier.requests, place),
                        sums.errors[place] - _at(earlier.errors, place),
                    )
                    for name, earlier in beginnings
                },
            )
            for route, place in self._places.items()
        }

    def _beginnings(self, now: float) -> Iterator[tuple[str, _Sums]]:
        """Give the sample with which each span begins: the youngest one that is old enough.

        While there is none, the oldest one: the span is as long as it can be.
        """
        times = [sums.at for sums in self._samples]
        for name, seconds in SPANS.items():
            # A sampler that is called a moment late must not make the span an interval longer.
            place = bisect_right(times, now - seconds + INTERVAL / 2) - 1
            yield name, self._samples[max(place, 0)]

    def _sum_up(self, now: float, counted: Counted) -> _Sums:
        for each in counted["requests"]:
            self._places.setdefault(each["route"], len(self._places))
        requests = array("Q", bytes(8 * len(self._places)))
        errors = array("Q", bytes(8 * len(self._places)))
        client_errors = 0
        for each in counted["requests"]:
            place, count = self._places[each["route"]], sum(each["buckets"])
            requests[place] += count
            if is_server_error(each["status"]):
                errors[place] += count
            elif each["status"].startswith("4"):
                client_errors += count
        return _Sums(
            now,
            requests,
            errors,
            client_errors,
            add_buckets(each["buckets"] for each in counted["requests"]),
            counted["overhead"]["buckets"],
        )


def is_server_error(status: str) -> bool:
    """Whether a status is counted as an error: 500 and above."""
    return status.startswith("5")


def requests_in(series: Iterable[RequestTimes]) -> int:
    """Count the requests of some series."""
    return sum(sum(each["buckets"]) for each in series)


def add_buckets(many: Iterable[Sequence[int]]) -> list[int]:
    """Add histograms up, bucket by bucket."""
    return [sum(counts) for counts in zip(*many, strict=True)]


def percentile(bounds: Sequence[float], buckets: Sequence[int], share: float) -> float | None:
    """Estimate what a share of the values stayed below, as PromQL's histogram_quantile does.

    Within a bucket values are taken to be spread evenly. Beyond the last bound nothing is known
    but that bound.

    Args:
        bounds: Upper bounds of the buckets but the last, which has none.
        buckets: How many values each has; not cumulative.
        share: From 0 to 1.

    Returns:
        The value, or None if there are no values.
    """
    total = sum(buckets)
    if total == 0:
        return None
    rank = share * total
    place = next(index for index, count in enumerate(accumulate(buckets)) if count >= rank)
    if place >= len(bounds):
        return bounds[-1]
    lower = bounds[place - 1] if place else 0.0
    if buckets[place] == 0:
        return lower  # The share is 0, and so is the first bucket.
    return lower + (bounds[place] - lower) * (rank - sum(buckets[:place])) / buckets[place]


def _point(earlier: _Sums, later: _Sums, counted: Counted) -> Point:
    seconds = later.at - earlier.at
    bounds = counted["bounds"]
    times = _difference(earlier.buckets, later.buckets)
    overhead = _difference(earlier.overhead, later.overhead)
    return Point(
        later.at,
        (sum(later.requests) - sum(earlier.requests)) / seconds,
        (sum(later.errors) - sum(earlier.errors)) / seconds,
        (later.client_errors - earlier.client_errors) / seconds,
        percentile(bounds["requests"], times, 0.5),
        percentile(bounds["requests"], times, 0.99),
        percentile(bounds["overhead"], overhead, 0.5),
        percentile(bounds["overhead"], overhead, 0.99),
    )


def _difference(earlier: Sequence[int], later: Sequence[int]) -> list[int]:
    return [now - before for now, before in zip(later, earlier or [0] * len(later), strict=True)]


def _rate(seconds: float, requests: int, errors: int) -> Rate:
    return {
        "requests_per_second": requests / seconds if seconds > 0 else 0.0,
        "error_rate": errors / requests if requests else None,
    }


def _at(values: array[int], place: int) -> int:
    """Give a value, 0 for a route that came later."""
    return values[place] if place < len(values) else 0
