"""Rates and percentiles, by a clock that the tests advance."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pygateway.admin.counted import Counted
from pygateway.supervisor.traffic import INTERVAL, KEPT, Traffic, percentile
from tests.support.counted import counted, requests, times

BOUNDS = [0.1, 0.2, 0.4]


@pytest.mark.parametrize(
    ("buckets", "share", "expected"),
    [
        ([0, 0, 0, 0], 0.5, None),
        ([4, 0, 0, 0], 0.5, 0.05),
        ([4, 0, 0, 0], 1.0, 0.1),
        ([2, 2, 0, 0], 0.5, 0.1),
        ([2, 2, 0, 0], 0.75, 0.15),
        ([0, 0, 4, 0], 0.25, 0.25),
        ([0, 0, 4, 0], 0.0, 0.0),
        ([4, 0, 4, 0], 1.0, 0.4),
        # Of those above the last bound nothing else is known.
        ([0, 0, 0, 5], 0.5, 0.4),
        ([99, 0, 0, 1], 0.99, 0.1),
        ([98, 0, 0, 2], 0.99, 0.4),
    ],
)
def test_percentiles(buckets: list[int], share: float, expected: float | None) -> None:
    assert percentile(BOUNDS, buckets, share) == pytest.approx(expected)


@given(
    st.lists(st.integers(0, 10**9), min_size=4, max_size=4).filter(any),
    st.floats(0, 1),
    st.floats(0, 1),
)
def test_percentiles_are_ordered_and_within_bounds(
    buckets: list[int], one: float, other: float
) -> None:
    low, high = (percentile(BOUNDS, buckets, share) for share in sorted((one, other)))
    assert low is not None
    assert high is not None
    assert 0 <= low <= high + 1e-12
    assert high <= BOUNDS[-1]


def steady(seconds: float, rate: int = 10) -> Counted:
    """What is counted after some seconds at a rate, of which one in five fails."""
    count = round(seconds * rate)
    return counted(
        requests("a", count - count // 5, 0, 0, 0),
        requests("a", 0, count // 5, 0, 0, status="503"),
        overhead=times(count, 0, 0),
    )


def test_a_steady_rate_is_the_same_over_all_spans() -> None:
    traffic = Traffic(1000.0)
    for step in range(1, 400):
        traffic.sample(1000 + step * INTERVAL, steady(step * INTERVAL))
    now = 1000 + 400 * INTERVAL
    rates = traffic.rates(now, steady(400 * INTERVAL))
    assert list(rates) == ["1m", "5m", "15m"]
    for rate in rates.values():
        assert rate["requests_per_second"] == pytest.approx(10)
        assert rate["error_rate"] == pytest.approx(0.2)


def test_each_span_sees_what_happened_in_it() -> None:
    traffic = Traffic(0.0)
    # 600 requests in the first 5 seconds, none after that.
    after = counted(requests("a", 600, 0, 0, 0))

    def seen(now: float) -> list[float]:
        return [rate["requests_per_second"] for rate in traffic.rates(now, after).values()]

    for step in range(1, KEPT + 20):
        traffic.sample(step * INTERVAL, after)
        now = step * INTERVAL
        expected = [0 if now > span else 600 / min(now, span) for span in (60, 300, 900)]
        assert seen(now) == pytest.approx(expected), now


def test_before_the_first_sample_the_start_counts() -> None:
    traffic = Traffic(50.0)
    assert traffic.history() == []
    assert traffic.rates(52.0, counted(requests("a", 6, 0, 0, 0)))["1m"] == {
        "requests_per_second": 3,
        "error_rate": 0,
    }
    assert traffic.rates(50.0, counted(requests("a", 6, 0, 0, 0)))["15m"] == {
        "requests_per_second": 0,
        "error_rate": 0,
    }
    assert traffic.rates(52.0, counted())["5m"] == {"requests_per_second": 0, "error_rate": None}


def test_routes_are_told_apart_and_may_come_later() -> None:
    traffic = Traffic(0.0)
    traffic.sample(5.0, counted(requests("a", 10, 0, 0, 0)))
    now = counted(
        requests("a", 10, 0, 0, 0),
        requests("b", 0, 3, 0, 0, method="POST"),
        requests("b", 0, 1, 0, 0, method="POST", status="500"),
        requests("b", 0, 0, 1, 0, status="404"),
        requests("", 2, 0, 0, 0, status="404"),
    )
    traffic.sample(10.0, now)
    routes = traffic.routes(65.0, now)
    assert set(routes) == {"a", "b", ""}
    assert (routes["a"].requests, routes["a"].errors) == (10, 0)
    assert routes["a"].rates["1m"] == {"requests_per_second": 0, "error_rate": None}
    assert routes["a"].rates["5m"]["requests_per_second"] == pytest.approx(10 / 65)
    assert (routes["b"].requests, routes["b"].errors) == (5, 1)
    assert routes["b"].rates["1m"]["requests_per_second"] == pytest.approx(5 / 60)
    assert routes["b"].rates["1m"]["error_rate"] == pytest.approx(0.2)
    assert routes[""].errors == 0


def test_the_history_tells_what_happened_between_samples() -> None:
    traffic = Traffic(100.0)
    first = counted(
        requests("a", 90, 0, 0, 0),
        requests("a", 0, 10, 0, 0, status="502"),
        overhead=times(100, 0, 0),
    )
    traffic.sample(110.0, first)
    second = counted(
        requests("a", 90, 0, 0, 0),
        requests("a", 0, 10, 0, 0, status="502"),
        requests("a", 0, 0, 10, 10, status="404"),
        overhead=times(100, 20, 0),
    )
    traffic.sample(120.0, second)
    traffic.sample(130.0, second)
    one, two, three = traffic.history()
    assert one[:4] == (110, 10, 1, 0)
    assert one.p50 == pytest.approx(0.001 * 50 / 90)
    assert one.p99 == pytest.approx(0.001 + 0.009 * 0.9)
    assert one.overhead_p50 == pytest.approx(0.000025)
    assert two[:4] == (120, 2, 0, 2)
    assert two.p50 == pytest.approx(0.1)
    assert two.p99 == 0.1
    assert two.overhead_p50 == pytest.approx(0.000075)
    assert three == (130, 0, 0, 0, None, None, None, None)


def test_a_clock_that_stands_still_gives_no_sample() -> None:
    traffic = Traffic(0.0)
    traffic.sample(0.0, steady(1))
    assert traffic.history() == []


def test_memory_is_bounded() -> None:
    traffic = Traffic(0.0)
    for step in range(1, 2 * KEPT):
        traffic.sample(step * INTERVAL, steady(step))
    history = traffic.history()
    assert len(history) == KEPT - 1
    assert history[-1].at - history[0].at == pytest.approx(900 - INTERVAL)
    assert len(traffic._samples) == KEPT
