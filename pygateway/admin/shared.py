"""One answer for all who ask at about the same time."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from time import monotonic
from typing import Generic, TypeVar

Answer = TypeVar("Answer")


class Shared(Generic[Answer]):
    """Remembers an answer for a moment; whoever asks while it is found out waits for the same one.

    Args:
        find_out: Finds the answer.
        lasts: Seconds for which it holds.
        clock: Gives seconds.
    """

    def __init__(
        self,
        find_out: Callable[[], Awaitable[Answer]],
        lasts: float,
        clock: Callable[[], float] = monotonic,
    ) -> None:
        self._find_out = find_out
        self._lasts = lasts
        self._clock = clock
        self._until = float("-inf")
        self._finding: asyncio.Future[Answer] | None = None

    async def get(self) -> Answer:
        """Give the answer."""
        finding = self._finding
        if finding is None or (finding.done() and self._is_over(finding)):
            finding = self._finding = asyncio.ensure_future(self._find())
        # One who gives up must not take it from the others.
        return await asyncio.shield(finding)

    def _is_over(self, finding: asyncio.Future[Answer]) -> bool:
        return (
            finding.cancelled() or finding.exception() is not None or self._clock() >= self._until
        )

    async def _find(self) -> Answer:
        answer = await self._find_out()
        self._until = self._clock() + self._lasts
        return answer
