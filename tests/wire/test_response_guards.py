"""What an upstream may not send: 502 to the client, and the connection is never used again."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.support.client import request
from tests.support.upstream import Conversation, answering, ok

if TYPE_CHECKING:
    from tests.wire.conftest import Proxied

EMPTY = b"Content-Length: 0\r\n\r\n"

REFUSED = {
    "garbage": b"\x00\x01\x02\x03\r\n\r\n",
    "text": b"hello there\r\n\r\n",
    "a request": b"GET / HTTP/1.1\r\nHost: x\r\n\r\n",
    "TLS alert": b"\x15\x03\x01\x00\x02\x02\x46\r\n\r\n",
    "SSH": b"SSH-2.0-OpenSSH_9.6\r\n",
    "HTTP/0.9": b"HTTP/0.9 200 OK\r\n" + EMPTY,
    "HTTP/1.2": b"HTTP/1.2 200 OK\r\n" + EMPTY,
    "HTTP/2.0": b"HTTP/2.0 200 OK\r\n" + EMPTY,
    "HTTP/2": b"HTTP/2 200 OK\r\n" + EMPTY,
    "HTTP/1.10": b"HTTP/1.10 200 OK\r\n" + EMPTY,
    "ICE": b"ICE/1.0 200 OK\r\n" + EMPTY,
    "RTSP": b"RTSP/1.0 200 OK\r\n" + EMPTY,
    "lower case": b"http/1.1 200 OK\r\n" + EMPTY,
    "leading empty line": b"\r\nHTTP/1.1 200 OK\r\n" + EMPTY,
    "leading space": b" HTTP/1.1 200 OK\r\n" + EMPTY,
    "two spaces": b"HTTP/1.1  200 OK\r\n" + EMPTY,
    "tab": b"HTTP/1.1\t200 OK\r\n" + EMPTY,
    "status 0": b"HTTP/1.1 000 OK\r\n" + EMPTY,
    "status 20": b"HTTP/1.1 20 OK\r\n" + EMPTY,
    "status 2000": b"HTTP/1.1 2000 OK\r\n" + EMPTY,
    "status 600": b"HTTP/1.1 600 OK\r\n" + EMPTY,
    "status 999": b"HTTP/1.1 999 OK\r\n" + EMPTY,
    "status abc": b"HTTP/1.1 abc OK\r\n" + EMPTY,
    "status -200": b"HTTP/1.1 -200 OK\r\n" + EMPTY,
    "control in reason": b"HTTP/1.1 200 O\x01K\r\n" + EMPTY,
    "NUL in reason": b"HTTP/1.1 200 O\x00K\r\n" + EMPTY,
    "bare LF": b"HTTP/1.1 200 OK\nContent-Length: 0\n\n",
    "bare LF in the line": b"HTTP/1.1 200 OK\n" + EMPTY,
    "bare CR in the line": b"HTTP/1.1 200 OK\r" + EMPTY,
    "bare LF in fields": b"HTTP/1.1 200 OK\r\nX-A: a\nX-B: b\r\n" + EMPTY,
    "bare CR in fields": b"HTTP/1.1 200 OK\r\nX-A: a\rX-B: b\r\n" + EMPTY,
    "folded value": b"HTTP/1.1 200 OK\r\nX-A: a\r\n b\r\n" + EMPTY,
    "space before colon": b"HTTP/1.1 200 OK\r\nX-A : a\r\n" + EMPTY,
    "space in name": b"HTTP/1.1 200 OK\r\nX A: a\r\n" + EMPTY,
    "no colon": b"HTTP/1.1 200 OK\r\nX-A\r\n" + EMPTY,
    "empty name": b"HTTP/1.1 200 OK\r\n: a\r\n" + EMPTY,
    "control in name": b"HTTP/1.1 200 OK\r\nX\x01: a\r\n" + EMPTY,
    "high byte in name": b"HTTP/1.1 200 OK\r\nX\x80: a\r\n" + EMPTY,
    "control in value": b"HTTP/1.1 200 OK\r\nX-A: a\x01\r\n" + EMPTY,
    "NUL in value": b"HTTP/1.1 200 OK\r\nX-A: a\x00b\r\n" + EMPTY,
    "DEL in value": b"HTTP/1.1 200 OK\r\nX-A: a\x7fb\r\n" + EMPTY,
    "two lengths": b"HTTP/1.1 200 OK\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\nab",
    "two equal lengths": b"HTTP/1.1 200 OK\r\nContent-Length: 1\r\nContent-Length: 1\r\n\r\na",
    "length list": b"HTTP/1.1 200 OK\r\nContent-Length: 1, 1\r\n\r\na",
    "length +1": b"HTTP/1.1 200 OK\r\nContent-Length: +1\r\n\r\na",
    "length -1": b"HTTP/1.1 200 OK\r\nContent-Length: -1\r\n\r\na",
    "length 0x1": b"HTTP/1.1 200 OK\r\nContent-Length: 0x1\r\n\r\na",
    "empty length": b"HTTP/1.1 200 OK\r\nContent-Length:\r\n\r\n",
    "length of 2^63": b"HTTP/1.1 200 OK\r\nContent-Length: 9223372036854775808\r\n\r\n",
    "length of 2^64": b"HTTP/1.1 200 OK\r\nContent-Length: 18446744073709551616\r\n\r\n",
    "length and chunked": b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n"
    b"Transfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
    "chunked and length": b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n"
    b"Content-Length: 5\r\n\r\n0\r\n\r\n",
    "chunked on 1.0": b"HTTP/1.0 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
    "gzip coding": b"HTTP/1.1 200 OK\r\nTransfer-Encoding: gzip\r\n\r\n",
    "gzip, chunked": b"HTTP/1.1 200 OK\r\nTransfer-Encoding: gzip, chunked\r\n\r\n0\r\n\r\n",
    "chunked, gzip": b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked, gzip\r\n\r\n",
    "identity": b"HTTP/1.1 200 OK\r\nTransfer-Encoding: identity\r\n\r\n",
    "chunked twice": b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n"
    b"Transfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
    "xchunked": b"HTTP/1.1 200 OK\r\nTransfer-Encoding: xchunked\r\n\r\n0\r\n\r\n",
    "empty coding": b"HTTP/1.1 200 OK\r\nTransfer-Encoding:\r\n\r\n",
    "coding on 204": b"HTTP/1.1 204 No Content\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
    "space behind Transfer-Encoding": b"HTTP/1.1 200 OK\r\nTransfer-Encoding : chunked\r\n\r\n"
    b"0\r\n\r\n",
}  # fmt: skip


@pytest.mark.parametrize("response", REFUSED.values(), ids=REFUSED.keys())
def test_a_head_that_breaks_a_guard_is_502_and_spoils_the_connection(
    proxied: Proxied, response: bytes
) -> None:
    def script(conversation: Conversation) -> None:
        conversation.request()
        conversation.send(response)
        conversation.until_closed()

    gateway, upstream = proxied(script, answering(ok(b"clean")))
    with gateway.client() as client:
        refused = client.exchange(request())
        refused.problem("upstream-protocol-error")
        assert refused.status == 502
        assert not refused.closes, "the client did nothing wrong"
        upstream.ended(0)
        assert client.exchange(request()).body == b"clean"
    assert len(upstream.conversations) == 2


BROKEN_CHUNKS = [
    b"+5\r\nhello\r\n0\r\n\r\n",
    b"-5\r\nhello\r\n0\r\n\r\n",
    b"0x5\r\nhello\r\n0\r\n\r\n",
    b" 5\r\nhello\r\n0\r\n\r\n",
    b"5 \r\nhello\r\n0\r\n\r\n",
    b"5_0\r\nhello\r\n0\r\n\r\n",
    b"zz\r\nhello\r\n0\r\n\r\n",
    b"\r\nhello\r\n0\r\n\r\n",
    b"5\nhello\r\n0\r\n\r\n",
    b"5\r\nhello0\r\n\r\n",
    b"5\r\nhelloXX0\r\n\r\n",
    b"5\r\nhello\n0\r\n\r\n",
    b"ffffffffffffffff5\r\nhello\r\n0\r\n\r\n",
    b"5;x\ny\r\nhello\r\n0\r\n\r\n",
    b"0\n\n",
]


@pytest.mark.parametrize("body", BROKEN_CHUNKS)
def test_a_chunked_body_that_cannot_be_read_never_ends_cleanly(
    proxied: Proxied, body: bytes
) -> None:
    def script(conversation: Conversation) -> None:
        conversation.request()
        conversation.send(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n")
        gateway.settle()
        conversation.send(body)
        conversation.until_closed()

    gateway, upstream = proxied(script, answering(ok(b"clean")))
    with gateway.client() as client:
        client.send(request())
        raw = client.remains()
        assert raw.startswith((b"HTTP/1.1 200 ", b"HTTP/1.1 502 "))
        if raw.startswith(b"HTTP/1.1 200 "):
            assert not raw.endswith(b"0\r\n\r\n"), "a doubtful body came to a clean end"
        upstream.ended(0)
    assert gateway.fetch(request()).body == b"clean"
    assert len(upstream.conversations) == 2


@pytest.mark.parametrize(
    ("line", "reason"),
    [
        (b"HTTP/1.1 200 OK", "OK"),
        (b"HTTP/1.1 200 ", ""),
        (b"HTTP/1.1 200", ""),
        (b"HTTP/1.1 200 Everything is fine", "Everything is fine"),
        (b"HTTP/1.1 200 \xc3\x89t\xc3\xa9", "\xc3\x89t\xc3\xa9"),
        (b"HTTP/1.0 200 OK", "OK"),
    ],
)
def test_an_unusual_status_line_is_not_a_broken_one(
    proxied: Proxied, line: bytes, reason: str
) -> None:
    gateway, _ = proxied(answering(line + b"\r\nContent-Length: 2\r\n\r\nok"))
    response = gateway.fetch(request())
    assert (response.status, response.reason, response.body) == (200, reason, b"ok")


@pytest.mark.parametrize(
    "status", [201, 206, 226, 299, 301, 308, 400, 404, 418, 451, 500, 503, 599]
)
def test_every_final_status_passes(proxied: Proxied, status: int) -> None:
    gateway, _ = proxied(answering(b"HTTP/1.1 %d Some\r\nContent-Length: 2\r\n\r\nok" % status))
    response = gateway.fetch(request())
    assert (response.status, response.body) == (status, b"ok")
    assert response.header("Content-Type") != "application/problem+json"


def test_values_keep_their_bytes(proxied: Proxied) -> None:
    lines = ["X-Obs: caf\xe9", "X-Empty:", "X-Tab: a\tb", "X-Spaces:   padded   "]
    gateway, _ = proxied(answering(ok(b"x", *lines)))
    response = gateway.fetch(request())
    assert [response.header(name) for name in ("X-Obs", "X-Empty", "X-Tab", "X-Spaces")] == [
        "caf\xe9", "", "a\tb", "padded",
    ]  # fmt: skip


def test_equal_names_stay_separate_lines_in_their_order(proxied: Proxied) -> None:
    gateway, _ = proxied(answering(ok(b"x", "Set-Cookie: a=1", "X: y", "Set-Cookie: b=2")))
    assert gateway.fetch(request()).all("Set-Cookie") == ["a=1", "b=2"]
