"""Limits of `limits`: what is too much, to the byte where it can be told (413, 414, 431)."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.support.client import chunk, chunked, request
from tests.support.gateway import configuration, route
from tests.support.upstream import Conversation, answering, ok

if TYPE_CHECKING:
    from tests.conftest import StartGateway
    from tests.wire.conftest import Proxied

PLAIN = sum(len(line) + 2 for line in (b"Host: gateway.test",))
"""Bytes of the header lines that `request` always writes."""


def test_a_declared_length_over_the_limit_is_413_at_once(proxied: Proxied) -> None:
    gateway, upstream = proxied(limits={"body_bytes": "1KiB"})
    with gateway.client() as client:
        client.send(request("POST", "/", "Content-Length: 1025"))
        response = client.response()
        response.problem("body-too-large")
        assert (response.status, response.closes) == (413, True)
        client.ended()
    assert not upstream.conversations


def test_a_length_at_the_limit_passes(proxied: Proxied) -> None:
    gateway, upstream = proxied(limits={"body_bytes": "1KiB"})
    assert gateway.fetch(request("POST", body=bytes(1024))).status == 200
    assert (
        gateway.fetch(
            request("POST", "/", "Transfer-Encoding: chunked") + chunked(bytes(1000), bytes(24))
        ).status
        == 200
    )
    for _ in range(2):
        assert len(upstream.next_request().body) == 1024


def test_a_chunked_body_over_the_limit_is_413_and_never_completed(proxied: Proxied) -> None:
    def script(conversation: Conversation) -> None:
        conversation.head()
        received = conversation.until_closed()
        assert not received.endswith(b"0\r\n\r\n")
        assert len(received) < 1200

    gateway, upstream = proxied(script, limits={"body_bytes": "1KiB"})
    with gateway.client() as client:
        client.send(request("POST", "/", "Transfer-Encoding: chunked"), chunk(bytes(1000)))
        upstream.conversation()
        client.send(chunk(bytes(25)) + chunk(b""))
        response = client.response()
        response.problem("body-too-large")
        assert (response.status, response.closes) == (413, True)
        client.ended()
    upstream.ended()


def test_a_route_has_a_limit_of_its_own(proxied: Proxied) -> None:
    gateway, _ = proxied(
        limits={"body_bytes": "1KiB"},
        routes=[
            route("big", "/big", upstream="app", limits={"body_bytes": "2KiB"}),
            route("unlimited", "/unlimited", upstream="app", limits={"body_bytes": 0}),
            route("rest", upstream="app"),
        ],
    )
    for target, size, status in (
        ("/big", 2048, 200),
        ("/big", 2049, 413),
        ("/unlimited", 100_000, 200),
        ("/", 1025, 413),
    ):
        assert gateway.fetch(request("POST", target, body=bytes(size))).status == status


def test_a_target_over_the_limit_is_414(proxied: Proxied) -> None:
    gateway, _ = proxied(limits={"target_bytes": "1KiB"})
    assert gateway.fetch(request("GET", "/" + "a" * 1023)).status == 200
    with gateway.client() as client:
        response = client.exchange(request("GET", "/" + "a" * 1024))
        response.problem("target-too-long")
        assert (response.status, response.closes) == (414, True)
        client.ended()


def test_an_absurd_target_is_414_before_it_is_complete(proxied: Proxied) -> None:
    gateway, _ = proxied()
    with gateway.client() as client:
        client.send_while_accepted(b"GET /" + b"a" * 300_000)
        response = client.response()
        response.problem("target-too-long")
        client.ended()


def test_the_header_lines_together_are_limited_to_the_byte(proxied: Proxied) -> None:
    gateway, _ = proxied(limits={"header_bytes": "1KiB"})
    room = 1024 - PLAIN - len("X-Filler: ") - 2
    assert gateway.fetch(request("GET", "/", "X-Filler: " + "x" * room)).status == 200
    with gateway.client() as client:
        response = client.exchange(request("GET", "/", "X-Filler: " + "x" * (room + 1)))
        response.problem("headers-too-large")
        assert (response.status, response.closes) == (431, True)
        client.ended()


def test_the_number_of_header_lines_is_limited(proxied: Proxied) -> None:
    gateway, _ = proxied(limits={"header_count": 10})
    lines = [f"X-Line-{number}: x" for number in range(10)]
    assert gateway.fetch(request("GET", "/", *lines[:9])).status == 200
    response = gateway.fetch(request("GET", "/", *lines))
    response.problem("headers-too-large")
    assert response.status == 431


@pytest.mark.parametrize(
    "endless",
    [b"X-Endless: " + b"x" * 400_000, b"X: y\r\n" * 80_000, b"X" * 400_000],
    ids=["one value", "many lines", "one name"],
)
def test_an_endless_head_is_431_before_it_is_complete(proxied: Proxied, endless: bytes) -> None:
    gateway, _ = proxied()
    with gateway.client() as client:
        client.send_while_accepted(b"GET / HTTP/1.1\r\nHost: gateway.test\r\n" + endless)
        response = client.response()
        response.problem("headers-too-large")
        assert response.closes
        client.ended()


@pytest.mark.parametrize(
    "body",
    [
        b"1;" + b"x" * 100_000,
        b"1;x=" + b'"' + b"y" * 100_000,
        b"0" * 100_000 + b"1\r\nx\r\n",
        (b"1;" + b"e" * 500 + b"\r\nx\r\n") * 500,
    ],
    ids=["name", "quoted", "zeros", "many"],
)
def test_chunk_extensions_are_bounded(proxied: Proxied, body: bytes) -> None:
    def script(conversation: Conversation) -> None:
        conversation.until_closed()

    gateway, _ = proxied(script)
    with gateway.client() as client:
        client.send(request("POST", "/", "Transfer-Encoding: chunked"))
        client.send_while_accepted(body)
        response = client.response()
        assert response.status in {400, 413, 431}
        client.broken_off()


def test_honest_tiny_chunks_are_not_taken_for_an_attack(proxied: Proxied) -> None:
    gateway, upstream = proxied()
    raw = request("POST", "/", "Transfer-Encoding: chunked") + chunked(
        *(b"x" for _ in range(20_000))
    )
    assert gateway.fetch(raw).status == 200
    assert len(upstream.next_request().body) == 20_000


@pytest.mark.parametrize(
    "response",
    [
        b"HTTP/1.1 200 OK\r\nX-Large: " + b"x" * 40_000 + b"\r\nContent-Length: 0\r\n\r\n",
        b"HTTP/1.1 200 OK\r\n" + b"X: y\r\n" * 150 + b"Content-Length: 0\r\n\r\n",
        b"HTTP/1.1 200 " + b"x" * 100_000 + b"\r\nContent-Length: 0\r\n\r\n",
    ],
    ids=["bytes", "count", "reason"],
)
def test_a_response_head_over_the_limits_is_a_protocol_error(
    proxied: Proxied, response: bytes
) -> None:
    gateway, _ = proxied(answering(response))
    gateway.fetch(request()).problem("upstream-protocol-error")


@pytest.mark.parametrize("endless", [b"X-Endless: ", b"X: y\r\n"])
def test_an_endless_response_head_is_a_protocol_error(proxied: Proxied, endless: bytes) -> None:
    def script(conversation: Conversation) -> None:
        conversation.request()
        conversation.send(b"HTTP/1.1 200 OK\r\n")
        while True:
            conversation.send(endless * 1000)

    gateway, upstream = proxied(script)
    gateway.fetch(request()).problem("upstream-protocol-error")
    upstream.ended()


def test_no_upstream_means_no_limit_of_its_own(start_gateway: StartGateway) -> None:
    """A fixed response is bound by the same limits as a forwarded one."""
    gateway = start_gateway(
        configuration(
            {},
            limits={"body_bytes": 10},
            routes=[route("fixed", "/fixed", respond={"status": 200, "body": "fine"})],
        )
    )
    assert gateway.fetch(request("POST", "/fixed", body=bytes(10))).status == 200
    assert gateway.fetch(request("POST", "/fixed", body=bytes(11))).status == 413


def test_an_answer_with_the_limit_keeps_to_the_framing(proxied: Proxied) -> None:
    gateway, _ = proxied(answering(ok()), limits={"header_count": 5})
    with gateway.client() as client:
        response = client.exchange(request("HEAD", "/", *(f"X-{n}: x" for n in range(10))))
        assert (response.status, response.body) == (431, b"")
