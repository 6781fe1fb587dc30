from __future__ import annotations

import contextlib
import socket
from collections.abc import Iterator
from pathlib import Path

import pytest

from pygateway.admin import server
from pygateway.admin.guard import MOST_BODY
from pygateway.config import Admin
from pygateway.config.syntax.addresses import Address
from tests.admin.serving import Serving
from tests.support.patience import PATIENCE

TOKEN = "sixteen-letters-or-more"  # noqa: S105 - of these tests


@pytest.fixture
def trusting() -> Iterator[Serving]:
    with Serving(Admin()) as serving:
        yield serving


@pytest.fixture
def guarded() -> Iterator[Serving]:
    with Serving(Admin.model_validate({"token": TOKEN})) as serving:
        yield serving


@pytest.mark.parametrize("path", ["/livez", "/readyz", "/metrics", "/dashboard"])
def test_head_is_get_without_the_body(trusting: Serving, path: str) -> None:
    with socket.create_connection(trusting.address, PATIENCE) as connection:
        head = f"HEAD {path} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n"
        connection.sendall(head.encode())
        received = b"".join(iter(lambda: connection.recv(65536), b""))
    assert received.startswith(b"HTTP/1.1 200 ")
    assert received.endswith(b"\r\n\r\n")
    assert received.count(b"\r\n\r\n") == 1


@pytest.mark.parametrize("host", ["localhost", "LOCALHOST:1", "127.0.0.1", "127.9.9.9:80", "[::1]"])
def test_names_of_this_machine(trusting: Serving, host: str) -> None:
    assert trusting.ask("GET", "/status", headers={"Host": host}).status == 200


@pytest.mark.parametrize(
    "host", ["evil.example", "127.0.0.1.evil.example", "localhost.evil", "10.0.0.1", "", "[::2]"]
)
def test_dns_rebinding_gets_nothing(trusting: Serving, host: str) -> None:
    reply = trusting.ask("POST", "/drain", headers={"Host": host})
    assert reply.status == 421
    assert trusting.control.drains == 0


@pytest.mark.parametrize(
    "headers",
    [
        {"Origin": "https://evil.example"},
        {"Origin": "null"},
        {"Origin": "http://127.0.0.1:8001"},
        {"Sec-Fetch-Site": "cross-site"},
        {"Sec-Fetch-Site": "same-site"},
    ],
)
def test_web_pages_cannot_ask(trusting: Serving, headers: dict[str, str]) -> None:
    assert trusting.ask("POST", "/drain", headers=headers).status == 403
    assert trusting.control.drains == 0


def test_forms_are_not_json(trusting: Serving) -> None:
    headers = {"Content-Type": "text/plain"}
    assert trusting.ask("POST", "/revocations", {"jti": "a"}, headers).status == 415
    assert trusting.control.taken == []


def test_the_token_is_needed_everywhere_but_for_probes(guarded: Serving) -> None:
    for path in ("/status", "/revocations", "/openapi.json", "/nowhere"):
        reply = guarded.ask("GET", path)
        assert reply.status == 401
        assert reply.headers["www-authenticate"] == 'Bearer realm="pygateway admin"'
    assert guarded.ask("POST", "/drain").status == 401
    assert guarded.control.drains == 0
    assert guarded.ask("GET", "/livez").status == 200
    assert guarded.ask("GET", "/readyz").status == 200


@pytest.mark.parametrize("scheme", ["Bearer", "bearer"])
def test_with_the_token_any_host_will_do(guarded: Serving, scheme: str) -> None:
    headers = {"Authorization": f"{scheme} {TOKEN}", "Host": "gateway.example"}
    assert guarded.ask("GET", "/status", headers=headers).status == 200


@pytest.mark.parametrize(
    "value", [f"Bearer {TOKEN}x", "Bearer", "Bearer ", f"Bearer {TOKEN[:-1]}", "Bearer \xff"]
)
def test_another_token_is_refused_and_not_repeated(guarded: Serving, value: str) -> None:
    reply = guarded.ask("GET", "/status", headers={"Authorization": value})
    assert reply.status == 401
    assert TOKEN[:-1] not in str(reply.document)


def test_basic_credentials_are_none(guarded: Serving) -> None:
    assert guarded.ask("GET", "/status", headers={"Authorization": f"Basic {TOKEN}"}).status == 401


def test_a_new_token_counts_at_once(guarded: Serving) -> None:
    guarded.settings = Admin.model_validate({"token": "another-token-of-this-test"})
    headers = {"Authorization": f"Bearer {TOKEN}"}
    assert guarded.ask("GET", "/status", headers=headers).status == 401


def exchange(address: tuple[str, int], request: bytes) -> bytes:
    with socket.create_connection(address, PATIENCE) as connection:
        connection.sendall(request)
        connection.settimeout(PATIENCE)
        answer = b""
        while part := connection.recv(65536):
            answer += part
        return answer


def request(fields: str, body: bytes = b"") -> bytes:
    head = f"POST /revocations HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n{fields}\r\n"
    return head.encode() + body


@pytest.mark.parametrize("length", [str(MOST_BODY + 1), "9" * 4000])
def test_a_large_body_is_refused_before_it_comes(trusting: Serving, length: str) -> None:
    answer = exchange(trusting.address, request(f"Content-Length: {length}\r\n"))
    assert answer.split()[1] in {b"413", b"400"}


def test_a_large_body_without_a_length_is_refused(trusting: Serving) -> None:
    chunk = b"%x\r\n%s\r\n" % (2**18, b" " * 2**18)
    fields = "Content-Type: application/json\r\nTransfer-Encoding: chunked\r\n"
    # The rest stays unread, so the connection may be reset before the answer is read.
    with contextlib.suppress(ConnectionResetError):
        answer = exchange(trusting.address, request(fields, chunk * 5 + b"0\r\n\r\n"))
        assert b" 413 " in answer.split(b"\r\n")[0]
    assert trusting.control.taken == []


def test_a_large_head_is_refused(trusting: Serving) -> None:
    answer = exchange(trusting.address, request(f"X: {'a' * server.MOST_HEAD}\r\n"))
    assert b" 400 " in answer.split(b"\r\n")[0]


@pytest.mark.parametrize("name", ["Authorization", "Content-Type", "Origin"])
def test_two_of_a_field_are_refused(trusting: Serving, name: str) -> None:
    answer = exchange(trusting.address, request(f"{name}: a\r\n{name}: b\r\n"))
    assert b" 400 " in answer.split(b"\r\n")[0]


def test_connections_are_few(trusting: Serving) -> None:
    taken = [
        socket.create_connection(trusting.address, PATIENCE) for _ in range(server.MOST_CONNECTIONS)
    ]
    try:
        for connection in taken:
            connection.sendall(b"GET /livez HTTP/1.1\r\nHost: localhost\r\n\r\n")
            connection.settimeout(PATIENCE)
            assert connection.recv(10).startswith(b"HTTP/1.1 ")
        with socket.create_connection(trusting.address, PATIENCE) as further:
            further.settimeout(PATIENCE)
            with contextlib.suppress(ConnectionResetError):
                assert further.recv(10) == b""
    finally:
        for connection in taken:
            connection.close()


def test_who_sends_nothing_is_not_kept(trusting: Serving, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(server, "CONNECTION_LIFE", 0.05)
    with socket.create_connection(trusting.address, PATIENCE) as silent:
        silent.settimeout(PATIENCE)
        with contextlib.suppress(ConnectionResetError):
            assert silent.recv(10) == b""


def test_a_unix_socket_serves_whoever_may_open_it(tmp_path: Path) -> None:
    path = str(tmp_path / "admin.sock")
    listener = socket.socket(socket.AF_UNIX)
    listener.bind(path)
    listener.listen()
    settings = Admin(address=Address("", 0, path))
    with Serving(settings, listener), socket.socket(socket.AF_UNIX) as client:
        client.settimeout(PATIENCE)
        client.connect(path)
        client.sendall(b"GET /livez HTTP/1.1\r\nHost: any.example\r\n\r\n")
        assert client.recv(100).startswith(b"HTTP/1.1 200 ")
