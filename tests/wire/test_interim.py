"""Interim responses and `Expect: 100-continue` (RFC 9110 sections 10.1.1 and 15.2)."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING

import pytest

from tests.support.client import chunked, request
from tests.support.patience import wait
from tests.support.upstream import Conversation, answering, ok

if TYPE_CHECKING:
    from tests.wire.conftest import Proxied

CONTINUE = b"HTTP/1.1 100 Continue\r\n\r\n"
EXPECTING = request("POST", "/", "Expect: 100-continue", "Content-Length: 5")


def test_early_hints_come_before_the_final_response(proxied: Proxied) -> None:
    go = threading.Event()

    def script(conversation: Conversation) -> None:
        conversation.request()
        conversation.send(b"HTTP/1.1 103 Early Hints\r\nLink: </a.css>; rel=preload\r\n\r\n")
        wait(go, "the client's look at the hints")
        conversation.send(ok(b"final"))

    gateway, _ = proxied(script)
    with gateway.client() as client:
        client.send(request())
        hints = client.interim()
        assert (hints.status, hints.header("Link")) == (103, "</a.css>; rel=preload")
        go.set()
        response = client.response()
        assert (response.status, response.body, response.interims) == (200, b"final", ())


def test_interim_and_final_in_one_piece(proxied: Proxied) -> None:
    hints = b"HTTP/1.1 103 Early Hints\r\nX: y\r\n\r\n"
    gateway, upstream = proxied(answering(hints + hints + ok(b"final")))
    with gateway.client() as client:
        for _ in range(2):
            response = client.exchange(request())
            assert [interim.status for interim in response.interims] == [103, 103]
            assert (response.status, response.body) == (200, b"final")
            assert response.all("X") == []
    assert len(upstream.conversations) == 1


def test_a_1_0_client_gets_no_interim_response(proxied: Proxied) -> None:
    gateway, _ = proxied(answering(b"HTTP/1.1 103 Early Hints\r\n\r\n" + ok(b"final")))
    response = gateway.fetch(request(version="1.0"))
    assert (response.status, response.body, response.interims) == (200, b"final", ())


def test_a_100_that_nobody_asked_for_is_dropped(proxied: Proxied) -> None:
    gateway, _ = proxied(answering(CONTINUE + ok(b"final")))
    response = gateway.fetch(request())
    assert (response.status, response.interims) == (200, ())


def test_a_client_that_waits_is_told_by_the_upstream_to_go_on(proxied: Proxied) -> None:
    def script(conversation: Conversation) -> None:
        head = conversation.head()
        assert b"\r\nExpect: 100-continue\r\n" in head
        conversation.nothing_more()
        conversation.send(CONTINUE)
        assert conversation.exactly(5) == b"hello"
        conversation.send(ok())
        answering(ok(b"again"))(conversation)

    gateway, upstream = proxied(script)
    with gateway.client() as client:
        client.send(EXPECTING)
        assert client.interim().status == 100
        client.send(b"hello")
        assert client.response().body == b"ok"
        assert client.exchange(request()).body == b"again"
    assert len(upstream.conversations) == 1


def test_a_client_that_does_not_wait_is_served_all_the_same(proxied: Proxied) -> None:
    def script(conversation: Conversation) -> None:
        conversation.head()
        conversation.send(CONTINUE)
        assert conversation.exactly(5) == b"hello"
        conversation.send(ok())

    gateway, _ = proxied(script)
    with gateway.client() as client:
        client.send(EXPECTING + b"hello")
        response = client.response()
        assert (response.status, response.body) == (200, b"ok")


def test_expectation_with_a_chunked_body(proxied: Proxied) -> None:
    def script(conversation: Conversation) -> None:
        conversation.head()
        conversation.send(CONTINUE)
        assert conversation.exactly(len(chunked(b"hello"))) == chunked(b"hello")
        conversation.send(ok())

    gateway, _ = proxied(script)
    with gateway.client() as client:
        client.send(request("POST", "/", "expect: 100-Continue", "Transfer-Encoding: chunked"))
        assert client.interim().status == 100
        client.send(chunked(b"hello"))
        assert client.response().status == 200


@pytest.mark.parametrize("status", [b"200 OK", b"403 Forbidden", b"417 Expectation Failed"])
def test_a_final_response_instead_of_100_ends_the_connection(
    proxied: Proxied, status: bytes
) -> None:
    # Whether the client will send its body now cannot be known, so nothing may follow.
    def script(conversation: Conversation) -> None:
        conversation.head()
        conversation.send(b"HTTP/1.1 " + status + b"\r\nContent-Length: 2\r\n\r\nno")
        assert conversation.until_closed() == b""

    gateway, upstream = proxied(script)
    with gateway.client() as client:
        client.send(EXPECTING)
        response = client.response()
        assert (response.status, response.body) == (int(status[:3]), b"no")
        client.ended()
    upstream.ended()


def test_a_body_that_did_not_wait_is_not_taken_for_a_request(proxied: Proxied) -> None:
    """The upstream refuses at once, the client has sent body and next request already."""
    smuggled = request("GET", "/smuggled")

    def script(conversation: Conversation) -> None:
        conversation.head()
        conversation.send(b"HTTP/1.1 403 Forbidden\r\nContent-Length: 2\r\n\r\nno")

    gateway, upstream = proxied(script)
    with gateway.client() as client:
        length = f"Content-Length: {len(smuggled)}"
        client.send(request("POST", "/", "Expect: 100-continue", length))
        upstream.conversation()
        client.send_while_accepted(smuggled + request("GET", "/health", "Connection: close"))
        refused = client.response()
        assert refused.status == 403
        if refused.closes:
            client.broken_off()
        else:
            assert client.response().header("Content-Type") == "application/json"
    upstream.ended()
    assert len(upstream.conversations) == 1


def test_a_refusal_of_the_gateway_comes_instead_of_100(proxied: Proxied) -> None:
    gateway, upstream = proxied(limits={"body_bytes": "1KiB"})
    with gateway.client() as client:
        client.send(request("POST", "/", "Expect: 100-continue", "Content-Length: 5000"))
        response = client.response()
        response.problem("body-too-large")
        client.ended()
    upstream.no_request()


def test_expect_without_a_body_is_not_passed_on(proxied: Proxied) -> None:
    gateway, upstream = proxied()
    assert gateway.fetch(request("GET", "/", "Expect: 100-continue")).status == 200
    assert upstream.next_request().all("Expect") == []


def test_expect_of_a_1_0_client_is_ignored(proxied: Proxied) -> None:
    gateway, upstream = proxied(answering(CONTINUE + ok()))
    raw = request("POST", "/", "Expect: 100-continue", version="1.0", body=b"hello")
    response = gateway.fetch(raw)
    assert (response.status, response.interims) == (200, ())
    received = upstream.next_request()
    assert received.body == b"hello"


def test_a_flood_of_interim_responses_is_a_protocol_error(proxied: Proxied) -> None:
    def script(conversation: Conversation) -> None:
        conversation.request()
        while True:
            conversation.send(b"HTTP/1.1 103 Early Hints\r\n\r\n" * 100)

    gateway, upstream = proxied(script)
    response = gateway.fetch(request())
    response.problem("upstream-protocol-error")
    assert len(response.interims) < 100
    upstream.ended()


@pytest.mark.parametrize(
    "interim",
    [
        b"HTTP/1.1 103 Early Hints\r\nBad Name: x\r\n\r\n",
        b"HTTP/1.1 103 Early Hints\r\nX: a\x01b\r\n\r\n",
        b"HTTP/1.1 103 Early Hints\r\n" + b"X: y\r\n" * 5000 + b"\r\n",
    ],
    ids=["name", "value", "size"],
)
def test_interim_responses_are_guarded_as_final_ones_are(proxied: Proxied, interim: bytes) -> None:
    gateway, _ = proxied(answering(interim + ok()))
    response = gateway.fetch(request())
    response.problem("upstream-protocol-error")
