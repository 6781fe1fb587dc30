"""What a refusal costs: the problem alone, and the whole exchange in memory."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path
from typing import Any

from pytest_benchmark.fixture import BenchmarkFixture

from benches.test_exchange import REQUEST, MemoryTransport
from pygateway import problem
from pygateway._core import Gate, Reject
from pygateway.config import Config, load
from pygateway.config.gate_specification import gate_specification
from pygateway.gateway import Gateway
from pygateway.server.connection import ClientConnection

NOW = 1_700_000_000.0
DOCUMENT = {
    "version": 1,
    "rate_limits": {"per-ip": {"by": "ip", "quota": 1, "window": "1d"}},
    "upstreams": {"origin": {"endpoints": ["http://127.0.0.1:9"]}},
    "routes": [
        {"name": "all", "upstream": "origin", "auth": "none", "rate_limits": ["per-ip"]}
        | {"match": {"paths": ["/a"]}},
        {"name": "empty", "match": {"paths": ["/empty"]}, "auth": "none"}
        | {"rate_limits": ["per-ip"], "respond": {"body": ""}},
    ],
}


def refuse(tmp_path: Path) -> Reject:
    """A real refusal by a rate limit."""
    file = tmp_path / "gateway.yaml"
    file.write_text(json.dumps(DOCUMENT))
    gate = Gate(gate_specification(load(file, {})), bytes(32))
    peer = gate.peer("192.0.2.1", False)
    gate.decide_head(REQUEST, peer, NOW)
    refusal = gate.decide_head(REQUEST, peer, NOW)
    assert isinstance(refusal, Reject)
    return refusal


def test_rendering(benchmark: BenchmarkFixture, tmp_path: Path) -> None:
    refusal = refuse(tmp_path)
    headers, members = refusal.headers, {"violated_policies": refusal.violated}

    def render() -> bytes:
        return problem.render(
            refusal, "rate-limited", refusal.detail, NOW, headers=headers, members=members
        )

    assert b" 429 " in benchmark(render)


def test_rendering_without_members(benchmark: BenchmarkFixture, tmp_path: Path) -> None:
    refusal = refuse(tmp_path)
    reply = benchmark(problem.render, refusal, "token-missing", "A credential is required.", NOW)
    assert b" 401 " in reply


def test_head_of_a_reply(benchmark: BenchmarkFixture, tmp_path: Path) -> None:
    """The native part of the rendering, which is the same whatever the body."""
    refusal = refuse(tmp_path)
    fields = [(b"Cache-Control", b"no-store"), *refusal.headers]
    assert b" 429 " in benchmark(refusal.reply_head, 429, fields, 263, NOW, False)


def test_refused_exchange(benchmark: BenchmarkFixture) -> None:
    async def run() -> None:
        gateway: Any = Gateway(Config.model_validate(DOCUMENT))
        transport = MemoryTransport()
        client: Any = ClientConnection(gateway._server)
        client.connection_made(transport)
        empty = REQUEST.replace(b"/a?b=c", b"/empty")
        client.data_received(empty)  # uses the quota up
        written = transport.written
        benchmark(client.data_received, REQUEST)
        assert transport.written > written > 0

    asyncio.run(run())
