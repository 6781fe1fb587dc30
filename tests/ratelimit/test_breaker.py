from __future__ import annotations

import pytest

from pygateway.ratelimit.breaker import (
    FIRST_PAUSE,
    LONGEST_PAUSE,
    SILENCE,
    TOLERATED,
    Breaker,
    State,
)


def longest(_: float, high: float) -> float:
    """No jitter: always the longest pause."""
    return high


def closed(now: float = 100.0) -> Breaker:
    breaker = Breaker(longest)
    breaker.probe(now)
    breaker.answered()
    assert breaker.state is State.CLOSED
    return breaker


def test_it_is_open_until_a_first_probe_is_answered() -> None:
    breaker = Breaker()
    assert (breaker.state, breaker.retry_at) == (State.OPEN, float("-inf"))
    states = []
    for step in (breaker.answered, lambda: breaker.probe(1.0), breaker.answered):
        step()
        states.append(breaker.state)
    assert states == [State.OPEN, State.PROBING, State.CLOSED]


def test_failures_in_a_row_open_it() -> None:
    breaker = closed()
    for number in range(TOLERATED):
        assert breaker.state is State.CLOSED
        begun = 101.0 + number * 0.05
        breaker.failed(begun, begun + 0.05)
    assert breaker.state is State.OPEN
    assert breaker.retry_at == pytest.approx(101.05 + 0.05 * (TOLERATED - 1) + FIRST_PAUSE)


def test_an_answer_in_between_forgives_them() -> None:
    breaker = closed()
    for number in range(10 * TOLERATED):
        breaker.failed(101.0 + number, 101.05 + number)
        breaker.answered()
    assert breaker.state is State.CLOSED


def test_what_was_under_way_together_fails_once() -> None:
    breaker = closed()
    for number in range(100):
        breaker.failed(101.0 + number / 10_000, 101.05 + number / 10_000)
    assert breaker.state is State.CLOSED


def test_one_failure_is_enough_after_a_long_silence() -> None:
    breaker = closed()
    breaker.failed(101.0, 101.0 + SILENCE)
    assert breaker.state is State.OPEN


def test_rare_failures_in_a_row_open_it_sooner() -> None:
    breaker = closed()
    breaker.failed(101.0, 101.05)
    breaker.failed(102.0, 102.05)
    assert breaker.state is State.OPEN


def test_a_lost_connection_opens_it_at_once() -> None:
    breaker = closed()
    breaker.broke(101.0)
    assert breaker.state is State.OPEN
    assert breaker.retry_at == 101.0 + FIRST_PAUSE


def test_pauses_double_up_to_the_longest_and_begin_anew() -> None:
    breaker = closed(0.0)
    now, pauses = 0.0, []
    breaker.broke(now)
    for _ in range(8):
        pauses.append(breaker.retry_at - now)
        now = breaker.retry_at
        breaker.probe(now)
        breaker.failed(now, now)
    assert pauses == pytest.approx([0.05, 0.1, 0.2, 0.4, 0.8, 1.6, 2.0, 2.0])
    breaker.probe(now)
    breaker.answered()
    breaker.broke(now)
    assert breaker.retry_at - now == pytest.approx(FIRST_PAUSE)


def test_pauses_are_drawn() -> None:
    drawn: list[tuple[float, float]] = []

    def draw(low: float, high: float) -> float:
        drawn.append((low, high))
        return low

    breaker = Breaker(draw)
    for _ in range(10):
        breaker.broke(0.0)
    assert breaker.retry_at == FIRST_PAUSE
    assert drawn[0] == (FIRST_PAUSE, FIRST_PAUSE)
    assert drawn[-1] == (FIRST_PAUSE, LONGEST_PAUSE)


def test_one_failed_probe_opens_it_again() -> None:
    breaker = Breaker(longest)
    breaker.probe(5.0)
    breaker.failed(5.0, 5.05)
    assert (breaker.state, breaker.retry_at) == (State.OPEN, 5.05 + FIRST_PAUSE)


def test_what_was_sent_before_the_probe_does_not_fail_it() -> None:
    breaker = Breaker(longest)
    breaker.probe(5.0)
    breaker.failed(4.99, 5.04)
    assert breaker.state is State.PROBING


def test_while_it_is_open_failures_change_nothing() -> None:
    breaker = closed()
    breaker.broke(101.0)
    until = breaker.retry_at
    for number in range(100):
        breaker.failed(102.0 + number, 103.0 + number)
    assert (breaker.state, breaker.retry_at) == (State.OPEN, until)
