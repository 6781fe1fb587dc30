"""Bounds how many questions to one service are under way at a time."""

from __future__ import annotations

import asyncio
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING

from pygateway.auth.outcome import Unavailable

if TYPE_CHECKING:
    from collections.abc import AsyncIterator


class Turns:
    """Places for those who ask; the others wait, and give up after a while.

    A wait for the gateway itself says nothing of the service: a crowd of strangers must not make a
    healthy service look broken.

    Args:
        at_once: How many may ask at a time.
        patience: Seconds that the others wait.
    """

    def __init__(self, at_once: int, patience: float) -> None:
        self._places = asyncio.Semaphore(at_once)
        self._patience = patience

    @asynccontextmanager
    async def turn(self) -> AsyncIterator[None]:
        """Hold a place.

        Raises:
            Unavailable: None became free in time.
        """
        if self._places.locked():
            try:
                async with asyncio.timeout(self._patience):
                    await self._places.acquire()
            except TimeoutError:
                raise Unavailable("too many ask at a time", doubtful=True) from None
        else:
            await self._places.acquire()
        try:
            yield
        finally:
            self._places.release()
