from __future__ import annotations

import pytest

from benches.peers.figures import Spread, Turn, added, order, ratios, slope, slowest


def turn(total: float, requests: int = 1000, seconds: float = 1.0, user: float = 0.0) -> Turn:
    return Turn(requests, seconds, total, user)


def test_a_turns_figures() -> None:
    found = Turn(requests=50_000, seconds=2.0, total=1.5, user=0.5)
    assert found.cost == pytest.approx(30)
    assert found.user_cost == pytest.approx(10)
    assert found.rate == 25_000
    assert found.busy == 0.75


def test_turns_go_forwards_and_then_backwards() -> None:
    names = ["a", "b", "c"]
    assert "".join(name for number in range(4) for name in order(names, number)) == "abccbaabccba"


def test_a_drift_between_rounds_is_not_in_a_ratio() -> None:
    ours, theirs = [turn(0.02), turn(0.04), turn(0.10)], [turn(0.01), turn(0.02), turn(0.05)]
    assert ratios(ours, theirs) == pytest.approx(Spread(2, 2, 2))


def test_the_median_is_of_the_ratios_and_no_ratio_of_medians() -> None:
    ours, theirs = [turn(3), turn(4), turn(5)], [turn(1), turn(4), turn(2)]
    assert ratios(ours, theirs) == pytest.approx(Spread(2.5, 1, 3))


def test_rounds_that_do_not_match_are_refused() -> None:
    with pytest.raises(ValueError, match="argument"):
        ratios([turn(1)], [turn(1), turn(2)])


def test_the_slowest_is_found_by_its_median_rate() -> None:
    quick = [turn(1, requests=each) for each in (100, 900, 1000)]
    slow = [turn(1, requests=each) for each in (700, 800, 900)]
    assert slowest({"quick": quick, "slow": slow}) == 800


def test_what_is_added_is_taken_in_each_round() -> None:
    direct = [
        {"p50_ms": 1.0, "p99_ms": 2.0, "p999_ms": 9.0},
        {"p50_ms": 2.0, "p99_ms": 4.0, "p999_ms": 1.0},
    ]
    times = [
        {"p50_ms": 1.5, "p99_ms": 3.0, "p999_ms": 8.0},
        {"p50_ms": 2.5, "p99_ms": 6.0, "p999_ms": 5.0},
    ]
    found = added(times, direct)
    assert found["p50_ms"] == Spread(0.5, 0.5, 0.5)
    assert found["p99_ms"] == Spread(1.5, 1.0, 2.0)
    assert found["p999_ms"] == Spread(1.5, -1.0, 4.0)


def test_a_slope_is_what_each_further_thing_costs() -> None:
    few, many = [turn(0.01), turn(0.02)], [turn(0.015), turn(0.035)]
    assert slope(few, many, 10) == pytest.approx(Spread(1.0, 0.5, 1.5))
