from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pygateway.config.units import (
    format_duration,
    format_size,
    parse_duration,
    parse_size,
)
from tests.config.configurations import PATIENT
from tests.config.reading import problem_of, read


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("0", 0.0),
        ("15", 15.0),
        ("0.25", 0.25),
        ("50ms", 0.05),
        ("10s", 10.0),
        ("1.5s", 1.5),
        ("2m", 120.0),
        ("1h30m", 5400.0),
        ("1d12h", 129600.0),
        ("1m500ms", 60.5),
        (" 3s ", 3.0),
    ],
)
def test_durations(text: str, seconds: float) -> None:
    assert parse_duration(text) == seconds


@pytest.mark.parametrize(
    "text", ["", "s", "-1s", "1 s", "1x", "1s1h", "1s1s", "nan", "inf", "1e3", "1_0s", "٣s", "1.s"]
)
def test_what_is_no_duration(text: str) -> None:
    with pytest.raises(ValueError, match="duration"):
        parse_duration(text)


@pytest.mark.parametrize(
    ("text", "size"),
    [
        ("0", 0),
        ("1024", 1024),
        ("1B", 1),
        ("32KiB", 32768),
        ("32 kib", 32768),
        ("16MiB", 16 * 1024**2),
        ("1GB", 10**9),
        ("1.5GiB", 3 * 2**29),
        ("2TiB", 2**41),
    ],
)
def test_sizes(text: str, size: int) -> None:
    assert parse_size(text) == size


@pytest.mark.parametrize("text", ["", "KiB", "-1", "1K", "16m", "0.5B", "1.5", "1 apples", "1KiBB"])
def test_what_is_no_size(text: str) -> None:
    with pytest.raises(ValueError, match="not"):
        parse_size(text)


@pytest.mark.parametrize(
    ("seconds", "text"),
    [(0.0, "0s"), (0.05, "50ms"), (60.0, "1m"), (5400.0, "1h30m"), (1.5, "1s500ms")],
)
def test_durations_are_written_the_short_way(seconds: float, text: str) -> None:
    assert format_duration(seconds) == text


@given(st.integers(min_value=0, max_value=10**10))
@settings(PATIENT)
def test_written_durations_read_back(milliseconds: int) -> None:
    seconds = milliseconds / 1000
    assert parse_duration(format_duration(seconds)) == seconds


def test_durations_under_a_millisecond_are_written_in_seconds() -> None:
    assert format_duration(0.0005) == "0.0005s"


@given(st.integers(min_value=0, max_value=2**50))
@settings(PATIENT)
def test_written_sizes_read_back(size: int) -> None:
    assert parse_size(format_size(size)) == size


def test_a_duration_beyond_its_range_names_the_range() -> None:
    problem = problem_of("timeouts: {connect: 2m}")
    assert (problem.code, problem.message) == ("out-of-range", "must be from 10ms to 1m")


def test_a_size_beyond_its_range_names_the_range_and_the_zero() -> None:
    problem = problem_of("limits: {body_bytes: 2TiB}")
    assert problem.message == "must be from 1B to 1TiB, or 0 for no limit"


def test_zero_is_no_limit_where_that_is_documented() -> None:
    assert read("limits: {body_bytes: 0}").limits.body_bytes == 0
    assert problem_of("limits: {target_bytes: 0}").code == "out-of-range"


@pytest.mark.parametrize(
    ("settings", "code"),
    [
        ("timeouts: {connect: soon}", "bad-duration"),
        ("timeouts: {connect: [1s]}", "bad-duration"),
        ("timeouts: {connect: true}", "bad-duration"),
        ("limits: {body_bytes: big}", "bad-size"),
        ("limits: {body_bytes: 1.5}", "bad-size"),
    ],
)
def test_what_cannot_be_read_names_the_units(settings: str, code: str) -> None:
    problem = problem_of(settings)
    assert problem.code == code
    assert {"s", "KiB"} & set(problem.allowed)
