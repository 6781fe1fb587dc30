from __future__ import annotations

import asyncio
import time

from benches.pace import Pace
from tests.support.patience import PATIENCE


def calls(*delays: float) -> list[tuple[float, float]]:
    """Make calls due after so many seconds; gives when each was due and when it came, in order."""

    async def run() -> list[tuple[float, float]]:
        pace = Pace()
        came: list[tuple[float, float]] = []
        everything = asyncio.Event()

        def call(due: float) -> None:
            came.append((due, time.perf_counter()))
            if len(came) == len(delays):
                everything.set()

        start = time.perf_counter()
        for delay in delays:
            due = start + delay
            pace.at(due, lambda due=due: call(due))  # type: ignore[misc]
        await asyncio.wait_for(everything.wait(), PATIENCE)
        pace.close()
        return came

    return asyncio.run(run())


def test_calls_come_in_the_order_in_which_they_are_due() -> None:
    came = calls(0.003, 0.001, 0.002)
    assert [due for due, _ in came] == sorted(due for due, _ in came)


def test_no_call_comes_before_it_is_due() -> None:
    assert all(at >= due for due, at in calls(0.0004, 0.0009, 0.0013, 0.0061))


def test_what_was_due_before_comes_as_well() -> None:
    assert len(calls(-5, -1, 0)) == 3
