from __future__ import annotations

import itertools
import statistics

from hypothesis import given
from hypothesis import strategies as st

from pygateway.bench.arrivals import fixed, poisson
from tests.bench.properties import patient


@patient
@given(st.floats(0.1, 5000), st.floats(0.1, 10), st.integers(0, 2**40))
def test_fixed_times_are_as_many_as_asked_for_and_do_not_drift(
    rate: float, seconds: float, start: int
) -> None:
    times = list(fixed(start, rate, seconds))
    assert len(times) == max(1, round(rate * seconds))
    assert times[0] == start
    last = len(times) - 1
    assert abs(times[-1] - start - last * 1e9 / rate) <= 1 + last * 1e-3
    assert all(later > earlier for earlier, later in itertools.pairwise(times))


def test_random_times_are_those_of_a_poisson_process() -> None:
    times = list(poisson(0, 1000, 20, "1/0"))
    assert all(0 < time < 20e9 for time in times)
    assert times == sorted(times)
    # 20,000 on average with a deviation of 141.
    assert 19_000 < len(times) < 21_000
    gaps = [later - earlier for earlier, later in itertools.pairwise(times)]
    # Distances of an exponential distribution deviate by their mean.
    assert 0.95 < statistics.stdev(gaps) / statistics.mean(gaps) < 1.05


def test_random_times_are_the_same_for_the_same_seed() -> None:
    assert list(poisson(5, 100, 2, "1/0")) == list(poisson(5, 100, 2, "1/0"))
    assert list(poisson(5, 100, 2, "1/0")) != list(poisson(5, 100, 2, "1/1"))
