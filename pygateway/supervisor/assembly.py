"""Tells workers what is revoked, and knows who has not heard; asks them how they are.

A worker is told from the moment it is launched until it has ended, also while it starts or drains.
One that does not answer in time is named to whoever revokes; if it stays deaf, it is ended, and its
slot's keeper starts another, which begins with everything that is revoked.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from typing import Any, Protocol

from pygateway.admin.control import Unheard
from pygateway.channel import ChannelClosed
from pygateway.supervisor.tally import Tally
from pygateway.telemetry import get_logger

ANSWER_DEADLINE = 1.0
"""Seconds for a worker to say that it refuses what is revoked; it takes a millisecond."""

EXPLAIN_DEADLINE = 2.0
"""Seconds for a worker to explain a request, which takes a millisecond, or a hundred with a hundred
thousand routes."""

DEAF_AFTER = 10.0
"""Seconds after which a worker that has not answered is ended: its loop stands still, so that it
serves nobody either."""


class Listener(Protocol):
    """What is needed of a worker."""

    slot: int
    pid: int
    state: str

    async def revoke(self, entries: list[dict[str, Any]]) -> str | None:
        """Have it refuse what is revoked; give why it does not."""

    async def report(self) -> dict[str, Any]:
        """Ask how it is."""

    async def explain(self, request: dict[str, Any]) -> dict[str, Any]:
        """Ask what would become of a request."""

    async def set_log_level(self, level: str) -> None:
        """Say how serious lines of its log have to be."""

    async def end_now(self) -> None:
        """End it."""


class Assembly:
    """Every worker there is.

    Args:
        known: Gives what is revoked now, and until when that is fresh.
        answer_deadline: Seconds for a worker to answer.
        deaf_after: Seconds after which one that has not answered is ended.

    Attributes:
        tally: What all of them have counted, as they have reported.
        restarts: How many of them were started in the place of one that had ended unasked.
        log_level: How serious lines of the log have to be, if that was changed at run time.
    """

    def __init__(
        self,
        known: Callable[[], tuple[list[dict[str, Any]], float | None]],
        answer_deadline: float = ANSWER_DEADLINE,
        deaf_after: float = DEAF_AFTER,
    ) -> None:
        self._known = known
        self._answer_deadline = answer_deadline
        self._deaf_after = deaf_after
        self.tally = Tally()
        self.restarts = 0
        self.log_level: str | None = None
        self._workers: dict[int, Listener] = {}
        self._tasks: set[asyncio.Task[Any]] = set()

    def welcome(self, worker: Listener) -> tuple[list[dict[str, Any]], float | None]:
        """Tell `worker` from now on; give what was said before, and until when that is fresh."""
        self._workers[worker.pid] = worker
        return self._known()

    def note(self, worker: Listener, report: dict[str, Any]) -> None:
        """Add up what `worker` has counted."""
        self.tally.note(worker, report)

    def note_restart(self) -> None:
        """Take note that a worker was started in the place of one that had ended unasked."""
        self.restarts += 1

    def leave(self, worker: Listener) -> None:
        """Tell `worker` no more: it has ended."""
        self._workers.pop(worker.pid, None)

    async def tell(self, entries: Sequence[dict[str, Any]]) -> list[Unheard]:
        """Have every worker refuse what is revoked; give those that may not do so yet."""
        workers = list(self._workers.values())
        document = list(entries)
        tellings = [self._keep(self._tell(worker, document)) for worker in workers]
        if tellings:
            await asyncio.wait(tellings, timeout=self._answer_deadline)
        unheard = []
        for worker, telling in zip(workers, tellings, strict=True):
            reason = telling.result() if telling.done() else "it has not answered in time"
            if reason is not None:
                unheard.append(Unheard(worker.slot, worker.pid, reason))
        return unheard

    async def _tell(self, worker: Listener, entries: list[dict[str, Any]]) -> str | None:
        """Tell one worker, and end it if it stays deaf; give why it has not understood."""
        try:
            async with asyncio.timeout(self._deaf_after):
                return await worker.revoke(entries)
        except ChannelClosed:
            return None  # Its successor knows.
        except TimeoutError:
            get_logger().error(
                "worker is deaf",
                worker=worker.slot,
                pid=worker.pid,
                detail=f"it has not taken a revocation within {self._deaf_after:g} s, and is ended",
            )
            await worker.end_now()
            return None

    async def reports(self, deadline: float | None = None) -> list[dict[str, Any]]:
        """Ask every worker how it is; one that does not answer in time has no report.

        Args:
            deadline: Seconds to answer, if they are not the usual ones.
        """
        workers = sorted(self._workers.values(), key=lambda worker: (worker.slot, worker.pid))
        askings = [self._keep(_ask(worker)) for worker in workers]
        if askings:
            await asyncio.wait(askings, timeout=deadline or self._answer_deadline)
        reports = []
        for worker, asking in zip(workers, askings, strict=True):
            document = asking.result() if asking.done() else None
            if asking.done() and document is None:
                continue  # It has ended meanwhile.
            asking.cancel()
            described = {"worker": worker.slot, "pid": worker.pid, "state": worker.state}
            reports.append({**described, "report": document})
        return reports

    async def explain(self, request: dict[str, Any]) -> tuple[Listener, dict[str, Any]] | None:
        """Ask the first worker that is ready what would become of a request; None if there is none.

        Raises:
            TimeoutError: It has not answered in time.
        """
        while ready := [worker for worker in self._workers.values() if worker.state == "ready"]:
            worker = min(ready, key=lambda worker: (worker.slot, worker.pid))
            try:
                async with asyncio.timeout(EXPLAIN_DEADLINE):
                    return worker, await worker.explain(request)
            except ChannelClosed:
                self.leave(worker)  # It has ended: the next one is asked.
        return None

    async def set_log_level(self, level: str, *, lasts: bool) -> None:
        """Say how serious lines of the log have to be, to every worker.

        Args:
            level: The level.
            lasts: Whether workers that start later are told so, too.
        """
        self.log_level = level if lasts else None
        tellings = [self._keep(worker.set_log_level(level)) for worker in self._workers.values()]
        if tellings:
            # Whoever is gone, or takes nothing more, writes nothing either.
            await asyncio.wait(tellings, timeout=self._answer_deadline)
        for telling in tellings:
            telling.cancel()
        await asyncio.gather(*tellings, return_exceptions=True)

    def _keep(self, work: Any) -> asyncio.Task[Any]:  # noqa: ANN401 - any coroutine
        task = asyncio.create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        return task

    async def close(self) -> None:
        """Wait for nobody any more."""
        tasks = list(self._tasks)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


async def _ask(worker: Listener) -> dict[str, Any] | None:
    try:
        return await worker.report()
    except ChannelClosed:
        return None
