"""Requests that come before earlier ones are answered (RFC 9112 section 9.3.2)."""

from __future__ import annotations

import socket
import threading
from typing import TYPE_CHECKING

from tests.support.client import chunked, request
from tests.support.patience import PATIENCE, wait
from tests.support.upstream import Conversation, answering, ok

if TYPE_CHECKING:
    from tests.support.gateway import RunningGateway
    from tests.wire.conftest import Proxied


def numbered(conversation: Conversation) -> None:
    """Answer each request with its target and body."""
    while True:
        received = conversation.request()
        conversation.send(ok(received.target.encode() + received.body))


def test_pipelined_requests_are_answered_in_order(proxied: Proxied) -> None:
    gateway, upstream = proxied(numbered)
    with gateway.client() as client:
        client.send(b"".join(request(target=f"/{number}") for number in range(50)))
        for number in range(50):
            assert client.response().body == f"/{number}".encode()
    assert [upstream.next_request().target for _ in range(50)] == [f"/{n}" for n in range(50)]


def test_pipelined_requests_with_bodies_keep_their_bodies(proxied: Proxied) -> None:
    gateway, _ = proxied(numbered)
    coded = request("POST", "/b", "Transfer-Encoding: chunked") + chunked(b"be", b"ta")
    with gateway.client() as client:
        client.send(request("POST", "/a", body=b"alpha") + coded + request("GET", "/c"))
        assert [client.response().body for _ in range(3)] == [b"/aalpha", b"/bbeta", b"/c"]


def test_pipelined_requests_that_come_byte_by_byte(proxied: Proxied) -> None:
    gateway, _ = proxied(numbered)
    raw = request("POST", "/a", body=b"alpha") + request("GET", "/b")
    with gateway.client() as client:
        client.send_separately((raw[i : i + 1] for i in range(len(raw))), gateway.settle)
        assert [client.response().body for _ in range(2)] == [b"/aalpha", b"/b"]


def test_a_pipelined_request_waits_for_the_response_before_it(proxied: Proxied) -> None:
    go = threading.Event()

    def script(conversation: Conversation) -> None:
        conversation.request()
        wait(go, "the test's word")
        conversation.nothing_more()
        conversation.send(ok(b"first"))
        conversation.request()
        conversation.send(ok(b"second"))

    gateway, upstream = proxied(script)
    with gateway.client() as client:
        client.send(request("GET", "/first") + request("GET", "/second"))
        upstream.next_request()
        gateway.settle()
        upstream.no_request()
        assert len(upstream.conversations) == 1
        go.set()
        assert [client.response().body for _ in range(2)] == [b"first", b"second"]


def test_replies_of_the_gateway_keep_their_place_in_line(proxied: Proxied) -> None:
    gateway, _ = proxied(
        numbered,
        routes=[{"name": "a", "match": {"paths": ["/a"]}, "upstream": "app", "auth": "none"}],
    )
    with gateway.client() as client:
        client.send(request("GET", "/a") + request("GET", "/nowhere") + request("GET", "/a"))
        assert [client.response().status for _ in range(3)] == [200, 404, 200]


def test_what_precedes_a_refused_request_is_answered_and_the_rest_is_not(proxied: Proxied) -> None:
    gateway, upstream = proxied(numbered)
    with gateway.client() as client:
        client.send(
            request("GET", "/good") + b"GET /bad HTTP/1.1\r\n\r\n" + request("GET", "/after")
        )
        assert client.response().body == b"/good"
        refused = client.response()
        refused.problem("bad-request")
        assert refused.closes
        client.ended()
    assert upstream.next_request().target == "/good"
    upstream.no_request()


def fill(gateway: RunningGateway, connection: socket.socket, message: bytes) -> int:
    """Send `message` again and again until the gateway takes no more; how often it was begun."""
    connection.setblocking(False)
    block = message * 64
    total = refusals = 0
    while refusals < 5:
        try:
            total += connection.send(block[total % len(message) :])
            refusals = 0
        except BlockingIOError:
            refusals += 1
            gateway.settle()
    connection.setblocking(True)
    connection.settimeout(PATIENCE)
    rest = -total % len(message)
    if rest:
        threading.Thread(target=connection.sendall, args=(message[-rest:],), daemon=True).start()
    return (total + rest) // len(message)


def test_the_queue_is_bounded_by_not_reading_on(proxied: Proxied) -> None:
    go = threading.Event()

    def script(conversation: Conversation) -> None:
        conversation.request()
        wait(go, "the test's word")
        conversation.send(ok())
        answering(ok())(conversation)

    gateway, upstream = proxied(script)
    one = request("GET", "/pipelined", "X-Padding: " + "x" * 900)
    with gateway.client() as client:
        client.socket.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 1 << 16)
        client.send(one)
        upstream.next_request()
        taken = fill(gateway, client.socket, one)
        # What fits into the sockets' buffers, and not the hundreds of megabytes one could send.
        assert taken * len(one) < 16 << 20
        go.set()
        for _ in range(taken):
            assert client.response().status == 200
