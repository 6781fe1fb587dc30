"""The workers that run one configuration.

A reload makes a new generation beside the old one, on the same sockets; the old one retires once
the new one listens. Each slot has a keeper, which starts the slot's worker again when it ends.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

from pygateway.config import Config
from pygateway.supervisor.access_log import Lines
from pygateway.supervisor.counting import Counting
from pygateway.supervisor.listening import Plan
from pygateway.supervisor.process import (
    COMMAND,
    Audience,
    WorkerFailed,
    WorkerProcess,
    describe_end,
)
from pygateway.supervisor.restart import RestartDelay
from pygateway.telemetry import get_logger

KILL_AFTER = 1.0
"""Seconds beyond `timeouts.drain` after which a worker that still drains is ended by force."""


class Generation:
    """Starts, keeps and retires the workers of one configuration.

    Attributes:
        plan: The sockets that the workers accept from.
        accepts_no_more: Set while the generation retires, once no worker accepts any more.
    """

    def __init__(
        self,
        config: Config,
        plan: Plan,
        command: Sequence[str] = COMMAND,
        audience: Audience | None = None,
        counting: Counting | None = None,
        lines: Lines | None = None,
    ) -> None:
        self.plan = plan
        self.accepts_no_more = asyncio.Event()
        self._configuration = config.to_json()
        self._drain = config.timeouts.drain
        self._command = command
        self._audience = audience
        self._counting = counting
        self._lines = lines
        policies = config.rate_limits.values()
        self._tells_apart = any(policy.concurrency is not None for policy in policies)
        self._workers: dict[int, WorkerProcess] = {}
        self._keepers: list[asyncio.Task[None]] = []

    @property
    def is_complete(self) -> bool:
        """Whether every worker listens."""
        return len(self._workers) == self.plan.workers

    async def start(self) -> None:
        """Start every worker and wait until all of them listen.

        Raises:
            WorkerFailed: One could not start; all have ended.
        """
        starts = [asyncio.create_task(self._start(slot)) for slot in range(self.plan.workers)]
        try:
            await asyncio.gather(*starts)
        except BaseException:
            for start in starts:
                start.cancel()
            await asyncio.gather(*starts, return_exceptions=True)
            await self.end_now()
            raise
        self._keepers = [asyncio.create_task(self._keep(slot)) for slot in self._workers]

    async def _start(self, slot: int) -> None:
        self._workers[slot] = await WorkerProcess.start(
            slot,
            self._configuration,
            self.plan.for_slot(slot),
            self._command,
            audience=self._audience,
            counting=self._counting,
            tells_apart=self._tells_apart,
            lines=self._lines,
        )

    async def _keep(self, slot: int) -> None:
        """Start the slot's worker again whenever it ends."""
        log = get_logger()
        delay = RestartDelay()
        while True:
            worker = self._workers[slot]
            how = describe_end(await worker.ended())
            log.error("worker ended", worker=slot, pid=worker.pid, detail=f"it {how}")
            del self._workers[slot]
            lifetime = asyncio.get_running_loop().time() - worker.started_at
            await self._start_again(slot, delay, lifetime)
            if self._audience is not None:
                self._audience.note_restart()
            log.info("worker restarted", worker=slot, pid=self._workers[slot].pid)

    async def _start_again(self, slot: int, delay: RestartDelay, lifetime: float) -> None:
        while True:
            await asyncio.sleep(delay.after(lifetime))
            try:
                await self._start(slot)
            except WorkerFailed as failure:
                get_logger().warning("worker did not start", worker=slot, detail=str(failure))
            except Exception:
                # Whatever it is, a slot is never given up.
                get_logger().exception("internal error", worker=slot)
            else:
                return
            lifetime = 0.0

    async def retire(self) -> None:
        """Let the workers finish what they have begun, and wait until they have ended."""
        await self._dismiss_keepers()
        workers = self._workers.values()
        deadline = self._drain + KILL_AFTER
        until = asyncio.get_running_loop().time() + deadline
        await asyncio.gather(*(worker.stop_accepting() for worker in workers))
        self.accepts_no_more.set()
        drained = await asyncio.gather(*(worker.drained(until) for worker in workers))
        if not all(drained):
            get_logger().warning(
                "drain incomplete",
                detail=f"{drained.count(False)} workers were ended after {deadline:g} s",
            )
        self._workers.clear()

    async def end_soon(self) -> None:
        """End every worker, whatever its clients wait for, and wait until they are gone."""
        await self._dismiss_keepers()
        await asyncio.gather(*(worker.end_soon() for worker in self._workers.values()))
        self._workers.clear()

    async def end_now(self) -> None:
        """End every worker, whatever it does, and wait until they are gone."""
        await self._dismiss_keepers()
        await asyncio.gather(*(worker.end_now() for worker in self._workers.values()))
        self._workers.clear()

    async def _dismiss_keepers(self) -> None:
        for keeper in self._keepers:
            keeper.cancel()
        await asyncio.gather(*self._keepers, return_exceptions=True)
        self._keepers.clear()
