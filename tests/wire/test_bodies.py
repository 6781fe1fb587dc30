"""Bodies in both directions, by length and by chunks, cut anywhere (RFC 9112 sections 6 and 7)."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING

import pytest

from tests.support.client import chunk, chunked, request
from tests.support.messages import parse_chunked
from tests.support.upstream import Conversation, answering, ok

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.wire.conftest import Proxied

BY_LENGTH = request("POST", "/upload", body=b"hello, body")
BY_CHUNKS = request("POST", "/upload", "Transfer-Encoding: chunked") + chunked(b"hello", b", body")
RESPONSE_BY_LENGTH = ok(b"hello, body")
RESPONSE_BY_CHUNKS = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n" + chunked(
    b"hello", b", body"
)


def in_two(raw: bytes) -> Iterator[tuple[bytes, bytes]]:
    """Every way to cut a message once."""
    for position in range(1, len(raw)):
        yield raw[:position], raw[position:]


@pytest.mark.parametrize("raw", [BY_LENGTH, BY_CHUNKS], ids=["length", "chunked"])
def test_a_request_cut_at_every_byte_arrives_whole(proxied: Proxied, raw: bytes) -> None:
    gateway, upstream = proxied()
    with gateway.client() as client:
        for pieces in in_two(raw):
            client.send_separately(pieces, gateway.settle)
            assert client.response().body == b"ok"
            received = upstream.next_request()
            assert (received.method, received.target) == ("POST", "/upload")
            assert received.body == b"hello, body"
            assert received.framing == ("length" if raw is BY_LENGTH else "chunked")


@pytest.mark.parametrize("raw", [BY_LENGTH, BY_CHUNKS], ids=["length", "chunked"])
def test_a_request_that_comes_byte_by_byte_arrives_whole(proxied: Proxied, raw: bytes) -> None:
    gateway, upstream = proxied()
    with gateway.client() as client:
        client.send_separately((raw[i : i + 1] for i in range(len(raw))), gateway.settle)
        assert client.response().body == b"ok"
    assert upstream.next_request().body == b"hello, body"


@pytest.mark.parametrize("raw", [RESPONSE_BY_LENGTH, RESPONSE_BY_CHUNKS], ids=["length", "chunked"])
def test_a_response_cut_at_every_byte_arrives_whole(proxied: Proxied, raw: bytes) -> None:
    cuts = in_two(raw)
    started = threading.Event()

    def script(conversation: Conversation) -> None:
        started.wait()
        for first, second in cuts:
            conversation.request()
            conversation.send(first)
            gateway.settle()
            conversation.send(second)

    gateway, _ = proxied(script)
    started.set()
    with gateway.client() as client:
        for _ in range(len(raw) - 1):
            response = client.exchange(request())
            assert (response.status, response.body) == (200, b"hello, body")
            assert response.framing == ("length" if raw is RESPONSE_BY_LENGTH else "chunked")


@pytest.mark.parametrize("raw", [RESPONSE_BY_LENGTH, RESPONSE_BY_CHUNKS], ids=["length", "chunked"])
def test_a_response_that_comes_byte_by_byte_arrives_whole(proxied: Proxied, raw: bytes) -> None:
    started = threading.Event()

    def script(conversation: Conversation) -> None:
        conversation.request()
        started.wait()
        conversation.send_separately(raw, gateway.settle)

    gateway, _ = proxied(script)
    started.set()
    assert gateway.fetch(request()).body == b"hello, body"


def test_a_body_full_of_line_ends_is_not_taken_for_framing(proxied: Proxied) -> None:
    """Every cut of a pipelined stream whose chunks look like ends of heads and of bodies."""
    pieces = (b"\r\n\r\n", b"0\r\n\r\n", b"\r", b"\n\r\n\r", b"\n")
    coded = request("POST", "/coded", "Transfer-Encoding: chunked") + chunked(*pieces)
    counted = request("POST", "/counted", body=b"\r\n\r\n0\r\n\r\n")
    stream = coded + counted + request("GET", "/last")
    gateway, upstream = proxied()
    with gateway.client() as client:
        for cut in range(len(coded) - 60, len(stream)):
            client.send_separately((stream[:cut], stream[cut:]), gateway.settle)
            for _ in range(3):
                assert client.response().body == b"ok"
            received = [upstream.next_request() for _ in range(3)]
            assert [each.target for each in received] == ["/coded", "/counted", "/last"]
            assert received[0].body == b"".join(pieces)
            assert received[1].body == b"\r\n\r\n0\r\n\r\n"


def test_chunk_extensions_and_uppercase_sizes_are_read_and_not_passed_on(proxied: Proxied) -> None:
    gateway, upstream = proxied()
    raw = (
        request("POST", "/", "Transfer-Encoding: chunked")
        + b'000A;name=value;quoted="a b"\r\n0123456789\r\n0;last\r\n\r\n'
    )
    with gateway.client() as client:
        assert client.exchange(raw).status == 200
        assert client.exchange(request()).status == 200
    received = upstream.next_request()
    assert received.body == b"0123456789"
    assert b"quoted" not in received.raw


def test_transfer_encoding_is_recognised_in_any_case(proxied: Proxied) -> None:
    gateway, upstream = proxied()
    raw = request("POST", "/", "tRANSFER-eNCODING: ChunKed") + chunked(b"abc")
    assert gateway.fetch(raw).status == 200
    received = upstream.next_request()
    assert (received.framing, received.body) == ("chunked", b"abc")


@pytest.mark.parametrize("method", ["POST", "PUT", "PATCH", "DELETE", "OPTIONS"])
def test_an_empty_body_keeps_its_explicit_length(proxied: Proxied, method: str) -> None:
    gateway, upstream = proxied()
    assert gateway.fetch(request(method, "/", "Content-Length: 0")).status == 200
    assert upstream.next_request().header("Content-Length") == "0"


@pytest.mark.parametrize("method", ["GET", "DELETE", "OPTIONS", "PURGE"])
def test_a_request_without_body_gets_no_framing(proxied: Proxied, method: str) -> None:
    gateway, upstream = proxied()
    assert gateway.fetch(request(method)).status == 200
    assert upstream.next_request().framing == "none"


@pytest.mark.parametrize("method", ["POST", "PUT", "PATCH"])
def test_a_method_that_means_a_body_says_that_there_is_none(proxied: Proxied, method: str) -> None:
    # RFC 9110 section 8.6: a user agent should send Content-Length: 0 here.
    gateway, upstream = proxied()
    assert gateway.fetch(request(method)).status == 200
    assert upstream.next_request().header("Content-Length") == "0"


@pytest.mark.parametrize("method", ["GET", "HEAD"])
@pytest.mark.parametrize("coded", [False, True], ids=["length", "chunked"])
def test_a_body_where_none_is_expected_is_forwarded_in_isolation(
    proxied: Proxied, method: str, coded: bool
) -> None:
    # Some servers read such a body and some take it for the next request; RFC 9110 section
    # 9.3.1. So neither connection carries anything after it.
    raw = request(method, "/search", body=b"query")
    if coded:
        raw = request(method, "/search", "Transfer-Encoding: chunked") + chunked(b"query")
    head = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n"
    gateway, upstream = proxied(answering(head if method == "HEAD" else ok()))
    with gateway.client() as client:
        response = client.exchange(raw)
        assert response.status == 200
        assert response.closes
        client.ended()
    assert upstream.next_request().body == b"query"
    upstream.ended(0)


def test_a_large_body_passes_both_ways(proxied: Proxied) -> None:
    body = bytes(range(256)) * 8192  # 2 MiB

    def echo(conversation: Conversation) -> None:
        length = int(conversation.head().lower().split(b"content-length: ")[1].split(b"\r\n")[0])
        conversation.send(ok(conversation.exactly(length)))

    gateway, _ = proxied(echo)
    with gateway.client() as client:
        sender = threading.Thread(target=client.send, args=(request("PUT", "/", body=body),))
        sender.start()
        status, headers = client.head()
        assert (status, headers["content-length"]) == (200, str(len(body)))
        assert client.exactly(len(body)) == body
        sender.join()


def test_many_small_chunks_pass_both_ways(proxied: Proxied) -> None:
    pieces = [b"%d," % number for number in range(2000)]

    def echo(conversation: Conversation) -> None:
        body = conversation.request().body
        head = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"
        conversation.send(head, chunked(*(body[i : i + 3] for i in range(0, len(body), 3))))

    gateway, upstream = proxied(echo)
    raw = request("POST", "/", "Transfer-Encoding: chunked") + chunked(*pieces)
    response = gateway.fetch(raw)
    assert response.body == b"".join(pieces)
    assert upstream.next_request().body == b"".join(pieces)


def test_chunks_are_passed_on_before_the_next_one_comes(proxied: Proxied) -> None:
    def script(conversation: Conversation) -> None:
        conversation.head()
        for piece in (b"one", b"two"):
            assert parse_chunked(conversation.exactly(len(chunk(piece))) + b"0\r\n\r\n", 0)
            conversation.send(b"HTTP/1.1 103 Early Hints\r\nX-Read: %b\r\n\r\n" % piece)
        conversation.exactly(5)
        conversation.send(ok())

    gateway, _ = proxied(script)
    with gateway.client() as client:
        client.send(request("POST", "/", "Transfer-Encoding: chunked"))
        for piece in (b"one", b"two"):
            client.send(chunk(piece))
            assert client.interim().header("X-Read") == piece.decode()
        client.send(chunk(b""))
        assert client.response().status == 200


def test_bytes_behind_a_response_are_not_the_next_one(proxied: Proxied) -> None:
    def script(conversation: Conversation) -> None:
        conversation.request()
        conversation.send(ok(b"real") + ok(b"smuggled"))
        conversation.until_closed()

    gateway, upstream = proxied(script)
    with gateway.client() as client:
        for number in range(2):
            assert client.exchange(request()).body == b"real"
            upstream.ended(number)
    assert len(upstream.conversations) == 2, "a connection with stray bytes was reused"
