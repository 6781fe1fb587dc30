"""Requests that are due at fixed times, whatever becomes of those before them."""

from __future__ import annotations

import asyncio
import json
import time
from typing import NamedTuple

from tests.limits.callers import Caller, Reply, problem, question


class Outcome(NamedTuple):
    """What became of a request.

    Attributes:
        due: Unix seconds at which it was due.
        seconds: From then until its answer.
        status: The answer's status; 0 where the connection broke.
        problem: The name of the problem that was answered; empty for none.
    """

    due: float
    seconds: float
    status: int
    problem: str


class Timetable:
    """Sends one request after the other at a rate, each on a connection that rests.

    Attributes:
        outcomes: What came.
    """

    def __init__(self, address: tuple[str, int], path: str, rate: float) -> None:
        self.outcomes: list[Outcome] = []
        self._address = address
        self._raw = question(path, X_Tenant="a")
        self._rate = rate
        self._resting: list[Caller] = []
        self._under_way: set[asyncio.Task[None]] = set()

    async def run(self, until: asyncio.Event) -> None:
        """Go on until the event, and until every answer is there."""
        start, number = time.time(), 0
        while not until.is_set():
            due = start + number / self._rate
            number += 1
            await asyncio.sleep(max(0.0, due - time.time()))
            task = asyncio.create_task(self._send(due))
            self._under_way.add(task)
            task.add_done_callback(self._under_way.discard)
        await asyncio.gather(*self._under_way)
        for caller in self._resting:
            caller.close()

    async def _send(self, due: float) -> None:
        try:
            if self._resting:
                caller = self._resting.pop()
            else:
                caller = await Caller.connect(self._address)
            reply = await caller.ask(self._raw)
        except OSError:
            self.outcomes.append(Outcome(due, time.time() - due, 0, "broken off"))
        else:
            self._resting.append(caller)
            name = "" if reply.status == 200 else problem(reply)
            self.outcomes.append(Outcome(due, reply.received - due, reply.status, name))

    def between(self, start: float, end: float) -> list[Outcome]:
        """Give those that were due in a time."""
        return [each for each in self.outcomes if start <= each.due < end]


class Watch:
    """Asks `/health` again and again how Redis is.

    Attributes:
        changes: Unix seconds, and what it was from then on.
    """

    PAUSE = 0.003

    def __init__(self, address: tuple[str, int]) -> None:
        self.changes: list[tuple[float, str]] = []
        self._address = address

    async def run(self, until: asyncio.Event) -> None:
        """Go on until the event."""
        caller = await Caller.connect(self._address)
        while not until.is_set():
            reply: Reply = await caller.ask(question("/health"))
            status = json.loads(reply.body)["redis"]["status"]
            if not self.changes or self.changes[-1][1] != status:
                self.changes.append((reply.received, status))
            await asyncio.sleep(self.PAUSE)
        caller.close()

    def is_up(self) -> bool:
        """Whether Redis was there when last asked."""
        return bool(self.changes) and self.changes[-1][1] == "up"

    def first(self, status: str, start: float) -> float | None:
        """Seconds from `start` until it was first said; None for never."""
        times = [at - start for at, said in self.changes if said == status and at >= start]
        return times[0] if times else None

    def last(self, status: str, start: float) -> float | None:
        """Seconds from `start` until it was last said; None for never."""
        times = [at - start for at, said in self.changes if said == status and at >= start]
        return times[-1] if times else None
