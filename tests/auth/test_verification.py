"""The queue alone: order, share of a turn, bounds; what it verifies does not matter to it."""

from __future__ import annotations

import asyncio
import itertools
from time import perf_counter
from typing import Any

import structlog

from pygateway.auth.verification import BUDGET, VerificationQueue
from tests.support.loops import run, until


class Waiter:
    """As much of an exchange as the queue looks at."""

    def __init__(self) -> None:
        self.finished = False
        self.decision = None
        self.story = self
        self.crashed: list[object] = []

    def crash(self, exchange: object) -> None:
        self.crashed.append(exchange)


def quick(unverified: Any) -> Any:  # noqa: ANN401 - whatever was queued
    return unverified


def slow(unverified: Any) -> Any:  # noqa: ANN401 - whatever was queued
    """Take more than a turn's share."""
    end = perf_counter() + BUDGET * 1.5
    while perf_counter() < end:
        pass
    return unverified


def queue(verify: Any, most: int = 100) -> VerificationQueue:  # noqa: ANN401
    return VerificationQueue(asyncio.get_running_loop(), verify, most)


def test_verdicts_come_in_order_and_not_at_once() -> None:
    async def body() -> None:
        waiting = queue(quick)
        verdicts: list[Any] = []
        for number in range(5):
            waiter: Any = Waiter()
            assert waiting.submit(waiter, number, lambda *_: verdicts.append(_[2]))  # type: ignore[arg-type]
        assert verdicts == []
        assert len(waiting) == 5
        await until(lambda: len(verdicts) == 5)
        assert verdicts == [0, 1, 2, 3, 4]
        assert len(waiting) == 0

    run(body())


def test_others_have_their_turn_between_verifications() -> None:
    async def body() -> None:
        waiting = queue(slow)
        story: list[str] = []

        async def other() -> None:
            while len(waiting):
                story.append("other")
                await asyncio.sleep(0)

        for _ in range(5):
            waiter: Any = Waiter()
            waiting.submit(waiter, None, lambda *_: story.append("verdict"))  # type: ignore[arg-type]
        await other()
        await until(lambda: story.count("verdict") == 5)
        for one, next_one in itertools.pairwise(story):
            assert (one, next_one) != ("verdict", "verdict")

    run(body())


def test_nothing_is_done_for_those_who_have_gone() -> None:
    async def body() -> None:
        judged: list[object] = []
        waiting = queue(judged.append)
        gone: Any = Waiter()
        here: Any = Waiter()
        done: list[object] = []
        for who in (gone, here, gone):
            waiting.submit(who, id(who), lambda *_: done.append(_[0]))  # type: ignore[arg-type]
        gone.finished = True
        await until(lambda: done)
        assert done == [here]
        assert judged == [id(here)]

    run(body())


def test_a_full_queue_takes_no_more() -> None:
    async def body() -> None:
        waiting = queue(quick, most=2)
        waiter: Any = Waiter()
        verdicts: list[Any] = []

        def submit() -> bool:
            return waiting.submit(waiter, 1, lambda *_: verdicts.append(_))  # type: ignore[arg-type]

        assert [submit() for _ in range(4)] == [True, True, False, False]
        assert waiting.refused == 2
        await until(lambda: len(verdicts) == 2)
        assert submit()
        await until(lambda: len(verdicts) == 3)

    run(body())


def test_a_panic_costs_one_request() -> None:
    class Panic(BaseException):
        """As a panic of native code arrives: not an Exception."""

    def verify(unverified: Any) -> Any:  # noqa: ANN401
        if unverified == "panic":
            raise Panic
        return unverified

    async def body() -> None:
        waiting = queue(verify)
        waiters: list[Any] = [Waiter(), Waiter()]
        verdicts: list[Any] = []
        for waiter, what in zip(waiters, ("panic", "fine"), strict=True):
            waiting.submit(waiter, what, lambda *_: verdicts.append(_[2]))  # type: ignore[arg-type]
        await until(lambda: verdicts)
        assert verdicts == ["fine"]
        assert [waiter.crashed for waiter in waiters] == [[waiters[0]], []]

    with structlog.testing.capture_logs() as logs:
        run(body())
    assert [line["event"] for line in logs] == ["verification failed"]


def test_after_the_end_nobody_gets_a_verdict() -> None:
    async def body() -> None:
        waiting = queue(quick)
        waiter: Any = Waiter()
        verdicts: list[Any] = []
        waiting.submit(waiter, 1, lambda *_: verdicts.append(_))  # type: ignore[arg-type]
        waiting.close()
        for _ in range(3):
            await asyncio.sleep(0)
        assert verdicts == []

    run(body())
