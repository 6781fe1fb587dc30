"""Answers scrapes: beside the event loop, and one at a time.

Whoever asks while others are being answered gets what is measured next, together with all who have
asked meanwhile. So nobody gets what was measured before he has asked, and however many ask, one
thread at most is busy.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable

from pygateway.admin.measurements import Measurements
from pygateway.admin.metrics.exposition import Form, form_of, write


class Scraping:
    """Gives measurements to whoever asks.

    Args:
        measure: Gives what is measured now.
    """

    def __init__(self, measure: Callable[[], Awaitable[Measurements]]) -> None:
        self._measure = measure
        self._running: asyncio.Task[None] | None = None
        self._waiting: list[tuple[Form, asyncio.Future[bytes]]] = []

    async def answer(self, accept: str) -> tuple[bytes, str]:
        """Measure, and write it in the form that suits whoever asks.

        Args:
            accept: The request's Accept header fields, joined by commas; or nothing.

        Returns:
            The text, and its media type.
        """
        form = form_of(accept)
        text: asyncio.Future[bytes] = asyncio.get_running_loop().create_future()
        self._waiting.append((form, text))
        if self._running is None:
            self._running = asyncio.create_task(self._run())
        return await text, form.media_type

    async def _run(self) -> None:
        try:
            while self._waiting:
                waiting, self._waiting = self._waiting, []
                await self._serve(waiting)
        finally:
            self._running = None

    async def _serve(self, waiting: list[tuple[Form, asyncio.Future[bytes]]]) -> None:
        texts: dict[Form, bytes] = {}
        try:
            measurements = await self._measure()
            for form in {form for form, _ in waiting}:
                texts[form] = await asyncio.to_thread(write, measurements, form)
        except Exception as error:
            for _, text in waiting:
                if not text.done():
                    text.set_exception(error)
            return
        for form, text in waiting:
            # Who has gone meanwhile has cancelled it.
            if not text.done():
                text.set_result(texts[form])
