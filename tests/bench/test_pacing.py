from __future__ import annotations

from functools import partial

from hypothesis import given
from hypothesis import strategies as st

from pygateway.bench.arrivals import NEVER, fixed, poisson
from pygateway.bench.histogram import Histogram
from pygateway.bench.pacing import ClosedPacing, OpenPacing
from tests.bench.properties import patient


def test_what_is_due_waits_until_it_is_taken() -> None:
    lag = Histogram()
    pacing = OpenPacing(partial(fixed, 1000, 1e9 / 100, 4e-7), lag)
    assert (pacing.next, pacing.oldest, pacing.waiting) == (1000, 1000, 0)
    pacing.advance(999)
    assert pacing.waiting == 0
    pacing.advance(1105)
    assert (pacing.waiting, pacing.next, pacing.oldest) == (2, 1200, 1000)
    assert (lag.count, lag.lowest, lag.highest) == (2, 5, 105)
    assert pacing.take(1105) == 1000
    assert (pacing.waiting, pacing.oldest) == (1, 1100)
    pacing.advance(5000)
    assert (pacing.waiting, pacing.next) == (3, NEVER)
    assert [pacing.take(5000) for _ in range(3)] == [1100, 1200, 1300]
    assert (pacing.waiting, lag.count) == (0, 4)


@patient
@given(st.lists(st.tuples(st.integers(1, 10**8), st.integers(0, 50)), max_size=60))
def test_nothing_is_lost_and_nothing_comes_before_its_time(
    steps: list[tuple[int, int]],
) -> None:
    arrivals = partial(poisson, 0, 200, 2.0, "x")
    pacing, due, now = OpenPacing(arrivals, Histogram()), list(arrivals()), 0
    taken = []
    for advance, take in steps:
        now += advance
        pacing.advance(now)
        for _ in range(min(take, pacing.waiting)):
            taken.append(pacing.take(now))
            assert taken[-1] <= now
    assert taken == due[: len(taken)]
    pacing.advance(NEVER - 1)
    assert len(taken) + pacing.waiting == len(due)


def test_a_closed_loop_is_due_whenever_there_is_a_connection_until_its_end() -> None:
    pacing = ClosedPacing(100)
    assert pacing.waiting
    assert pacing.take(7) == 7
    pacing.advance(99)
    assert (pacing.next, bool(pacing.waiting)) == (100, True)
    pacing.advance(100)
    assert (pacing.next, pacing.waiting) == (NEVER, 0)
