"""A primary that fails, and the replica that sentinels make the next one."""

from __future__ import annotations

import contextlib
import subprocess
from pathlib import Path
from typing import Any

import pytest
import redis

from tests.ratelimit.askers import asking
from tests.store.test_redis import wait_until
from tests.support.loops import in_thread, run, until
from tests.support.patience import PATIENCE
from tests.support.redis import RedisServer, free_port, program


class Sentinels:
    """A primary, a replica of it, and one sentinel, whose word is enough."""

    def __init__(self, directory: Path, stack: contextlib.ExitStack) -> None:
        self.servers: list[RedisServer] = []
        for name in ("one", "two"):
            (directory / name).mkdir()
            server = RedisServer(
                directory / name, *("--repl-diskless-sync-delay", "0"), port=free_port()
            )
            self.servers.append(stack.enter_context(server))
        primary, replica = self.servers
        replica.command("REPLICAOF", "127.0.0.1", primary.port)
        wait_until(lambda: replica.command("INFO", "replication")["master_link_status"] == "up")
        self.port = free_port()
        (directory / "sentinel").mkdir()
        file = directory / "sentinel" / "sentinel.conf"
        file.write_text(
            f"port {self.port}\nbind 127.0.0.1\ndir {file.parent}\n"
            f"sentinel monitor main 127.0.0.1 {primary.port} 1\n"
            "sentinel down-after-milliseconds main 300\n"
            "sentinel failover-timeout main 2000\n"
        )
        process = subprocess.Popen([program(), str(file), "--sentinel"], stdout=subprocess.DEVNULL)
        stack.callback(process.wait, PATIENCE)
        stack.callback(process.kill)
        self._client: Any = redis.Redis(port=self.port, protocol=2, socket_timeout=PATIENCE)
        stack.callback(self._client.close)
        wait_until(self._knows_the_replica)

    @property
    def url(self) -> str:
        return f"redis+sentinel://127.0.0.1:{self.port}/main"

    def _knows_the_replica(self) -> bool:
        try:
            replicas: list[list[bytes]] = self._client.execute_command(
                "SENTINEL", "REPLICAS", "main"
            )
        except redis.ConnectionError:
            return False
        return any(each[each.index(b"flags") + 1] == b"slave" for each in replicas)


@pytest.fixture
def sentinels(tmp_path: Path, resources: contextlib.ExitStack) -> Sentinels:
    return Sentinels(tmp_path, resources)


def test_a_replica_takes_over(sentinels: Sentinels) -> None:
    primary, replica = sentinels.servers

    async def scenario() -> None:
        async with asking(sentinels.url) as asked:
            await asked.told(want=4)
            await in_thread(primary.command, "WAIT", 1, 5000)
            primary.kill()
            await until(lambda: not asked.up)
            await until(lambda: asked.up)
            # What was charged has been replicated, and this is the same store.
            assert (await asked.told()).answer.remaining == 5

    run(scenario())
    assert replica.command("INFO", "replication")["role"] == "master"


def test_a_primary_that_was_demoted_is_left(sentinels: Sentinels) -> None:
    primary, replica = sentinels.servers

    async def scenario() -> None:
        async with asking(sentinels.url) as asked:
            await asked.told()
            replica.command("REPLICAOF", "NO", "ONE")
            primary.command("REPLICAOF", "127.0.0.1", replica.port)
            first = await asked.told()
            # The server closes connections of its own accord, in some versions.
            assert "READONLY" in first.error or not asked.up
            await until(lambda: not asked.up)
            assert asked.link.statistics()["connections"] >= 1

    run(scenario())
