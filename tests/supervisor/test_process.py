from __future__ import annotations

import asyncio
import json
import os
import signal
import socket
import sys
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from pygateway.config import load_text
from pygateway.supervisor.counting import LANES, Counting
from pygateway.supervisor.process import WorkerFailed, WorkerProcess, describe_end
from tests.support.patience import PATIENCE
from tests.toys.program import children, wait_until_gone

TOY = (sys.executable, "-P", str(Path(__file__).parents[1] / "toys" / "worker.py"))


def run(scenario: Callable[[], Awaitable[None]]) -> None:
    async def bounded() -> None:
        async with asyncio.timeout(3 * PATIENCE):
            await scenario()

    asyncio.run(bounded())


async def start(behaviour: str = "serves", deadline: float = PATIENCE) -> WorkerProcess:
    configuration = load_text(f"routes: [{{name: {behaviour}, respond: {{}}}}]").to_json()
    return await WorkerProcess.start(0, configuration, [], TOY, deadline)


def test_a_killed_worker_is_reaped_and_its_end_known() -> None:
    async def scenario() -> None:
        worker = await start()
        os.kill(worker.pid, signal.SIGKILL)
        assert await worker.ended() == -signal.SIGKILL
        with pytest.raises(ProcessLookupError):
            os.kill(worker.pid, 0)

    run(scenario)


def test_the_end_is_known_where_there_are_no_pidfds(monkeypatch: pytest.MonkeyPatch) -> None:
    def unknown(pid: int) -> int:
        raise OSError(38, "Function not implemented")

    monkeypatch.setattr(os, "pidfd_open", unknown)

    async def scenario() -> None:
        worker = await start()
        await worker.stop_accepting()
        assert await worker.drained(asyncio.get_running_loop().time() + PATIENCE)
        assert await worker.ended() == 0

    run(scenario)


def test_a_worker_that_is_never_ready_is_ended() -> None:
    async def scenario() -> None:
        before = len(os.listdir("/proc/self/fd"))
        with pytest.raises(WorkerFailed, match=r"the worker was not ready within 1 s"):
            await start("hangs", 1.0)
        assert len(os.listdir("/proc/self/fd")) == before

    run(scenario)


def test_cancelling_a_start_ends_the_worker() -> None:
    async def scenario() -> None:
        before = set(children(os.getpid()))
        starting = asyncio.create_task(start("hangs"))
        # What is waited for happens in another process.
        while not (started := set(children(os.getpid())) - before):  # noqa: ASYNC110
            await asyncio.sleep(0)
        starting.cancel()
        with pytest.raises(asyncio.CancelledError):
            await starting
        wait_until_gone(started.pop())

    run(scenario)


@contextmanager
def counting(occupied: int = 0) -> Iterator[Counting]:
    table = Counting(1024)
    try:
        for _ in range(occupied):
            table.occupy()
        yield table
    finally:
        table.close()


async def start_counting(table: Counting, *sockets: socket.socket) -> WorkerProcess:
    configuration = load_text("routes: [{name: serves, respond: {}}]").to_json()
    return await WorkerProcess.start(0, configuration, sockets, TOY, counting=table)


def test_a_worker_counts_in_its_lane_until_it_has_ended() -> None:
    async def scenario() -> None:
        with counting(occupied=3) as table, socket.create_server(("127.0.0.1", 0)) as listener:
            worker = await start_counting(table, listener)
            reader, writer = await asyncio.open_connection(*listener.getsockname())
            writer.write(b"who\n")
            assert json.loads(await reader.readline())["counting"] == [True, 3]
            writer.close()
            assert table.occupy() == 4
            await worker.end_now()
            assert table.occupy() == 3

    run(scenario)


def test_there_are_only_so_many_workers_that_can_count_together() -> None:
    async def scenario() -> None:
        before = set(children(os.getpid()))
        failure = pytest.raises(WorkerFailed, match="there are 256 workers already")
        with counting(occupied=LANES) as table, failure:
            await start_counting(table)
        assert set(children(os.getpid())) == before

    run(scenario)


@pytest.mark.parametrize("command", [("/nowhere/python",), (sys.executable, "-c", "")])
def test_a_worker_that_does_not_start_gives_its_lane_back(command: tuple[str, ...]) -> None:
    async def scenario() -> None:
        with counting() as table:
            with pytest.raises(WorkerFailed):
                await WorkerProcess.start(0, "{}", [], command, counting=table)
            assert table.occupy() == 0

    run(scenario)


def test_what_a_worker_reports_is_noted() -> None:
    class Audience:
        log_level: str | None = None

        def __init__(self) -> None:
            self.noted: list[dict[str, Any]] = []
            self.left = asyncio.Event()

        def welcome(self, worker: WorkerProcess) -> tuple[list[dict[str, Any]], float | None]:
            return [], None

        def note(self, worker: WorkerProcess, report: dict[str, Any]) -> None:
            self.noted.append(report)

        def note_restart(self) -> None:
            raise AssertionError("it has not restarted")

        def leave(self, worker: WorkerProcess) -> None:
            self.left.set()

    async def scenario() -> None:
        audience = Audience()
        configuration = load_text("routes: [{name: serves, respond: {}}]").to_json()
        worker = await WorkerProcess.start(0, configuration, [], TOY, audience=audience)
        assert audience.noted == []
        assert [await worker.report()] == audience.noted
        await worker.stop_accepting()
        assert await worker.drained(asyncio.get_running_loop().time() + PATIENCE)
        # What it says last comes before its end is known to those who wait for it.
        assert len(audience.noted) == 2
        await audience.left.wait()

    run(scenario)


def test_a_command_that_does_not_exist_is_a_failure_with_a_reason() -> None:
    async def scenario() -> None:
        with pytest.raises(WorkerFailed, match="cannot start a worker: No such file or directory"):
            await WorkerProcess.start(0, "{}", [], ("/nowhere/python",))

    run(scenario)


def test_running_out_of_descriptors_is_a_failure_with_a_reason(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def exhausted() -> None:
        raise OSError(24, "Too many open files")

    async def scenario() -> None:
        monkeypatch.setattr(socket, "socketpair", exhausted)
        with pytest.raises(WorkerFailed, match="cannot start a worker: Too many open files"):
            await start()

    run(scenario)


def test_a_large_configuration_arrives_whole() -> None:
    async def scenario() -> None:
        respond = f"{{body: {'x' * 1000}}}"
        routes = ", ".join(f"{{name: r{number}, respond: {respond}}}" for number in range(1000))
        configuration = load_text(f"routes: [{{name: serves, respond: {{}}}}, {routes}]").to_json()
        assert len(configuration) > 1_000_000
        worker = await WorkerProcess.start(0, configuration, [], TOY)
        await worker.end_now()

    run(scenario)


@pytest.mark.parametrize(
    ("code", "text"),
    [
        (0, "exited with 0"),
        (78, "exited with 78"),
        (-signal.SIGKILL, "was ended by SIGKILL"),
        (-63, "was ended by signal 63"),
    ],
)
def test_ends_are_described(code: int, text: str) -> None:
    assert describe_end(code) == text
