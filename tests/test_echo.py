"""The echo upstream over real sockets, read by the tests' own strict parser."""

from __future__ import annotations

import asyncio
import json
import socket
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from pygateway.echo import EchoServer
from tests.support.client import Client, chunk, chunked, request
from tests.support.messages import Response
from tests.support.patience import PATIENCE
from tests.toys.program import Program


@pytest.fixture(scope="module")
def echo() -> Iterator[tuple[str, int]]:
    started = threading.Event()
    address: list[tuple[str, int]] = []
    loop = asyncio.new_event_loop()
    stop = asyncio.Event()

    async def serve() -> None:
        server = EchoServer()
        address.append(await server.start("127.0.0.1", 0))
        started.set()
        await stop.wait()
        await server.close()

    thread = threading.Thread(target=lambda: loop.run_until_complete(serve()))
    thread.start()
    assert started.wait(PATIENCE)
    yield address[0]
    loop.call_soon_threadsafe(stop.set)
    thread.join(PATIENCE)
    loop.close()


@pytest.fixture
def client(echo: tuple[str, int]) -> Iterator[Client]:
    with Client(echo) as made:
        yield made


def seen(response: Response) -> dict[str, object]:
    assert response.status == 200
    assert response.header("Content-Type") == "application/json"
    document = json.loads(response.body)
    assert isinstance(document, dict)
    return document


def test_says_what_it_was_asked(client: Client) -> None:
    answer = client.exchange(request("GET", "/a%20b?c=d&c", "X-One: 1", "x-ONE: 2"))
    assert seen(answer) == {
        "method": "GET",
        "target": "/a%20b?c=d&c",
        "version": "1.1",
        "headers": [["Host", "gateway.test"], ["X-One", "1"], ["x-ONE", "2"]],
        "body_bytes": 0,
    }


def test_bytes_beyond_ascii_are_shown_as_latin_1(client: Client) -> None:
    answer = seen(client.exchange(request("GET", "/", "X-Name: J\xf6rg")))
    assert ["X-Name", "J\xf6rg"] in answer["headers"]  # type: ignore[operator]


def test_counts_a_body_of_known_length(client: Client) -> None:
    assert seen(client.exchange(request("POST", body=b"x" * 100_000)))["body_bytes"] == 100_000


def test_counts_a_chunked_body_without_its_framing(client: Client) -> None:
    raw = request("POST", "/", "Transfer-Encoding: chunked") + chunked(b"abc", b"de")
    assert seen(client.exchange(raw))["body_bytes"] == 5


def test_trailers_are_not_headers(client: Client) -> None:
    head = request("POST", "/", "Transfer-Encoding: chunked")
    client.send(head + chunk(b"abc") + b"0\r\nX-Trailer: 1\r\n\r\n")
    answer = seen(client.response())
    assert answer["headers"] == [["Host", "gateway.test"], ["Transfer-Encoding", "chunked"]]


def test_a_connection_serves_many_requests(client: Client) -> None:
    for number in range(5):
        answer = client.exchange(request("POST", f"/{number}", body=b"x" * number))
        assert answer.header("Connection") == "keep-alive"
        assert (seen(answer)["target"], seen(answer)["body_bytes"]) == (f"/{number}", number)


def test_pipelined_requests_are_answered_in_order(client: Client) -> None:
    client.send(b"".join(request("GET", f"/{number}") for number in range(100)))
    for number in range(100):
        assert seen(client.response())["target"] == f"/{number}"


def test_head_has_the_length_and_no_body(client: Client) -> None:
    answer = client.exchange(request("HEAD", "/"))
    assert (answer.status, answer.body) == (200, b"")
    assert int(answer.header("Content-Length") or 0) > 0
    assert seen(client.exchange(request("GET", "/")))["method"] == "GET"


def test_a_body_is_invited_when_its_sender_waits_for_that(client: Client) -> None:
    client.send(request("PUT", "/", "Expect: 100-continue", "Content-Length: 4"))
    assert client.interim().status == 100
    client.send(b"body")
    assert seen(client.response("PUT"))["body_bytes"] == 4


def test_close_is_honoured(client: Client) -> None:
    answer = client.exchange(request("GET", "/", "Connection: close"))
    assert answer.closes
    client.ended()


def test_version_1_0_closes_unless_asked_to_stay(echo: tuple[str, int]) -> None:
    with Client(echo) as client:
        answer = client.exchange(request("GET", "/", "Connection: keep-alive", version="1.0"))
        assert (answer.closes, seen(answer)["version"]) == (False, "1.0")
        assert client.exchange(request("GET", "/", version="1.0")).closes
        client.ended()


def test_an_upgrade_is_declined_and_the_connection_goes_on(client: Client) -> None:
    upgrade = request("GET", "/1", "Connection: Upgrade", "Upgrade: websocket")
    client.send(upgrade + request("GET", "/2") + upgrade)
    for target in ("/1", "/2", "/1"):
        assert seen(client.response())["target"] == target


def test_an_upgrade_with_a_body_is_refused(client: Client) -> None:
    fields = ("Connection: Upgrade", "Upgrade: h2c")
    client.send(request("POST", "/1", *fields, body=b"abc") + request("GET", "/2"))
    answer = client.response()
    assert (answer.status, answer.closes) == (501, True)
    client.broken_off()


def test_connect_is_not_implemented(client: Client) -> None:
    answer = client.exchange(request("CONNECT", "a.example:443"))
    assert (answer.status, answer.closes) == (501, True)
    client.ended()


def test_what_is_no_http_is_refused(client: Client) -> None:
    client.send(b"\x16\x03\x01 hello\r\n\r\n")
    answer = client.response()
    assert (answer.status, answer.closes) == (400, True)


def test_a_head_without_end_is_refused(client: Client) -> None:
    client.send_while_accepted(b"GET / HTTP/1.1\r\n" + b"X-Long: " + b"a" * 400_000)
    assert client.response().status == 431


def test_a_body_is_never_gathered() -> None:
    megabytes = 300
    with Program("echo", "--listen", "127.0.0.1:0") as program:
        with Client(program.address()) as client:
            before = peak_memory(program.pid)
            client.send(request("POST", "/", f"Content-Length: {megabytes << 20}"))
            piece = b"x" * (1 << 20)
            for _ in range(megabytes):
                client.send(piece)
            assert seen(client.response())["body_bytes"] == megabytes << 20
        assert peak_memory(program.pid) - before < 20 << 20


def peak_memory(pid: int) -> int:
    """The most memory, in bytes, that a process has had so far."""
    status = Path(f"/proc/{pid}/status").read_text(encoding="ascii")
    (line,) = (line for line in status.splitlines() if line.startswith("VmHWM:"))
    return int(line.split()[1]) * 1024


LINES_OF_AN_ANSWER = 6


def test_a_client_that_takes_no_answers_is_not_read_from_until_it_does() -> None:
    count = 40_000

    async def scenario() -> None:
        loop = asyncio.get_running_loop()
        server = EchoServer()
        address = await server.start("127.0.0.1", 0)
        with socket.socket() as greedy:
            greedy.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
            greedy.setblocking(False)
            await loop.sock_connect(greedy, address)
            sending = asyncio.create_task(loop.sock_sendall(greedy, request("GET", "/") * count))
            await paused(server)
            lines = 0
            while lines < count * LINES_OF_AN_ANSWER:
                lines += (await loop.sock_recv(greedy, 1 << 20)).count(b"\n")
            await sending
        await server.close()

    asyncio.run(asyncio.wait_for(scenario(), 3 * PATIENCE))


async def paused(server: EchoServer) -> None:
    """Wait until the buffers of both kernels are full, and the server reads no more."""
    while all(each.transport.is_reading() for each in server.connections):  # noqa: ASYNC110
        await asyncio.sleep(0)


def test_closing_does_not_wait_for_a_client_that_takes_no_answers() -> None:
    async def scenario() -> None:
        loop = asyncio.get_running_loop()
        server = EchoServer()
        address = await server.start("127.0.0.1", 0)
        with socket.socket() as greedy:
            greedy.setblocking(False)
            await loop.sock_connect(greedy, address)
            endless = request("GET", "/") * 1_000_000
            sending = asyncio.create_task(loop.sock_sendall(greedy, endless))
            await paused(server)
            await server.close()
            with pytest.raises(ConnectionError):
                await sending

    asyncio.run(asyncio.wait_for(scenario(), 3 * PATIENCE))


def test_closing_ends_idle_connections() -> None:
    async def scenario() -> None:
        server = EchoServer()
        host, port = await server.start("127.0.0.1", 0)
        reader, writer = await asyncio.open_connection(host, port)
        writer.write(request("GET", "/"))
        assert (await reader.readline()).startswith(b"HTTP/1.1 200")
        await server.close()
        await reader.read()
        assert reader.at_eof()
        writer.close()
        await writer.wait_closed()
        with pytest.raises(ConnectionRefusedError):
            await asyncio.open_connection(host, port)

    asyncio.run(asyncio.wait_for(scenario(), PATIENCE))


def test_closing_before_anything_started_does_nothing() -> None:
    asyncio.run(EchoServer().close())
