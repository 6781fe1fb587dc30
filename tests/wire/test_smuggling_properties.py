"""Mutated messages: the gateway never finds a message where a strict reading finds none.

The other tests name their attacks. These take well-formed streams and damage them at random, as
fuzzers do; the seeds are fixed, so that every run tries the same ones.
"""

from __future__ import annotations

import contextlib
import itertools
from collections.abc import Iterator
from typing import TYPE_CHECKING

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.support.client import chunked, request
from tests.support.gateway import RunningGateway, configuration
from tests.support.messages import Truncated
from tests.support.oracle import Doubtful, read_requests, read_response
from tests.support.recording import RecordingUpstream
from tests.support.upstream import Conversation, Hangup, ScriptedUpstream, ok

if TYPE_CHECKING:
    from pathlib import Path

EXAMPLES = settings(
    max_examples=400,
    derandomize=True,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)

SMUGGLED = request("GET", "/smuggled")

# Whole messages, which are joined and then damaged.
MESSAGES = [
    request("GET", "/plain", "Accept: */*"),
    request("POST", "/length", body=b"hello"),
    request("POST", "/inner", body=SMUGGLED),
    request("POST", "/chunked", "Transfer-Encoding: chunked") + chunked(b"hello", b"world"),
    request("POST", "/inner", "Transfer-Encoding: chunked") + chunked(SMUGGLED),
    request("PUT", "/empty", "Content-Length: 0"),
    request("POST", "/lines", "Transfer-Encoding: chunked") + chunked(b"\r\n\r\n", b"0\r\n\r\n"),
    request("GET", "/old", version="1.0"),
]

# What parsers have disagreed about.
PIECES = [
    b"\r", b"\n", b"\r\n", b"\r\n\r\n", b" ", b"\t", b"\0", b"\x0b", b"\x0c", b"\x7f", b"\xa0",
    b":", b";", b",", b"0", b"1", b"5", b"a", b"-", b"+", b"_", b"x", b'"', b"0\r\n\r\n",
    b"Content-Length: 5\r\n", b"Content-Length: 0\r\n", b"Transfer-Encoding: chunked\r\n",
    b"Transfer-Encoding: identity\r\n", b"Host: other.test\r\n", b" chunked", b"\r\n ",
    b"Connection: close\r\n", b"Expect: 100-continue\r\n", SMUGGLED,
]  # fmt: skip


@st.composite
def damaged(draw: st.DrawFn, whole: list[bytes], most: int) -> bytes:
    """Messages joined, with a few pieces put in, taken out or replaced."""
    raw = b"".join(draw(st.lists(st.sampled_from(whole), min_size=1, max_size=most)))
    for _ in range(draw(st.integers(0, 3))):
        position = draw(st.integers(0, len(raw)))
        removed = draw(st.sampled_from((0, 0, 1, 2)))
        piece = draw(st.sampled_from(PIECES))
        raw = raw[:position] + piece + raw[position + removed :]
    return raw


@pytest.fixture(scope="module")
def recording(
    tmp_path_factory: pytest.TempPathFactory,
) -> Iterator[tuple[RunningGateway, RecordingUpstream]]:
    """A gateway, and an upstream that fails the test if it is sent anything doubtful."""
    directory: Path = tmp_path_factory.mktemp("requests")
    with (
        RecordingUpstream() as upstream,
        RunningGateway(configuration({"app": upstream.url}), directory) as gateway,
    ):
        yield gateway, upstream


@EXAMPLES
@given(raw=damaged(MESSAGES, 4), cuts=st.lists(st.integers(1, 400), max_size=3))
def test_the_upstream_gets_no_request_that_was_not_certainly_sent(
    recording: tuple[RunningGateway, RecordingUpstream], raw: bytes, cuts: list[int]
) -> None:
    gateway, upstream = recording
    with gateway.client() as client:
        edges = sorted({0, *(cut for cut in cuts if cut < len(raw)), len(raw)})
        for start, end in itertools.pairwise(edges):
            client.send_while_accepted(raw[start:end])
            gateway.settle()
        client.finish_sending()
        answered = client.remains()
    gateway.settle()
    upstream.settle()
    connections = upstream.take()
    for connection in connections:
        assert connection.malformed is None, connection.malformed
    certain = [(reading.line[0], reading.body) for reading in read_requests(raw)]
    received = [
        (received.method.encode(), received.body)
        for connection in connections
        for received in connection.requests
    ]
    # One client's requests go one after another, though perhaps on several connections.
    assert sorted(received) == sorted(certain[: len(received)]), (received, certain)
    assert answered.startswith(b"HTTP/1.1 ") or not answered


RESPONSES = [
    ok(b"body"),
    ok(SMUGGLED),
    b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n" + chunked(b"body", b"more"),
    b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n" + chunked(ok(b"inner")),
    b"HTTP/1.1 204 No Content\r\n\r\n",
    b"HTTP/1.0 200 OK\r\nContent-Length: 3\r\n\r\nold",
    b"HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n",
]


class Stage:
    """A gateway in front of an upstream that sends what it is told, and then ends."""

    def __init__(self, directory: Path) -> None:
        self.response = b""
        self.upstream = ScriptedUpstream(self._script)
        self.gateway = RunningGateway(configuration({"app": self.upstream.url}), directory)

    def _script(self, conversation: Conversation) -> None:
        with contextlib.suppress(Hangup):
            while conversation.request().target == "/marker":
                conversation.send(ok(b"marker"))
            conversation.send(self.response)


@pytest.fixture(scope="module")
def stage(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stage]:
    """Where responses are tried."""
    started = Stage(tmp_path_factory.mktemp("responses"))
    with started.upstream, started.gateway:
        yield started


@EXAMPLES
@given(raw=damaged(RESPONSES, 2))
def test_the_client_gets_no_response_that_was_not_certainly_sent(stage: Stage, raw: bytes) -> None:
    stage.response = raw
    with stage.gateway.client() as client:
        client.send(request("GET", "/damaged"))
        try:
            # This reader accepts only what a careful sender writes, and no part for the whole.
            response = client.response()
        except (Truncated, ConnectionResetError):
            return
        if response.header("Content-Type") == "application/problem+json":
            assert response.status == 502
        else:
            certain = next_certain(raw)
            assert (response.status, response.body) == certain, (response, certain)
        if not response.closes:
            client.send(request("GET", "/marker"))
            assert client.response().body == b"marker"


def next_certain(raw: bytes) -> tuple[int, bytes]:
    """Status and body of the strict reading."""
    try:
        reading = read_response(raw)
    except Doubtful as doubt:
        raise AssertionError(f"the gateway passed a doubtful response: {raw!r}") from doubt
    return int(reading.line[0]), reading.body
