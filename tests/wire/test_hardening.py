"""What a review of the data path found: each test is named for what broke."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING

import pytest

from tests.support.client import chunk, request
from tests.support.patience import wait
from tests.support.upstream import Conversation, answering, ok

if TYPE_CHECKING:
    from tests.wire.conftest import Proxied

CODED = request("POST", "/", "Transfer-Encoding: chunked")


def test_empty_lines_within_chunks_do_not_multiply_them(proxied: Proxied) -> None:
    """They look like the end of the body; each four bytes once became a chunk of their own."""
    gateway, upstream = proxied()
    data = b"\r\n\r\n" * 64 * 1024
    with gateway.client() as client:
        client.send(CODED + chunk(data) + chunk(b""))
        assert client.response().status == 200
        received = upstream.next_request()
    assert received.body == data
    assert len(received.raw) < 1.1 * len(data)


def test_a_long_body_earns_no_long_trailer(proxied: Proxied) -> None:
    def script(conversation: Conversation) -> None:
        conversation.until_closed()

    gateway, upstream = proxied(script)
    with gateway.client() as client:
        client.send(CODED + chunk(b"x" * 500_000))
        upstream.conversation()
        client.send_while_accepted(b"0\r\nX-Trailer: " + b"y" * 500_000)
        assert client.response().status == 400
        client.ended()


@pytest.mark.parametrize("gap", [False, True])
def test_an_interim_response_may_end_with_two_empty_lines_in_any_segmentation(
    proxied: Proxied, gap: bool
) -> None:
    passed = threading.Event()

    def script(conversation: Conversation) -> None:
        conversation.request()
        conversation.send(b"HTTP/1.1 103 Early Hints\r\n\r\n")
        if gap:
            wait(passed, "the interim response")
        conversation.send(b"\r\n" + ok(b"late"))

    gateway, _ = proxied(script)
    with gateway.client() as client:
        client.send(request())
        assert client.interim().status == 103
        passed.set()
        assert client.response().body == b"late"


def test_a_101_that_changes_to_nothing_is_refused(proxied: Proxied) -> None:
    gateway, _ = proxied(answering(b"HTTP/1.1 101 Switching Protocols\r\n\r\n"))
    with gateway.client() as client:
        client.send(request("GET", "/", "Connection: upgrade", "Upgrade: websocket"))
        client.response().problem("upstream-protocol-error")


def test_truncation_is_a_reset_where_the_end_of_the_connection_ends_the_body(
    proxied: Proxied,
) -> None:
    def script(conversation: Conversation) -> None:
        conversation.request()
        conversation.send(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n")

    gateway, _ = proxied(script)
    with gateway.client() as client:
        client.send(b"GET / HTTP/1.0\r\nHost: x\r\n\r\n")
        with pytest.raises(ConnectionResetError):
            client.rest()


def test_a_broken_body_that_comes_with_its_head_is_a_502(proxied: Proxied) -> None:
    raw = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nnonsense\r\n"
    gateway, _ = proxied(answering(raw))
    with gateway.client() as client:
        client.send(request())
        client.response().problem("upstream-protocol-error")


def test_a_half_close_before_the_101_reaches_the_upstream(proxied: Proxied) -> None:
    closed = threading.Event()

    def script(conversation: Conversation) -> None:
        conversation.head()
        wait(closed, "the client's half-close")
        conversation.send(
            b"HTTP/1.1 101 Switching Protocols\r\nConnection: upgrade\r\nUpgrade: x\r\n\r\n"
        )
        assert conversation.until_closed() == b"early"
        conversation.send(b"answer")

    gateway, upstream = proxied(script)
    with gateway.client() as client:
        client.send(request("GET", "/", "Connection: upgrade", "Upgrade: x") + b"early")
        upstream.conversation()
        client.finish_sending()
        gateway.settle()
        closed.set()
        assert client.head()[0] == 101
        assert client.remains() == b"answer"


def test_drain_does_not_close_a_connection_that_was_not_told(proxied: Proxied) -> None:
    go = threading.Event()

    def script(conversation: Conversation) -> None:
        conversation.request()
        conversation.send(b"HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\n12345")
        wait(go, "the drain")
        conversation.send(b"67890")

    gateway, _ = proxied(script, answering(ok(b"next")))
    with gateway.client() as client:
        client.send(request())
        assert client.head()[0] == 200
        gateway.drain(10)
        gateway.settle()
        go.set()
        assert client.exactly(10) == b"1234567890"
        response = client.exchange(request("GET", "/health"))
        assert response.closes
        client.ended()


def test_no_retry_begins_after_the_total_deadline(proxied: Proxied) -> None:
    def script(conversation: Conversation) -> None:
        conversation.until_closed()

    gateway, upstream = proxied(
        script, section={"retry": {"attempts": 5}}, timeouts={"request": "300ms"}
    )
    with gateway.client() as client:
        client.send(request())
        client.response().problem("upstream-timeout")
    assert len(upstream.conversations) == 1
