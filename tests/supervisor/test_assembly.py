"""Real workers with toy gateways, told what is revoked."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import socket
import sys
from collections.abc import Awaitable, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from pygateway.channel import ChannelClosed
from pygateway.config import load_text
from pygateway.supervisor.assembly import Assembly
from pygateway.supervisor.process import WorkerProcess
from tests.support.patience import PATIENCE

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

TOY = (sys.executable, "-P", str(Path(__file__).parents[1] / "toys" / "worker.py"))
KNOWN = {"jti": "known", "issuer": None, "expires": 9e9}
NEW = {"jti": "new", "issuer": None, "expires": 9e9}


def run(scenario: Callable[[], Awaitable[None]]) -> None:
    async def bounded() -> None:
        async with asyncio.timeout(3 * PATIENCE):
            await scenario()

    asyncio.run(bounded())


def assembly(answer_deadline: float = PATIENCE, deaf_after: float = 2 * PATIENCE) -> Assembly:
    return Assembly(lambda: ([KNOWN], 5.5), answer_deadline, deaf_after)


@asynccontextmanager
async def worker(
    audience: Assembly, behaviour: str = "serves", listener: socket.socket | None = None
) -> AsyncIterator[WorkerProcess]:
    configuration = load_text(f"routes: [{{name: {behaviour}, respond: {{}}}}]").to_json()
    sockets = [] if listener is None else [listener]
    made = await WorkerProcess.start(
        0, configuration, sockets, TOY, 2 * PATIENCE, audience=audience
    )
    try:
        yield made
    finally:
        await made.end_now()
        await audience.close()


def who(listener: socket.socket) -> dict[str, Any]:
    with socket.create_connection(listener.getsockname(), PATIENCE) as talk:
        talk.settimeout(PATIENCE)
        talk.sendall(b"who\n")
        answer: dict[str, Any] = json.loads(talk.makefile("rb").readline())
        return answer


def test_a_worker_knows_what_was_revoked_before_and_what_is_now() -> None:
    async def scenario() -> None:
        everybody = assembly()
        with socket.create_server(("127.0.0.1", 0)) as listener:
            async with worker(everybody, listener=listener):
                assert await everybody.tell([NEW]) == []
                answer = await asyncio.to_thread(who, listener)
                assert (answer["revoked"], answer["fresh_until"]) == ([KNOWN, NEW], 5.5)

    run(scenario)


def test_a_worker_that_starts_is_told_too() -> None:
    async def scenario() -> None:
        everybody = assembly()
        with socket.create_server(("127.0.0.1", 0)) as listener:
            starting = asyncio.ensure_future(enter(everybody, listener))
            # It joins as soon as its process exists, long before it listens.
            while not everybody._workers:  # noqa: ASYNC110 - what is waited for takes one turn
                await asyncio.sleep(0)
            assert await everybody.tell([NEW]) == []
            made = await starting
            assert (await asyncio.to_thread(who, listener))["revoked"] == [KNOWN, NEW]
            await made.end_now()

    async def enter(everybody: Assembly, listener: socket.socket) -> WorkerProcess:
        configuration = load_text("routes: [{name: serves, respond: {}}]").to_json()
        return await WorkerProcess.start(
            0, configuration, [listener], TOY, 2 * PATIENCE, audience=everybody
        )

    run(scenario)


@pytest.mark.parametrize(
    ("behaviour", "reason"),
    [("full", "no room"), ("muddled", "internal error: RuntimeError")],
)
def test_a_worker_that_cannot_heed_it_is_named(behaviour: str, reason: str) -> None:
    async def scenario() -> None:
        everybody = Assembly(lambda: ([], None), PATIENCE)
        async with worker(everybody, behaviour) as made:
            (unheard,) = await everybody.tell([NEW])
            assert (unheard.slot, unheard.pid) == (0, made.pid)
            assert reason in unheard.reason
            assert made.state == "ready"

    run(scenario)


def test_a_deaf_worker_is_named_at_once_and_ended_later() -> None:
    async def scenario() -> None:
        everybody = Assembly(lambda: ([], None), 0.05, 0.2)
        async with worker(everybody, "deaf") as made:
            (unheard,) = await everybody.tell([NEW])
            assert unheard.reason == "it has not answered in time"
            assert await made.ended() == -signal.SIGKILL

    run(scenario)


def test_a_worker_that_has_ended_is_not_waited_for() -> None:
    async def scenario() -> None:
        everybody = assembly()
        async with worker(everybody) as made:
            os.kill(made.pid, signal.SIGKILL)
            # Whether its end is known yet or not, nobody is missing.
            assert await everybody.tell([NEW]) == []
            await made.ended()
            assert await everybody.tell([NEW]) == []
            with pytest.raises(ChannelClosed):
                await made.report()

    run(scenario)


def test_reports() -> None:
    async def scenario() -> None:
        everybody = assembly()
        async with worker(everybody) as made:
            (report,) = await everybody.reports()
            assert report == {
                "worker": 0,
                "pid": made.pid,
                "state": "ready",
                "report": {"connections": 0, "revoked": 1, "feed": None},
            }

    run(scenario)


def test_reports_for_which_somebody_has_less_patience() -> None:
    async def scenario() -> None:
        everybody = assembly()
        async with worker(everybody) as made:
            os.kill(made.pid, signal.SIGSTOP)
            (report,) = await everybody.reports(0.05)
            assert report["report"] is None

    run(scenario)


def test_a_report_that_fails_or_does_not_come() -> None:
    async def scenario() -> None:
        everybody = Assembly(lambda: ([], None), PATIENCE)
        async with worker(everybody, "muddled"):
            (report,) = await everybody.reports()
            assert report["report"]["problem"] == "internal error: RuntimeError"
        impatient = Assembly(lambda: ([], None), 0.05)
        async with worker(impatient) as made:
            os.kill(made.pid, signal.SIGSTOP)
            (report,) = await impatient.reports()
            assert report["report"] is None

    run(scenario)


def test_a_ready_worker_is_asked_what_it_would_do() -> None:
    async def scenario() -> None:
        everybody = assembly()
        assert await everybody.explain({"method": "GET"}) is None
        async with worker(everybody) as first:
            told = await everybody.explain({"method": "GET"})
            assert told is not None
            assert told[0] is first
            assert json.loads(told[1]["reason"]) == {"method": "GET"}
            first.state = "draining"
            assert await everybody.explain({}) is None

    run(scenario)


def test_one_that_has_failed_or_is_deaf_says_so() -> None:
    async def scenario() -> None:
        everybody = assembly()
        async with worker(everybody, "cannot-explain"):
            told = await everybody.explain({})
            assert told is not None
            assert told[1] == {"failed": True}
        async with worker(everybody, "never-explains"):
            with pytest.raises(TimeoutError):
                await everybody.explain({})

    run(scenario)


def test_one_that_has_ended_is_not_asked_again() -> None:
    async def scenario() -> None:
        everybody = assembly()
        async with worker(everybody) as first, worker(everybody) as second:
            os.kill(first.pid, signal.SIGKILL)
            told = await everybody.explain({})
            assert told is not None
            assert told[0] is second

    run(scenario)


def test_a_level_lasts_for_workers_that_start_later_if_it_is_to() -> None:
    async def scenario() -> None:
        everybody = assembly()
        async with worker(everybody):
            await everybody.set_log_level("debug", lasts=True)
            assert everybody.log_level == "debug"
            await everybody.set_log_level("info", lasts=False)
            assert everybody.log_level is None

    run(scenario)
