"""One side goes away in the middle; the other learns of it and does not take it for an end."""

from __future__ import annotations

import threading
import time
from typing import TYPE_CHECKING

import pytest

from tests.support.client import chunk, request
from tests.support.patience import wait
from tests.support.upstream import Conversation, answering, ok

if TYPE_CHECKING:
    from tests.wire.conftest import Proxied

CHUNKED_HEAD = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"


def silent(conversation: Conversation) -> None:
    """Read a request and never answer."""
    conversation.request()
    conversation.until_closed()


def endless(conversation: Conversation) -> None:
    """Answer without end."""
    conversation.request()
    conversation.send(CHUNKED_HEAD)
    while True:
        conversation.send(chunk(bytes(1 << 16)))


# --- the client goes ------------------------------------------------------------------------------


def test_a_reset_client_cancels_the_request_at_the_upstream(proxied: Proxied) -> None:
    gateway, upstream = proxied(silent)
    with gateway.client() as client:
        client.send(request())
        upstream.next_request()
        client.reset()
    upstream.ended()


def test_a_client_that_closes_cancels_the_request_at_the_upstream(proxied: Proxied) -> None:
    gateway, upstream = proxied(silent)
    with gateway.client() as client:
        client.send(request())
        upstream.next_request()
        client.close()
    upstream.ended()


@pytest.mark.parametrize("hard", [False, True], ids=["fin", "reset"])
def test_a_client_gone_inside_a_response_stops_it(proxied: Proxied, hard: bool) -> None:
    gateway, upstream = proxied(endless)
    with gateway.client() as client:
        client.send(request())
        client.head()
        client.exactly(100_000)
        if hard:
            client.reset()
        else:
            client.close()
    upstream.ended()


@pytest.mark.parametrize(
    ("head", "part"),
    [
        (request("PUT", "/", "Content-Length: 10"), b"12345"),
        (request("PUT", "/", "Transfer-Encoding: chunked"), chunk(b"12345")),
        (request("PUT", "/", "Transfer-Encoding: chunked"), b"a\r\n12345"),
        (request("PUT", "/", "Transfer-Encoding: chunked"), b"ffffffffffffffff\r\n12345"),
    ],
    ids=["length", "between chunks", "inside a chunk", "inside a chunk of 2^64-1 bytes"],
)
@pytest.mark.parametrize("ending", ["fin", "half", "reset"])
def test_a_request_cut_short_is_not_completed_at_the_upstream(
    proxied: Proxied, head: bytes, part: bytes, ending: str
) -> None:
    def script(conversation: Conversation) -> None:
        conversation.head()
        received = conversation.until_closed()
        assert not received.endswith(b"0\r\n\r\n"), "half a request looks like a whole one"
        assert len(received) < 10 + 20

    gateway, upstream = proxied(script)
    with gateway.client() as client:
        client.send(head, part)
        upstream.conversation()
        if ending == "reset":
            gateway.settle()
            client.reset()
        elif ending == "half":
            client.finish_sending()
            raw = client.remains()
            assert raw == b"" or raw.startswith(b"HTTP/1.1 400 ")
        else:
            client.close()
        upstream.ended()


def test_a_half_closed_client_still_gets_its_response(proxied: Proxied) -> None:
    go = threading.Event()

    def script(conversation: Conversation) -> None:
        conversation.request()
        wait(go, "the client's half-close")
        conversation.send(ok(b"late but there"))

    gateway, _ = proxied(script)
    with gateway.client() as client:
        client.send(request())
        client.finish_sending()
        gateway.settle()
        go.set()
        assert client.response().body == b"late but there"
        client.ended()


def test_a_half_closed_client_gets_all_its_pipelined_responses(proxied: Proxied) -> None:
    gateway, _ = proxied()
    with gateway.client() as client:
        client.send(request() * 3)
        client.finish_sending()
        for _ in range(3):
            assert client.response().body == b"ok"
        client.ended()


def test_a_half_closed_client_does_not_hold_an_upstream_for_long(proxied: Proxied) -> None:
    gateway, upstream = proxied(silent)
    with gateway.client() as client:
        client.send(request())
        upstream.next_request()
        left = time.monotonic()
        client.finish_sending()
        upstream.ended()
        assert 0.4 < time.monotonic() - left < 5
        client.broken_off()


def test_a_client_that_leaves_while_its_connection_is_made_leaves_nothing_behind(
    proxied: Proxied,
) -> None:
    go = threading.Event()

    def script(conversation: Conversation) -> None:
        wait(go, "the end of the test")
        conversation.until_closed()

    gateway, upstream = proxied(script, section={"pool": {"max_connections": 1}})
    with gateway.client() as first, gateway.client() as second:
        first.send(request("GET", "/first"))
        upstream.conversation()
        second.send(request("GET", "/second"))
        gateway.settle()
        second.reset()
        gateway.settle()
        first.reset()
    go.set()
    received = bytes(upstream.ended().received)
    assert b"/second" not in received
    gateway.settle()


# --- the upstream goes ----------------------------------------------------------------------------


@pytest.mark.parametrize("hard", [False, True], ids=["fin", "reset"])
@pytest.mark.parametrize(
    "part", [b"", b"HT", b"HTTP/1.1 200 OK\r\n", b"HTTP/1.1 200 OK\r\nX: y\r\n"]
)
def test_an_upstream_gone_before_its_head_is_complete_is_a_502(
    proxied: Proxied, part: bytes, hard: bool
) -> None:
    def script(conversation: Conversation) -> None:
        conversation.request()
        conversation.send(part)
        if hard:
            conversation.reset()

    gateway, _ = proxied(script)
    with gateway.client() as client:
        response = client.exchange(request())
        assert response.status == 502
        assert response.problem()["type"] in {
            "urn:pygateway:problem:upstream-unreachable",
            "urn:pygateway:problem:upstream-protocol-error",
        }
        assert not response.closes, "the client did nothing wrong"
        assert client.exchange(request("GET", "/health")).status == 200


@pytest.mark.parametrize("hard", [False, True], ids=["fin", "reset"])
@pytest.mark.parametrize(
    ("response", "partial"),
    [
        (b"HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\n12345", b"12345"),
        (CHUNKED_HEAD + chunk(b"12345"), b"12345"),
        (CHUNKED_HEAD + b"a\r\n12345", b"12345"),
        (CHUNKED_HEAD + chunk(b"12345") + b"0\r\n", b"12345"),
        (CHUNKED_HEAD, b""),
        (b"HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\n", b""),
    ],
    ids=["length", "between chunks", "inside a chunk", "before the end", "no chunk", "no byte"],
)
def test_an_upstream_gone_inside_its_body_is_visible_to_the_client(
    proxied: Proxied, response: bytes, partial: bytes, hard: bool
) -> None:
    seen = threading.Event()

    def script(conversation: Conversation) -> None:
        conversation.request()
        conversation.send(response)
        wait(seen, "the client's look at the beginning")
        if hard:
            conversation.reset()

    gateway, _ = proxied(script)
    with gateway.client() as client:
        client.send(request())
        if partial:
            status, headers = client.head()
            assert status == 200
            if "content-length" in headers:
                assert client.exactly(len(partial)) == partial
            else:
                assert client.exactly(len(chunk(partial))) == chunk(partial)
            seen.set()
            rest = client.remains()
            assert rest == b"", "a part was given a clean end"
        else:
            seen.set()
            told = client.remains()
            if told.startswith(b"HTTP/1.1 200 "):
                assert not told.endswith(b"0\r\n\r\n"), "a part was given a clean end"
            else:
                assert told == b"" or told.startswith(b"HTTP/1.1 502 ")


def test_a_body_until_close_that_is_reset_is_not_given_a_clean_end(proxied: Proxied) -> None:
    seen = threading.Event()

    def script(conversation: Conversation) -> None:
        conversation.request()
        conversation.send(b"HTTP/1.1 200 OK\r\n\r\npartial")
        wait(seen, "the client's look at the beginning")
        conversation.reset()

    gateway, _ = proxied(script)
    with gateway.client() as client:
        client.send(request())
        client.head()
        assert client.exactly(len(chunk(b"partial"))) == chunk(b"partial")
        seen.set()
        rest = client.remains()
        assert rest == b""


def test_a_response_shorter_than_the_truth_is_cut_at_its_word(proxied: Proxied) -> None:
    """An upstream that lies about its length downwards: the rest is not the next response."""

    def script(conversation: Conversation) -> None:
        conversation.request()
        conversation.send(b"HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\ntrue and more")
        conversation.until_closed()

    gateway, upstream = proxied(script, answering(ok(b"clean")))
    with gateway.client() as client:
        assert client.exchange(request()).body == b"true"
        upstream.ended(0)
        assert client.exchange(request()).body == b"clean"


def test_stray_bytes_between_responses_spoil_the_connection(proxied: Proxied) -> None:
    answered = threading.Event()
    sent = threading.Event()

    def script(conversation: Conversation) -> None:
        conversation.request()
        conversation.send(ok(b"first"))
        wait(answered, "the first response")
        conversation.send(ok(b"unasked"))
        sent.set()
        conversation.until_closed()

    gateway, upstream = proxied(script, answering(ok(b"second")))
    with gateway.client() as client:
        assert client.exchange(request()).body == b"first"
        answered.set()
        wait(sent, "the stray bytes")
        gateway.settle()
        upstream.ended(0)
        assert client.exchange(request()).body == b"second"


def test_a_reset_while_the_request_is_being_sent_is_a_502(proxied: Proxied) -> None:
    def script(conversation: Conversation) -> None:
        conversation.head()
        conversation.exactly(1)
        conversation.reset()

    gateway, _ = proxied(script, limits={"body_bytes": 0})
    with gateway.client() as client:
        client.send(request("PUT", "/", "Content-Length: 10000000"))
        client.send_while_accepted(b"x" * 1000)
        response = client.response()
        response.problem("upstream-unreachable")
        assert response.closes


def test_a_client_gone_before_it_was_accepted_is_not_taken_for_a_trusted_one(
    proxied: Proxied,
) -> None:
    """Its socket has lost its address, as that of a unix socket's client has none."""
    gateway, upstream = proxied()
    clients = [gateway.client() for _ in range(10)]
    for client in clients:
        client.send(request())
    for client in clients:
        # Now connections to the upstream are idle, on which a request would go out at once.
        assert client.response().status == 200
        upstream.next_request()
    held, go = threading.Event(), threading.Event()

    def hold() -> None:
        held.set()
        wait(go, "the test's word")

    holding = threading.Thread(target=gateway.call, args=(hold,))
    holding.start()
    wait(held, "the gateway's loop")
    lines = ("X-Forwarded-For: 203.0.113.9", "X-Request-ID: forged", "X-Forwarded-Proto: https")
    for _ in range(30):
        gone = gateway.client()
        gone.send(request("GET", "/gone", *lines))
        gone.reset()
    go.set()
    holding.join()
    gateway.settle()
    for client in clients:
        assert client.exchange(request("GET", "/stayed")).status == 200
        received = upstream.next_request()
        assert received.target == "/stayed"
        assert received.header("X-Forwarded-For") == "127.0.0.1"
    upstream.no_request()
    for client in clients:
        client.close()
