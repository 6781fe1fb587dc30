from __future__ import annotations

import asyncio
import contextlib
import io
import json
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from time import monotonic
from typing import Any

import pytest

from pygateway.config import Tracing
from pygateway.telemetry import configure_logging
from pygateway.telemetry.tracing import BATCH, OVERFLOW, Tracer
from tests.support.collector import Receiver, accepting, answering, hanging, refused_port
from tests.support.patience import PATIENCE
from tests.telemetry.requests import finished

REQUEST = finished(endpoint=None, upstream=None)
"""It becomes one span."""


@contextlib.contextmanager
def tracing(url: str, **settings: Any) -> Iterator[Tracer]:  # noqa: ANN401 - any setting
    tracer = Tracer(Tracing.model_validate({"endpoint": url, "timeout": 0.3} | settings))
    tracer.start()
    try:
        yield tracer
    finally:
        tracer.close()


@pytest.fixture
def log() -> Iterator[Callable[[], list[dict[str, Any]]]]:
    """What the log has been told."""
    stream = io.StringIO()
    configure_logging({}, stream)
    yield lambda: [json.loads(line) for line in stream.getvalue().splitlines()]
    configure_logging({})


def until(condition: Callable[[], bool], what: str) -> None:
    """Look again and again, because threads have no other way of telling."""
    event, deadline = threading.Event(), monotonic() + 2 * PATIENCE
    while not condition():
        assert monotonic() < deadline, what
        event.wait(0.01)


def counts(tracer: Tracer) -> tuple[int, int, int, int]:
    said = tracer.statistics()
    return said["exported"], said["failed"], said["dropped"], said["queued"]


def drain(tracer: Tracer, deadline: float) -> float:
    began = monotonic()
    asyncio.run(tracer.drain(deadline))
    return monotonic() - began


def test_requests_are_exported_within_a_second_or_so() -> None:
    with Receiver() as receiver, tracing(receiver.url) as tracer:
        tracer.record(REQUEST)
        receiver.wait_for_spans(1)
        until(lambda: counts(tracer) == (1, 0, 0, 0), "the count")
        assert tracer.statistics()["problem"] is None


def test_a_full_batch_does_not_wait() -> None:
    with Receiver() as receiver, tracing(receiver.url) as tracer:
        tracer.record(REQUEST)
        receiver.wait_for_spans(1)
        began = monotonic()
        for _ in range(BATCH):
            tracer.record(REQUEST)
        receiver.wait_for_spans(1 + BATCH)
        assert monotonic() - began < 0.9
        assert [len(delivery.spans) for delivery in receiver.deliveries] == [1, BATCH]


def test_the_queue_is_bounded_and_nothing_goes_uncounted() -> None:
    with Receiver(hanging) as receiver, tracing(receiver.url, queue=600, timeout=60) as tracer:
        for _ in range(BATCH):
            tracer.record(REQUEST)
        receiver.wait_for_deliveries(1)
        for _ in range(5000):
            tracer.record(finished())  # two spans each
        assert counts(tracer) == (0, 0, 2 * 4400, 600 + BATCH)
        # What had to wait for a collector that hangs is lost, all of it.
        assert drain(tracer, 0.3) < 2
        assert counts(tracer) == (0, BATCH + 2 * 600, 2 * 4400, 0)


def test_draining_exports_what_waits() -> None:
    with Receiver() as receiver, tracing(receiver.url) as tracer:
        for _ in range(2 * BATCH + 1):
            tracer.record(REQUEST)
        assert drain(tracer, 2) < 2
        assert len(receiver.spans) == 2 * BATCH + 1
        assert counts(tracer) == (2 * BATCH + 1, 0, 0, 0)
        tracer.record(REQUEST)
        assert counts(tracer) == (2 * BATCH + 1, 0, 1, 0)


@pytest.mark.parametrize("behaviour", [hanging, answering(503)])
def test_draining_has_a_deadline(behaviour: Callable[[Any], None]) -> None:
    with Receiver(behaviour) as receiver, tracing(receiver.url, timeout=60) as tracer:
        tracer.record(REQUEST)
        receiver.wait_for_deliveries(1)
        tracer.record(REQUEST)
        assert 0.2 < drain(tracer, 0.3) < 1
        assert counts(tracer) == (0, 2, 0, 0)


def test_draining_with_nothing_to_export_takes_no_time() -> None:
    with tracing(f"http://127.0.0.1:{refused_port()}") as tracer:
        assert drain(tracer, 5) < 1


def test_losses_are_logged_once_and_their_end_too(
    log: Callable[[], list[dict[str, Any]]], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("pygateway.telemetry.tracing.CALM", 0.5)
    port = refused_port()
    url = f"http://127.0.0.1:{port}"
    with tracing(f"{url}/v1/traces?key=hidden") as tracer:
        for number in (1, 2, 3):
            tracer.record(REQUEST)
            until(lambda number=number: counts(tracer)[1] == number, "a failure")  # type: ignore[misc]
        assert tracer.statistics()["problem"] == "ConnectionRefusedError: Connection refused"
        with Receiver(port=port) as receiver:
            tracer.record(REQUEST)
            receiver.wait_for_spans(1)
            until(lambda: tracer.statistics()["problem"] is None, "the end of the trouble")
            lines = log()
            assert [(line["level"], line["event"]) for line in lines] == [
                ("warning", "spans are lost"),
                ("info", "spans are exported again"),
            ]
            assert lines[0]["detail"] == "ConnectionRefusedError: Connection refused"
            assert lines[1]["lost"] == 3
            assert all(line["to"] == f"{url}/v1/traces" for line in lines)
            # And it can begin again.
            receiver.behaviour = answering(500)
            tracer.record(REQUEST)
            until(lambda: len(log()) == 3, "the next trouble")
            assert log()[2]["detail"] == "the collector answers 500"


def test_silence_is_no_sign_that_a_collector_is_back(
    log: Callable[[], list[dict[str, Any]]], monkeypatch: pytest.MonkeyPatch
) -> None:
    # Without patience, it would be well again at the first look.
    monkeypatch.setattr("pygateway.telemetry.tracing.CALM", 0.0)
    with tracing(f"http://127.0.0.1:{refused_port()}") as tracer:
        for number in (1, 2, 3):
            tracer.record(REQUEST)
            until(lambda number=number: counts(tracer)[1] == number, "a failure")  # type: ignore[misc]
        assert [line["event"] for line in log()] == ["spans are lost"]


def test_a_queue_that_overflows_is_logged(log: Callable[[], list[dict[str, Any]]]) -> None:
    with Receiver(accepting) as receiver, tracing(receiver.url, queue=1) as tracer:
        for _ in range(3):
            tracer.record(REQUEST)
        receiver.wait_for_spans(1)
        until(lambda: bool(log()), "the line")
        assert [line.get("detail") for line in log()] == [OVERFLOW]


def test_mistakes_do_not_end_the_thread(log: Callable[[], list[dict[str, Any]]]) -> None:
    with Receiver() as receiver, tracing(receiver.url) as tracer:
        tracer.record(finished(trace_id="no number"))
        until(lambda: counts(tracer) == (0, 2, 0, 0), "the count")
        tracer.record(REQUEST)
        receiver.wait_for_spans(1)
        until(lambda: counts(tracer) == (1, 2, 0, 0), "the count")
    assert log()[0]["event"] == "internal error"
    assert log()[1]["detail"] == "internal error: ValueError"


def test_without_tracing_a_gateway_imports_nothing_for_it() -> None:
    program = """if True:
        import asyncio, sys
        from pygateway.config import load_text
        from pygateway.gateway import Gateway
        import pygateway.worker

        async def build(text):
            Gateway(load_text(text)).close()

        def imported():
            return {name.partition(".")[0] for name in sys.modules} & {
                "opentelemetry", "requests", "urllib3", "google"
            }

        asyncio.run(build(""))
        print(sorted(imported()))
        asyncio.run(build("tracing: http://localhost:4318"))
        print(sorted(imported()))
    """
    result = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=True
    )
    assert result.stdout.splitlines() == [
        "[]",
        "['google', 'opentelemetry', 'requests', 'urllib3']",
    ]
