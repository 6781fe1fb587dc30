"""The end of a gateway: what is under way is finished, nothing new begins."""

from __future__ import annotations

import json
import threading
from typing import TYPE_CHECKING

import pytest

from tests.support.client import request
from tests.support.patience import wait
from tests.support.upstream import Conversation, answering, ok
from tests.wire.test_conclusions import only

if TYPE_CHECKING:
    from tests.wire.conftest import Proxied


def held(go: threading.Event) -> object:
    """Answer nothing before the test's word."""

    def script(conversation: Conversation) -> None:
        while True:
            conversation.request()
            wait(go, "the test's word")
            conversation.send(ok(b"finished"))

    return script


def test_a_request_under_way_is_finished_and_its_connection_closed(proxied: Proxied) -> None:
    go = threading.Event()
    gateway, upstream = proxied(held(go))
    with gateway.client() as client:
        client.send(request())
        upstream.next_request()
        gateway.drain(10)
        go.set()
        assert client.response().body == b"finished"
        client.ended()


def test_a_body_under_way_is_finished(proxied: Proxied) -> None:
    seen = threading.Event()

    def script(conversation: Conversation) -> None:
        conversation.request()
        conversation.send(b"HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\n12345")
        wait(seen, "the beginning of the end")
        conversation.send(b"67890")

    gateway, _ = proxied(script)
    with gateway.client() as client:
        client.send(request())
        client.head()
        assert client.exactly(5) == b"12345"
        gateway.drain(10)
        seen.set()
        assert client.exactly(5) == b"67890"
        client.ended()


def test_idle_connections_are_closed(proxied: Proxied) -> None:
    gateway, _ = proxied()
    with gateway.client() as used, gateway.client() as unused:
        assert used.exchange(request()).status == 200
        gateway.settle()
        gateway.drain(10)
        used.ended()
        unused.ended()


def test_a_request_that_comes_after_all_is_told_to_close(proxied: Proxied) -> None:
    """One that was sent before the client could know is served, and its connection ends."""
    go = threading.Event()
    gateway, upstream = proxied(held(go), answering(ok()))
    with gateway.client() as busy, gateway.client() as late:
        assert late.exchange(request("GET", "/health")).status == 200
        busy.send(request())
        upstream.next_request()
        gateway.drain(10)
        gateway.settle()
        late.send(request("GET", "/late"))
        response = late.response()
        assert response.status in {200, 503}
        assert response.closes
        late.ended()
        go.set()
        assert busy.response().body == b"finished"


def test_health_tells_whoever_still_asks(proxied: Proxied) -> None:
    gateway, _ = proxied()
    with gateway.client() as client:
        assert client.exchange(request("GET", "/health")).status == 200
        gateway.drain(10)
        gateway.settle()
        response = client.exchange(request("GET", "/health"))
        assert (response.status, response.closes) == (503, True)
        assert json.loads(response.body)["status"] == "draining"
        client.ended()


def test_nobody_is_let_in_any_more(proxied: Proxied) -> None:
    go = threading.Event()
    gateway, upstream = proxied(held(go))
    with gateway.client() as client:
        client.send(request())
        upstream.next_request()
        gateway.drain(10)
        with pytest.raises(ConnectionError):
            gateway.client()
        go.set()
        assert client.response().body == b"finished"


def test_who_was_not_answered_within_the_drain_is_told_so(proxied: Proxied) -> None:
    def script(conversation: Conversation) -> None:
        conversation.request()
        conversation.until_closed()

    gateway, upstream = proxied(script)
    with gateway.client() as client:
        client.send(request())
        upstream.next_request()
        gateway.drain(0.3)
        response = client.response()
        response.problem("draining")
        assert (response.status, response.closes) == (503, True)
        client.ended()
    upstream.ended()
    line = only(gateway)
    assert (line["status"], line["problem"]) == (503, "draining")


@pytest.mark.parametrize("version", ["1.0", "1.1"])
def test_an_answer_that_takes_longer_than_the_drain_is_not_taken_for_whole(
    proxied: Proxied, version: str
) -> None:
    def script(conversation: Conversation) -> None:
        conversation.request()
        conversation.send(b"HTTP/1.1 200 OK\r\n\r\nhalf")
        conversation.until_closed()

    gateway, upstream = proxied(script)
    with gateway.client() as client:
        client.send(request(version=version))
        client.head()
        gateway.drain(0.3)
        # To the older client the end of the connection is the end of the body, unless it is reset.
        if version == "1.0":
            with pytest.raises(ConnectionResetError):
                client.rest()
        else:
            assert not client.remains().endswith(b"0\r\n\r\n")
    upstream.ended()
    line = only(gateway)
    assert (line["status"], line["problem"], line["bytes_out"]) == (200, "draining", 4)


def test_a_tunnel_that_takes_longer_than_the_drain_is_cut(proxied: Proxied) -> None:
    def script(conversation: Conversation) -> None:
        conversation.head()
        conversation.send(b"HTTP/1.1 101 X\r\nConnection: upgrade\r\nUpgrade: x\r\n\r\n")
        conversation.until_closed()

    gateway, upstream = proxied(script)
    with gateway.client() as client:
        client.send(request("GET", "/", "Connection: upgrade", "Upgrade: x"))
        assert client.head()[0] == 101
        gateway.drain(0.3)
        client.broken_off()
    upstream.ended()
    line = only(gateway)
    assert (line["status"], line["problem"]) == (101, None)
