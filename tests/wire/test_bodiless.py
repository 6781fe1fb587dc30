"""Responses that have no body whatever their headers say (RFC 9112 section 6.3, step 1)."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.support.client import request
from tests.support.upstream import Conversation, answering, ok

if TYPE_CHECKING:
    from tests.wire.conftest import Proxied


def test_head_keeps_the_length_and_has_no_body(proxied: Proxied) -> None:
    gateway, upstream = proxied(answering(b"HTTP/1.1 200 OK\r\nContent-Length: 1234\r\n\r\n", ok()))
    with gateway.client() as client:
        response = client.exchange(request("HEAD"))
        assert response.header("Content-Length") == "1234"
        assert response.framing == "none"
        assert client.exchange(request("GET")).body == b"ok"
    assert len(upstream.conversations) == 1


def test_head_of_a_chunked_resource_has_no_body(proxied: Proxied) -> None:
    gateway, upstream = proxied(
        answering(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n", ok())
    )
    with gateway.client() as client:
        assert client.exchange(request("HEAD")).body == b""
        assert client.exchange(request("GET")).body == b"ok"
    assert len(upstream.conversations) == 1


def test_head_without_any_framing_leaves_the_client_usable(proxied: Proxied) -> None:
    def script(conversation: Conversation) -> None:
        while conversation.request().method == "HEAD":
            conversation.send(b"HTTP/1.1 200 OK\r\nX: y\r\n\r\n")
        conversation.send(ok())

    gateway, _ = proxied(script)
    with gateway.client() as client:
        assert client.exchange(request("HEAD")).header("X") == "y"
        assert client.exchange(request("GET")).body == b"ok"


def test_204_has_no_framing(proxied: Proxied) -> None:
    gateway, upstream = proxied(answering(b"HTTP/1.1 204 No Content\r\nX: y\r\n\r\n", ok()))
    with gateway.client() as client:
        response = client.exchange(request("DELETE"))
        assert (response.status, response.framing) == (204, "none")
        assert client.exchange(request()).body == b"ok"
    assert len(upstream.conversations) == 1


def test_204_loses_the_length_that_it_must_not_have(proxied: Proxied) -> None:
    gateway, _ = proxied(answering(b"HTTP/1.1 204 No Content\r\nContent-Length: 0\r\n\r\n", ok()))
    with gateway.client() as client:
        assert client.exchange(request("DELETE")).all("Content-Length") == []
        assert client.exchange(request()).body == b"ok"


def test_304_keeps_the_length_of_what_it_did_not_send(proxied: Proxied) -> None:
    gateway, upstream = proxied(
        answering(b'HTTP/1.1 304 Not Modified\r\nETag: "a"\r\nContent-Length: 77\r\n\r\n', ok())
    )
    with gateway.client() as client:
        response = client.exchange(request("GET", "/", 'If-None-Match: "a"'))
        assert (response.status, response.header("Content-Length")) == (304, "77")
        assert client.exchange(request()).body == b"ok"
    assert len(upstream.conversations) == 1


def test_304_with_transfer_encoding_loses_it(proxied: Proxied) -> None:
    gateway, _ = proxied(
        answering(b"HTTP/1.1 304 Not Modified\r\nTransfer-Encoding: chunked\r\n\r\n", ok())
    )
    with gateway.client() as client:
        assert client.exchange(request()).all("Transfer-Encoding") == []
        assert client.exchange(request()).body == b"ok"


@pytest.mark.parametrize(
    ("method", "response"),
    [
        ("HEAD", b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello"),
        ("HEAD", b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n"),
        ("GET", b"HTTP/1.1 204 No Content\r\n\r\nhello"),
        ("GET", b"HTTP/1.1 304 Not Modified\r\nContent-Length: 5\r\n\r\nhello"),
    ],
)
def test_a_body_that_must_not_be_there_never_reaches_a_client(
    proxied: Proxied, method: str, response: bytes
) -> None:
    def script(conversation: Conversation) -> None:
        conversation.request()
        conversation.send(response)
        conversation.until_closed()

    gateway, upstream = proxied(script, answering(ok(b"next")))
    with gateway.client() as client:
        first = client.exchange(request(method))
        assert first.body == b""
        upstream.ended(0)
        assert client.exchange(request()).body == b"next"


def test_a_reply_of_the_gateway_to_head_has_no_body(proxied: Proxied) -> None:
    gateway, _ = proxied(
        routes=[
            {
                "name": "fixed",
                "match": {"paths": ["/fixed"]},
                "auth": "none",
                "respond": {"status": 200, "body": "hello"},
            }
        ]
    )
    with gateway.client() as client:
        response = client.exchange(request("HEAD", "/fixed"))
        assert (response.status, response.header("Content-Length")) == (200, "5")
        missing = client.exchange(request("HEAD", "/missing"))
        assert (missing.status, missing.body) == (404, b"")
        assert int(missing.header("Content-Length") or 0) > 0
        assert client.exchange(request("GET", "/fixed")).body == b"hello"
