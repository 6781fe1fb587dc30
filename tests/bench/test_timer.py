from __future__ import annotations

import asyncio
import os
import time

from pygateway.bench.arrivals import NEVER
from pygateway.bench.timer import Timer
from tests.support.loops import run


def test_wakes_when_asked_to_and_never_before() -> None:
    async def story() -> list[int]:
        late: list[int] = []
        woken = asyncio.Event()
        due = 0

        def wake() -> None:
            late.append(time.monotonic_ns() - due)
            timer.at(NEVER)
            woken.set()

        timer = Timer(asyncio.get_running_loop(), wake)
        for distance in (0, 200_000, 3_000_000, 20_000_000):
            due = time.monotonic_ns() + distance
            timer.at(due)
            await woken.wait()
            woken.clear()
        timer.close()
        return late

    late = run(story())
    assert len(late) == 4
    assert min(late) >= 0


def test_a_time_that_has_passed_wakes_at_once_and_only_once() -> None:
    async def story() -> int:
        wakes = 0

        def wake() -> None:
            nonlocal wakes
            wakes += 1
            timer.at(NEVER)
            woken.set()

        woken = asyncio.Event()
        timer = Timer(asyncio.get_running_loop(), wake)
        timer.at(0)
        await woken.wait()
        for _ in range(10):
            await asyncio.sleep(0)
        timer.close()
        return wakes

    assert run(story()) == 1


def test_leaves_no_descriptor() -> None:
    async def story() -> tuple[int, int]:
        before = len(os.listdir("/proc/self/fd"))
        for _ in range(5):
            Timer(asyncio.get_running_loop(), lambda: None).close()
        return before, len(os.listdir("/proc/self/fd"))

    before, after = run(story())
    assert before == after
