"""The histogram beside a sorted list of what it was told."""

from __future__ import annotations

import itertools
import math
from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pygateway.bench.histogram import HIGHEST, Histogram
from tests.bench.properties import patient

# From a nanosecond on, as many small as large ones.
VALUES = st.integers(0, 41).flatmap(lambda bits: st.integers(0, min(2**bits, HIGHEST)))
PERCENTS = st.fractions(Fraction(1, 1000), 100, max_denominator=1000)


def recorded(values: list[int]) -> Histogram:
    histogram = Histogram()
    for value in values:
        histogram.record(value)
    return histogram


def exact(values: list[int], percent: Fraction) -> int:
    """The least value that so many of a hundred do not exceed."""
    return sorted(values)[math.ceil(percent * len(values) / 100) - 1]


@patient
@given(st.lists(VALUES, min_size=1, max_size=300), PERCENTS)
def test_a_percentile_is_a_thousandth_too_much_at_most(
    values: list[int], percent: Fraction
) -> None:
    found, right = recorded(values).percentile(percent), exact(values, percent)
    assert right <= found <= right + right // 1000


@patient
@given(st.lists(VALUES, min_size=1, max_size=300))
def test_extremes_sum_and_mean_are_exact(values: list[int]) -> None:
    histogram = recorded(values)
    assert (histogram.lowest, histogram.highest) == (min(values), max(values))
    assert (histogram.count, histogram.total) == (len(values), sum(values))
    assert histogram.mean() == pytest.approx(sum(values) / len(values))
    assert histogram.percentile(Fraction(100)) == max(values)


@patient
@given(st.lists(VALUES, max_size=200), st.lists(VALUES, max_size=200))
def test_to_add_is_to_record_both(some: list[int], others: list[int]) -> None:
    added, together = recorded(some), recorded(some + others)
    added.add(recorded(others))
    assert list(added.buckets()) == list(together.buckets())
    assert (added.lowest, added.highest) == (together.lowest, together.highest)
    assert (added.count, added.total) == (together.count, together.total)


@patient
@given(VALUES)
def test_every_value_is_within_its_bucket(value: int) -> None:
    (bucket,) = recorded([value]).buckets()
    assert bucket.lowest <= value <= bucket.highest
    assert bucket.highest - bucket.lowest <= value // 1000


@patient
@given(st.lists(VALUES, max_size=100))
def test_buckets_ascend_without_overlap_and_hold_everything(values: list[int]) -> None:
    buckets = list(recorded(values).buckets())
    assert sum(bucket.values for bucket in buckets) == len(values)
    for lower, upper in itertools.pairwise(buckets):
        assert lower.highest < upper.lowest


def test_buckets_leave_no_gap() -> None:
    for edge in range(11, 41):
        for value in (2**edge - 1, 2**edge, 2**edge + 1):
            (low,) = recorded([value]).buckets()
            (high,) = recorded([low.highest + 1]).buckets()
            assert high.lowest == low.highest + 1


def test_999_of_1000_is_the_999th() -> None:
    """As floats, 99.9 / 100 * 1000 is a little more than 999."""
    histogram = recorded([1] * 999 + [1000])
    assert histogram.percentile(Fraction("99.9")) == 1
    assert histogram.percentile(Fraction("99.91")) == 1000


def test_an_empty_one_has_nothing() -> None:
    histogram = Histogram()
    assert (histogram.percentile(Fraction(50)), histogram.mean(), histogram.highest) == (0, 0, 0)
    assert list(histogram.buckets()) == []


def test_more_than_an_hour_is_an_hour_or_more() -> None:
    histogram = recorded([HIGHEST * 5, 7])
    assert histogram.highest == HIGHEST * 5
    assert HIGHEST <= histogram.percentile(Fraction(99)) <= HIGHEST * 1.001
    assert histogram.percentile(Fraction(50)) == 7
