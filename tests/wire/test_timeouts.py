"""Nobody waits for ever: each deadline of `timeouts`, set to fractions of a second here."""

from __future__ import annotations

import contextlib
import socket
import threading
import time
from typing import TYPE_CHECKING

import pytest

from tests.support.client import chunk, request
from tests.support.gateway import configuration
from tests.support.messages import Truncated
from tests.support.patience import wait
from tests.support.upstream import Conversation, answering, listening, ok

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from tests.conftest import StartGateway, StartUpstream
    from tests.wire.conftest import Proxied

SHORT = "300ms"


@pytest.fixture
def soon() -> Callable[[], None]:
    """The time between asking for it and the end of the test is near the short deadline."""
    began = time.monotonic()

    def check() -> None:
        assert 0.25 < time.monotonic() - began < 5

    return check


def silent(conversation: Conversation) -> None:
    """Read a request and never answer."""
    conversation.head()
    conversation.until_closed()


@pytest.mark.parametrize(
    "part", [b"G", b"GET / HTTP/1.1\r\n", b"GET / HTTP/1.1\r\nHost: x\r\nX-Slow: "]
)
def test_a_head_that_does_not_arrive_is_408(
    proxied: Proxied, part: bytes, soon: Callable[[], None]
) -> None:
    gateway, upstream = proxied(timeouts={"header": SHORT})
    with gateway.client() as client:
        client.send(part)
        response = client.response()
        response.problem("request-timeout")
        assert (response.status, response.closes) == (408, True)
        client.ended()
    soon()
    assert not upstream.conversations


def test_dripping_bytes_do_not_extend_the_header_deadline(proxied: Proxied) -> None:
    gateway, _ = proxied(timeouts={"header": SHORT})
    began = time.monotonic()
    with gateway.client() as client:
        client.send(b"GET / HTTP/1.1\r\nHost: x\r\nX-Drip: ")
        client.socket.settimeout(0.02)
        answer = b""
        while not answer and time.monotonic() - began < 5:
            with contextlib.suppress(ConnectionError):
                client.send(b"x")
            with contextlib.suppress(TimeoutError):
                answer = client.socket.recv(1 << 16)
        assert answer.startswith(b"HTTP/1.1 408 ")


def test_a_connection_that_never_says_anything_is_closed_without_a_word(
    proxied: Proxied, soon: Callable[[], None]
) -> None:
    gateway, _ = proxied(timeouts={"header": SHORT})
    with gateway.client() as client:
        client.ended()
    soon()


def test_an_idle_connection_is_closed_without_a_word(
    proxied: Proxied, soon: Callable[[], None]
) -> None:
    gateway, _ = proxied(timeouts={"idle": SHORT})
    with gateway.client() as client:
        assert client.exchange(request()).status == 200
        client.ended()
    soon()


@pytest.mark.parametrize(
    "head",
    [request("PUT", "/", "Content-Length: 10"), request("PUT", "/", "Transfer-Encoding: chunked")],
    ids=["length", "chunked"],
)
def test_a_request_body_that_stalls_is_408(
    proxied: Proxied, head: bytes, soon: Callable[[], None]
) -> None:
    gateway, upstream = proxied(silent, timeouts={"body_stall": SHORT})
    with gateway.client() as client:
        client.send(head, b"5\r\nab")
        response = client.response()
        response.problem("request-timeout")
        assert (response.status, response.closes) == (408, True)
        client.ended()
    soon()
    upstream.ended()


@pytest.mark.parametrize(
    "beginning",
    [
        b"HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\n12345",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n" + chunk(b"12345"),
        b"HTTP/1.1 200 OK\r\n\r\n12345",
    ],
    ids=["length", "chunked", "until close"],
)
def test_a_response_body_that_stalls_is_broken_off(
    proxied: Proxied, beginning: bytes, soon: Callable[[], None]
) -> None:
    def script(conversation: Conversation) -> None:
        conversation.request()
        conversation.send(beginning)
        conversation.until_closed()

    gateway, upstream = proxied(script, timeouts={"body_stall": SHORT})
    with gateway.client() as client:
        client.send(request())
        with pytest.raises((Truncated, ConnectionResetError)):
            client.response()
    soon()
    upstream.ended()


def test_a_client_that_does_not_read_is_given_up(proxied: Proxied) -> None:
    def script(conversation: Conversation) -> None:
        conversation.request()
        conversation.send(b"HTTP/1.1 200 OK\r\n\r\n")
        while True:
            conversation.send(bytes(1 << 20))

    gateway, upstream = proxied(script, timeouts={"body_stall": SHORT})
    with gateway.client(receive_buffer=1 << 16) as client:
        client.send(request())
        assert client.head()[0] == 200
        upstream.ended()


@pytest.mark.parametrize("lines", [["Connection: close"], []], ids=["close", "keep"])
def test_a_client_that_does_not_read_the_end_is_given_up_too(
    start_gateway: StartGateway, start_upstream: StartUpstream, tmp_path: Path, lines: list[str]
) -> None:
    """The response has left the upstream and rests between here and the client's closed eyes.

    A unix socket holds two hundred kilobytes, so that part of the response stays in the gateway.
    """
    body = bytes(300_000)
    upstream = start_upstream(answering(ok(body)))
    gateway = start_gateway(
        configuration({"app": upstream.url}, timeouts={"body_stall": SHORT, "idle": SHORT}),
        listeners=[listening(tmp_path / "gateway.sock")],
    )
    with gateway.client() as client:
        client.send(request("GET", "/", *lines))
        upstream.next_request()
        gateway.settle()
        for _ in range(4):
            # Each of these is closed after the same time of silence: a clock without sleep.
            with gateway.client() as clock:
                assert clock.exchange(request("GET", "/health")).status == 200
                clock.ended()
        assert len(client.remains()) < len(body), "the gateway has waited for ever"


def test_an_upstream_that_does_not_read_is_given_up(proxied: Proxied) -> None:
    done = threading.Event()

    def script(conversation: Conversation) -> None:
        conversation.head()
        wait(done, "the client's answer")

    gateway, upstream = proxied(script, timeouts={"body_stall": SHORT}, limits={"body_bytes": 0})
    with gateway.client() as client:
        client.send(request("PUT", "/", f"Content-Length: {1 << 30}"))
        upstream.conversation()
        sender = threading.Thread(target=client.send_while_accepted, args=(bytes(64 << 20),))
        sender.start()
        response = client.response("PUT")
        done.set()
        assert response.status == 504
        assert response.closes
        client.remains()
        sender.join()


def test_an_upstream_that_does_not_answer_is_504(
    proxied: Proxied, soon: Callable[[], None]
) -> None:
    gateway, upstream = proxied(silent, timeouts={"response": SHORT})
    with gateway.client() as client:
        response = client.exchange(request())
        response.problem("upstream-timeout")
        assert (response.status, response.closes) == (504, False)
        soon()
        assert client.exchange(request("GET", "/health")).status == 200
    upstream.ended()


def test_an_upstream_that_answers_half_a_head_is_504(
    proxied: Proxied, soon: Callable[[], None]
) -> None:
    def script(conversation: Conversation) -> None:
        conversation.request()
        conversation.send(b"HTTP/1.1 200 OK\r\nX-Slow: ")
        conversation.until_closed()

    gateway, upstream = proxied(script, timeouts={"response": SHORT})
    gateway.fetch(request()).problem("upstream-timeout")
    soon()
    upstream.ended()


def test_interim_responses_do_not_extend_the_response_deadline(
    proxied: Proxied, soon: Callable[[], None]
) -> None:
    def script(conversation: Conversation) -> None:
        conversation.request()
        conversation.send(b"HTTP/1.1 103 Early Hints\r\n\r\n" * 3)
        conversation.until_closed()

    gateway, upstream = proxied(script, timeouts={"response": SHORT})
    response = gateway.fetch(request())
    response.problem("upstream-timeout")
    assert len(response.interims) == 3
    soon()
    upstream.ended()


def test_a_drip_of_a_response_ends_at_the_total_deadline(
    proxied: Proxied, soon: Callable[[], None]
) -> None:
    def script(conversation: Conversation) -> None:
        conversation.request()
        conversation.send(b"HTTP/1.1 200 OK\r\nContent-Length: 1000000\r\n\r\n")
        conversation.socket.settimeout(0.05)
        while True:
            conversation.send(b"x")
            with contextlib.suppress(TimeoutError):
                if not conversation.socket.recv(1):
                    return

    gateway, upstream = proxied(script, timeouts={"request": SHORT})
    with gateway.client() as client:
        client.send(request())
        with pytest.raises((Truncated, ConnectionResetError)):
            client.response()
    soon()
    upstream.ended()


def test_a_drip_of_a_request_ends_at_the_total_deadline(proxied: Proxied) -> None:
    gateway, upstream = proxied(silent, timeouts={"request": SHORT})
    began = time.monotonic()
    with gateway.client() as client:
        client.send(request("PUT", "/", "Content-Length: 1000000"))
        client.socket.settimeout(0.05)
        answer = b""
        while not answer and time.monotonic() - began < 5:
            with contextlib.suppress(ConnectionError):
                client.send(b"x")
            with contextlib.suppress(TimeoutError):
                answer = client.socket.recv(1 << 16)
        assert answer.startswith((b"HTTP/1.1 408 ", b"HTTP/1.1 504 "))
    upstream.ended()


def test_a_download_that_moves_outlives_the_total_deadline(proxied: Proxied) -> None:
    """Large files take longer than any total deadline; only those that rest are broken off."""
    block = bytes(1 << 18)
    count = 16

    def script(conversation: Conversation) -> None:
        conversation.request()
        conversation.send(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % (count << 18))
        conversation.socket.settimeout(0.05)
        conversation.send(block)
        for _ in range(count - 1):
            # A read that times out is a twentieth of a second in which the gateway may act.
            with contextlib.suppress(TimeoutError):
                assert conversation.socket.recv(1), "broken off"
            conversation.send(block)
        conversation.until_closed()

    gateway, _ = proxied(script, timeouts={"request": SHORT})
    with gateway.client() as client:
        client.send(request())
        assert client.head()[0] == 200
        assert len(client.exactly(count << 18)) == count << 18


def test_a_silent_event_stream_outlives_the_body_stall(proxied: Proxied) -> None:
    go = threading.Event()

    def script(conversation: Conversation) -> None:
        conversation.request()
        conversation.send(
            b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\n"
            b"Transfer-Encoding: chunked\r\n\r\n"
        )
        wait(go, "the passing of the deadlines")
        conversation.send(chunk(b"data: late\n\n") + chunk(b""))

    gateway, _ = proxied(script, timeouts={"body_stall": SHORT, "request": SHORT, "idle": "700ms"})
    with gateway.client() as client, gateway.client() as clock:
        client.send(request("GET", "/events"))
        assert client.head()[0] == 200
        # A connection that rests is closed after twice the stall: a clock that needs no sleep.
        assert clock.exchange(request("GET", "/health")).status == 200
        clock.ended()
        go.set()
        assert client.exactly(len(chunk(b"data: late\n\n"))) == chunk(b"data: late\n\n")


@pytest.fixture
def full_backlog() -> Iterator[int]:
    """A port that neither accepts nor refuses: its queue of connections is full."""
    listener = socket.socket()
    listener.bind(("127.0.0.1", 0))
    listener.listen(0)
    fillers = []
    for _ in range(8):
        filler = socket.socket()
        filler.setblocking(False)
        with contextlib.suppress(BlockingIOError):
            filler.connect(listener.getsockname())
        fillers.append(filler)
    yield listener.getsockname()[1]
    for resource in (*fillers, listener):
        resource.close()


def test_a_connection_that_is_not_established_in_time_is_given_up(
    start_gateway: StartGateway, full_backlog: int, soon: Callable[[], None]
) -> None:
    gateway = start_gateway(
        configuration(
            {"app": {"endpoints": [f"http://127.0.0.1:{full_backlog}"], "retry": {"attempts": 1}}},
            timeouts={"connect": SHORT},
        )
    )
    response = gateway.fetch(request())
    response.problem("upstream-timeout")
    assert response.status == 504
    soon()


def test_a_client_that_leaves_stops_the_making_of_its_connection(
    start_gateway: StartGateway, full_backlog: int
) -> None:
    gateway = start_gateway(configuration({"app": f"http://127.0.0.1:{full_backlog}"}))
    before = gateway.tasks()
    with gateway.client() as client:
        client.send(request())
        gateway.settle()
        assert gateway.tasks() > before
        client.reset()
        gateway.settle()
    assert gateway.tasks() == before


def test_another_endpoint_takes_over_where_connecting_takes_too_long(
    start_gateway: StartGateway, start_upstream: StartUpstream, full_backlog: int
) -> None:
    other = start_upstream(answering(ok(b"from the other")))
    gateway = start_gateway(
        configuration(
            {"app": [f"http://127.0.0.1:{full_backlog}", other.url]}, timeouts={"connect": SHORT}
        )
    )
    for _ in range(2):
        assert gateway.fetch(request()).body == b"from the other"


def test_timeouts_of_an_upstream_and_a_route_override_the_general_ones(
    proxied: Proxied, soon: Callable[[], None]
) -> None:
    gateway, _ = proxied(
        silent,
        section={"timeouts": {"response": SHORT}},
        timeouts={"response": "30s"},
    )
    gateway.fetch(request()).problem("upstream-timeout")
    soon()


def test_timeouts_of_a_route_override_those_of_its_upstream(
    proxied: Proxied, soon: Callable[[], None]
) -> None:
    gateway, _ = proxied(
        silent,
        section={"timeouts": {"response": "30s"}},
        routes=[
            {"name": "all", "upstream": "app", "auth": "none", "timeouts": {"response": SHORT}}
        ],
    )
    gateway.fetch(request()).problem("upstream-timeout")
    soon()
