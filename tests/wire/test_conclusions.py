"""Every request is counted and logged once, whatever becomes of it, with the same words in both."""

from __future__ import annotations

import socket
import threading
from typing import TYPE_CHECKING, Any, get_args

import pytest

from pygateway.config.model.access_log import LogField
from tests.limits.fleet import eventually
from tests.support.client import chunk, chunked, request
from tests.support.gateway import configuration, route
from tests.support.issuer import Issuer, provider
from tests.support.messages import Truncated
from tests.support.patience import wait
from tests.support.upstream import Conversation, answering, ok, once

if TYPE_CHECKING:
    from tests.conftest import StartGateway
    from tests.support.gateway import RunningGateway
    from tests.wire.conftest import Proxied

Line = dict[str, Any]


def lines(gateway: RunningGateway, count: int) -> list[Line]:
    """The `count` lines that the gateway has logged; metrics must say the same of them."""
    found: list[Line] = []

    def complete() -> bool:
        found.extend(gateway.lines())
        return len(found) >= count

    eventually(complete, f"{count} lines")
    assert len(found) == count
    agree(gateway, found)
    return found


def agree(gateway: RunningGateway, found: list[Line]) -> None:
    """Metrics have counted what was logged."""
    counted: dict[tuple[str, str], list[int]] = {}
    for series in gateway.measurements()["requests"]:
        each = counted.setdefault((series["route"], series["status"]), [0, 0, 0])
        for index, number in enumerate(
            (sum(series["buckets"]), series["request_bytes"], series["response_bytes"])
        ):
            each[index] += number
    logged: dict[tuple[str, str], list[int]] = {}
    for line in found:
        each = logged.setdefault((line["route"] or "", str(line["status"])), [0, 0, 0])
        for index, number in enumerate((1, line["bytes_in"], line["bytes_out"])):
            each[index] += number
    assert counted == logged


def only(gateway: RunningGateway) -> Line:
    """The one line that was logged."""
    (line,) = lines(gateway, 1)
    assert line["duration_ms"] >= line["overhead_ms"] >= 0
    assert (line["upstream"] is None) == (line["upstream_ms"] is None)
    return line


def test_an_answer_of_the_upstream(proxied: Proxied) -> None:
    gateway, _ = proxied(answering(ok(b"hello")))
    response = gateway.fetch(request("POST", "/path?secret=1", body=b"abc"))
    line = only(gateway)
    assert (line["status"], line["method"], line["path"]) == (200, "POST", "/path")
    assert (line["route"], line["upstream"], line["problem"]) == ("all", "app", None)
    assert (line["bytes_in"], line["bytes_out"]) == (3, 5)
    assert line["client"] == "127.0.0.1"
    assert line["request_id"] == response.header("X-Request-ID")
    (series,) = gateway.measurements()["upstreams"]
    assert (series["upstream"], series["status"], sum(series["buckets"])) == ("app", "200", 1)


def test_a_body_in_chunks_is_counted_without_its_frames(proxied: Proxied) -> None:
    body = chunk(b"x" * 100) + chunk(b"y" * 50) + b"0\r\n\r\n"
    answer = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n" + body
    gateway, _ = proxied(answering(answer))
    gateway.fetch(request("POST", "/", "Transfer-Encoding: chunked") + chunked(b"ab", b"cde"))
    line = only(gateway)
    assert (line["bytes_in"], line["bytes_out"]) == (5, 150)


def test_pipelined_requests_are_told_apart(proxied: Proxied) -> None:
    gateway, _ = proxied(answering(ok(b"1"), ok(b"22")))
    with gateway.client() as client:
        client.send(request("GET", "/1") + request("GET", "/2"))
        client.response()
        client.response()
    first, second = lines(gateway, 2)
    assert (first["path"], second["path"]) == ("/1", "/2")
    assert (first["bytes_out"], second["bytes_out"]) == (1, 2)
    assert first["request_id"] != second["request_id"]


@pytest.mark.parametrize(
    ("raw", "status", "problem", "route"),
    [
        (b"nonsense\r\n\r\n", 400, "bad-request", None),
        (b"GET / HTTP/1.1\r\n\r\n", 400, "bad-request", None),
        (b"\x16\x03\x01", 400, "bad-request", None),
        (b"GET / HTTP/1.1\r\nHost: x\r\nX: " + b"a" * 50_000, 431, "headers-too-large", None),
        (request("GET", "/" + "a" * 9000), 414, "target-too-long", None),
        (request("GET", "/nowhere"), 404, "route-not-found", None),
        (request("DELETE", "/fixed"), 405, "method-not-allowed", None),
        (request("GET", "/fixed"), 200, None, "fixed"),
        (request("GET", "/health"), 200, None, None),
        (request("GET", "/secret"), 401, "token-missing", "secret"),
    ],
)
def test_answers_of_the_gateways_own(
    start_gateway: StartGateway, raw: bytes, status: int, problem: str | None, route: str | None
) -> None:
    with Issuer() as issuer:
        gateway = start_gateway(own_answers(issuer))
        with gateway.client() as client:
            client.send(raw)
            response = client.response()
    assert response.status == status
    line = only(gateway)
    assert (line["status"], line["problem"], line["route"]) == (status, problem, route)
    assert line["bytes_out"] == len(response.body)
    assert line["request_id"] == response.header("X-Request-ID")
    assert line["upstream"] is None
    assert line["overhead_ms"] == line["duration_ms"]


def own_answers(issuer: Issuer) -> dict[str, Any]:
    """A gateway without upstreams."""
    return configuration(
        {},
        auth={"providers": {"main": provider(issuer)}},
        routes=[
            route("fixed", "/fixed", respond={"body": "hello"}, match={"methods": ["GET"]}),
            {"name": "secret", "match": {"paths": ["/secret"]}, "respond": {"body": "x"}},
        ],
    )


def test_the_answer_to_head_has_no_bytes(start_gateway: StartGateway) -> None:
    fixed = route("fixed", "/fixed", respond={"body": "hello"})
    gateway = start_gateway(configuration({}, routes=[fixed]))
    with gateway.client() as client:
        client.send(request("HEAD", "/fixed"))
        client.response("HEAD")
    line = only(gateway)
    assert (line["method"], line["bytes_out"]) == ("HEAD", 0)


def test_a_user_is_named(start_gateway: StartGateway) -> None:
    with Issuer() as issuer:
        gateway = start_gateway(protected(issuer))
        raw = request("GET", "/", issuer.bearer(sub="alice"))
        for _ in range(2):  # verified, then known
            assert gateway.fetch(raw).status == 200
    first, second = lines(gateway, 2)
    assert first["user"] == second["user"] == "alice"
    phases = gateway.measurements()["phases"]
    assert sum(phases["verify"]["buckets"]) >= 1
    assert gateway.measurements()["auth"]["accepted"] == 2


def protected(issuer: Issuer, **keys: Any) -> dict[str, Any]:  # noqa: ANN401
    """A gateway whose one route needs a token."""
    return configuration(
        {},
        auth={"providers": {"main": provider(issuer)}},
        routes=[{"name": "all", "respond": {"body": "x"}}],
        **keys,
    )


def test_an_endpoint_that_cannot_be_reached(start_gateway: StartGateway) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        url = f"http://127.0.0.1:{taken.getsockname()[1]}"
        gateway = start_gateway(configuration({"app": url}))
        gateway.fetch(request()).problem("upstream-unreachable")
    line = only(gateway)
    assert (line["status"], line["problem"]) == (502, "upstream-unreachable")
    assert (line["upstream"], line["route"]) == ("app", "all")
    events = events_of(gateway)
    assert events["connect-failed"] == events["retry"] + 1
    (series,) = gateway.measurements()["upstreams"]
    assert series["status"] == ""


def events_of(gateway: RunningGateway) -> dict[str, int]:
    """Events of the one upstream."""
    return {each["event"]: each["count"] for each in gateway.measurements()["upstream_events"]}


@pytest.mark.parametrize("key", ["body_stall", "request"])
def test_a_client_that_does_not_read_is_not_its_upstreams_fault(proxied: Proxied, key: str) -> None:
    def script(conversation: Conversation) -> None:
        conversation.request()
        conversation.send(b"HTTP/1.1 200 OK\r\n\r\n")
        while True:
            conversation.send(bytes(1 << 20))

    gateway, upstream = proxied(script, timeouts={key: "200ms"}, limits={"minimum_rate": 1 << 30})
    with gateway.client(receive_buffer=1 << 16) as client:
        client.send(request())
        assert client.head()[0] == 200
        upstream.ended()
    line = only(gateway)
    assert (line["status"], line["problem"]) == (200, "client-closed-request")
    assert not any(events_of(gateway).values())


def test_requests_behind_an_answer_that_nobody_reads_are_not_late(proxied: Proxied) -> None:
    """Their heads have come; it is the client that takes nothing, and would not take a refusal."""
    gateway, _ = proxied(
        answering(ok(bytes(400_000))), timeouts={"idle": "300ms", "body_stall": "300ms"}
    )
    with gateway.client(receive_buffer=4096) as client:
        client.send(request("GET", "/1") + request("GET", "/2") + request("GET", "/3"))
        eventually(lambda: gateway.gateway.statistics()["connections"] == 1, "the connection")
        eventually(lambda: gateway.gateway.statistics()["connections"] == 0, "its end")
    line = only(gateway)
    assert (line["path"], line["status"]) == ("/1", 200)
    # It may have been complete for the gateway, which then has nobody to blame.
    assert line["problem"] in {None, "client-closed-request"}


def test_a_retry_is_one_request(proxied: Proxied) -> None:
    answered = threading.Event()

    def stale(conversation: Conversation) -> None:
        conversation.request()
        conversation.send(ok(b"first"))
        wait(answered, "the reading of the first response")
        conversation.head()

    gateway, _ = proxied(stale, answering(ok(b"again")))
    with gateway.client() as client:
        client.exchange(request())
        answered.set()
        assert client.exchange(request()).body == b"again"
    assert [line["bytes_out"] for line in lines(gateway, 2)] == [5, 5]
    events = events_of(gateway)
    assert (events["reset"], events["retry"]) == (1, 1)


def test_an_upstream_that_breaks_the_protocol(proxied: Proxied) -> None:
    gateway, _ = proxied(once(b"HTTP/1.1 200 OK\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\n"))
    gateway.fetch(request()).problem("upstream-protocol-error")
    line = only(gateway)
    assert (line["status"], line["problem"]) == (502, "upstream-protocol-error")
    assert events_of(gateway)["protocol-error"] == 1


def test_an_upstream_that_stops_in_the_middle(proxied: Proxied) -> None:
    gateway, _ = proxied(once(b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nhalf"))
    with gateway.client() as client:
        client.send(request())
        with pytest.raises(Truncated):
            client.response()
    line = only(gateway)
    assert (line["status"], line["problem"]) == (200, "upstream-unreachable")
    assert line["bytes_out"] == 4
    assert events_of(gateway)["reset"] == 1


def test_an_upstream_that_does_not_answer_in_time(proxied: Proxied) -> None:
    def silent(conversation: Conversation) -> None:
        conversation.head()
        conversation.until_closed()

    gateway, _ = proxied(silent, timeouts={"response": "200ms"})
    gateway.fetch(request()).problem("upstream-timeout")
    line = only(gateway)
    assert (line["status"], line["problem"]) == (504, "upstream-timeout")
    assert line["upstream_ms"] >= 190
    assert line["overhead_ms"] < 150
    assert events_of(gateway)["timeout"] == 1


@pytest.mark.parametrize("body", [None, b"half"], ids=["before the answer", "within the answer"])
def test_a_client_that_leaves(proxied: Proxied, body: bytes | None) -> None:
    asked = threading.Event()
    left = threading.Event()

    def slow(conversation: Conversation) -> None:
        conversation.head()
        if body is not None:
            conversation.send(b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\n" + body)
        asked.set()
        wait(left, "the client's leaving")
        conversation.until_closed()

    gateway, _ = proxied(slow)
    client = gateway.client()
    client.send(request())
    wait(asked, "the request at the upstream")
    if body is not None:
        client.head()
        client.exactly(len(body))
    client.reset()
    left.set()
    line = only(gateway)
    assert line["status"] == (499 if body is None else 200)
    assert line["problem"] == "client-closed-request"
    assert line["bytes_out"] == len(body or b"")


def test_a_request_whose_body_never_comes(proxied: Proxied) -> None:
    def reading(conversation: Conversation) -> None:
        conversation.head()
        conversation.until_closed()

    gateway, _ = proxied(reading, timeouts={"body_stall": "200ms"})
    with gateway.client() as client:
        client.send(request("POST", "/", "Content-Length: 10") + b"1234")
        client.response().problem("request-timeout")
    line = only(gateway)
    assert (line["status"], line["problem"], line["bytes_in"]) == (408, "request-timeout", 4)


def test_a_head_that_never_comes_whole(start_gateway: StartGateway) -> None:
    gateway = start_gateway(configuration({}, routes=[], timeouts={"header": "200ms"}))
    with gateway.client() as client:
        client.send(b"GET / HTTP/1.1\r\n")
        client.response().problem("request-timeout")
    line = only(gateway)
    assert (line["status"], line["method"], line["path"]) == (408, None, None)
    assert sum(gateway.measurements()["phases"]["parse"]["buckets"]) == 1


def test_a_connection_over_the_limit(start_gateway: StartGateway) -> None:
    gateway = start_gateway(configuration({}, routes=[], limits={"connections": 1}))
    with gateway.client() as first, gateway.client() as second:
        second.response().problem("overloaded")
        first.exchange(request("GET", "/health"))
    refused, answered = lines(gateway, 2)
    assert (refused["status"], refused["problem"]) == (503, "overloaded")
    assert answered["status"] == 200


def test_a_tunnel_is_counted_when_it_ends(proxied: Proxied) -> None:
    def echo(conversation: Conversation) -> None:
        conversation.head()
        conversation.send(
            b"HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: x\r\n\r\nhi"
        )
        while data := conversation.socket.recv(1 << 16):
            conversation.send(data)

    gateway, _ = proxied(echo)
    with gateway.client() as client:
        client.send(request("GET", "/", "Connection: Upgrade", "Upgrade: x"))
        client.head()
        assert client.exactly(2) == b"hi"
        client.send(b"12345")
        assert client.exactly(5) == b"12345"
        assert not gateway.lines()
    line = only(gateway)
    assert (line["status"], line["problem"]) == (101, None)
    assert (line["bytes_in"], line["bytes_out"]) == (5, 7)


def test_an_early_answer_leaves_the_rest_of_the_body_uncounted(proxied: Proxied) -> None:
    def hasty(conversation: Conversation) -> None:
        conversation.head()
        conversation.send(ok(b"enough"))
        conversation.until_closed()

    gateway, _ = proxied(hasty)
    with gateway.client() as client:
        client.send(request("POST", "/", "Content-Length: 10") + b"1234")
        assert client.response().body == b"enough"
        client.send(b"567890")
        gateway.settle()
    line = only(gateway)
    assert (line["status"], line["bytes_out"]) == (200, 6)


def test_identifiers_stay_while_the_gate_is_asked_again(start_gateway: StartGateway) -> None:
    trace = "4bf92f3577b34da6a3ce929d0e0e4736"
    with Issuer() as issuer:
        gateway = start_gateway(protected(issuer, trusted_proxies=["127.0.0.1"]))
        raw = request(
            "GET",
            "/",
            issuer.bearer(),
            f"traceparent: 00-{trace}-00f067aa0ba902b7-01",
            "X-Request-ID: given",
        )
        assert gateway.fetch(raw).header("X-Request-ID") == "given"
    line = only(gateway)
    assert (line["request_id"], line["trace_id"]) == ("given", trace)


def test_a_line_has_every_field_that_there_is_to_choose(start_gateway: StartGateway) -> None:
    fields = list(get_args(LogField))
    fixed = route("fixed", "/fixed", respond={"body": "hello"})
    log = {"path": "stdout", "fields": fields}
    gateway = start_gateway(configuration({}, routes=[fixed], access_log=log))
    raw = request("GET", "/fixed?a=b", "User-Agent: it", "Referer: http://x.test/page?secret=1")
    assert gateway.fetch(raw).status == 200
    line = only(gateway)
    assert list(line) == fields
    assert (line["user_agent"], line["referer"]) == ("it", "http://x.test/page")
    assert (line["scheme"], line["protocol"], line["worker"]) == ("http", "HTTP/1.1", 0)
