"""Looks every few seconds at what was counted, for as long as somebody may ask about it."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from time import monotonic

from pygateway.admin.counted import Counted
from pygateway.supervisor.traffic import INTERVAL, Traffic
from pygateway.telemetry import get_logger


class Sampling:
    """Feeds `traffic`.

    Args:
        read: Gives what was counted.
        interval: Seconds between two looks.

    Attributes:
        traffic: What was seen.
    """

    def __init__(self, read: Callable[[], Awaitable[Counted]], interval: float = INTERVAL) -> None:
        self.traffic = Traffic(monotonic())
        self._read = read
        self._interval = interval
        self._task: asyncio.Task[None] | None = None

    def start(self) -> None:
        """Begin; once begun, this changes nothing."""
        if self._task is None:
            self._task = asyncio.create_task(self._run())

    async def close(self) -> None:
        """End."""
        if self._task is not None:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)

    async def _run(self) -> None:
        loop = asyncio.get_running_loop()
        due = loop.time()
        while True:
            # What the looks themselves take does not add up.
            due = max(due + self._interval, loop.time())
            await asyncio.sleep(due - loop.time())
            try:
                counted = await self._read()
                self.traffic.sample(monotonic(), counted)
            except Exception:
                get_logger().exception("internal error")
