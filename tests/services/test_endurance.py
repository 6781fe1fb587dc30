"""What must not grow: memory and descriptors of a worker, under hostile and mixed traffic."""

from __future__ import annotations

import contextlib
import resource
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.client import Client, chunked, request
from tests.support.process import GatewayProcess
from tests.support.upstream import ScriptedUpstream

SLOW_CONNECTIONS = 10_000
SLOW_MEMORY = 80_000_000
"""Bytes that ten thousand slow heads may add to a worker."""


@pytest.fixture
def gateway() -> Iterator[GatewayProcess]:
    """`pygateway proxy` with one worker in front of an upstream in this process."""
    with (
        ScriptedUpstream() as upstream,
        GatewayProcess(
            "proxy", "--to", upstream.url, "--from", "127.0.0.1:0", "--workers", "1"
        ) as started,
    ):  # fmt: skip
        yield started


@pytest.fixture
def descriptors() -> Iterator[int]:
    """How many descriptors this process, and those it starts, may open."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    yield hard
    resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))


def test_ten_thousand_slow_heads(descriptors: int, gateway: GatewayProcess) -> None:
    count = min(SLOW_CONNECTIONS, descriptors - 500)
    with contextlib.ExitStack() as stack, Client(gateway.address) as client:
        assert client.exchange(request()).status == 200
        before = gateway.memory()
        for _ in range(count):
            slow = stack.enter_context(Client(gateway.address))
            slow.send(b"GET / HTTP/1.1\r\nHost: gateway.test\r\nX-Slow: ")
        times = []
        for _ in range(50):
            began = time.perf_counter()
            assert client.exchange(request()).status == 200
            times.append(time.perf_counter() - began)
        added = gateway.memory() - before
        print(
            f"\n{count} slow heads: {added / 1e6:.1f} MB added,"
            f" a normal request takes {sorted(times)[25] * 1e3:.2f} ms"
        )
        assert added < SLOW_MEMORY * count / SLOW_CONNECTIONS
        assert sorted(times)[25] < 0.05


MIXED = [
    request("GET", "/plain"),
    request("POST", "/body", body=b"x" * 5000),
    request("POST", "/coded", "Transfer-Encoding: chunked") + chunked(b"x" * 3000, b"y"),
    request("GET", "/" + "a" * 9000),
    request("GET", "/large", *(f"X-{n}: {'v' * 200}" for n in range(90))),
    request("GET", "/many", *(f"X-{n}: v" for n in range(200))),
    b"GET / HTTP/1.1\r\n\r\n",
    b"GARBAGE\r\n\r\n",
    request("GET", "/health"),
    request("OPTIONS", "*"),
    request("HEAD", "/head/../x", "Connection: close"),
    request("GET", "/old", version="1.0"),
]


def traffic(address: tuple[str, int], rounds: int) -> None:
    """Requests of every kind, some of which are left before their answer."""
    for number in range(rounds):
        for raw in MIXED:
            with Client(address) as client:
                client.send(raw)
                if number % 4 == 3:
                    client.reset()
                else:
                    client.response(raw.split(b" ", 1)[0].decode())


def open_descriptors(process: int) -> int:
    """How many descriptors a process has."""
    return len(list(Path(f"/proc/{process}/fd").iterdir()))


def test_mixed_traffic_leaves_nothing_behind(gateway: GatewayProcess) -> None:
    (worker,) = gateway.workers
    traffic(gateway.address, 60)
    memory, descriptors = gateway.memory(), open_descriptors(worker)
    traffic(gateway.address, 240)
    with Client(gateway.address) as client:
        assert client.exchange(request()).status == 200
    grown = gateway.memory() - memory
    print(f"\n{240 * len(MIXED)} mixed requests: {grown / 1e6:+.2f} MB")
    assert grown < 4 << 20
    # Idle connections to the upstream may come and go; clients' may not stay.
    assert open_descriptors(worker) <= descriptors + 10
