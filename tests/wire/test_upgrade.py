"""Upgrade: a tunnel after a 101 that was asked for, and nothing before it (RFC 9110, 7.8)."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING

import pytest

from tests.support.client import chunked, request
from tests.support.flow import MAXIMUM_IN_FLIGHT, push
from tests.support.patience import wait
from tests.support.upstream import Conversation, answering, ok

if TYPE_CHECKING:
    from tests.wire.conftest import Proxied

ASKING = request(
    "GET", "/socket", "Connection: Upgrade", "Upgrade: websocket", "Sec-WebSocket-Key: k"
)
SWITCHING = (
    b"HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n"
    b"Sec-WebSocket-Accept: a\r\n\r\n"
)


def echo(conversation: Conversation) -> None:
    """Switch protocols and return every byte."""
    conversation.head()
    conversation.send(SWITCHING)
    if conversation.pending:
        conversation.send(conversation.exactly(len(conversation.pending)))
    while data := conversation.socket.recv(1 << 16):
        conversation.send(data)


def test_bytes_pass_both_ways_after_101(proxied: Proxied) -> None:
    gateway, _ = proxied(echo)
    with gateway.client() as client:
        client.send(ASKING)
        status, headers = client.head()
        assert status == 101
        assert headers["upgrade"] == "websocket"
        assert headers["connection"].lower() == "upgrade"
        assert headers["sec-websocket-accept"] == "a"
        assert "content-length" not in headers
        for data in (b"\x00\xff", b"GET / HTTP/1.1\r\n\r\n", bytes(range(256)) * 1000):
            client.send(data)
            assert client.exactly(len(data)) == data


def test_the_upstream_sees_the_upgrade_and_only_that_connection_option(proxied: Proxied) -> None:
    gateway, upstream = proxied(answering(ok()))
    raw = request(
        "GET",
        "/",
        "Connection: x-private, keep-alive, Upgrade",
        "Upgrade: websocket",
        "X-Private: 1",
    )
    assert gateway.fetch(raw).status == 200
    received = upstream.next_request()
    assert received.tokens("Connection") == ["upgrade"]
    assert received.header("Upgrade") == "websocket"
    assert received.all("X-Private") == []


def test_bytes_behind_the_101_in_one_piece_are_passed_on(proxied: Proxied) -> None:
    def script(conversation: Conversation) -> None:
        conversation.head()
        conversation.send(SWITCHING + b"first frame")
        conversation.until_closed()

    gateway, _ = proxied(script)
    with gateway.client() as client:
        client.send(ASKING)
        assert client.head()[0] == 101
        assert client.exactly(11) == b"first frame"


def test_bytes_that_the_client_sends_early_wait_for_the_101(proxied: Proxied) -> None:
    go = threading.Event()

    def script(conversation: Conversation) -> None:
        conversation.head()
        wait(go, "the early bytes")
        conversation.nothing_more()
        conversation.send(SWITCHING)
        assert conversation.exactly(11) == b"early bytes"
        conversation.send(b"seen")

    gateway, upstream = proxied(script)
    with gateway.client() as client:
        client.send(ASKING)
        upstream.conversation()
        client.send(b"early ", b"bytes")
        gateway.settle()
        go.set()
        assert client.head()[0] == 101
        assert client.exactly(4) == b"seen"


def test_early_bytes_in_the_same_piece_as_the_request_wait_too(proxied: Proxied) -> None:
    go = threading.Event()

    def script(conversation: Conversation) -> None:
        conversation.head()
        wait(go, "the test's word")
        conversation.nothing_more()
        conversation.send(SWITCHING)
        conversation.send(conversation.exactly(5))

    gateway, upstream = proxied(script)
    with gateway.client() as client:
        client.send(ASKING + b"early")
        upstream.conversation()
        gateway.settle()
        go.set()
        assert client.head()[0] == 101
        assert client.exactly(5) == b"early"


@pytest.mark.parametrize("status", [b"200 OK", b"403 Forbidden", b"426 Upgrade Required"])
def test_a_refused_upgrade_goes_on_as_http(proxied: Proxied, status: bytes) -> None:
    gateway, upstream = proxied(
        answering(b"HTTP/1.1 " + status + b"\r\nContent-Length: 2\r\n\r\nno", ok(b"next"))
    )
    with gateway.client() as client:
        response = client.exchange(ASKING)
        assert (response.status, response.body) == (int(status[:3]), b"no")
        if not response.closes:
            assert client.exchange(request("GET", "/next")).body == b"next"
    assert upstream.next_request().target == "/socket"


def test_after_a_refused_upgrade_early_bytes_are_requests_and_nothing_else(
    proxied: Proxied,
) -> None:
    """What was sent for the other protocol must not reach the upstream as it is."""

    def script(conversation: Conversation) -> None:
        conversation.request()
        conversation.send(ok(b"no"))
        assert b"\x81\x05hello" not in conversation.until_closed()

    gateway, upstream = proxied(script)
    with gateway.client() as client:
        client.send(ASKING + b"\x81\x05hello")
        assert client.response().body == b"no"
        rest = client.rest()
        assert rest == b"" or rest.startswith(b"HTTP/1.1 400 ")
    gateway.stop()
    upstream.ended()


def test_a_request_pipelined_behind_a_refused_upgrade_is_not_smuggled(proxied: Proxied) -> None:
    gateway, upstream = proxied(answering(ok(b"first"), ok(b"second")))
    with gateway.client() as client:
        client.send(ASKING + request("GET", "/second", "X-Forwarded-For: 6.6.6.6"))
        first = client.response()
        assert first.body == b"first"
        if first.closes:
            client.ended()
            return
        assert client.response().body == b"second"
    assert upstream.next_request().target == "/socket"
    assert upstream.next_request().header("X-Forwarded-For") == "127.0.0.1"


def test_a_101_that_nobody_asked_for_is_a_protocol_error(proxied: Proxied) -> None:
    def script(conversation: Conversation) -> None:
        conversation.request()
        conversation.send(SWITCHING)
        conversation.until_closed()

    gateway, upstream = proxied(script)
    with gateway.client() as client:
        refused = client.exchange(request())
        refused.problem("upstream-protocol-error")
        assert refused.status == 502
    upstream.ended()


OFFERING = ("Connection: upgrade", "Upgrade: h2c")


@pytest.mark.parametrize(
    "raw",
    [
        request("POST", "/", *OFFERING, body=b"hello"),
        request("POST", "/", *OFFERING, "Transfer-Encoding: chunked") + chunked(b"hel", b"lo"),
    ],
    ids=["length", "chunked"],
)
@pytest.mark.parametrize("separately", [False, True], ids=["at once", "byte by byte"])
def test_a_request_with_a_body_cannot_upgrade(
    proxied: Proxied, raw: bytes, separately: bool
) -> None:
    gateway, upstream = proxied()
    stream = raw + request("GET", "/next")
    with gateway.client() as client:
        if separately:
            client.send_separately((stream[i : i + 1] for i in range(len(stream))), gateway.settle)
        else:
            client.send(stream)
        assert [client.response().status for _ in range(2)] == [200, 200]
    received = upstream.next_request()
    assert received.body == b"hello"
    assert received.names().isdisjoint({"upgrade", "connection"})
    assert upstream.next_request().target == "/next"


@pytest.mark.parametrize(
    ("lines", "version"),
    [
        (["Upgrade: websocket"], "1.1"),
        (["Connection: keep-alive", "Upgrade: websocket"], "1.1"),
        (["Connection: upgrade"], "1.1"),
        (["Connection: upgrade", "Upgrade: websocket"], "1.0"),
    ],
    ids=["not nominated", "other option", "no protocol", "1.0"],
)
def test_half_an_upgrade_is_an_ordinary_request(
    proxied: Proxied, lines: list[str], version: str
) -> None:
    gateway, upstream = proxied()
    assert gateway.fetch(request("GET", "/", *lines, version=version)).status == 200
    assert upstream.next_request().names().isdisjoint({"upgrade", "connection"})


def test_h2c_settings_never_pass(proxied: Proxied) -> None:
    gateway, upstream = proxied()
    raw = request(
        "GET",
        "/",
        "Connection: Upgrade, HTTP2-Settings",
        "Upgrade: h2c",
        "HTTP2-Settings: AAMAAABk",
    )
    assert gateway.fetch(raw).status == 200
    assert upstream.next_request().all("HTTP2-Settings") == []


def test_an_upgrade_offered_by_the_upstream_in_a_plain_response_is_not_passed_on(
    proxied: Proxied,
) -> None:
    gateway, _ = proxied(answering(ok(b"x", "Connection: Upgrade", "Upgrade: h2c")))
    response = gateway.fetch(request())
    assert response.names().isdisjoint({"upgrade", "connection"})


def test_a_tunnel_holds_back_whoever_is_not_read(proxied: Proxied) -> None:
    pushed: list[int] = []
    go = threading.Event()
    resting = threading.Event()

    def script(conversation: Conversation) -> None:
        conversation.head()
        conversation.send(SWITCHING)
        pushed.append(push(gateway, conversation.socket))
        resting.set()
        wait(go, "the client's pushing")
        total = 0
        while total < pushed[1]:
            total += len(conversation.socket.recv(1 << 20))
        conversation.send(b"all read")

    gateway, _ = proxied(script)
    with gateway.client(receive_buffer=1 << 16) as client:
        client.send(ASKING)
        assert client.head()[0] == 101
        wait(resting, "an end of what the gateway reads from the upstream")
        pushed.append(push(gateway, client.socket))
        assert max(pushed) < MAXIMUM_IN_FLIGHT
        go.set()
        received = 0
        while received < pushed[0]:
            received += len(client.exactly(min(1 << 16, pushed[0] - received)))
        assert client.exactly(8) == b"all read"


def test_the_end_of_one_side_ends_the_other(proxied: Proxied) -> None:
    def script(conversation: Conversation) -> None:
        conversation.head()
        conversation.send(SWITCHING + b"bye")

    gateway, upstream = proxied(script, echo)
    with gateway.client() as client:
        client.send(ASKING)
        assert client.head()[0] == 101
        assert client.exactly(3) == b"bye"
        client.broken_off()
    with gateway.client() as client:
        client.send(ASKING)
        assert client.head()[0] == 101
    upstream.ended(1)


def test_a_silent_tunnel_ends_after_its_idle_time(proxied: Proxied) -> None:
    gateway, upstream = proxied(echo, timeouts={"tunnel": "1s"})
    with gateway.client() as client:
        client.send(ASKING)
        assert client.head()[0] == 101
        client.send(b"x")
        assert client.exactly(1) == b"x"
        client.broken_off()
    upstream.ended()


def test_a_tunnel_outlives_the_deadlines_of_requests(proxied: Proxied) -> None:
    gateway, upstream = proxied(
        echo, timeouts={"request": "1s", "response": "1s", "body_stall": "1s", "idle": "1s"}
    )
    with gateway.client() as client, gateway.client() as clock:
        client.send(ASKING)
        assert client.head()[0] == 101
        # An idle connection ends after the same second, which makes it a clock for this test.
        assert clock.exchange(request("GET", "/health")).status == 200
        clock.ended()
        client.send(b"still here")
        assert client.exactly(10) == b"still here"
    upstream.ended()


@pytest.mark.parametrize("length", ["0", "00", "000000"])
def test_a_wish_to_upgrade_with_an_empty_body_keeps_the_worker_alive(
    proxied: Proxied, length: str
) -> None:
    """It once made the connection look for a body of no bytes, for ever."""
    gateway, _ = proxied(answering(ok(), ok()))
    with gateway.client() as client:
        wish = ("Connection: upgrade", "Upgrade: x", f"Content-Length: {length}")
        client.send(request("POST", "/", *wish) + request("GET", "/next"))
        assert client.response().status == 200
        assert client.response().status == 200
    assert gateway.fetch(request("GET", "/health")).status == 200
