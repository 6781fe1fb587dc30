from __future__ import annotations

import asyncio
import socket
import subprocess
import time
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import pytest

from pygateway.config import Redis
from pygateway.revocation.shared import SharedRevocations
from pygateway.store.redis import Store, StoreUnavailable, connect, translated
from tests.revocation.gateways import jti
from tests.support.certificates import Authority
from tests.support.patience import PATIENCE
from tests.support.redis import RedisServer, cluster_options, free_port, program

LONGEST_TIMEOUT = 10.0
"""Seconds: no more is allowed."""


async def ask(store: Store, *arguments: bytes | str | float) -> Any:  # noqa: ANN401
    async with asyncio.timeout(PATIENCE), translated():
        return await store.execute_command(*arguments)


def run(settings: Redis, scenario: Callable[[Store], Awaitable[None]]) -> None:
    async def whole() -> None:
        store = connect(settings)
        try:
            await scenario(store)
        finally:
            await store.aclose()

    asyncio.run(whole())


def test_a_unix_socket_and_its_database(tmp_path: Path) -> None:
    async def scenario(store: Store) -> None:
        await ask(store, "SET", "key", "value")
        assert await store.get("key") == b"value"

    with RedisServer(tmp_path) as server:
        run(Redis(url=f"{server.url}?db=3", timeout=LONGEST_TIMEOUT), scenario)
        assert server.command("GET", "key") is None


def test_user_and_password(tmp_path: Path) -> None:
    async def pongs(store: Store) -> None:
        assert await ask(store, "PING")

    async def refused(store: Store) -> None:
        with pytest.raises(StoreUnavailable, match="invalid username-password pair"):
            await ask(store, "PING")

    with RedisServer(tmp_path) as server:
        server.command("ACL", "SETUSER", "ann", "on", ">secret", "+@all", "~*")
        server.command("ACL", "SETUSER", "default", "-@all")
        good = Redis(url=server.url.replace("//", "//ann:secret@"), timeout=LONGEST_TIMEOUT)
        run(good, pongs)
        run(good.model_copy(update={"username": "bob"}), refused)


def test_a_hung_redis_is_known_soon_and_nothing_is_tried_twice(tmp_path: Path) -> None:
    async def scenario(store: Store) -> None:
        await ask(store, "INCR", "tries")
        server.hang()
        with pytest.raises(StoreUnavailable):
            await ask(store, "INCR", "tries")
        server.go_on()

    with RedisServer(tmp_path) as server:
        run(Redis(url=server.url, timeout=0.2), scenario)
        assert int(server.command("GET", "tries")) <= 2


def test_a_redis_that_is_not_there(tmp_path: Path) -> None:
    async def scenario(store: Store) -> None:
        with pytest.raises(StoreUnavailable):
            await ask(store, "PING")

    run(Redis(url=f"unix://{tmp_path}/nowhere"), scenario)


def test_a_server_that_takes_connections_and_says_nothing() -> None:
    async def scenario(store: Store) -> None:
        with pytest.raises(StoreUnavailable):
            await ask(store, "PING")

    with socket.create_server(("127.0.0.1", 0)) as silent:
        run(Redis(url=f"redis://127.0.0.1:{silent.getsockname()[1]}", timeout=0.1), scenario)


async def settable(store: Store) -> None:
    assert await ask(store, "SET", "key", "value") in {b"OK", True}
    assert await store.get("key") == b"value"


def test_tcp_and_a_database(tmp_path: Path) -> None:
    with RedisServer(tmp_path, port=free_port()) as server:
        run(Redis(url=f"redis://127.0.0.1:{server.port}/2", timeout=LONGEST_TIMEOUT), settable)


def test_sentinels_name_the_primary(tmp_path: Path) -> None:
    port = free_port()
    (tmp_path / "sentinel").mkdir()
    with RedisServer(tmp_path, port=free_port()) as server:
        file = tmp_path / "sentinel" / "sentinel.conf"
        file.write_text(
            f"port {port}\nbind 127.0.0.1\n"
            f"sentinel monitor main 127.0.0.1 {server.port} 1\ndir {file.parent}\n"
        )
        process = subprocess.Popen([program(), str(file), "--sentinel"], stdout=subprocess.DEVNULL)
        try:
            wait_for_port(port)
            url = f"redis+sentinel://127.0.0.1:{free_port()},127.0.0.1:{port}/main/1"
            run(Redis(url=url, timeout=LONGEST_TIMEOUT), settable)
            unknown = Redis(url=url.replace("main", "other"), timeout=LONGEST_TIMEOUT)
            run(unknown, refuses)
        finally:
            process.kill()
            process.wait(PATIENCE)


def test_a_cluster(tmp_path: Path) -> None:
    with RedisServer(tmp_path, *cluster_options(), port=free_port()) as server:
        server.command("CLUSTER", "ADDSLOTSRANGE", 0, 16383)
        wait_until(lambda: b"cluster_state:ok" in server.command("CLUSTER", "INFO"))
        url = f"redis+cluster://127.0.0.1:{server.port}"
        run(Redis(url=url, timeout=LONGEST_TIMEOUT), settable)
        run(Redis(url=url, timeout=LONGEST_TIMEOUT), follows)


async def follows(store: Store) -> None:
    """Everything that the revocation feed asks can be asked of a cluster."""
    shared = SharedRevocations(store, "pygateway")
    head = await shared.begin()
    await shared.publish([jti("a")])
    (message,) = await shared.messages(head, 0.5)
    assert (message.after, message.entries) == (head, [jti("a")])
    assert await shared.head() == message.head
    assert [batch async for batch in shared.batches()] == [[jti("a")]]
    await shared.forget([jti("a")])


async def refuses(store: Store) -> None:
    with pytest.raises(StoreUnavailable):
        await ask(store, "PING")


def test_tls_trusts_the_given_authority_alone(tmp_path: Path) -> None:
    authority = Authority(tmp_path)
    with RedisServer(tmp_path) as server:

        async def scenario() -> None:
            relay = Relay(server.url.removeprefix("unix://"))
            context = authority.server("127.0.0.1")
            listener = await asyncio.start_server(relay.serve, "127.0.0.1", 0, ssl=context)
            url = f"rediss://127.0.0.1:{listener.sockets[0].getsockname()[1]}/0"
            trusting = connect(Redis(url=url, ca_file=str(authority.file), timeout=LONGEST_TIMEOUT))
            await settable(trusting)
            await trusting.aclose()
            for other in (None, str(Authority(tmp_path, "Another").file)):
                doubting = connect(Redis(url=url, ca_file=other, timeout=LONGEST_TIMEOUT))
                await refuses(doubting)
                await doubting.aclose()
            listener.close()

        asyncio.run(scenario())


class Relay:
    """Speaks TLS for a server that does not."""

    def __init__(self, path: str) -> None:
        self._path = path

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        their_reader, their_writer = await asyncio.open_unix_connection(self._path)
        await asyncio.gather(pump(reader, their_writer), pump(their_reader, writer))


async def pump(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    while data := await reader.read(65536):
        writer.write(data)
        await writer.drain()
    writer.close()


def wait_for_port(port: int) -> None:
    def listens() -> bool:
        with socket.socket() as probe:
            return probe.connect_ex(("127.0.0.1", port)) == 0

    wait_until(listens)


def wait_until(condition: Callable[[], bool]) -> None:
    deadline = time.monotonic() + PATIENCE
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.01)
