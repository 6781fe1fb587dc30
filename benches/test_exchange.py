"""A whole exchange without sockets: both Protocols, the proxy and the door in memory."""

from __future__ import annotations

import asyncio
from typing import Any

from pytest_benchmark.fixture import BenchmarkFixture

from pygateway.config import Config
from pygateway.gateway import Gateway
from pygateway.server.connection import ClientConnection
from pygateway.upstream.connection import UpstreamConnection

REQUEST = b"GET /a?b=c HTTP/1.1\r\nHost: api.example\r\nUser-Agent: bench\r\nAccept: */*\r\n\r\n"
RESPONSE = (
    b"HTTP/1.1 200 OK\r\nDate: Mon, 23 Nov 2026 19:06:19 GMT\r\nContent-Type: text/plain\r\n"
    b"Content-Length: 136\r\nConnection: keep-alive\r\n\r\n" + b"x" * 136
)


class MemoryTransport:
    """Takes what is written and counts it."""

    def __init__(self) -> None:
        self.written = 0

    def write(self, data: bytes) -> None:
        self.written += len(data)

    def writelines(self, parts: list[bytes]) -> None:
        self.written += sum(map(len, parts))

    def get_extra_info(self, name: str) -> object:
        return ("127.0.0.1", 50000) if name == "peername" else None


def test_get_through_an_idle_connection(benchmark: BenchmarkFixture) -> None:
    async def run() -> None:
        config = Config.model_validate(
            {
                "version": 1,
                "upstreams": {"origin": {"endpoints": ["http://127.0.0.1:9"]}},
                "routes": [{"name": "all", "upstream": "origin", "auth": "none"}],
            }
        )
        gateway = Gateway(config)
        parts: Any = gateway
        pool = parts._upstreams["origin"].endpoints[0].pool
        to_client, to_upstream = MemoryTransport(), MemoryTransport()
        client: Any = ClientConnection(parts._server)
        client.connection_made(to_client)
        upstream: Any = UpstreamConnection(pool)
        upstream.connection_made(to_upstream)
        upstream.counted = True
        pool.total = 1
        pool.put_back(upstream)

        def exchange() -> None:
            client.data_received(REQUEST)
            upstream.data_received(RESPONSE)

        benchmark(exchange)
        assert to_client.written > to_upstream.written > 0
        assert list(pool.idle) == [upstream]

    asyncio.run(run())
