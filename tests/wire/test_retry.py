"""A request is tried again only when none of it can have been processed (RFC 9110, 9.2.2)."""

from __future__ import annotations

import contextlib
import socket
import threading
from typing import TYPE_CHECKING

import pytest

from tests.support.client import request
from tests.support.gateway import configuration
from tests.support.patience import wait
from tests.support.upstream import Conversation, Script, answering, listening, ok, once

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from tests.conftest import StartGateway, StartUpstream
    from tests.wire.conftest import Proxied


def stale(answered: threading.Event, *, hard: bool) -> Script:
    """Answer once, and close without a word as soon as the next request has arrived."""

    def script(conversation: Conversation) -> None:
        conversation.request()
        conversation.send(ok(b"first"))
        wait(answered, "the reading of the first response")
        conversation.head()
        if hard:
            conversation.reset()

    return script


@pytest.mark.parametrize("hard", [False, True], ids=["fin", "reset"])
@pytest.mark.parametrize("method", ["GET", "HEAD", "PUT", "DELETE", "OPTIONS"])
def test_an_idempotent_request_on_a_stale_connection_is_sent_again(
    proxied: Proxied, method: str, hard: bool
) -> None:
    answered = threading.Event()
    again = b"HTTP/1.1 200 OK\r\nX-Again: yes\r\nContent-Length: 0\r\n\r\n"
    gateway, upstream = proxied(stale(answered, hard=hard), answering(again))
    with gateway.client() as client:
        assert client.exchange(request()).body == b"first"
        answered.set()
        response = client.exchange(request(method, "/again"))
        assert (response.status, response.header("X-Again")) == (200, "yes")
    assert len(upstream.conversations) == 2


@pytest.mark.parametrize("hard", [False, True], ids=["fin", "reset"])
@pytest.mark.parametrize(
    "raw",
    [request("POST", "/"), request("POST", "/", body=b"pay"), request("PATCH", "/", body=b"x")],
)
def test_a_request_that_is_not_idempotent_is_never_sent_twice(
    proxied: Proxied, raw: bytes, hard: bool
) -> None:
    answered = threading.Event()
    gateway, upstream = proxied(stale(answered, hard=hard), answering(ok(b"twice")))
    with gateway.client() as client:
        assert client.exchange(request()).body == b"first"
        answered.set()
        response = client.exchange(raw)
        response.problem("upstream-unreachable")
    assert len(upstream.conversations) == 1


def test_a_request_on_a_fresh_connection_is_not_sent_again(proxied: Proxied) -> None:
    """A close without a word on a first request is the upstream's failure, not bad luck."""

    def script(conversation: Conversation) -> None:
        conversation.request()

    gateway, upstream = proxied(script)
    gateway.fetch(request()).problem("upstream-unreachable")
    assert len(upstream.conversations) == 1


def test_nothing_is_sent_again_once_the_response_has_begun(proxied: Proxied) -> None:
    answered = threading.Event()

    def script(conversation: Conversation) -> None:
        conversation.request()
        conversation.send(ok(b"first"))
        wait(answered, "the reading of the first response")
        conversation.head()
        conversation.send(b"HTTP/1.1 2")

    gateway, upstream = proxied(script, answering(ok(b"twice")))
    with gateway.client() as client:
        assert client.exchange(request()).body == b"first"
        answered.set()
        assert client.exchange(request()).status == 502
    assert len(upstream.conversations) == 1


def test_the_number_of_attempts_is_bounded(proxied: Proxied) -> None:
    def script(conversation: Conversation) -> None:
        conversation.request()
        conversation.send(ok(b"first"))
        conversation.head()

    gateway, upstream = proxied(script, section={"retry": {"attempts": 1}})
    with gateway.client() as client:
        assert client.exchange(request()).body == b"first"
        client.exchange(request()).problem("upstream-unreachable")
    assert len(upstream.conversations) == 1


def test_a_connection_closed_while_idle_is_not_used(proxied: Proxied) -> None:
    gateway, upstream = proxied(once(ok(b"first")), answering(ok(b"second")))
    with gateway.client() as client:
        assert client.exchange(request("POST", "/")).body == b"first"
        upstream.ended(0)
        gateway.settle()
        assert client.exchange(request("POST", "/")).body == b"second"


@pytest.fixture
def unreachable() -> Iterator[Callable[[], str]]:
    """Makes URLs of ports that are taken, so that nobody else will, but not listening."""
    with contextlib.ExitStack() as stack:

        def make() -> str:
            holder = stack.enter_context(socket.socket())
            holder.bind(("127.0.0.1", 0))
            return f"http://127.0.0.1:{holder.getsockname()[1]}"

        yield make


@pytest.mark.parametrize("raw", [request(), request("POST", "/", body=b"not yet sent")])
def test_an_endpoint_that_cannot_be_reached_is_replaced_by_another(
    start_gateway: StartGateway,
    start_upstream: StartUpstream,
    unreachable: Callable[[], str],
    raw: bytes,
) -> None:
    upstream = start_upstream(answering(ok(b"from the other")))
    gateway = start_gateway(configuration({"app": [unreachable(), upstream.url]}))
    for _ in range(4):
        assert gateway.fetch(raw).body == b"from the other"


def test_with_no_endpoint_to_be_reached_the_answer_is_502(
    start_gateway: StartGateway, unreachable: Callable[[], str]
) -> None:
    gateway = start_gateway(configuration({"app": [unreachable(), unreachable()]}))
    with gateway.client() as client:
        response = client.exchange(request())
        response.problem("upstream-unreachable")
        assert response.status == 502
        assert not response.closes
        assert client.exchange(request("GET", "/health")).status in {200, 503}


def test_an_endpoint_that_comes_up_is_used(
    start_gateway: StartGateway, start_upstream: StartUpstream
) -> None:
    holder = socket.socket()
    holder.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    holder.bind(("127.0.0.1", 0))
    port = holder.getsockname()[1]
    gateway = start_gateway(configuration({"app": f"http://127.0.0.1:{port}"}))
    with gateway.client() as client:
        assert client.exchange(request()).status == 502
        holder.listen()
        start_upstream(answering(ok(b"up")), listener=holder)
        assert client.exchange(request()).body == b"up"


def test_a_name_that_does_not_resolve_is_502(start_gateway: StartGateway) -> None:
    gateway = start_gateway(configuration({"app": "http://no-such-host.invalid:80"}))
    gateway.fetch(request()).problem("upstream-unreachable")


def test_a_name_is_resolved(start_gateway: StartGateway, start_upstream: StartUpstream) -> None:
    upstream = start_upstream(answering(ok(b"by name")), listener=listening())
    gateway = start_gateway(configuration({"app": f"http://localhost:{upstream.address[1]}"}))
    assert gateway.fetch(request()).body == b"by name"
    assert upstream.next_request().header("Host") == "gateway.test"
