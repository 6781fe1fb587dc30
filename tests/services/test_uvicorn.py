"""An ASGI application behind the gateway: streams, uploads, events."""

from __future__ import annotations

import asyncio
import json
import threading
from collections.abc import Awaitable, Callable, Iterator, MutableMapping
from typing import TYPE_CHECKING, Any

import pytest
import uvicorn

from tests.support.client import chunk, chunked, request
from tests.support.gateway import configuration
from tests.support.patience import PATIENCE
from tests.support.upstream import listening

if TYPE_CHECKING:
    from tests.conftest import StartGateway

Event = MutableMapping[str, Any]


async def application(
    scope: Event,
    receive: Callable[[], Awaitable[Event]],
    send: Callable[[Event], Awaitable[None]],
) -> None:
    """Echo, count, describe or stream, by path."""
    if scope["type"] == "lifespan":
        while (await receive())["type"] == "lifespan.startup":
            await send({"type": "lifespan.startup.complete"})
        await send({"type": "lifespan.shutdown.complete"})
        return
    # The first receive is what sends 100 to a client that waits for it.
    event = await receive() if scope["path"] == "/echo" else {}
    headers = [(b"content-type", b"application/octet-stream")]
    if scope["path"] == "/events":
        headers = [(b"content-type", b"text/event-stream")]
    await send({"type": "http.response.start", "status": 200, "headers": headers})
    if scope["path"] == "/echo":
        while event["type"] == "http.request":
            await send({"type": "http.response.body", "body": event["body"], "more_body": True})
            event = await receive() if event["more_body"] else {"type": "complete"}
    elif scope["path"] == "/events":
        for number in range(3):
            body = b"data: %d\n\n" % number
            await send({"type": "http.response.body", "body": body, "more_body": True})
            # Each event waits for the client's word, which is a byte of its own body.
            await receive()
    elif scope["path"] == "/forever":
        while (await asyncio.wait_for(receive(), PATIENCE))["type"] != "http.disconnect":
            pass
        gone.set()
        return
    else:
        lines = [
            [name.decode("latin-1"), value.decode("latin-1")] for name, value in scope["headers"]
        ]
        described = {
            "method": scope["method"],
            "path": scope["raw_path"].decode(),
            "query": scope["query_string"].decode(),
            "client": scope["client"][0],
            "scheme": scope["scheme"],
            "headers": lines,
        }
        await send(
            {
                "type": "http.response.body",
                "body": json.dumps(described).encode(),
                "more_body": True,
            }
        )
    await send({"type": "http.response.body", "body": b""})


gone = threading.Event()


@pytest.fixture(params=["httptools", "h11"])
def url(request: pytest.FixtureRequest) -> Iterator[str]:
    """A running uvicorn, with each of its parsers."""
    listener = listening()
    config = uvicorn.Config(
        application,
        http=request.param,
        ws="none",
        log_config=None,
        forwarded_allow_ips="127.0.0.1",
        timeout_graceful_shutdown=1,
    )
    server = uvicorn.Server(config)
    thread = threading.Thread(target=server.run, args=([listener],))
    thread.start()
    yield f"http://127.0.0.1:{listener.getsockname()[1]}"
    server.should_exit = True
    thread.join(PATIENCE)
    listener.close()


def test_what_the_application_sees(start_gateway: StartGateway, url: str) -> None:
    gateway = start_gateway(configuration({"app": url}))
    response = gateway.fetch(request("GET", "/a%20b/./c?q=1", "X-Custom: caf\xe9"))
    described = json.loads(response.body)
    assert described["method"] == "GET"
    assert described["path"] == "/a%20b/c"
    assert described["query"] == "q=1"
    assert described["scheme"] == "http"
    assert ["x-custom", "caf\xe9"] in described["headers"]
    assert ["host", "gateway.test"] in described["headers"]


def test_bodies_are_echoed(start_gateway: StartGateway, url: str) -> None:
    gateway = start_gateway(configuration({"app": url}))
    body = bytes(range(256)) * 2000
    coded = request("POST", "/echo", "Transfer-Encoding: chunked") + chunked(
        *(body[start : start + 10_000] for start in range(0, len(body), 10_000))
    )
    with gateway.client() as client:
        for raw in (request("POST", "/echo", body=body), coded, request("POST", "/echo")):
            sender = threading.Thread(target=client.send, args=(raw,))
            sender.start()
            response = client.response("POST")
            sender.join()
            assert response.body == (b"" if raw is not coded and len(raw) < 1000 else body)


def test_events_pass_one_by_one(start_gateway: StartGateway, url: str) -> None:
    gateway = start_gateway(configuration({"app": url}))
    with gateway.client() as client:
        client.send(request("POST", "/events", "Transfer-Encoding: chunked"))
        assert client.head()[1]["content-type"] == "text/event-stream"
        for number in range(3):
            expected = chunk(b"data: %d\n\n" % number)
            assert client.exactly(len(expected)) == expected
            client.send(chunk(b"."))


def test_expect_continue_is_answered_by_the_application(
    start_gateway: StartGateway, url: str
) -> None:
    gateway = start_gateway(configuration({"app": url}))
    with gateway.client() as client:
        client.send(request("POST", "/echo", "Expect: 100-continue", "Content-Length: 5"))
        if client.interim().status == 100:
            client.send(b"hello")
        assert client.response("POST").body == b"hello"


def test_a_client_that_leaves_cancels_the_application(
    start_gateway: StartGateway, url: str
) -> None:
    gone.clear()
    gateway = start_gateway(configuration({"app": url}))
    with gateway.client() as client:
        client.send(request("GET", "/forever"))
        assert client.head()[0] == 200
        client.reset()
    assert gone.wait(PATIENCE)


def test_many_requests_on_few_connections(start_gateway: StartGateway, url: str) -> None:
    gateway = start_gateway(configuration({"app": url}))
    with gateway.client() as client:
        for number in range(200):
            response = client.exchange(request("POST", "/echo", body=b"%d" % number))
            assert response.body == b"%d" % number
