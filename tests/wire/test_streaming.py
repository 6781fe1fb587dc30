"""Bodies pass while they are made: event streams, backpressure, early responses."""

from __future__ import annotations

import contextlib
import socket
import threading
from typing import TYPE_CHECKING

from tests.support.client import Client, chunk, request
from tests.support.flow import MAXIMUM_IN_FLIGHT, push
from tests.support.messages import Truncated, parse_chunked
from tests.support.patience import wait
from tests.support.upstream import Conversation, ok

if TYPE_CHECKING:
    from tests.wire.conftest import Proxied

EVENT_STREAM = (
    b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nTransfer-Encoding: chunked\r\n\r\n"
)


def test_server_sent_events_pass_one_by_one(proxied: Proxied) -> None:
    seen = threading.Semaphore(0)

    def script(conversation: Conversation) -> None:
        conversation.request()
        conversation.send(EVENT_STREAM)
        for number in range(5):
            assert seen.acquire(timeout=10), f"event {number - 1} was held back"
            conversation.send(chunk(b"data: %d\n\n" % number))
        seen.acquire(timeout=10)
        conversation.send(chunk(b""))

    gateway, _ = proxied(script)
    with gateway.client() as client:
        client.send(request("GET", "/events", "Accept: text/event-stream"))
        status, headers = client.head()
        assert (status, headers["content-type"]) == (200, "text/event-stream")
        for number in range(5):
            seen.release()
            expected = chunk(b"data: %d\n\n" % number)
            assert client.exactly(len(expected)) == expected
        seen.release()
        assert client.exactly(5) == b"0\r\n\r\n"


def test_an_event_stream_until_close_passes_as_it_comes(proxied: Proxied) -> None:
    seen = threading.Event()

    def script(conversation: Conversation) -> None:
        conversation.request()
        conversation.send(b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\n\r\ndata: 1\n\n")
        wait(seen, "the client's reading of the first event")
        conversation.send(b"data: 2\n\n")

    gateway, _ = proxied(script)
    with gateway.client() as client:
        client.send(request("GET", "/events"))
        assert client.head()[1]["transfer-encoding"] == "chunked"
        assert client.exactly(len(chunk(b"data: 1\n\n"))) == chunk(b"data: 1\n\n")
        seen.set()
        rest = parse_chunked(client.exactly(len(chunk(b"data: 2\n\n")) + 5), 0)
        assert rest is not None
        assert rest[0] == b"data: 2\n\n"


def test_a_client_that_does_not_read_stops_its_upstream(proxied: Proxied) -> None:
    pushed: list[int] = []
    resting = threading.Event()

    def script(conversation: Conversation) -> None:
        conversation.request()
        conversation.send(b"HTTP/1.1 200 OK\r\n\r\n")
        pushed.append(push(gateway, conversation.socket))
        resting.set()

    gateway, _ = proxied(script)
    with gateway.client(receive_buffer=1 << 16) as client:
        client.send(request())
        assert client.head()[0] == 200
        wait(resting, "an end of what the gateway reads ahead")
        assert pushed[0] < MAXIMUM_IN_FLIGHT
        received = 0
        while (size := int(client_line(client), 16)) > 0:
            client.exactly(size + 2)
            received += size
        assert received == pushed[0]


def client_line(client: Client) -> bytes:
    """One line of a chunked body, without its end."""
    line = b""
    while not line.endswith(b"\r\n"):
        line += client.exactly(1)
    return line[:-2]


def test_an_upstream_that_does_not_read_stops_its_client(proxied: Proxied) -> None:
    go = threading.Event()
    counted: list[int] = []

    def script(conversation: Conversation) -> None:
        conversation.socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 1 << 16)
        conversation.head()
        wait(go, "the test's word")
        total = len(conversation.pending)
        while total < expected[0]:
            data = conversation.socket.recv(1 << 20)
            assert data, "the gateway gave up"
            total += len(data)
        counted.append(total)
        conversation.send(ok())

    expected: list[int] = [0]
    gateway, upstream = proxied(script, limits={"body_bytes": 0})
    with gateway.client() as client:
        client.send(request("PUT", "/", f"Content-Length: {1 << 40}"))
        upstream.conversation()
        expected[0] = push(gateway, client.socket)
        assert expected[0] < MAXIMUM_IN_FLIGHT
        go.set()
        assert client.head()[0] == 200
        assert counted == expected


def test_a_response_may_come_while_the_body_is_still_being_sent(proxied: Proxied) -> None:
    """The client gets it at once, and the rest of its body is never taken for a request."""

    def script(conversation: Conversation) -> None:
        conversation.head()
        conversation.exactly(5)
        conversation.send(b"HTTP/1.1 413 Content Too Large\r\nContent-Length: 4\r\n\r\nstop")
        conversation.until_closed()

    gateway, upstream = proxied(script)
    with gateway.client() as client:
        client.send(request("PUT", "/", "Content-Length: 1000000") + b"hello")
        response = client.response()
        assert (response.status, response.body) == (413, b"stop")
        upstream.ended()
        body = request("GET", "/smuggled") * 25_000
        client.send_while_accepted(body[: 1_000_000 - 5])
        if not response.closes:
            client.send_while_accepted(request("GET", "/health"))
            with contextlib.suppress(Truncated, ConnectionError):
                assert client.response().header("Content-Type") == "application/json"
    assert len(upstream.conversations) == 1


def test_an_early_response_streams_beside_the_request(proxied: Proxied) -> None:
    """Both bodies move at the same time: a duplex exchange such as a transcoder's."""

    def script(conversation: Conversation) -> None:
        conversation.head()
        conversation.send(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n")
        for letter in (b"a", b"b", b"c"):
            assert conversation.exactly(6) == chunk(letter)
            conversation.send(chunk(letter.upper()))
        assert conversation.exactly(5) == chunk(b"")
        conversation.send(chunk(b""))

    gateway, _ = proxied(script)
    with gateway.client() as client:
        client.send(request("POST", "/", "Transfer-Encoding: chunked"))
        assert client.head()[0] == 200
        for letter in (b"a", b"b", b"c"):
            client.send(chunk(letter))
            assert client.exactly(6) == chunk(letter.upper())
        client.send(chunk(b""))
        assert client.exactly(5) == chunk(b"")


def test_a_whole_early_response_reaches_a_client_that_reads_only_after_sending(
    proxied: Proxied,
) -> None:
    """Lingering close: the answer is not lost to the reset that unread bytes would cause."""

    def script(conversation: Conversation) -> None:
        conversation.head()
        conversation.send(b"HTTP/1.1 401 Unauthorized\r\nContent-Length: 6\r\n\r\ndenied")
        conversation.until_closed()

    gateway, upstream = proxied(script)
    with gateway.client() as client:
        client.send(request("PUT", "/", "Content-Length: 2000000"))
        upstream.conversation()
        client.send_while_accepted(b"x" * 1_000_000)
        response = client.response()
        assert (response.status, response.body) == (401, b"denied")
