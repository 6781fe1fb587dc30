"""One connection over a list of bytes: where a response ends, and what it was."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from typing import cast

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pygateway.bench.client import (
    HEAD_LIMIT,
    MAX_INTERIM_RESPONSES,
    Client,
    Head,
    MalformedResponse,
    read_head,
)
from pygateway.bench.requests import Request
from pygateway.bench.tally import Failure
from tests.bench.properties import patient

GET = Request(b"GET / HTTP/1.1\r\n\r\n", bodiless=False)
HEAD = Request(b"HEAD / HTTP/1.1\r\n\r\n", bodiless=True)


class Wire:
    """What is written ends in a list."""

    def __init__(self) -> None:
        self.written: list[bytes] = []
        self.unsent = 0
        self.closed = False

    def write(self, data: bytes) -> None:
        self.written.append(data)

    def writelines(self, pieces: tuple[bytes, ...]) -> None:
        self.written.extend(pieces)

    def get_write_buffer_size(self) -> int:
        return self.unsent

    def close(self) -> None:
        self.closed = True

    abort = close


class Owner:
    """Remembers what it was told, and frees the connection as a load does."""

    def __init__(self) -> None:
        self.ends: list[int | Failure | str] = []

    def answered(self, client: Client, now: int) -> None:
        assert now >= client.sent
        self.ends.append(client.status)
        client.due = 0

    def failed(self, client: Client, failure: Failure) -> None:
        assert not client.persists
        self.ends.append(failure)

    def lost(self, client: Client) -> None:
        assert not client.persists
        self.ends.append("lost")


def asked(request: Request = GET, body: bytes = b"") -> tuple[Client, Owner, Wire]:
    owner, wire = Owner(), Wire()
    client = Client(owner)
    client.connection_made(cast("object", wire))  # type: ignore[arg-type]
    client.send(request, body, 1, 2)
    return client, owner, wire


OK = b"HTTP/1.1 200 OK\r\n"
COMPLETE = [
    (OK + b"Content-Length: 2\r\n\r\nok", 200, True),
    (OK + b"content-length:0\r\n\r\n", 200, True),
    (OK + b"Transfer-Encoding: chunked\r\n\r\n2\r\nok\r\n0\r\n\r\n", 200, True),
    (OK + b"Transfer-Encoding: gzip, Chunked\r\n\r\n0\r\nX-Trailer: y\r\n\r\n", 200, True),
    (OK + b"Content-Length: 1\r\nConnection: close\r\n\r\nx", 200, False),
    (OK + b"Content-Length: 1\r\nConnection: a, Close\r\n\r\nx", 200, False),
    (b"HTTP/1.0 200 OK\r\nContent-Length: 1\r\n\r\nx", 200, False),
    (b"HTTP/1.0 200 OK\r\nConnection: keep-alive\r\nContent-Length: 1\r\n\r\nx", 200, True),
    (b"HTTP/1.1 204 No Content\r\n\r\n", 204, True),
    (b"HTTP/1.1 304 Not Modified\r\nContent-Length: 9\r\n\r\n", 304, True),
    (b"HTTP/1.1 503 \r\nContent-Length: 0\r\n\r\n", 503, True),
    (b"HTTP/1.1 500\r\nContent-Length: 0\r\n\r\n", 500, True),
    (b"HTTP/1.1 101 Switching Protocols\r\n\r\n", 101, False),
    (b"HTTP/1.1 103 Early\r\nX: y\r\n\r\n" + OK + b"Content-Length: 1\r\n\r\nx", 200, True),
    (b"HTTP/1.1 100 Continue\r\n\r\n" * 16 + OK + b"Content-Length: 0\r\n\r\n", 200, True),
]  # fmt: skip


@pytest.mark.parametrize(("response", "status", "persists"), COMPLETE)
def test_a_response_is_complete_with_its_last_byte(
    response: bytes, status: int, persists: bool
) -> None:
    client, owner, _ = asked()
    for byte in response[:-1]:
        client.data_received(bytes((byte,)))
        assert owner.ends == []
    client.data_received(response[-1:])
    assert (owner.ends, client.persists) == ([status], persists)
    assert client.received == len(response)


@patient
@given(st.sampled_from(COMPLETE), st.data())
def test_it_does_not_matter_how_it_comes(
    case: tuple[bytes, int, bool], data: st.DataObject
) -> None:
    response, status, persists = case
    client, owner, _ = asked()
    for piece in pieces(response, data.draw(st.sets(st.integers(1, len(response) - 1)))):
        client.data_received(piece)
    assert (owner.ends, client.persists) == ([status], persists)


def pieces(data: bytes, cuts: set[int]) -> Iterator[bytes]:
    edges = [0, *sorted(cuts), len(data)]
    return (data[start:end] for start, end in itertools.pairwise(edges))


def test_many_responses_on_one_connection() -> None:
    client, owner, wire = asked()
    for response, status, persists in COMPLETE:
        if persists:
            client.data_received(response)
            assert owner.ends[-1] == status
            client.send(GET, b"", 3, 4)
    assert set(wire.written) == {GET.head}


def test_a_response_to_head_has_no_body() -> None:
    client, owner, _ = asked(HEAD)
    client.data_received(OK + b"Content-Length: 100\r\n\r\n")
    assert (owner.ends, client.persists) == ([200], True)
    client.send(GET, b"", 3, 4)
    client.data_received(OK + b"Content-Length: 100\r\n\r\n")
    assert owner.ends == [200]


def test_without_a_length_it_ends_with_the_connection() -> None:
    client, owner, _ = asked()
    client.data_received(OK + b"\r\nsome")
    client.data_received(b"thing")
    assert owner.ends == []
    client.eof_received()
    client.connection_lost(None)
    assert owner.ends == [200, "lost"]


@pytest.mark.parametrize(
    "response",
    [
        b"HTTP/2 200 OK\r\n\r\n",
        b"http/1.1 200 OK\r\n\r\n",
        b"HTTP/1.1 20 OK\r\n\r\n",
        b"HTTP/1.1 2000 OK\r\n\r\n",
        b"HTTP/1.1 099 OK\r\n\r\n",
        b"SSH-2.0-x\r\n\r\n",
        OK + b"Content-Length: 1\r\nContent-Length: 1\r\n\r\nx",
        OK + b"Content-Length: -1\r\n\r\n",
        OK + b"Content-Length: 1x\r\n\r\n",
        OK + b"Content-Length: \r\n\r\n",
        OK + b"Content-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n",
        OK + b"Content-Length: 1\r\n\r\nxHTTP",
        OK + b"Transfer-Encoding: chunked\r\n\r\nx\r\n",
        OK + b"Transfer-Encoding: chunked\r\n\r\n0\r\n\r\nmore",
        b"HTTP/1.1 204 No Content\r\n\r\nx",
        b"HTTP/1.1 100 Continue\r\n\r\n" * (MAX_INTERIM_RESPONSES + 1),
        OK + b"X: " + b"y" * HEAD_LIMIT,
        OK + b"X: " + b"y" * HEAD_LIMIT + b"\r\nContent-Length: 0\r\n\r\n",
    ],
)
def test_what_is_no_response_ends_the_connection(response: bytes) -> None:
    client, owner, wire = asked()
    client.data_received(response)
    assert owner.ends in ([Failure.MALFORMED], [200, Failure.MALFORMED])
    assert owner.ends[-1] == Failure.MALFORMED
    assert wire.closed
    client.connection_lost(None)
    assert owner.ends[1:] == ["lost"]


@pytest.mark.parametrize(
    "begun", [b"", b"HTTP/1.1 2", OK + b"Content-Length: 5\r\n\r\nabc",
              OK + b"Transfer-Encoding: chunked\r\n\r\n5\r\nab"]
)  # fmt: skip
@pytest.mark.parametrize(
    ("error", "failure"), [(None, Failure.CLOSED), (ConnectionResetError(), Failure.RESET)]
)
def test_an_end_before_the_end_is_a_failure(
    begun: bytes, error: Exception | None, failure: Failure
) -> None:
    client, owner, _ = asked()
    if begun:
        client.data_received(begun)
    if error is None:
        client.eof_received()
    client.connection_lost(error)
    assert owner.ends == [failure, "lost"]


def test_an_idle_connection_may_end_at_any_time() -> None:
    client, owner, _ = asked()
    client.data_received(OK + b"Content-Length: 0\r\n\r\n")
    client.eof_received()
    client.connection_lost(None)
    assert owner.ends == [200, "lost"]


def test_bytes_that_nobody_asked_for_end_the_connection() -> None:
    client, owner, wire = asked()
    client.data_received(OK + b"Content-Length: 0\r\n\r\n")
    client.data_received(OK)
    assert wire.closed
    assert not client.persists
    client.connection_lost(None)
    assert owner.ends == [200, "lost"]


def test_an_answer_before_all_was_sent_ends_the_connection() -> None:
    client, owner, wire = asked(GET, b"body")
    assert wire.written == [GET.head, b"body"]
    wire.unsent = 1
    client.data_received(b"HTTP/1.1 413 Too Large\r\nContent-Length: 0\r\n\r\n")
    assert (owner.ends, client.persists) == ([413], False)


def test_heads() -> None:
    assert read_head(OK) == Head(200, True, None, False)
    assert read_head(OK + b"Transfer-Encoding: chunked, gzip\r\n") == Head(200, True, None, False)
    assert read_head(OK + b"Transfer-Encoding: gzip\r\nTransfer-Encoding: chunked\r\n").chunked
    assert read_head(OK + b"X-Content-Length: 5\r\nX: content-length: 5\r\n").length is None
    with pytest.raises(MalformedResponse):
        read_head(b"\r\n")
