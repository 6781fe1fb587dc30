import asyncio
import contextlib
from collections.abc import AsyncIterator, Awaitable, Callable

import pytest

from pygateway.config import Endpoint, UpstreamTls
from pygateway.config import Pool as PoolPolicy
from pygateway.errors import ConnectFailed, Overloaded
from pygateway.sweep import Sweep
from pygateway.upstream.connection import UpstreamConnection
from pygateway.upstream.connector import Connector
from pygateway.upstream.pool import Pool

PATIENCE = 5.0


class Origin:
    """A server that accepts and says nothing; counts and can close its connections."""

    def __init__(self) -> None:
        self.writers: list[asyncio.StreamWriter] = []
        self.port = 0
        self.changed = asyncio.Condition()

    async def accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        async with self.changed:
            self.writers.append(writer)
            self.changed.notify_all()
        await reader.read()
        writer.close()


@contextlib.asynccontextmanager
async def origin() -> AsyncIterator[Origin]:
    state = Origin()
    server = await asyncio.start_server(state.accept, "127.0.0.1", 0)
    state.port = server.sockets[0].getsockname()[1]
    try:
        yield state
    finally:
        server.close()
        for writer in state.writers:
            writer.transport.abort()


def pool_of(port: int, **policy: object) -> tuple[Pool, Sweep]:
    sweep = Sweep(asyncio.get_running_loop())
    endpoint = Endpoint.model_validate(f"http://127.0.0.1:{port}")
    return (
        Pool(Connector(endpoint, UpstreamTls()), PoolPolicy.model_validate(policy), sweep, 32768),
        sweep,
    )


def run(scenario: Callable[[Origin], Awaitable[None]]) -> None:
    async def with_origin() -> None:
        async with origin() as state, asyncio.timeout(PATIENCE):
            await scenario(state)

    asyncio.run(with_origin())


def test_the_connection_used_last_is_lent_first() -> None:
    async def scenario(state: Origin) -> None:
        pool, _ = pool_of(state.port)
        first, second = await pool.connect(), await pool.connect()
        pool.put_back(first)
        pool.put_back(second)
        assert pool.idle.pop() is second
        assert pool.idle.pop() is first
        assert pool.total == pool.load == 2
        pool.close()

    run(scenario)


class WatchedPool(Pool):
    """A pool that tells when it has forgotten a connection."""

    __slots__ = ("forgot",)
    forgot: asyncio.Event

    def forget(self, connection: UpstreamConnection) -> None:
        super().forget(connection)
        self.forgot.set()


def test_an_idle_connection_that_the_endpoint_closes_is_forgotten() -> None:
    async def scenario(state: Origin) -> None:
        endpoint = Endpoint.model_validate(f"http://127.0.0.1:{state.port}")
        connector = Connector(endpoint, UpstreamTls())
        sweep = Sweep(asyncio.get_running_loop())
        pool = WatchedPool(connector, PoolPolicy(), sweep, 32768)
        pool.forgot = asyncio.Event()
        pool.put_back(await pool.connect())
        async with state.changed:
            await state.changed.wait_for(lambda: state.writers)
        state.writers[0].close()
        await pool.forgot.wait()
        assert not pool.idle
        assert pool.total == pool.load == 0

    run(scenario)


def test_more_than_max_idle_are_closed_at_once() -> None:
    async def scenario(state: Origin) -> None:
        pool, _ = pool_of(state.port, max_idle=1)
        connections = [await pool.connect() for _ in range(3)]
        for connection in connections:
            pool.put_back(connection)
        assert len(pool.idle) == 1

    run(scenario)


def test_tidy_closes_those_idle_for_too_long_and_keeps_the_rest() -> None:
    async def scenario(state: Origin) -> None:
        pool, sweep = pool_of(state.port, idle_timeout="10s")
        old, young = await pool.connect(), await pool.connect()
        sweep.now = 100.0
        pool.put_back(old)
        sweep.now = 108.0
        pool.put_back(young)
        pool.tidy(109.9)
        assert list(pool.idle) == [old, young]
        pool.tidy(110.1)
        assert list(pool.idle) == [young]

    run(scenario)


def test_a_request_over_the_cap_waits_and_is_served_first_come_first_served() -> None:
    async def scenario(state: Origin) -> None:
        pool, _ = pool_of(state.port, max_connections=1)
        connection = await pool.connect()
        assert pool.exhausted
        turns = [asyncio.ensure_future(pool.wait_for_turn()) for _ in range(2)]
        await asyncio.wait(turns, timeout=0)
        pool.put_back(connection)
        assert await turns[0] is connection
        pool.put_back(connection)
        assert await turns[1] is connection

    run(scenario)


def test_a_full_queue_refuses_at_once() -> None:
    async def scenario(state: Origin) -> None:
        pool, _ = pool_of(state.port, max_connections=1, max_queue=1)
        await pool.connect()
        waiting = asyncio.ensure_future(pool.wait_for_turn())
        await asyncio.wait([waiting], timeout=0)
        with pytest.raises(Overloaded):
            await pool.wait_for_turn()
        waiting.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await waiting
        assert pool.load == 1

    run(scenario)


def test_a_turn_given_to_one_that_was_cancelled_goes_to_the_next() -> None:
    async def scenario(state: Origin) -> None:
        pool, _ = pool_of(state.port, max_connections=1)
        connection = await pool.connect()
        gone, next_one = (asyncio.ensure_future(pool.wait_for_turn()) for _ in range(2))
        await asyncio.wait([gone, next_one], timeout=0)
        pool.put_back(connection)
        gone.cancel()
        assert await next_one is connection
        assert gone.cancelled()

    run(scenario)


def test_a_connection_that_closes_lets_the_next_in_line_make_one() -> None:
    async def scenario(state: Origin) -> None:
        pool, _ = pool_of(state.port, max_connections=1)
        connection = await pool.connect()
        waiting = asyncio.ensure_future(pool.wait_for_turn())
        await asyncio.wait([waiting], timeout=0)
        connection.abort()
        assert await waiting is None
        assert pool.exhausted
        assert (await pool.connect(reserved=True)).closed is False
        assert pool.total == 1

    run(scenario)


def test_a_failed_connect_is_not_counted_and_may_be_tried_again() -> None:
    async def scenario(state: Origin) -> None:
        pool, _ = pool_of(1)
        with pytest.raises(ConnectFailed) as failure:
            await pool.connect()
        assert failure.value.retryable
        assert pool.total == 0

    run(scenario)


def test_a_closed_pool_keeps_nothing() -> None:
    async def scenario(state: Origin) -> None:
        pool, _ = pool_of(state.port)
        idle, busy = await pool.connect(), await pool.connect()
        pool.put_back(idle)
        pool.close()
        pool.put_back(busy)
        assert not pool.idle

    run(scenario)
