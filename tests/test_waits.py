from __future__ import annotations

from pygateway.waits import CONNECT, LIMIT, VERIFY, Waits


def test_waits_add_up_by_what_for() -> None:
    waits = Waits()
    waits.begin(VERIFY, 10.0)
    waits.begin(LIMIT, 11.0)
    waits.end(13.0)
    waits.begin(VERIFY, 20.0)
    waits.end(20.5)
    assert waits.totals() == (0.0, 1.5, 2.0, 0.0, 0.0)
    assert waits.spell(VERIFY) == (10.0, 1.5)
    assert waits.spell(LIMIT) == (11.0, 2.0)
    assert waits.spell(CONNECT) is None


def test_an_end_without_a_beginning_changes_nothing() -> None:
    waits = Waits()
    waits.end(5.0)
    waits.begin(CONNECT, 6.0)
    waits.end(7.0)
    waits.end(9.0)
    assert waits.totals() == (0.0, 0.0, 0.0, 1.0, 0.0)


def test_a_clock_that_stands_still_counts_nothing() -> None:
    waits = Waits()
    waits.begin(CONNECT, 6.0)
    waits.end(5.0)
    assert waits.seconds[CONNECT] == 0.0
