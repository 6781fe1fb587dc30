"""Traces: sampled requests on their way to a collector, by a thread of their own.

    exchange ──record──> queue (bounded) ──> thread: spans, OTLP over HTTP ──> collector
                           │ full                            │ refused, late, away
                           └── dropped, counted              └── failed, counted

A request costs the event loop one append. The thread exports what waits every second, or as soon
as a batch does. Whatever the collector does, an export has an end; what it did not take is lost and
counted rather than kept, and the log says once that this begins and once that it is over.

OpenTelemetry takes its time to import, and is, with the modules that use it, only where somebody
has configured tracing.
"""

from __future__ import annotations

import asyncio
import sys
import threading
from collections import deque
from time import monotonic
from typing import TYPE_CHECKING, Any, Protocol

from pygateway.telemetry.finished import Finished
from pygateway.telemetry.logging import get_logger

if TYPE_CHECKING:
    from collections.abc import Sequence

    from pygateway.config.model.tracing import Tracing

__all__ = ["Finished", "Tracer"]

INTERVAL = 1.0
"""Seconds between two exports, while no batch is full."""

BATCH = 512
"""Requests of one export, as OpenTelemetry's batch processors have it for spans."""

CALM = 5.0
"""Seconds without a loss until the log says that all is well again: a collector that is late now
and then does not fill it."""

SWITCH_INTERVAL = 0.0005
"""Seconds that the event loop waits at most for the thread to let it go on, which by default are
ten times as many. Encoding a batch takes longer than that."""

LAST_WORDS = 0.25
"""Seconds for an export that has been cut off to find that out."""

OVERFLOW = "more requests are traced than the collector takes"


class Export(Protocol):
    """Takes requests to the collector; see `pygateway.telemetry.collector.Collector`."""

    def send(self, finished: Sequence[Finished]) -> tuple[int, str | None]:
        """Export; give how many spans the collector has not taken, and why."""

    def hurry(self, until: float) -> None:
        """Give up at this time, of the monotonic clock, whatever is being done by then."""

    def close(self) -> None:
        """Let go of the collector; an export that is under way fails."""


class Tracer:
    """Takes what sampled requests were, and has it exported.

    Args:
        settings: Where spans go, and how many may wait.
        export: What takes them there; OpenTelemetry's exporter unless given.

    Raises:
        OSError: The file of authorities cannot be read.
    """

    def __init__(self, settings: Tracing, export: Export | None = None) -> None:
        if export is None:
            from pygateway.telemetry.collector import (  # noqa: PLC0415 - takes its time to import
                Collector,
            )

            export = Collector(settings)
        self._export = export
        self._endpoint = settings.endpoint.partition("?")[0]
        self._room = settings.queue
        self._enough = min(BATCH, settings.queue)
        self._queue: deque[Finished] = deque()
        self._in_flight = 0
        self._wake = threading.Event()
        self._ending = False
        self._thread = threading.Thread(target=self._run, name="tracing", daemon=True)
        # `_dropped` is counted by the event loop, the others by the thread.
        self._exported = self._failed = self._dropped = 0
        self._problem: str | None = None
        self._exported_before = 0
        self._lost_before = 0
        self._lost_at = 0.0

    def start(self) -> None:
        """Begin to export."""
        sys.setswitchinterval(SWITCH_INTERVAL)
        self._thread.start()

    def record(self, finished: Finished) -> None:
        """Take a request that has ended. Never waits, and never raises."""
        queue = self._queue
        if len(queue) >= self._room or self._ending:
            self._dropped += finished.span_count
            return
        queue.append(finished)
        if len(queue) == self._enough:
            self._wake.set()

    async def drain(self, deadline: float) -> None:
        """Export what waits, within `deadline` seconds; what comes later is lost."""
        self._ending = True
        self._export.hurry(monotonic() + deadline)
        self._wake.set()
        if self._thread.is_alive():
            await asyncio.to_thread(self._thread.join, deadline)
        self.close()
        if self._thread.is_alive():
            # What was not exported is counted now.
            await asyncio.to_thread(self._thread.join, LAST_WORDS)

    def close(self) -> None:
        """End at once, whatever waits; further calls do nothing."""
        self._ending = True
        self._wake.set()
        self._export.close()

    def statistics(self) -> dict[str, Any]:
        """Say how many spans were exported and lost, how many requests wait, and what is wrong.

        `dropped` found the queue full, `failed` did not get through to the collector. All of them
        are spans but for `queued`.
        """
        return {
            "exported": self._exported,
            "dropped": self._dropped,
            "failed": self._failed,
            "queued": len(self._queue) + self._in_flight,
            "problem": self._problem,
        }

    # --- in the thread ------------------------------------------------------------------------

    def _run(self) -> None:
        ending = False
        while not ending:
            self._wake.wait(INTERVAL)
            self._wake.clear()
            # Looked at first, so that what was taken before the end is exported.
            ending = self._ending
            self._export_what_waits(to_the_end=ending)
            self._note_losses(None)

    def _export_what_waits(self, *, to_the_end: bool) -> None:
        queue = self._queue
        while queue:
            batch = [queue.popleft() for _ in range(min(len(queue), BATCH))]
            self._in_flight = len(batch)
            spans = sum(finished.span_count for finished in batch)
            try:
                lost, problem = self._export.send(batch)
            except Exception as error:
                # A mistake of ours must not end the thread.
                get_logger().exception("internal error")
                lost, problem = spans, f"internal error: {type(error).__name__}"
            self._exported += spans - lost
            self._failed += lost
            self._in_flight = 0
            self._note_losses(problem)
            if len(queue) < BATCH and not to_the_end:
                break

    def _note_losses(self, problem: str | None) -> None:
        """Log that spans begin to be lost, and that they are not any more."""
        lost, now = self._failed + self._dropped, monotonic()
        if lost != self._lost_before:
            if self._problem is None:
                self._problem = problem or OVERFLOW
                get_logger().warning("spans are lost", detail=self._problem, to=self._endpoint)
            self._problem = problem or self._problem
            self._lost_before, self._lost_at = lost, now
            self._exported_before = self._exported
        elif (
            self._problem is not None
            and now - self._lost_at >= CALM
            # Where there is nothing to export, nobody knows.
            and self._exported > self._exported_before
        ):
            self._problem = None
            get_logger().info("spans are exported again", lost=lost, to=self._endpoint)
