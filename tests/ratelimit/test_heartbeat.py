from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from pygateway.config import Redis
from pygateway.ratelimit.heartbeat import Heartbeat, tag_of
from pygateway.ratelimit.link import Link
from pygateway.store.connections import connector
from pygateway.store.store import StoreUnavailable
from tests.support.loops import in_thread, run, until
from tests.support.redis import RedisServer


@pytest.fixture
def server(tmp_path: Path) -> Iterator[RedisServer]:
    with RedisServer(tmp_path) as running:
        yield running


class Machine:
    """One worker of a machine."""

    def __init__(self, server: RedisServer, name: str) -> None:
        self.changes = 0
        self.heartbeat = Heartbeat(tag_of("pygateway"), name, self._changed)
        settings = Redis(url=server.url, timeout=2.0)
        self.link = Link(name, connector(settings, 1.0), 2.0, self.heartbeat, self._changed)

    def _changed(self) -> None:
        self.changes += 1

    async def started(self) -> Machine:
        self.link.start()
        await until(lambda: self.link.up)
        return self

    async def beat(self) -> int:
        """Send the heartbeat, and give what it says."""
        replies: list[Any] = []

        class Witness:
            """Asked right behind it, so answered right after it."""

            def answered(self, reply: Any, sent: float) -> None:  # noqa: ANN401
                replies.append(reply)

            def unanswered(self, error: StoreUnavailable) -> None:
                raise error

            def late(self, reply: Any) -> None:  # noqa: ANN401
                raise AssertionError

        self.link.beat()
        self.link.submit((b"PING",), Witness())
        await until(lambda: replies)
        return self.heartbeat.gateways


def test_workers_of_one_machine_are_one_gateway(server: RedisServer) -> None:
    async def scenario() -> None:
        first = await Machine(server, "a").started()
        second = await Machine(server, "a").started()
        other = await Machine(server, "b").started()
        assert [await each.beat() for each in (first, second, other)] == [2, 2, 2]
        assert len({each.heartbeat.incarnation for each in (first, second, other)}) == 1
        # The first answer, the coming up, and the other machine.
        assert first.changes == 3
        for each in (first, second, other):
            await each.link.close()

    run(scenario())


def test_a_gateway_that_is_gone_is_counted_no_more(server: RedisServer) -> None:
    async def scenario() -> None:
        first = await Machine(server, "a").started()
        other = await Machine(server, "b").started()
        await other.link.close()
        assert await first.beat() == 2
        seconds, _ = await in_thread(server.command, "TIME")
        then = int(seconds) * 1000 - 3001
        await in_thread(server.command, "ZADD", "{pygateway:gateways}:live", then, "b")
        assert await first.beat() == 1
        await first.link.close()

    run(scenario())


def test_a_redis_that_was_emptied_is_another_one(server: RedisServer) -> None:
    async def scenario() -> None:
        first = await Machine(server, "a").started()
        before = first.heartbeat.incarnation
        await first.beat()
        assert first.heartbeat.incarnation == before
        await in_thread(server.command, "FLUSHALL")
        await first.beat()
        assert first.heartbeat.incarnation not in {None, before}
        await first.link.close()

    run(scenario())


@pytest.mark.parametrize("reply", [None, b"OK", 7, [], [1], [None, None], [b"x", b"y"], [1, b"y"]])
def test_what_cannot_be_read_changes_nothing(reply: object) -> None:
    changes: list[None] = []
    heartbeat = Heartbeat("tag", "machine", lambda: changes.append(None))
    heartbeat.answered([2, b"5"], 0.0)
    heartbeat.answered(reply, 0.0)
    heartbeat.unanswered(StoreUnavailable("away"))
    heartbeat.late([3, b"6"])
    assert (heartbeat.gateways, heartbeat.incarnation, len(changes)) == (2, 5, 1)


def test_there_is_always_one_gateway() -> None:
    heartbeat = Heartbeat("tag", "machine", lambda: None)
    heartbeat.answered([0, b"5"], 0.0)
    assert heartbeat.gateways == 1
