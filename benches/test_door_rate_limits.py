"""What rate limits add to a decision: by the number of policies, keys, and where they count."""

from __future__ import annotations

import itertools
import json
from pathlib import Path
from typing import Any

import pytest
from pytest_benchmark.fixture import BenchmarkFixture

from pygateway._core import Forward, Gate, Peer, Reject, Unfunded
from pygateway.config import load
from pygateway.config.gate_specification import gate_specification

NOW = 1_700_000_000.0
PLENTY = 67_108_864
HEAD = (
    b"GET /users/7 HTTP/1.1\r\nHost: api.example\r\n"
    + b"".join(b"X-Custom-Header-%d: some value of usual length\r\n" % n for n in range(9))
    + b"\r\n"
)


def gate(tmp_path: Path, **policies: dict[str, Any]) -> Gate:
    """A gate with one route under these policies."""
    file = tmp_path / "gateway.yaml"
    document = {
        "version": 1,
        "redis": "redis://127.0.0.1:1/0",
        "rate_limits": policies,
        "upstreams": {"users": {"endpoints": ["http://127.0.0.1:9"]}},
        "routes": [{"name": "users", "upstream": "users", "rate_limits": list(policies)}],
    }
    file.write_text(json.dumps(document))
    return Gate(gate_specification(load(file, {})), bytes(32))


def policy(**changes: Any) -> dict[str, Any]:  # noqa: ANN401 - whatever a policy has
    """A policy that this machine counts, by address, and that has no end."""
    return {"by": "ip", "quota": PLENTY, "window": "1d", "mode": "local"} | changes


@pytest.mark.parametrize("count", [0, 1, 2, 4])
def test_policies(benchmark: BenchmarkFixture, tmp_path: Path, count: int) -> None:
    door = gate(tmp_path, **{f"policy-{number}": policy() for number in range(count)})
    peer = door.peer("192.0.2.1", False)
    assert isinstance(benchmark(door.decide_head, HEAD, peer, NOW), Forward)


@pytest.mark.parametrize("keys", [1_000, 100_000])
def test_many_keys(benchmark: BenchmarkFixture, tmp_path: Path, keys: int) -> None:
    door = gate(tmp_path, many=policy())
    peers = [door.peer(f"10.{n >> 16}.{n >> 8 & 255}.{n & 255}", False) for n in range(keys)]
    others: itertools.cycle[Peer] = itertools.cycle(peers)
    assert isinstance(benchmark(lambda: door.decide_head(HEAD, next(others), NOW)), Forward)


def test_a_refusal(benchmark: BenchmarkFixture, tmp_path: Path) -> None:
    door = gate(tmp_path, small=policy(quota=1))
    peer = door.peer("192.0.2.1", False)
    door.decide_head(HEAD, peer, NOW)
    assert isinstance(benchmark(door.decide_head, HEAD, peer, NOW), Reject)


def test_requests_in_flight(benchmark: BenchmarkFixture, tmp_path: Path) -> None:
    door = gate(tmp_path, busy={"by": "ip", "concurrency": 100})
    peer = door.peer("192.0.2.1", False)

    def come_and_go() -> object:
        decision = door.decide_head(HEAD, peer, NOW)
        decision.release()
        return decision

    assert isinstance(benchmark(come_and_go), Forward)


def test_a_lease(benchmark: BenchmarkFixture, tmp_path: Path) -> None:
    """Redis has handed out what the requests spend."""
    door = gate(tmp_path, shared=policy(mode="leased"))
    door.set_store(True, 1, 1)
    peer = door.peer("192.0.2.1", False)
    day = 86_400_000
    for _ in range(8):
        unfunded = door.decide_head(HEAD, peer, NOW)
        if isinstance(unfunded, Unfunded):
            answer = (1 << 23, PLENTY, int(NOW * 1000) // day, day // 2, 0)
            door.fund(unfunded, [answer], NOW, NOW)
    assert isinstance(benchmark(door.decide_head, HEAD, peer, NOW), Forward)
