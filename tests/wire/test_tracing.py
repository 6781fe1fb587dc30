"""Spans of requests as a collector gets them, and traces as upstreams see them."""

from __future__ import annotations

import contextlib
import threading
import time
from typing import TYPE_CHECKING, Any

import pytest

from tests.support.client import request
from tests.support.collector import Receiver, Span, accepting, answering, hanging
from tests.support.gateway import configuration, route
from tests.support.issuer import Issuer
from tests.support.patience import wait
from tests.support.redis import RedisServer
from tests.support.upstream import Conversation, listening, ok
from tests.support.upstream import answering as replying

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from tests.conftest import StartGateway
    from tests.wire.conftest import Proxied

TRACE_ID = "0af7651916cd43dd8448eb211c80319c"
PARENT = "b7ad6b7169203331"
SAMPLED, UNSAMPLED = f"00-{TRACE_ID}-{PARENT}-01", f"00-{TRACE_ID}-{PARENT}-00"
TRUSTED = {"trusted_proxies": ["127.0.0.0/8"]}


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    with Receiver() as running:
        yield running


def tracing(receiver: Receiver, ratio: float = 1.0, **settings: Any) -> dict[str, Any]:  # noqa: ANN401
    return {"tracing": {"endpoint": receiver.url, "ratio": ratio} | settings}


def by_kind(spans: list[Span]) -> dict[str, Span]:
    return {span.kind: span for span in spans}


def test_the_upstream_s_parent_is_the_span_that_the_collector_gets(
    proxied: Proxied, receiver: Receiver
) -> None:
    before = time.time_ns()
    gateway, upstream = proxied(**tracing(receiver))
    response = gateway.fetch(request("GET", "/a/b?token=hidden", "X-Obs: 1"))
    spans = by_kind(receiver.wait_for_spans(2))
    server, client = spans["SERVER"], spans["CLIENT"]
    assert before < server.start <= client.start < client.end <= server.end < time.time_ns()
    seen = (upstream.next_request().header("traceparent") or "").split("-")
    assert seen == ["00", server.trace_id, client.span_id, "03"]
    assert (server.parent_id, client.parent_id) == ("", server.span_id)
    assert server.trace_id == client.trace_id
    assert server.name == "GET all"
    assert server.attributes == {
        "http.request.method": "GET",
        "http.route": "all",
        "http.response.status_code": 200,
        "http.request.body.size": 0,
        "http.response.body.size": 2,
        "url.scheme": "http",
        "url.path": "/a/b",
        "client.address": "127.0.0.1",
        "pygateway.request_id": response.header("X-Request-ID"),
    }
    host, port = upstream.address
    assert (client.attributes["server.address"], client.attributes["server.port"]) == (host, port)
    assert "hidden" not in repr(receiver.deliveries)


@pytest.mark.parametrize("ratio", [0.0, 1.0])
@pytest.mark.parametrize(("given", "flags"), [(SAMPLED, "01"), (UNSAMPLED, "00")])
def test_a_trusted_peer_decides_what_is_sampled(
    proxied: Proxied, receiver: Receiver, ratio: float, given: str, flags: str
) -> None:
    gateway, upstream = proxied(**TRUSTED, **tracing(receiver, ratio))
    gateway.fetch(
        request("GET", "/", f"traceparent: {given}", "tracestate: a=1", "tracestate: b=2")
    )
    received = upstream.next_request()
    _, trace_id, span_id, passed_on = (received.header("traceparent") or "").split("-")
    assert (trace_id, passed_on) == (TRACE_ID, flags)
    assert span_id != PARENT
    assert received.header("tracestate") == "a=1,b=2"
    if flags == "01":
        spans = by_kind(receiver.wait_for_spans(2))
        assert (spans["SERVER"].trace_id, spans["SERVER"].parent_id) == (TRACE_ID, PARENT)
        assert spans["CLIENT"].span_id == span_id
    else:
        # Nothing of it waits for export either.
        assert gateway.statistics()["tracing"]["queued"] == 0
        assert receiver.deliveries == []


def test_strangers_decide_nothing(proxied: Proxied, receiver: Receiver) -> None:
    gateway, upstream = proxied(**tracing(receiver, 0.0))
    gateway.fetch(request("GET", "/", f"traceparent: {SAMPLED}", "tracestate: a=1"))
    received = upstream.next_request()
    assert TRACE_ID not in (received.header("traceparent") or "")
    assert (received.header("traceparent") or "").endswith("-02")
    assert received.header("tracestate") is None
    assert gateway.statistics()["tracing"] == {
        "exported": 0, "dropped": 0, "failed": 0, "queued": 0, "problem": None,
    }  # fmt: skip


def test_a_share_is_sampled_and_upstreams_are_told_which(
    proxied: Proxied, receiver: Receiver
) -> None:
    gateway, upstream = proxied(**tracing(receiver, 0.5))
    with gateway.client() as client:
        for _ in range(400):
            assert client.exchange(request()).status == 200
    told = [(upstream.next_request().header("traceparent") or "").split("-") for _ in range(400)]
    sampled = {trace_id for _, trace_id, _, flags in told if flags == "03"}
    assert 120 < len(sampled) < 280
    assert {flags for _, _, _, flags in told} == {"02", "03"}
    spans = receiver.wait_for_spans(2 * len(sampled))
    assert {span.trace_id for span in spans} == sampled
    # The same decision is taken wherever the identifier is looked at.
    assert all((int(each[16:], 16) < 2**63) is (each in sampled) for _, each, _, _ in told)


@pytest.mark.parametrize(
    ("answer", "server", "client"),
    [
        (b"HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n",
         (404, None, "UNSET"), (404, "404", "ERROR")),
        (b"HTTP/1.1 503 Unavailable\r\nContent-Length: 0\r\n\r\n",
         (503, "503", "ERROR"), (503, "503", "ERROR")),
        (b"nonsense\r\n\r\n",
         (502, "upstream-protocol-error", "ERROR"), (None, "upstream-protocol-error", "ERROR")),
    ],
)  # fmt: skip
def test_errors_show(
    proxied: Proxied,
    receiver: Receiver,
    answer: bytes,
    server: tuple[int | None, str | None, str],
    client: tuple[int | None, str | None, str],
) -> None:
    gateway, _ = proxied(replying(answer), **tracing(receiver))
    gateway.fetch(request())
    spans = by_kind(receiver.wait_for_spans(2))

    def outcome(span: Span) -> tuple[int | None, str | None, str]:
        said = span.attributes
        return said.get("http.response.status_code"), said.get("error.type"), span.status

    assert (outcome(spans["SERVER"]), outcome(spans["CLIENT"])) == (server, client)


def test_an_unreachable_upstream_has_a_span(
    start_gateway: StartGateway, receiver: Receiver
) -> None:
    with listening() as nobody:
        url = f"http://127.0.0.1:{nobody.getsockname()[1]}"
    gateway = start_gateway(configuration({"app": url}, **tracing(receiver)))
    assert gateway.fetch(request()).status == 502
    spans = by_kind(receiver.wait_for_spans(2))
    assert spans["CLIENT"].attributes["error.type"] == "upstream-unreachable"
    assert spans["CLIENT"].attributes["http.request.resend_count"] == 1
    assert "http.response.status_code" not in spans["CLIENT"].attributes


def test_what_goes_to_no_upstream_has_one_span(
    start_gateway: StartGateway, receiver: Receiver
) -> None:
    answer = route("fixed", "/fixed", respond={"body": "a"})
    gateway = start_gateway(configuration({}, routes=[answer], **tracing(receiver)))
    gateway.fetch(request("GET", "/fixed"))
    gateway.fetch(request("GET", "/elsewhere"))
    fixed, missing = receiver.wait_for_spans(2)
    assert (fixed.name, fixed.attributes["http.response.status_code"]) == ("GET fixed", 200)
    assert (missing.name, missing.attributes["pygateway.problem"]) == ("GET", "route-not-found")
    assert (missing.status, "http.route" in missing.attributes) == ("UNSET", False)


def test_a_retry_keeps_its_identifiers(proxied: Proxied, receiver: Receiver) -> None:
    answered = threading.Event()

    def stale(conversation: Conversation) -> None:
        conversation.request()
        conversation.send(ok())
        wait(answered, "the reading of the first response")
        conversation.request()
        conversation.reset()

    gateway, upstream = proxied(stale, replying(ok()), **tracing(receiver))
    with gateway.client() as client:
        client.exchange(request())
        upstream.next_request()
        answered.set()
        assert client.exchange(request("GET", "/again")).status == 200
    first, second = (upstream.next_request().header("traceparent") for _ in range(2))
    assert first == second
    _, trace_id, span_id, _ = (first or "").split("-")
    spans = by_kind(receiver.trace(2, trace_id))
    assert spans["CLIENT"].span_id == span_id
    assert spans["CLIENT"].attributes["http.request.resend_count"] == 1
    assert spans["CLIENT"].status == spans["SERVER"].status == "UNSET"


def test_a_client_that_leaves_is_no_error_of_ours(proxied: Proxied, receiver: Receiver) -> None:
    arrived = threading.Event()

    def silent(conversation: Conversation) -> None:
        conversation.request()
        arrived.set()
        conversation.until_closed()

    gateway, _ = proxied(silent, **tracing(receiver))
    with gateway.client() as client:
        client.send(request())
        wait(arrived, "the request at the upstream")
        client.reset()
        spans = by_kind(receiver.wait_for_spans(2))
    for span, status in ((spans["SERVER"], "UNSET"), (spans["CLIENT"], "ERROR")):
        assert (span.attributes["error.type"], span.status) == ("client-closed-request", status)
        assert "http.response.status_code" not in span.attributes


def test_verification_and_store_have_spans(
    proxied: Proxied, receiver: Receiver, tmp_path: Path
) -> None:
    with RedisServer(tmp_path) as redis, Issuer() as issuer:
        provider = {
            "issuer": issuer.url,
            "audiences": ["api"],
            "algorithms": ["ES256"],
            "jwks_url": issuer.keys_url,
            "jwks": {"allow_http": True},
        }
        gateway, _ = proxied(
            **tracing(receiver),
            redis={"url": redis.url, "timeout": "2s"},
            auth={"providers": {"main": provider}},
            rate_limits={"all": {"by": "user", "quota": 9, "window": "1h", "mode": "strict"}},
            routes=[{"name": "all", "upstream": "app", "rate_limits": ["all"]}],
        )
        credential = issuer.bearer()
        fresh = request("GET", "/", credential)
        assert gateway.fetch(fresh).status == 200
        spans = {span.name: span for span in receiver.wait_for_spans(4)}
        assert set(spans) == {"GET all", "authenticate", "acquire", "GET"}
        whole, verify, store, client = (
            spans[name] for name in ("GET all", "authenticate", "acquire", "GET")
        )
        assert (verify.kind, store.kind) == ("INTERNAL", "CLIENT")
        assert store.attributes["db.system.name"] == "redis"
        assert {span.parent_id for span in (verify, store, client)} == {whole.span_id}
        assert len({span.span_id for span in spans.values()}) == 4
        assert whole.start <= verify.start < verify.end <= store.start < store.end
        assert store.end <= client.start < client.end <= whole.end
        # One that is known need not be verified.
        assert gateway.fetch(fresh).status == 200
        again = receiver.wait_for_spans(7)[4:]
        assert {span.name for span in again} == {"GET all", "acquire", "GET"}
    assert credential.split()[-1] not in repr(receiver.deliveries)


@pytest.mark.parametrize("behaviour", [hanging, answering(500)])
def test_a_broken_collector_costs_requests_nothing_and_loss_is_counted(
    proxied: Proxied,
    receiver: Receiver,
    behaviour: Any,  # noqa: ANN401 - a behaviour
) -> None:
    receiver.behaviour = behaviour
    gateway, _ = proxied(**tracing(receiver, queue=5, timeout="200ms"))
    with gateway.client() as client:
        for _ in range(50):
            assert client.exchange(request()).status == 200
        receiver.wait_for_deliveries(1)
        for _ in range(50):
            assert client.exchange(request()).status == 200
    counted = gateway.statistics()["tracing"]
    assert counted["exported"] == 0
    assert counted["dropped"] > 0
    assert counted["queued"] <= 10
    gateway.drain(1)
    until_drained(gateway)
    counted = gateway.statistics()["tracing"]
    assert counted["dropped"] + counted["failed"] == 2 * 100
    assert (counted["exported"], counted["queued"]) == (0, 0)
    assert counted["problem"]


def until_drained(gateway: Any) -> None:  # noqa: ANN401 - a running gateway
    event, deadline = threading.Event(), time.monotonic() + 10
    while gateway.statistics()["tracing"]["queued"]:
        assert time.monotonic() < deadline
        event.wait(0.01)


def test_draining_exports_what_waits(proxied: Proxied, receiver: Receiver) -> None:
    gateway, _ = proxied(**tracing(receiver))
    with gateway.client() as client, contextlib.suppress(ConnectionError):
        for _ in range(20):
            client.exchange(request())
        gateway.drain(5)
    receiver.wait_for_spans(40)
    assert receiver.behaviour is accepting


def test_what_is_off_takes_no_thread(proxied: Proxied) -> None:
    gateway, _ = proxied()
    assert gateway.fetch(request()).status == 200
    assert gateway.statistics()["tracing"] is None
    assert "tracing" not in {thread.name for thread in threading.enumerate()}
