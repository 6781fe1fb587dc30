"""Tracing by whole processes: `pygateway run`, a collector, and what becomes of both."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.support.client import Client, request
from tests.support.collector import (
    Receiver,
    Span,
    accepting,
    answering,
    dripping,
    hanging,
    talking_nonsense,
)
from tests.support.patience import PATIENCE
from tests.support.process import GatewayProcess
from tests.support.upstream import ScriptedUpstream

PROTOBUF = "google/_upb/_message"
"""What shows in a process' memory map once OpenTelemetry's exporter has been imported."""


@pytest.fixture
def upstream() -> Iterator[ScriptedUpstream]:
    with ScriptedUpstream() as running:
        yield running


def write(directory: Path, upstream: ScriptedUpstream, **settings: Any) -> str:  # noqa: ANN401
    document = {
        "version": 1,
        "listen": "127.0.0.1:0",
        "workers": 2,
        "upstreams": {"users": {"endpoints": [upstream.url]}},
        "routes": [
            {"name": "users", "match": {"paths": ["/users/*"]}, "upstream": "users", "auth": "none"}
        ],
    }
    file = directory / "gateway.yaml"
    file.write_text(json.dumps(document | settings))
    return str(file)


def ask(gateway: GatewayProcess, count: int) -> list[float]:
    """Send requests on connections of their own, so that both workers get some; their seconds."""
    seconds = []
    for number in range(count):
        began = time.monotonic()
        with Client(gateway.address) as client:
            assert client.exchange(request("GET", f"/users/{number}")).status == 200
        seconds.append(time.monotonic() - began)
    return seconds


def lines(gateway: GatewayProcess, *events: str) -> list[dict[str, Any]]:
    """Lines of the log about these events."""
    said = [json.loads(line) for line in list(gateway.log) if line.startswith("{")]
    return [event for event in said if event.get("event") in events]


def await_lines(gateway: GatewayProcess, count: int, *events: str) -> list[dict[str, Any]]:
    waiting, deadline = threading.Event(), time.monotonic() + 2 * PATIENCE
    while len(found := lines(gateway, *events)) < count:
        assert time.monotonic() < deadline, gateway.log
        waiting.wait(0.02)
    return found


def memory_map(process: int) -> str:
    return Path(f"/proc/{process}/maps").read_text()


def test_every_trace_is_whole(tmp_path: Path, upstream: ScriptedUpstream) -> None:
    with Receiver() as receiver:
        settings = {"endpoint": receiver.url, "ratio": 1, "service_name": "edge"}
        with GatewayProcess("run", "-c", write(tmp_path, upstream, tracing=settings)) as gateway:
            ask(gateway, 20)
            seen = [upstream.next_request().header("traceparent") or "" for _ in range(20)]
            spans = receiver.wait_for_spans(40)
            assert all(PROTOBUF in memory_map(worker) for worker in gateway.workers)
    assert len(spans) == 40
    traces: dict[str, list[Span]] = {}
    for span in spans:
        traces.setdefault(span.trace_id, []).append(span)
    told = {each.split("-")[1]: each.split("-")[2] for each in seen}
    assert set(told) == set(traces)
    for trace_id, (server, client) in traces.items():
        assert (server.kind, client.kind) == ("SERVER", "CLIENT")
        assert (server.parent_id, client.parent_id) == ("", server.span_id)
        assert client.span_id == told[trace_id]
        assert server.start <= client.start < client.end <= server.end
    resources = [span.resource for span in spans]
    assert {resource["service.name"] for resource in resources} == {"edge"}
    # One instance is one worker.
    pairs = {(resource["process.pid"], resource["service.instance.id"]) for resource in resources}
    assert len({pid for pid, _ in pairs}) == len(pairs) <= 2


def test_what_waits_is_exported_when_the_gateway_ends(
    tmp_path: Path, upstream: ScriptedUpstream
) -> None:
    with Receiver() as receiver:
        settings = {"endpoint": receiver.url, "ratio": 1}
        with GatewayProcess("run", "-c", write(tmp_path, upstream, tracing=settings)) as gateway:
            ask(gateway, 50)
        assert len(receiver.spans) == 100


def test_off_it_is_not_there(tmp_path: Path, upstream: ScriptedUpstream) -> None:
    with GatewayProcess("run", "-c", write(tmp_path, upstream)) as gateway:
        ask(gateway, 2)
        assert gateway.workers
        for worker in gateway.workers:
            assert PROTOBUF not in memory_map(worker)


@pytest.mark.parametrize("behaviour", [hanging, dripping, talking_nonsense, answering(429)])
def test_a_collector_may_do_what_it_likes(
    tmp_path: Path,
    upstream: ScriptedUpstream,
    behaviour: Any,  # noqa: ANN401 - a behaviour
) -> None:
    with Receiver(behaviour) as receiver:
        settings = {"endpoint": receiver.url, "ratio": 1, "timeout": "300ms", "queue": 10}
        file = write(tmp_path, upstream, workers=1, tracing=settings)
        with GatewayProcess("run", "-c", file) as gateway:
            for _ in range(3):
                ask(gateway, 30)
                receiver.wait_for_deliveries(1)
            (lost,) = await_lines(gateway, 1, "spans are lost")
            ask(gateway, 30)
            began = time.monotonic()
        # It ends in time, although the collector does not.
        assert time.monotonic() - began < 4
        assert lines(gateway, "spans are lost", "spans are exported again") == [lost]
    assert lost["to"] == f"{receiver.url}/v1/traces"
    assert lost["worker"] == 0


def test_a_collector_that_comes_back_gets_spans_again(
    tmp_path: Path, upstream: ScriptedUpstream
) -> None:
    with Receiver(answering(503)) as receiver:
        settings = {"endpoint": receiver.url, "ratio": 1, "timeout": "200ms"}
        file = write(tmp_path, upstream, workers=1, tracing=settings)
        with GatewayProcess("run", "-c", file) as gateway:
            ask(gateway, 5)
            (lost,) = await_lines(gateway, 1, "spans are lost")
            assert lost["detail"] == "the collector answers 503"
            receiver.behaviour = accepting
            ask(gateway, 5)
            receiver.wait_for_spans(10)
            (again,) = await_lines(gateway, 1, "spans are exported again")
            assert again["lost"] == 10
