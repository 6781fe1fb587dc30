"""Bounds that are reached: connections to an endpoint, the queue for them, client connections."""

from __future__ import annotations

import contextlib
import threading
import time
from typing import TYPE_CHECKING, Any

import pytest

from tests.support.client import Client, request
from tests.support.patience import PATIENCE, wait
from tests.support.upstream import Conversation, Script, answering, ok

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.wire.conftest import Proxied


def held(go: threading.Event) -> Script:
    """Answer every request, but nothing before the test's word."""

    def script(conversation: Conversation) -> None:
        while True:
            received = conversation.request()
            wait(go, "the test's word")
            conversation.send(ok(received.target.encode()))

    return script


def pool(**policy: Any) -> dict[str, Any]:  # noqa: ANN401 - whatever the policy takes
    """The section of an upstream with this pool."""
    return {"pool": policy}


@contextlib.contextmanager
def clients(gateway: Any, count: int) -> Iterator[list[Client]]:  # noqa: ANN401
    """So many connections."""
    with contextlib.ExitStack() as stack:
        yield [stack.enter_context(gateway.client()) for _ in range(count)]


def test_no_more_connections_are_made_than_allowed_and_the_rest_queues(proxied: Proxied) -> None:
    go = threading.Event()
    gateway, upstream = proxied(held(go), section=pool(max_connections=2, queue_timeout="10s"))
    with clients(gateway, 8) as crowd:
        for number, client in enumerate(crowd):
            client.send(request(target=f"/{number}"))
        upstream.next_request()
        upstream.next_request()
        gateway.settle()
        assert len(upstream.conversations) == 2
        upstream.no_request()
        go.set()
        for number, client in enumerate(crowd):
            assert client.response().body == f"/{number}".encode()
    assert len(upstream.conversations) == 2


def test_the_queue_is_served_in_order(proxied: Proxied) -> None:
    go = threading.Event()
    gateway, upstream = proxied(held(go), section=pool(max_connections=1, queue_timeout="10s"))
    with clients(gateway, 5) as crowd:
        for number, client in enumerate(crowd):
            client.send(request(target=f"/{number}"))
            gateway.settle()
        go.set()
        for client in crowd:
            client.response()
    assert [upstream.next_request().target for _ in range(5)] == [f"/{n}" for n in range(5)]


def test_waiting_in_the_queue_has_a_deadline(proxied: Proxied) -> None:
    go = threading.Event()
    gateway, upstream = proxied(held(go), section=pool(max_connections=1, queue_timeout="300ms"))
    with clients(gateway, 2) as (served, queued):
        served.send(request(target="/served"))
        upstream.next_request()
        began = time.monotonic()
        response = queued.exchange(request(target="/queued"))
        assert 0.25 < time.monotonic() - began < 5
        response.problem("overloaded")
        assert (response.status, response.closes) == (503, False)
        assert response.header("Retry-After") is not None
        go.set()
        assert served.response().body == b"/served"
        assert queued.exchange(request(target="/later")).body == b"/later"


@pytest.mark.parametrize("places", [0, 1])
def test_a_full_queue_refuses_at_once(proxied: Proxied, places: int) -> None:
    go = threading.Event()
    gateway, upstream = proxied(
        held(go), section=pool(max_connections=1, max_queue=places, queue_timeout="10s")
    )
    with clients(gateway, 2 + places) as crowd:
        *others, last = crowd
        for client in others:
            client.send(request())
            gateway.settle()
        upstream.next_request()
        last.exchange(request()).problem("overloaded")
        go.set()
        for client in others:
            assert client.response().status == 200


def test_a_client_that_gives_up_frees_its_place_in_the_queue(proxied: Proxied) -> None:
    go = threading.Event()
    gateway, upstream = proxied(
        held(go), section=pool(max_connections=1, max_queue=1, queue_timeout="10s")
    )
    with clients(gateway, 3) as (served, impatient, last):
        served.send(request(target="/served"))
        upstream.next_request()
        impatient.send(request(target="/impatient"))
        gateway.settle()
        impatient.reset()
        gateway.settle()
        last.send(request(target="/last"))
        gateway.settle()
        go.set()
        assert served.response().body == b"/served"
        assert last.response().body == b"/last"
    assert upstream.next_request().target == "/last"


def test_a_connection_that_fails_makes_room_for_the_queue(proxied: Proxied) -> None:
    go = threading.Event()

    def script(conversation: Conversation) -> None:
        conversation.request()
        wait(go, "the test's word")
        conversation.reset()

    gateway, upstream = proxied(
        script, answering(ok(b"second")), section=pool(max_connections=1, queue_timeout="10s")
    )
    with clients(gateway, 2) as (first, second):
        first.send(request())
        upstream.next_request()
        second.send(request())
        gateway.settle()
        go.set()
        assert first.response().status == 502
        assert second.response().body == b"second"


def test_only_so_many_idle_connections_are_kept(proxied: Proxied) -> None:
    go = threading.Event()
    gateway, upstream = proxied(held(go), section=pool(max_idle=1))
    with clients(gateway, 3) as crowd:
        for client in crowd:
            client.send(request())
        for _ in crowd:
            upstream.next_request()
        go.set()
        for client in crowd:
            assert client.response().status == 200
        gateway.settle()
        deadline = time.monotonic() + PATIENCE
        ended = sum(conversation.ended.wait(0.5) for conversation in upstream.conversations)
        assert time.monotonic() < deadline
        assert ended == 2


def test_idle_connections_are_closed_in_time(proxied: Proxied) -> None:
    gateway, upstream = proxied(section=pool(idle_timeout="300ms"))
    with gateway.client() as client:
        assert client.exchange(request()).status == 200
        upstream.ended(0)
        assert client.exchange(request()).status == 200
    assert len(upstream.conversations) == 2


def test_the_connection_used_last_is_used_first(proxied: Proxied) -> None:
    go = threading.Event()
    gateway, upstream = proxied(held(go))
    with clients(gateway, 3) as crowd:
        for client in crowd:
            client.send(request())
        for _ in crowd:
            upstream.next_request()
        go.set()
        for client in crowd:
            assert client.response().status == 200
        before = [len(conversation.received) for conversation in upstream.conversations]
        for _ in range(10):
            assert crowd[0].exchange(request()).status == 200
        after = [len(conversation.received) for conversation in upstream.conversations]
    assert sum(old != new for old, new in zip(before, after, strict=True)) == 1


def test_client_connections_beyond_the_limit_are_refused(proxied: Proxied) -> None:
    gateway, _ = proxied(limits={"connections": 2})
    with clients(gateway, 2) as (first, second):
        assert first.exchange(request()).status == 200
        assert second.exchange(request()).status == 200
        with gateway.client() as third:
            response = third.response()
            response.problem("overloaded")
            assert response.closes
            third.ended()
        assert first.exchange(request()).status == 200
        second.close()
        gateway.settle()
        with gateway.client() as fourth:
            assert fourth.exchange(request()).status == 200


def test_many_connections_with_slow_heads_do_not_delay_a_normal_one(proxied: Proxied) -> None:
    gateway, _ = proxied()
    with clients(gateway, 500) as slow:
        for client in slow:
            client.send(b"GET / HTTP/1.1\r\nHost: gateway.test\r\nX-Slow: ")
        gateway.settle()
        with gateway.client() as client:
            began = time.monotonic()
            for _ in range(20):
                assert client.exchange(request()).status == 200
            assert (time.monotonic() - began) / 20 < 0.05
        for client in slow[:3]:
            client.send(b"done\r\n\r\n")
            assert client.response().status == 200
