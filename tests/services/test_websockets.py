"""WebSocket through the gateway, with the `websockets` package at both ends."""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Iterator
from typing import TYPE_CHECKING

import pytest
from websockets.exceptions import ConnectionClosedError, ConnectionClosedOK, InvalidStatus
from websockets.sync.client import ClientConnection, connect
from websockets.sync.server import ServerConnection, serve

from tests.support.client import request
from tests.support.gateway import configuration
from tests.support.patience import PATIENCE
from tests.support.upstream import listening

if TYPE_CHECKING:
    from websockets.http11 import Request, Response

    from tests.conftest import StartGateway
    from tests.support.gateway import RunningGateway


def handle(connection: ServerConnection) -> None:
    """Echo; a message `close` closes with a code of its own."""
    for message in connection:
        if message == "close":
            connection.close(4321, "as asked")
        else:
            connection.send(message)


def admit(connection: ServerConnection, asked: Request) -> Response | None:
    """Refuse one path with plain HTTP."""
    return connection.respond(403, "not here\n") if asked.path == "/forbidden" else None


@pytest.fixture
def url() -> Iterator[str]:
    """An echo server."""
    listener = listening()
    with serve(
        handle, sock=listener, process_request=admit, subprotocols=None, max_size=None
    ) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield f"http://127.0.0.1:{listener.getsockname()[1]}"
        server.shutdown()
        thread.join(PATIENCE)


@pytest.fixture
def gateway(start_gateway: StartGateway, url: str) -> RunningGateway:
    """A gateway in front of it."""
    return start_gateway(configuration({"app": url}))


@contextlib.contextmanager
def joined(gateway: RunningGateway, path: str = "/") -> Iterator[ClientConnection]:
    """A WebSocket through the gateway."""
    port = gateway.address[1]
    with connect(
        f"ws://127.0.0.1:{port}{path}", proxy=None, open_timeout=PATIENCE, max_size=None
    ) as connection:
        yield connection


def test_messages_are_echoed(gateway: RunningGateway) -> None:
    with joined(gateway) as connection:
        for message in ("text", "\u20ac \U0001f600", b"\x00\xff", "", b"x" * 3_000_000):
            connection.send(message)
            assert connection.recv(PATIENCE) == message


def test_fragments_and_pings_pass(gateway: RunningGateway) -> None:
    with joined(gateway) as connection:
        connection.send(["one ", "message ", "in parts"])
        assert connection.recv(PATIENCE) == "one message in parts"
        assert connection.ping().wait(PATIENCE)


def test_the_close_code_passes(gateway: RunningGateway) -> None:
    with joined(gateway) as connection:
        connection.send("close")
        with pytest.raises(ConnectionClosedError) as closed:
            connection.recv(PATIENCE)
        assert closed.value.rcvd is not None
        assert (closed.value.rcvd.code, closed.value.rcvd.reason) == (4321, "as asked")


def test_a_refusal_passes_as_http_and_the_gateway_goes_on(gateway: RunningGateway) -> None:
    with pytest.raises(InvalidStatus) as refused, joined(gateway, "/forbidden"):
        pass
    assert refused.value.response.status_code == 403
    assert refused.value.response.body == b"not here\n"
    with joined(gateway) as connection:
        connection.send("still here")
        assert connection.recv(PATIENCE) == "still here"


def test_many_at_once_do_not_mix(gateway: RunningGateway) -> None:
    with contextlib.ExitStack() as stack:
        connections = [stack.enter_context(joined(gateway)) for _ in range(20)]
        for turn in range(5):
            for number, connection in enumerate(connections):
                connection.send(f"{turn} of {number}")
            for number, connection in enumerate(connections):
                assert connection.recv(PATIENCE) == f"{turn} of {number}"


def test_the_client_closes_properly(gateway: RunningGateway) -> None:
    with joined(gateway) as connection:
        connection.close()
        with pytest.raises(ConnectionClosedOK):
            connection.recv(PATIENCE)
    assert gateway.fetch(request("GET", "/health")).status == 200
