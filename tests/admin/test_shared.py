from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable

import pytest

from pygateway.admin.shared import Shared
from tests.support.patience import PATIENCE


class Oracle:
    """Counts how often it was asked, and answers when it is let."""

    def __init__(self) -> None:
        self.asked = 0
        self.failure: Exception | None = None
        self.may_answer = asyncio.Event()
        self.may_answer.set()
        self.now = 0.0

    async def __call__(self) -> int:
        self.asked += 1
        await self.may_answer.wait()
        if self.failure is not None:
            raise self.failure
        return self.asked

    def clock(self) -> float:
        return self.now


def run(scenario: Callable[[Oracle, Shared[int]], Awaitable[None]]) -> None:
    async def bounded() -> None:
        oracle = Oracle()
        async with asyncio.timeout(PATIENCE):
            await scenario(oracle, Shared(oracle, 1.0, oracle.clock))

    asyncio.run(bounded())


def test_an_answer_holds_for_a_while() -> None:
    async def scenario(oracle: Oracle, shared: Shared[int]) -> None:
        assert [await shared.get() for _ in range(3)] == [1, 1, 1]
        oracle.now = 0.99
        assert await shared.get() == 1
        oracle.now = 1.0
        assert await shared.get() == 2

    run(scenario)


def test_all_who_ask_meanwhile_get_the_same_answer() -> None:
    async def scenario(oracle: Oracle, shared: Shared[int]) -> None:
        oracle.may_answer.clear()
        asking = [asyncio.create_task(shared.get()) for _ in range(10)]
        await asyncio.sleep(0)
        asking[0].cancel()
        oracle.may_answer.set()
        answers = await asyncio.gather(*asking, return_exceptions=True)
        assert isinstance(answers[0], asyncio.CancelledError)
        assert answers[1:] == [1] * 9
        assert oracle.asked == 1

    run(scenario)


def test_a_failure_is_everybodys_and_not_remembered() -> None:
    async def scenario(oracle: Oracle, shared: Shared[int]) -> None:
        oracle.failure = RuntimeError("broken")
        with pytest.raises(RuntimeError):
            await shared.get()
        oracle.failure = None
        assert await shared.get() == 2

    run(scenario)
