"""Requests in flight: whichever way they end, there is room for the next."""

from __future__ import annotations

import contextlib
import json
import threading
from collections.abc import Callable, Iterator

import pytest
from websockets.sync.client import connect
from websockets.sync.server import ServerConnection, serve

from tests.conftest import StartGateway, StartUpstream
from tests.limits.callers import question
from tests.limits.fleet import eventually
from tests.support.client import Client
from tests.support.gateway import RunningGateway, configuration
from tests.support.messages import Response
from tests.support.patience import PATIENCE, wait
from tests.support.upstream import Conversation, ScriptedUpstream, listening, ok

HELD, OTHER = question("/held"), question("/")
LIMITS = {"rate_limits": {"one": {"by": "ip", "concurrency": 1}}, "default_rate_limits": ["one"]}


class Holding:
    """An upstream that does with `/held` what a test says, once it may go on."""

    def __init__(self, start_upstream: StartUpstream) -> None:
        self.arrived, self.go_on = threading.Event(), threading.Event()
        self.end: Callable[[Conversation], None] = Conversation.close
        self.upstream: ScriptedUpstream = start_upstream(self._converse)

    def _converse(self, conversation: Conversation) -> None:
        while conversation.socket.fileno() != -1:
            if conversation.request().target == "/held":
                self.arrived.set()
                wait(self.go_on, "the word to go on")
                self.end(conversation)
            else:
                conversation.send(ok())


@pytest.fixture
def holding(start_upstream: StartUpstream) -> Iterator[Holding]:
    made = Holding(start_upstream)
    yield made
    made.go_on.set()


@pytest.fixture
def gateway(start_gateway: StartGateway, holding: Holding) -> RunningGateway:
    return start_gateway(configuration({"app": holding.upstream.url}, **LIMITS))


def is_full(gateway: RunningGateway) -> bool:
    """Whether another request is refused."""
    reply = gateway.fetch(OTHER)
    assert reply.status in {200, 429}
    return reply.status == 429


@contextlib.contextmanager
def held(gateway: RunningGateway, holding: Holding) -> Iterator[Client]:
    """A request that takes the only place."""
    with gateway.client() as client:
        client.send(HELD)
        wait(holding.arrived, "the request at the upstream")
        assert is_full(gateway)
        yield client


def test_a_request_that_is_refused_is_told_why(gateway: RunningGateway, holding: Holding) -> None:
    with held(gateway, holding):
        reply: Response = gateway.fetch(OTHER)
    assert reply.header("Retry-After") == "1"
    assert reply.header("RateLimit") == '"one";r=0'
    assert json.loads(reply.body)["violated_policies"] == ["one"]


def test_the_end_of_a_response_makes_room(gateway: RunningGateway, holding: Holding) -> None:
    holding.end = lambda conversation: conversation.send(ok())
    with held(gateway, holding) as client:
        holding.go_on.set()
        assert client.response().status == 200
        assert not is_full(gateway)


def test_a_response_is_in_flight_until_its_last_byte(
    gateway: RunningGateway, holding: Holding
) -> None:
    rest = threading.Event()

    def in_two(conversation: Conversation) -> None:
        conversation.send(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\na")
        wait(rest, "the word to send the rest")
        conversation.send(b"b")

    holding.end = in_two
    with held(gateway, holding) as client:
        holding.go_on.set()
        assert client.head()[0] == 200
        assert client.exactly(1) == b"a"
        assert is_full(gateway)
        rest.set()
        assert client.exactly(1) == b"b"
        assert not is_full(gateway)


@pytest.mark.parametrize("way", ["close", "reset"])
def test_a_client_that_leaves_makes_room(
    gateway: RunningGateway, holding: Holding, way: str
) -> None:
    with held(gateway, holding) as client:
        getattr(client, way)()
        eventually(lambda: not is_full(gateway), "room for another request")


@pytest.mark.parametrize("way", ["close", "reset"])
def test_an_upstream_that_fails_makes_room(
    gateway: RunningGateway, holding: Holding, way: str
) -> None:
    holding.end = getattr(Conversation, way)
    with held(gateway, holding) as client:
        holding.go_on.set()
        assert client.response().status == 502
        assert not is_full(gateway)


def test_an_upstream_that_breaks_off_makes_room(gateway: RunningGateway, holding: Holding) -> None:
    def break_off(conversation: Conversation) -> None:
        conversation.send(b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nhalf")
        conversation.reset()

    holding.end = break_off
    with held(gateway, holding) as client:
        holding.go_on.set()
        client.remains()
        assert not is_full(gateway)


def test_an_upstream_that_cannot_be_reached_makes_room(start_gateway: StartGateway) -> None:
    with listening() as nobody:
        url = f"http://127.0.0.1:{nobody.getsockname()[1]}"
    gateway = start_gateway(configuration({"app": url}, **LIMITS))
    assert [gateway.fetch(OTHER).status for _ in range(3)] == [502] * 3


def test_a_tunnel_is_in_flight_until_its_end(start_gateway: StartGateway) -> None:
    def echo(connection: ServerConnection) -> None:
        for message in connection:
            connection.send(message)

    listener = listening()
    with serve(echo, sock=listener) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        try:
            url = f"http://127.0.0.1:{listener.getsockname()[1]}"
            gateway = start_gateway(configuration({"app": url}, **LIMITS))
            assert isinstance(gateway.address, tuple)
            place = f"ws://{gateway.address[0]}:{gateway.address[1]}/"

            def refused() -> bool:
                return gateway.fetch(OTHER).status == 429

            with connect(place, proxy=None, close_timeout=PATIENCE) as tunnel:
                tunnel.send("hello")
                assert tunnel.recv(PATIENCE) == "hello"
                assert refused()
            eventually(lambda: not refused(), "room after the tunnel")
        finally:
            server.shutdown()
            thread.join(PATIENCE)
