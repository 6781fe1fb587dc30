"""A whole exchange without sockets: both Protocols, the proxy and the door in memory."""

from __future__ import annotations

import asyncio
import time
from typing import Any

import jwt
import pytest
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
ISSUER = "https://issuer.example"
SHARED = "benches sign with this secret key"


class MemoryTransport:
    """Takes what is written and counts it."""

    def __init__(self) -> None:
        self.written = 0

    def write(self, data: bytes) -> None:
        self.written += len(data)

    def writelines(self, parts: list[bytes]) -> None:
        self.written += sum(map(len, parts))

    def pause_reading(self) -> None:
        """There is nothing to read."""

    resume_reading = pause_reading

    def get_extra_info(self, name: str) -> object:
        return ("127.0.0.1", 50000) if name == "peername" else None


def config(*, protected: bool) -> Config:
    provider = {
        "issuer": ISSUER,
        "audiences": ["api"],
        "secrets": [{"value": SHARED}],
        "claims_to_headers": {"sub": "X-User-ID"},
    }
    access = {"provider": "main"} if protected else "none"
    return Config.model_validate(
        {
            "version": 1,
            "auth": {"providers": {"main": provider}},
            "upstreams": {"origin": {"endpoints": ["http://127.0.0.1:9"]}},
            "routes": [{"name": "all", "upstream": "origin", "auth": access}],
        }
    )


def with_token() -> bytes:
    claims = {"iss": ISSUER, "aud": "api", "sub": "alice", "exp": int(time.time()) + 3600}
    token = jwt.encode(claims, SHARED, "HS256")
    return REQUEST[:-2] + f"Authorization: Bearer {token}\r\n\r\n".encode()


CASES = {
    "open": (False, REQUEST),
    # The same bytes as with a known token, so that the difference is what authentication costs.
    "open-with-token": (False, with_token()),
    "known-token": (True, with_token()),
}


@pytest.mark.parametrize("case", CASES)
def test_get_through_an_idle_connection(benchmark: BenchmarkFixture, case: str) -> None:
    protected, request = CASES[case]

    async def run() -> None:
        gateway = Gateway(config(protected=protected))
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
        tasks = len(asyncio.all_tasks())

        def exchange() -> None:
            client.data_received(request)
            upstream.data_received(RESPONSE)

        benchmark(exchange)
        assert to_client.written > to_upstream.written > 0
        assert list(pool.idle) == [upstream]
        assert len(asyncio.all_tasks()) == tasks

    asyncio.run(run())
