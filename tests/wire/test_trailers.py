"""Trailers never become headers (RFC 9110 section 6.5); those that would matter are refused."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.support.client import chunk, request
from tests.support.upstream import Conversation, answering, ok

if TYPE_CHECKING:
    from tests.wire.conftest import Proxied

CODED = request("POST", "/", "Transfer-Encoding: chunked", "Trailer: X-Checksum")


def test_request_trailers_are_read_and_dropped(proxied: Proxied) -> None:
    gateway, upstream = proxied()
    with gateway.client() as client:
        client.send(CODED + chunk(b"hello") + b"0\r\nX-Checksum: abc\r\nVary: *\r\n\r\n")
        assert client.response().status == 200
        client.send(request("GET", "/after"))
        assert client.response().status == 200
    first, second = upstream.next_request(), upstream.next_request()
    assert (first.body, first.trailers) == (b"hello", ())
    for received in (first, second):
        assert received.names().isdisjoint({"x-checksum", "vary", "trailer"})


def test_response_trailers_are_read_and_dropped(proxied: Proxied) -> None:
    response = (
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nTrailer: X-Checksum\r\n\r\n"
        b"5\r\nhello\r\n0\r\nX-Checksum: abc\r\nSet-Cookie: a=b\r\n\r\n"
    )
    gateway, upstream = proxied(answering(response, ok()))
    with gateway.client() as client:
        first = client.exchange(request())
        assert (first.body, first.trailers) == (b"hello", ())
        assert first.names().isdisjoint({"x-checksum", "set-cookie", "trailer"})
        assert client.exchange(request()).all("X-Checksum") == []
    assert len(upstream.conversations) == 1


@pytest.mark.parametrize(
    "line",
    [
        "Content-Length: 99",
        "Transfer-Encoding: chunked",
        "Host: evil.test",
        "content-length: 0",
        "Authorization: Basic eDp5",
        "Connection: close",
        "Trailer: X",
    ],
)
def test_a_trailer_that_frames_routes_or_authorises_is_refused(proxied: Proxied, line: str) -> None:
    # RFC 9110 section 6.5.1: such fields must not be sent in trailers.
    def script(conversation: Conversation) -> None:
        conversation.head()
        received = conversation.until_closed()
        assert not received.endswith(b"0\r\n\r\n"), "the refused request was completed"

    gateway, upstream = proxied(script)
    with gateway.client() as client:
        client.send(CODED + chunk(b"hello"))
        upstream.conversation()
        client.send(b"0\r\n" + line.encode() + b"\r\n\r\n")
        refused = client.response()
        refused.problem("bad-request")
        assert refused.status == 400
        client.ended()
    upstream.ended()


@pytest.mark.parametrize(
    "trailers",
    [
        b"X-Bad : space before colon\r\n",
        b"no colon\r\n",
        b"X-Control: a\x01b\r\n",
        b"X-Fold: a\r\n b\r\n",
        b": empty\r\n",
        b"X-LF: a\nX-B: b\r\n",
    ],
)
def test_a_malformed_trailer_is_refused(proxied: Proxied, trailers: bytes) -> None:
    def script(conversation: Conversation) -> None:
        conversation.head()
        assert not conversation.until_closed().endswith(b"0\r\n\r\n")

    gateway, upstream = proxied(script)
    with gateway.client() as client:
        client.send(CODED + chunk(b"hello"))
        upstream.conversation()
        client.send(b"0\r\n" + trailers + b"\r\n")
        assert client.response().status == 400
        client.ended()
    upstream.ended()


def test_endless_trailers_are_refused(proxied: Proxied) -> None:
    def script(conversation: Conversation) -> None:
        conversation.until_closed()

    gateway, upstream = proxied(script, limits={"header_bytes": "8KiB"})
    with gateway.client() as client:
        client.send(CODED + chunk(b"hello"))
        upstream.conversation()
        client.send_while_accepted(b"0\r\n" + b"X-Trailer: 0123456789\r\n" * 4000)
        assert client.response().status in {400, 431}
        client.ended()
    upstream.ended()


@pytest.mark.parametrize("ending", [b"0\r\nX: \x01\r\n\r\n", b"0\r\nno colon\r\n\r\n"])
def test_a_response_with_malformed_trailers_is_broken_off(proxied: Proxied, ending: bytes) -> None:
    head = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"

    def script(conversation: Conversation) -> None:
        conversation.request()
        conversation.send(head + chunk(b"hello"))
        conversation.send(ending)
        conversation.until_closed()

    gateway, upstream = proxied(script)
    with gateway.client() as client:
        client.send(request("GET", "/", "Connection: close"))
        raw = client.remains()
        # Refused whole where it came whole, else cut off.
        assert raw.startswith(b"HTTP/1.1 502 ") or b"5\r\nhello\r\n" in raw
        assert not raw.endswith(b"0\r\n\r\n"), "a doubtful response came to a clean end"
    upstream.ended()
