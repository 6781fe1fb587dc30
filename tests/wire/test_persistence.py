"""Which connections go on after a response, and which end (RFC 9112 section 9)."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.support.client import request
from tests.support.upstream import answering, ok, once

if TYPE_CHECKING:
    from tests.wire.conftest import Proxied


def test_a_1_1_connection_serves_request_after_request(proxied: Proxied) -> None:
    gateway, upstream = proxied(answering(ok(b"one"), ok(b"two"), ok(b"three")))
    with gateway.client() as client:
        for number, body in enumerate((b"one", b"two", b"three")):
            response = client.exchange(request(target=f"/{number}"))
            assert (response.status, response.body) == (200, body)
            assert response.all("Connection") == []
            assert upstream.next_request().target == f"/{number}"
    assert len(upstream.conversations) == 1, "the upstream's connection was not reused"


@pytest.mark.parametrize("value", ["close", "Close", "x-private, close", "close\t"])
def test_connection_close_ends_the_connection_after_the_response(
    proxied: Proxied, value: str
) -> None:
    gateway, upstream = proxied()
    with gateway.client() as client:
        response = client.exchange(request("GET", "/", f"Connection: {value}"))
        assert response.status == 200
        assert response.closes
        client.ended()
    assert upstream.next_request().all("Connection") == []


def test_a_request_behind_connection_close_is_not_answered(proxied: Proxied) -> None:
    gateway, upstream = proxied()
    with gateway.client() as client:
        client.send(request("GET", "/first", "Connection: close") + request("GET", "/second"))
        assert client.response().status == 200
        client.ended()
    assert upstream.next_request().target == "/first"
    upstream.no_request()


def test_a_1_0_connection_ends_after_the_response(proxied: Proxied) -> None:
    gateway, upstream = proxied()
    with gateway.client() as client:
        response = client.exchange(request("GET", "/", version="1.0"))
        assert (response.status, response.body) == (200, b"ok")
        assert response.header("Connection") in {None, "close"}
        client.ended()
    assert upstream.next_request().version == "1.1"


def test_a_1_0_connection_persists_when_asked_and_the_length_is_known(proxied: Proxied) -> None:
    gateway, _ = proxied()
    with gateway.client() as client:
        for _ in range(2):
            response = client.exchange(request("GET", "/", "Connection: keep-alive", version="1.0"))
            assert response.body == b"ok"
            assert response.tokens("Connection") == ["keep-alive"]


def test_a_1_0_client_gets_a_chunked_response_until_close(proxied: Proxied) -> None:
    gateway, _ = proxied(
        once(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nab\r\n1\r\nc\r\n0\r\n\r\n")
    )
    with gateway.client() as client:
        response = client.exchange(request("GET", "/", "Connection: keep-alive", version="1.0"))
        assert (response.framing, response.body) == ("close", b"abc")
        assert response.all("Transfer-Encoding") == []


def test_a_1_0_request_without_host_is_forwarded_with_one(proxied: Proxied) -> None:
    gateway, upstream = proxied()
    response = gateway.fetch(request("GET", "/", host=None, version="1.0"))
    assert response.status == 200
    assert upstream.next_request().header("Host") == upstream.authority


def test_an_upstream_that_closes_after_each_response_is_connected_to_anew(proxied: Proxied) -> None:
    closing = b"HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 1\r\n\r\nx"
    gateway, upstream = proxied(once(closing))
    with gateway.client() as client:
        for _ in range(3):
            response = client.exchange(request())
            assert response.body == b"x"
            assert not response.closes, "the upstream's Connection header is not the client's"
    assert len(upstream.conversations) == 3


def test_a_1_0_upstream_is_not_reused_without_keep_alive(proxied: Proxied) -> None:
    gateway, upstream = proxied(once(b"HTTP/1.0 200 OK\r\nContent-Length: 1\r\n\r\nx"))
    with gateway.client() as client:
        for _ in range(2):
            response = client.exchange(request())
            assert (response.framing, response.body) == ("length", b"x")
    assert len(upstream.conversations) == 2


def test_a_body_until_close_from_a_1_0_upstream_is_chunked_for_a_1_1_client(
    proxied: Proxied,
) -> None:
    gateway, _ = proxied(once(b"HTTP/1.0 200 OK\r\nContent-Type: text/plain\r\n\r\nuntil close"))
    with gateway.client() as client:
        for _ in range(2):
            response = client.exchange(request())
            assert (response.framing, response.body) == ("chunked", b"until close")


def test_empty_lines_before_a_request_are_ignored(proxied: Proxied) -> None:
    # RFC 9112 section 2.2: a server should ignore at least one CRLF before the request line.
    gateway, _ = proxied()
    with gateway.client() as client:
        assert client.exchange(request()).status == 200
        client.send(b"\r\n")
        client.send(request())
        assert client.response().status == 200
