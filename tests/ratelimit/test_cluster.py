"""Three nodes that share the keys between them."""

from __future__ import annotations

import contextlib
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from redis.crc import REDIS_CLUSTER_HASH_SLOTS, key_slot

from pygateway.config import Redis
from pygateway.ratelimit import cluster as cluster_module
from pygateway.ratelimit.cluster import Range, read_table
from pygateway.ratelimit.limiter import Limiter, StorePolicy
from pygateway.ratelimit.link import Link
from pygateway.ratelimit.script import window_key
from pygateway.store.store import StoreUnavailable
from tests.ratelimit.askers import Asking, asking
from tests.ratelimit.gates import FakeGate, Funding, Needs
from tests.store.test_redis import wait_until
from tests.support.loops import in_thread, run, until
from tests.support.redis import RedisServer, cluster_options, free_port
from tests.support.resp import GRANTED, HEARTBEAT, Command, RespServer

THIRDS = ((0, 5460), (5461, 10922), (10923, 16383))


class Cluster:
    """Three primaries without replicas."""

    def __init__(self, directory: Path, stack: contextlib.ExitStack) -> None:
        self._buses: dict[int, int] = {}
        self.servers = [
            stack.enter_context(self.node(directory / name)) for name in ("one", "two", "three")
        ]
        for server, (first, last) in zip(self.servers, THIRDS, strict=True):
            server.command("CLUSTER", "ADDSLOTSRANGE", first, last)
            self.introduce(server)
        wait_until(lambda: all(len(self.slots(each)) == 3 for each in self.servers))
        wait_until(lambda: all(self.well(each) for each in self.servers))

    def node(self, directory: Path) -> RedisServer:
        """A node that nobody knows yet."""
        directory.mkdir()
        port, options = free_port(), cluster_options()
        self._buses[port] = int(options[-1])
        keep = ("--cluster-require-full-coverage", "no", "--cluster-node-timeout", "1000")
        return RedisServer(directory, *options, *keep, port=port)

    def introduce(self, server: RedisServer) -> None:
        """Have all others know a node."""
        for other in self.servers:
            if other is not server:
                bus = self._buses[server.port]
                other.command("CLUSTER", "MEET", "127.0.0.1", server.port, bus)

    @property
    def url(self) -> str:
        return f"redis+cluster://127.0.0.1:{self.servers[1].port}"

    @staticmethod
    def slots(server: RedisServer) -> list[Any]:
        answer: list[Any] = server.command("CLUSTER", "SLOTS")
        return answer

    @staticmethod
    def well(server: RedisServer) -> bool:
        return b"cluster_state:ok" in server.command("CLUSTER", "INFO")

    def identity(self, server: RedisServer) -> str:
        answer: bytes = server.command("CLUSTER", "MYID")
        return answer.decode()


@pytest.fixture
def cluster(tmp_path: Path, resources: contextlib.ExitStack) -> Cluster:
    return Cluster(tmp_path, resources)


def digest_in(slots: tuple[int, int], start: int = 0) -> str:
    """A digest whose window is in one of the slots."""
    number = start
    while not slots[0] <= key_slot(f"{number:032x}".encode()) <= slots[1]:
        number += 1
    return f"{number:032x}"


def link_of(asked: Asking, server: RedisServer) -> Link:
    (link,) = [each for each in asked.pipeline.links if each.name.endswith(f":{server.port}")]
    return link


def test_every_key_is_asked_for_at_its_node(cluster: Cluster) -> None:
    async def scenario() -> None:
        async with asking(cluster.url) as asked:
            await until(lambda: len(asked.pipeline.links) == 3 and asked.up)
            many = [asked.ask(f"{number:032x}") for number in range(200)]
            await until(lambda: all(each.told for each in many))
            assert {each.answer.granted for each in many} == {1}
            statistics = [link.statistics() for link in asked.pipeline.links]
            assert not any(each["errors"] for each in statistics)
            assert all(each["commands"] > 30 for each in statistics)

    run(scenario())
    # Each node counts the gateways for itself, at home.
    tags = [each.command("KEYS", "*:live") for each in cluster.servers]
    assert [len(found) for found in tags] == [1, 1, 1]


def test_a_node_that_is_away_takes_only_its_keys_with_it(cluster: Cluster) -> None:
    first, second, _ = cluster.servers

    async def scenario() -> None:
        settings = Redis(url=cluster.url, timeout=2.0)
        gate = FakeGate()
        limiter: Limiter[None, Needs, Funding] = Limiter(
            settings, [StorePolicy("p", 10, 60_000)], gate, "me"
        )
        assert limiter.health() == {"status": "down", "detail": "no node is known"}
        limiter.start()
        await until(lambda: limiter.health() == {"status": "up"})
        incarnation = gate.stores[-1][2]
        # Nodes are met one by one, which is no reason to take the store for another one.
        assert {store[2] for store in gate.stores} == {0, incarnation}
        first.kill()
        await until(lambda: limiter.health()["status"] == "degraded")
        assert gate.up
        found: list[Funding] = []
        acquires = [(0, digest_in(slots), 10, 1, 1, 0, 0, 0) for slots in THIRDS]
        limiter.acquire(None, Needs(acquires), lambda _, funding: found.append(funding))
        await until(lambda: found)
        assert [answer and answer.granted for answer in found[0]] == [None, 1, 1]
        second.command("FLUSHALL")
        await until(lambda: gate.stores[-1][2] != incarnation)
        await limiter.close()

    run(scenario())


def test_a_replica_takes_over(
    cluster: Cluster, tmp_path: Path, resources: contextlib.ExitStack
) -> None:
    first = cluster.servers[0]
    replica = resources.enter_context(cluster.node(tmp_path / "four"))
    cluster.introduce(replica)
    wait_until(lambda: len(cluster.slots(replica)) == 3)
    replica.command("CLUSTER", "REPLICATE", cluster.identity(first))
    wait_until(lambda: replica.command("INFO", "replication")["master_link_status"] == "up")
    digest = digest_in(THIRDS[0])

    async def scenario() -> None:
        async with asking(cluster.url) as asked:
            await until(lambda: len(asked.pipeline.links) == 3 and asked.up)
            await asked.told(digest, want=4)
            await in_thread(first.command, "WAIT", 1, 5000)
            first.kill()
            await until(lambda: not asked.up)
            await until(lambda: asked.up)
            assert (await asked.told(digest)).answer.remaining == 5
            assert len(asked.pipeline.links) == 3

    run(scenario())


def test_a_slot_that_has_moved_is_followed(cluster: Cluster) -> None:
    first, second, third = cluster.servers
    digest = digest_in(THIRDS[0])
    slot = key_slot(digest.encode())

    async def scenario() -> None:
        async with asking(cluster.url) as asked:
            await until(lambda: len(asked.pipeline.links) == 3 and asked.up)
            for server in (second, first, third):
                server.command("CLUSTER", "SETSLOT", slot, "NODE", cluster.identity(second))
            assert (await asked.told(digest)).answer.granted == 1
            assert link_of(asked, first).statistics()["errors"] == {}
            assert second.command("EXISTS", window_key("pygateway", "policy", digest))
            # From now on it is known where it is.
            written = link_of(asked, first).statistics()["commands"]

            async def asked_at_home() -> bool:
                before = link_of(asked, second).statistics()["repeated"]
                await asked.told(digest)
                return bool(link_of(asked, second).statistics()["repeated"] == before)

            while not await asked_at_home():
                pass
            assert link_of(asked, first).statistics()["commands"] >= written

    run(scenario())


def test_a_key_that_is_moving_is_asked_for(cluster: Cluster) -> None:
    first, second, _ = cluster.servers
    digest = digest_in(THIRDS[0])
    slot = key_slot(digest.encode())

    async def scenario() -> None:
        async with asking(cluster.url) as asked:
            await until(lambda: len(asked.pipeline.links) == 3 and asked.up)
            second.command("CLUSTER", "SETSLOT", slot, "IMPORTING", cluster.identity(first))
            first.command("CLUSTER", "SETSLOT", slot, "MIGRATING", cluster.identity(second))
            assert [(await asked.told(digest)).answer.remaining for _ in range(3)] == [9, 8, 7]

    run(scenario())
    assert second.command("CLUSTER", "COUNTKEYSINSLOT", slot) == 1


def slots_of(*nodes: RespServer) -> bytes:
    """The answer to CLUSTER SLOTS when the slots are shared by these."""
    share = REDIS_CLUSTER_HASH_SLOTS // len(nodes)
    parts = [
        b"*3\r\n:%d\r\n:%d\r\n*2\r\n$0\r\n\r\n:%d\r\n"
        % (number * share, (number + 1) * share - 1, node.port)
        for number, node in enumerate(nodes)
    ]
    return b"*%d\r\n" % len(parts) + b"".join(parts)


def node(slots: Callable[[], bytes], acquired: Callable[[], bytes]) -> Callable[[Command], bytes]:
    def reply(command: Command) -> bytes:
        if command[0] == b"CLUSTER":
            return slots()
        return HEARTBEAT if command[2] == b"2" else acquired()

    return reply


@pytest.mark.parametrize(
    "text",
    [
        b"CLUSTERDOWN Hash slot not served",
        b"TRYAGAIN Multiple keys request during rehashing of slot",
        b"MOVED 1 nowhere.example:1",
        b"MOVED nonsense",
    ],
)
def test_what_cannot_be_followed_is_unavailable(text: bytes) -> None:
    async def scenario() -> None:
        async with RespServer(lambda _: None) as fake:
            fake.reply = node(lambda: slots_of(fake), lambda: b"-" + text + b"\r\n")
            async with asking(fake.url.replace("redis:", "redis+cluster:")) as asked:
                assert (await asked.told()).error == text.decode()

    run(scenario())


def test_nobody_is_sent_round_in_circles() -> None:
    async def scenario() -> None:
        async with RespServer(lambda _: None) as first, RespServer(lambda _: None) as second:
            table = slots_of(first, second)
            for fake, other in ((first, second), (second, first)):
                moved = b"-MOVED 1 127.0.0.1:%d\r\n" % other.port
                fake.reply = node(partial(bytes, table), partial(bytes, moved))
            async with asking(first.url.replace("redis:", "redis+cluster:")) as asked:
                assert (await asked.told()).error.startswith("MOVED 1 ")
                assert asked.up
            sent = [each[0] for each in first.commands + second.commands if b"1" in each[2:3]]
            assert sorted(sent) == [b"EVAL", b"EVALSHA"]

    run(scenario())


def test_a_table_that_changes_brings_nodes_and_takes_them(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cluster_module, "WHILE_AWAY", 0.05)

    async def scenario() -> None:
        async with RespServer(lambda _: None) as first, RespServer(lambda _: None) as second:
            tables = [slots_of(first), b"*0\r\n", b"+what\r\n", b"-ERR no\r\n", slots_of(second)]

            def table() -> bytes:
                return tables.pop(0) if len(tables) > 1 else tables[0]

            moved = b"-MOVED 1 127.0.0.1:%d\r\n" % second.port
            first.reply = node(table, lambda: moved)
            second.reply = node(table, lambda: GRANTED)
            async with asking(first.url.replace("redis:", "redis+cluster:")) as asked:
                assert (await asked.told()).errors
                await until(lambda: asked.link.name.endswith(f":{second.port}") and asked.up)
                assert (await asked.told()).answer.granted == 1

    run(scenario())


def test_until_the_nodes_are_known_the_store_is_away() -> None:
    async def scenario() -> None:
        url = f"redis+cluster://127.0.0.1:{free_port()}"
        async with asking(url, wait=False) as asked:
            assert (await asked.told()).error == "the store is away"

    run(scenario())


def test_a_cluster_whose_nodes_come_later(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cluster_module, "WHILE_AWAY", 0.05)
    server = RedisServer(tmp_path, *cluster_options(), port=free_port())

    async def scenario() -> None:
        async with asking(f"redis+cluster://127.0.0.1:{server.port}", wait=False) as asked:
            await in_thread(server.start)
            await in_thread(server.command, "CLUSTER", "ADDSLOTSRANGE", 0, 16383)
            await until(lambda: asked.up)

    try:
        run(scenario())
    finally:
        server.kill()


def test_a_table() -> None:
    reply = [[5, 9, [b"b", 2], [b"c", 3]], [0, 4, [None, 1, b"id", []]]]
    assert read_table(reply, "asked") == [Range(0, 4, ("asked", 1)), Range(5, 9, ("b", 2))]


@pytest.mark.parametrize(
    "reply",
    [None, [], b"OK", [1], [[]], [[0, 1]], [[0, 1, [b"a"]]], [[0, 16384, [b"a", 1]]],
     [[2, 1, [b"a", 1]]], [[0, 1, [b"a", b"x"]]], [[0, 1, [1, 1]]]],
)  # fmt: skip
def test_no_table(reply: object) -> None:
    with pytest.raises(StoreUnavailable):
        read_table(reply, "asked")
