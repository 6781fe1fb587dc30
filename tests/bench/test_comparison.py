from __future__ import annotations

import itertools
import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pygateway.bench.comparison import chance, change
from tests.bench.properties import patient

ROUND = st.integers(1, 20).map(float)
ROUNDS = st.lists(ROUND, min_size=1, max_size=5)


def counted_out(low: list[float], high: list[float]) -> float:
    """The chance by going through every way in which the same number of rounds can fall."""

    def pairs(some: tuple[int, ...], size: int) -> int:
        others = set(range(size)) - set(some)
        return sum(mine > theirs for mine in some for theirs in others)

    size = len(low) + len(high)
    seen = sum((b > a) + (a == b) / 2 for a in low for b in high)
    orders = list(itertools.combinations(range(size), len(high)))
    return sum(pairs(order, size) >= math.floor(seen) for order in orders) / len(orders)


@patient
@given(ROUNDS, ROUNDS)
def test_the_chance_is_that_of_all_orders(low: list[float], high: list[float]) -> None:
    assert chance(low, high) == pytest.approx(counted_out(low, high))


@pytest.mark.parametrize(("rounds", "expected"), [(1, 1 / 2), (3, 1 / 20), (5, 1 / 252)])
def test_rounds_that_are_wholly_apart(rounds: int, expected: float) -> None:
    low, high = [float(n) for n in range(rounds)], [float(n + 100) for n in range(rounds)]
    assert chance(low, high) == pytest.approx(expected)
    assert chance(high, low) == 1


def test_thirty_rounds_each_are_no_effort() -> None:
    low, high = [float(n) for n in range(30)], [n + 0.5 for n in range(30)]
    assert 0.3 < chance(low, high) < 0.5


def test_worse_and_apart_is_a_regression() -> None:
    found = change("p99", [1.0, 1.1, 1.2], [1.5, 1.4, 1.6], 0.1)
    assert found.regressed
    assert found.worse == pytest.approx(1.5 / 1.1 - 1)
    assert found.now == [1.4, 1.5, 1.6]


def test_worse_within_what_is_allowed_is_none() -> None:
    assert not change("p99", [1.0, 1.01, 1.02], [1.05, 1.06, 1.07], 0.1).regressed


def test_worse_within_the_spread_is_none() -> None:
    found = change("p99", [1.0, 1.0, 3.0, 1.0, 5.0], [1.0, 1.5, 1.6, 4.0, 1.0], 0.1)
    assert found.worse > 0.1
    assert not found.regressed


def test_one_bad_round_of_the_baseline_hides_nothing() -> None:
    before = [1.0, 1.1, 9.0, 1.2, 1.0, 1.1, 1.3]
    assert change("p50", before, [2.0, 2.1, 2.2, 2.0, 2.3, 2.4, 2.1], 0.1).regressed


def test_of_a_rate_more_is_better() -> None:
    assert change("rate", [100.0, 101.0, 102.0], [80.0, 81.0, 82.0], 0.1).regressed
    assert not change("rate", [80.0, 81.0, 82.0], [100.0, 101.0, 102.0], 0.1).regressed


def test_nothing_is_worse_than_nothing() -> None:
    assert not change("rate", [0.0] * 3, [0.0] * 3, 0.1).regressed
