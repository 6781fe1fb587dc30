"""The exporter against a real receiver of OTLP over HTTP, however that behaves."""

from __future__ import annotations

import io
import json
import logging
import threading
from collections.abc import Callable
from pathlib import Path
from time import monotonic
from typing import Any

import pytest

from pygateway.config import Tracing
from pygateway.telemetry import configure_logging
from pygateway.telemetry.collector import Collector
from tests.support.certificates import Authority
from tests.support.collector import (
    Behaviour,
    Receiver,
    accepting,
    answering,
    dripping,
    endless,
    hanging,
    refused_port,
    refusing,
    talking_nonsense,
)
from tests.support.patience import PATIENCE
from tests.telemetry.requests import SPANS, TRACE, finished

BATCH = [finished(), finished(endpoint=None, upstream=None)]
SPAN_COUNT = 3
"""Of the batch."""


def collector(url: str, **settings: Any) -> Collector:  # noqa: ANN401 - any setting
    return Collector(Tracing.model_validate({"endpoint": url, "timeout": 0.4} | settings))


def test_spans_arrive_as_they_were_made() -> None:
    with Receiver() as receiver:
        assert collector(receiver.url).send(BATCH) == (0, None)
        (delivery,) = receiver.deliveries
    assert delivery.path == "/v1/traces"
    assert [span.kind for span in delivery.spans] == ["SERVER", "CLIENT", "SERVER"]
    server, client, _ = delivery.spans
    assert (server.trace_id, server.span_id, server.parent_id) == (TRACE, SPANS[1], SPANS[0])
    assert (client.span_id, client.parent_id) == (SPANS[2], SPANS[1])
    assert server.attributes["http.response.status_code"] == 200
    assert (server.scope, server.resource["service.name"]) == ("pygateway", "pygateway")
    assert server.start < client.start < client.end == server.end


def test_a_connection_serves_again() -> None:
    peers: set[Any] = set()

    def remembering(visit: Any) -> None:  # noqa: ANN401 - a visit
        peers.add(visit.client_address)
        accepting(visit)

    with Receiver(remembering) as receiver:
        export = collector(receiver.url)
        assert [export.send(BATCH) for _ in range(3)] == [(0, None)] * 3
        assert len(receiver.deliveries) == 3
    assert len(peers) == 1


def test_it_can_be_compressed() -> None:
    with Receiver() as receiver:
        assert collector(receiver.url, compression="gzip").send(BATCH * 20) == (0, None)
        (delivery,) = receiver.deliveries
    assert delivery.headers["content-encoding"] == "gzip"
    assert len(delivery.spans) == SPAN_COUNT * 20


def test_nothing_but_the_settings_has_a_say(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    (tmp_path / "netrc").write_text("machine 127.0.0.1 login a password b\n")
    nowhere = f"http://127.0.0.1:{refused_port()}"
    for name, value in {
        "NETRC": str(tmp_path / "netrc"),
        "HTTP_PROXY": nowhere,
        "OTEL_EXPORTER_OTLP_ENDPOINT": nowhere,
        "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT": nowhere,
        "OTEL_EXPORTER_OTLP_HEADERS": "x-env=1,user-agent=env",
        "OTEL_EXPORTER_OTLP_COMPRESSION": "gzip",
        "OTEL_EXPORTER_OTLP_CERTIFICATE": "/nowhere",
        "OTEL_EXPORTER_OTLP_CLIENT_CERTIFICATE": "/nowhere",
    }.items():
        monkeypatch.setenv(name, value)
    headers = {"Authorization": "Bearer x", "X-Tenant": "t"}
    with Receiver() as receiver:
        assert collector(receiver.url, headers=headers).send(BATCH) == (0, None)
        (delivery,) = receiver.deliveries
    sent = delivery.headers
    assert (sent["authorization"], sent["x-tenant"]) == ("Bearer x", "t")
    assert set(sent) == {
        "accept-encoding", "authorization", "content-length", "content-type", "host",
        "user-agent", "x-tenant",
    }  # fmt: skip


@pytest.mark.parametrize(
    ("behaviour", "problem"),
    [
        (answering(500), "the collector answers 500"),
        (answering(400), "the collector answers 400"),
        (answering(401), "the collector answers 401"),
        (answering(429), "the collector answers 429"),
        (answering(429, Retry_After="60"), "the collector answers 429"),
        (answering(503, Retry_After="0"), "the collector answers 503"),
        (answering(302, Location="/elsewhere"), "the collector answers 302"),
        (talking_nonsense, "BadStatusLine"),
        (hanging, "no answer within 0.4 s"),
        (dripping, "no answer within 0.4 s"),
    ],
)
def test_whatever_the_collector_does_an_export_ends(behaviour: Behaviour, problem: str) -> None:
    with Receiver(behaviour) as receiver:
        export = collector(receiver.url)
        began = monotonic()
        lost, why = export.send(BATCH)
        seconds = monotonic() - began
    assert lost == SPAN_COUNT
    assert why is not None
    assert problem in why
    assert seconds < 0.4 + 1


def test_an_endless_answer_is_not_read_to_its_end() -> None:
    with Receiver(endless) as receiver:
        assert collector(receiver.url, timeout=5).send(BATCH)[0] == 0


def test_what_may_succeed_later_is_tried_again() -> None:
    def busy_at_first(visit: Any) -> None:  # noqa: ANN401 - a visit
        first = len(receiver.deliveries) == 1
        (answering(503, Retry_After="0") if first else accepting)(visit)

    with Receiver(busy_at_first) as receiver:
        assert collector(receiver.url).send(BATCH) == (0, None)
        assert len(receiver.deliveries) == 2


def test_nobody_there() -> None:
    lost, why = collector(f"http://127.0.0.1:{refused_port()}").send(BATCH)
    assert (lost, why) == (SPAN_COUNT, "ConnectionRefusedError: Connection refused")


def test_some_spans_may_be_refused() -> None:
    with Receiver(refusing(2, "too old")) as receiver:
        export = collector(receiver.url)
        assert export.send(BATCH) == (2, "the collector refuses some: too old")
        receiver.behaviour = accepting
        assert export.send(BATCH) == (0, None)


def test_tls_goes_by_the_authorities_that_are_named(
    tmp_path: Path,
) -> None:
    authority = Authority(tmp_path)
    with Receiver(tls=authority.server("127.0.0.1")) as receiver:
        assert collector(receiver.url, ca_file=str(authority.file), timeout=5).send(BATCH) == (
            0,
            None,
        )
        lost, why = collector(receiver.url).send(BATCH)
    assert lost == SPAN_COUNT
    assert why is not None
    assert "CERTIFICATE_VERIFY_FAILED" in why


@pytest.mark.parametrize("tls", [False, True])
@pytest.mark.parametrize("end", [Collector.close, lambda export: export.hurry(monotonic() + 0.05)])
def test_an_export_can_be_cut_short(
    end: Callable[[Collector], None], tls: bool, tmp_path: Path
) -> None:
    authority = Authority(tmp_path)
    context = authority.server("127.0.0.1") if tls else None
    with Receiver(hanging, tls=context) as receiver:
        export = collector(receiver.url, timeout=60, ca_file=str(authority.file))
        results: list[tuple[int, str | None]] = []
        thread = threading.Thread(target=lambda: results.append(export.send(BATCH)), daemon=True)
        thread.start()
        receiver.wait_for_deliveries(1)
        end(export)
        thread.join(PATIENCE)
        assert results
        assert results[0][0] == SPAN_COUNT
        export.close()


def test_the_exporter_does_not_fill_the_log() -> None:
    stream = io.StringIO()
    configure_logging({}, stream)
    with Receiver(answering(500)) as receiver:
        assert collector(receiver.url).send(BATCH)[0] == SPAN_COUNT
    logging.getLogger("other").warning("this one is there")
    configure_logging({})
    assert [json.loads(line)["event"] for line in stream.getvalue().splitlines()] == [
        "this one is there"
    ]
