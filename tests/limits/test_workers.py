"""Four workers and their supervisor, seen from outside: together they have one quota."""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import uvloop

from tests.limits.callers import Caller, Crowd, Record, question, statuses
from tests.limits.chronicle import Chronicle, key_of_header
from tests.limits.fleet import Fleet, counting, eventually, long_window, policy, write
from tests.limits.judge import Limit, charged, misjudged, overshoot, uncharged
from tests.support.client import Client
from tests.support.redis import RedisServer
from tests.support.upstream import Conversation, ScriptedUpstream, ok
from tests.toys.program import Program

MODES = ("local", "strict", "leased")
WORKERS = 4
LONG, SHORT = Limit(300, long_window() * 1000), Limit(40, 600)


def policies() -> dict[str, Any]:
    """For each mode, one with a long window and one with a short one."""
    made = {}
    for mode in MODES:
        failing = {} if mode == "local" else {"on_store_failure": "closed"}
        for name, limit in (("long", LONG), ("short", SHORT)):
            made[f"{name}-{mode}"] = policy(limit.quota, f"{limit.window}ms", mode, **failing)
    return made


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RedisServer]:
    with RedisServer(tmp_path_factory.mktemp("redis")) as running:
        yield running


@pytest.fixture(scope="module")
def fleet(tmp_path_factory: pytest.TempPathFactory, server: RedisServer) -> Iterator[Fleet]:
    document = counting(policies(), server.url, costs=(1, 3), timeout="2s", workers=WORKERS)
    file = write(tmp_path_factory.mktemp("gateway") / "gateway.yaml", document)
    with Program("run", "-c", file) as program:
        yield Fleet(program)


async def reach_everybody(crowd: Crowd, fleet: Fleet) -> None:
    """Connect until every worker has a connection."""
    loop = asyncio.get_running_loop()
    while not all(await loop.run_in_executor(None, fleet.connections)):
        crowd.callers.append(await Caller.connect(fleet.address))


@pytest.mark.parametrize("mode", MODES)
def test_exactly_the_quota_is_let_in(fleet: Fleet, mode: str) -> None:
    raw = question(f"/long-{mode}/1", X_Tenant="exact")

    async def scenario() -> None:
        async with Crowd([fleet.address], 24) as crowd:
            await reach_everybody(crowd, fleet)
            first = statuses(await crowd.each(LONG.quota + 200, raw))
            assert set(first) <= {200, 429}
            # What other workers still had of a lease is there for whoever comes.
            rest = statuses(await crowd.each(200, raw))
            assert first[200] + rest.get(200, 0) == LONG.quota
            if mode != "leased":
                assert first == {200: LONG.quota, 429: 200}

    uvloop.run(scenario())
    assert fleet.count(f"long-{mode}", "admitted") == LONG.quota


@pytest.mark.parametrize("mode", MODES)
def test_no_bucket_is_overfull_while_everybody_asks(
    fleet: Fleet, server: RedisServer, mode: str
) -> None:
    record = Record()

    async def scenario() -> None:
        until = time.time() + 3.2 * SHORT.window / 1000
        async with Crowd([fleet.address], 16) as crowd:
            await reach_everybody(crowd, fleet)
            middle = len(crowd.callers) // 2
            other = Crowd([], 0)
            crowd.callers, other.callers = crowd.callers[:middle], crowd.callers[middle:]
            for some, cost in ((crowd, 1), (other, 3)):
                raw = question(f"/short-{mode}/{cost}", X_Tenant="short")
                tasks.append(
                    asyncio.create_task(some.saturate(record, raw, until, key="", cost=cost))
                )
            await asyncio.gather(*tasks)
            crowd.callers += other.callers

    tasks: list[asyncio.Task[None]] = []
    with Chronicle(server) as chronicle:
        uvloop.run(scenario())
        chronicle.finish()
        writes = chronicle.writes.get(key_of_header(f"short-{mode}", SHORT.window, "short"), [])
    passages = record.of("")
    assert set(record.statuses) == {200, 429}
    assert sum(each.cost for each in passages) >= SHORT.quota
    assert overshoot(SHORT, passages) == []
    assert fleet.count(f"short-{mode}", "admitted") == len(passages)
    if mode == "local":
        assert not writes
    else:
        assert misjudged(SHORT, writes) == []
        assert uncharged(SHORT, passages, charged(writes)) == []


class Held:
    """An upstream that answers `/hold` when it is told to, and everything else at once."""

    def __init__(self, stack: contextlib.ExitStack) -> None:
        self.upstream = stack.enter_context(ScriptedUpstream(self._converse))
        self.held: list[Conversation] = []

    def _converse(self, conversation: Conversation) -> None:
        while True:
            if conversation.request().target == "/hold":
                self.held.append(conversation)
                conversation.until_closed()
            else:
                conversation.send(ok())


def test_counts_outlive_workers_and_reloads(
    tmp_path: Path, resources: contextlib.ExitStack
) -> None:
    held = Held(resources)
    window = f"{long_window()}s"
    document = {
        "version": 1,
        "listen": "127.0.0.1:0",
        "admin": "127.0.0.1:0",
        "workers": 2,
        "rate_limits": {
            "few": {"by": "ip", "concurrency": 6},
            "many": {"by": "ip", "quota": 100, "window": window, "mode": "local"},
        },
        "default_rate_limits": ["few", "many"],
        "upstreams": {"all": {"endpoints": [held.upstream.url]}},
        "routes": [
            {"name": "all", "upstream": "all", "auth": "none"},
            {
                "name": "few",
                "match": {"paths": ["/few"]},
                "upstream": "all",
                "auth": "none",
                "rate_limits": ["few"],
            },
        ],
    }
    file = write(tmp_path / "gateway.yaml", document)
    fleet = Fleet(resources.enter_context(Program("run", "-c", file)))

    def ask(path: str = "/") -> tuple[int, str]:
        with Client(fleet.address) as client:
            reply = client.exchange(question(path))
        return reply.status, reply.header("RateLimit") or ""

    def holding(count: int) -> list[Client]:
        clients = [resources.enter_context(Client(fleet.address)) for _ in range(count)]
        for client in clients:
            client.send(question("/hold"))
        return clients

    clients = holding(6)
    eventually(lambda: len(held.held) == 6, "arrival of the requests")
    status, told = ask()
    assert (status, told) == (429, '"few";r=0, "many";r=94;t=' + told.rpartition("=")[2])

    # A worker dies with what it has in flight: that is free again, and only that.
    eventually(lambda: sum(fleet.connections()) == 6, "end of the connection that asked")
    worst = max(fleet.reports().items(), key=lambda item: item[1]["connections"])
    lost = worst[1]["connections"]
    pids = {each["worker"]: each["pid"] for each in fleet.admin("/status")["workers"]}
    os.kill(pids[worst[0]], signal.SIGKILL)
    fleet.program.event("worker restarted")
    eventually(lambda: sum(fleet.connections()) == 6 - lost, "end of the connections")
    status, told = ask()
    assert (status, told.partition(";t")[0]) == (200, f'"few";r={lost - 1}, "many";r=93')

    # A reload changes the quota, and what was counted stays; so does what still is in flight.
    document["rate_limits"]["many"]["quota"] = 50  # type: ignore[index]
    write(file, document)
    fleet.program.send(signal.SIGHUP)
    fleet.program.event("reloaded")
    status, told = ask()
    assert (status, told.partition(";t")[0]) == (200, f'"few";r={lost - 1}, "many";r=42')
    for client in clients:
        client.close()
    eventually(lambda: ask("/few") == (200, '"few";r=5'), "end of the requests in flight")
