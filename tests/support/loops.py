"""Runs a coroutine of a test on the kind of loop that workers have."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine
from typing import Any, TypeVar

import uvloop

from tests.support.patience import PATIENCE

Result = TypeVar("Result")


def run(coroutine: Coroutine[Any, Any, Result]) -> Result:
    """Give what the coroutine gives; complaints of the loop, and tasks left over, are failures."""
    complaints: list[dict[str, Any]] = []

    async def watched() -> Result:
        loop = asyncio.get_running_loop()
        loop.set_exception_handler(lambda _, context: complaints.append(context))
        async with asyncio.timeout(PATIENCE * 3):
            result = await coroutine
        for _ in range(4):
            await asyncio.sleep(0)
        left = asyncio.all_tasks() - {asyncio.current_task()}
        assert not left, f"left over: {left}"
        return result

    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        result = runner.run(watched())
    assert not complaints, complaints
    return result


async def in_thread(function: Any, *arguments: Any) -> Any:  # noqa: ANN401 - whatever it takes
    """Wait for something that blocks, and let the loop go on meanwhile."""
    return await asyncio.get_running_loop().run_in_executor(None, function, *arguments)


async def until(true: Callable[[], object]) -> None:
    """Return once something is true; `run` gives up on what never is."""
    while not true():  # noqa: ASYNC110 - what is looked at knows of no test
        await asyncio.sleep(0.001)
