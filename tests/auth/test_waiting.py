"""What happens to a request, its body and its connection while it is found out who asks."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

import pytest

from tests.support.client import chunked, request
from tests.support.flow import MAXIMUM_IN_FLIGHT, push
from tests.support.issuer import KEY_SET, Holding, Issuer, SigningKey, document, provider
from tests.support.upstream import Conversation, ok

if TYPE_CHECKING:
    from tests.auth.conftest import Protected


@pytest.fixture
def held(issuer: Issuer) -> Iterator[Holding]:
    """The issuer's answer, without which no token can be verified."""
    holding = issuer.answers[KEY_SET] = Holding(document(issuer.key_set))
    yield holding
    holding.released.set()


@pytest.mark.parametrize("framing", ["length", "chunked"])
def test_a_body_that_came_meanwhile_arrives_whole(
    issuer: Issuer, held: Holding, protected: Protected, framing: str
) -> None:
    gateway, upstream = protected(provider(issuer))
    line = issuer.bearer()
    if framing == "length":
        raw = request("POST", "/a", line, body=b"hello, body")
    else:
        raw = request("POST", "/a", line, "Transfer-Encoding: chunked") + chunked(
            b"hello, ", b"body"
        )
    with gateway.client() as client:
        client.send_separately([raw[:-5], raw[-5:-2], raw[-2:]], gateway.settle)
        gateway.settle()
        upstream.no_request()
        held.released.set()
        assert client.response().status == 200
    received = upstream.next_request()
    assert (received.body, received.framing) == (b"hello, body", framing)


def test_a_large_body_waits_at_the_client(
    issuer: Issuer, held: Holding, protected: Protected
) -> None:
    length = 4 * MAXIMUM_IN_FLIGHT
    gateway, _ = protected(provider(issuer), limits={"body_bytes": "1GiB"})
    head = request("POST", "/a", issuer.bearer(), f"Content-Length: {length}")
    with gateway.client() as client:
        client.send(head)
        gateway.settle()
        assert push(gateway, client.socket) < MAXIMUM_IN_FLIGHT


def test_a_large_body_goes_on_afterwards(
    issuer: Issuer, held: Holding, protected: Protected
) -> None:
    body = bytes(range(256)) * 16384
    gateway, upstream = protected(provider(issuer))
    with gateway.client() as client:
        raw = request("POST", "/a", issuer.bearer(), body=body)
        client.send(raw[:100_000])
        gateway.settle()
        held.released.set()
        client.send(raw[100_000:])
        assert client.response().status == 200
    assert upstream.next_request().body == body


def test_a_body_that_is_too_large_is_refused_before_it_is_known_who_sends_it(
    issuer: Issuer, held: Holding, protected: Protected
) -> None:
    gateway, _ = protected(provider(issuer), limits={"body_bytes": "1KiB"})
    with gateway.client() as client:
        client.send(request("POST", "/a", issuer.bearer(), "Transfer-Encoding: chunked"))
        gateway.settle()
        client.send_while_accepted(chunked(bytes(2048)))
        client.response().problem("body-too-large")


@pytest.mark.parametrize("way", ["close", "reset"])
@pytest.mark.parametrize("body", [b"", b"hello"])
def test_a_client_that_leaves_is_forgotten(
    issuer: Issuer, held: Holding, protected: Protected, way: str, body: bytes
) -> None:
    gateway, upstream = protected(provider(issuer))
    gateway.settle()
    before = gateway.tasks()
    client = gateway.client()
    client.send(request("POST", "/a", issuer.bearer(), body=body)[: -1 if body else None])
    gateway.settle()
    assert gateway.tasks() == before + 1
    getattr(client, way)()
    while gateway.tasks() != before:
        gateway.settle()
    held.released.set()
    with gateway.client() as another:
        assert another.exchange(request("GET", "/mine", issuer.bearer())).status == 200
    assert upstream.next_request().target == "/mine"
    upstream.no_request()


def test_a_client_that_has_said_all_it_had_to_say_is_answered(
    issuer: Issuer, held: Holding, protected: Protected
) -> None:
    gateway, _ = protected(provider(issuer))
    with gateway.client() as client:
        client.send(request("GET", "/a", issuer.bearer()))
        client.finish_sending()
        gateway.settle()
        held.released.set()
        assert client.response().status == 200
        client.ended()


def test_pipelined_requests_are_answered_in_order(
    issuer: Issuer, held: Holding, protected: Protected
) -> None:
    gateway, upstream = protected(provider(issuer))
    good, bad = issuer.bearer(), issuer.bearer(exp=1)
    with gateway.client() as client:
        client.send(
            request("GET", "/one", good)
            + request("GET", "/two", bad)
            + request("POST", "/three", good, body=b"three")
            + request("GET", "/four")
            + request("GET", "/five", issuer.bearer())
        )
        gateway.settle()
        held.released.set()
        statuses = [client.response().status for _ in range(5)]
        assert statuses == [200, 401, 200, 401, 200]
    assert [upstream.next_request().target for _ in range(3)] == ["/one", "/three", "/five"]


def test_head_has_no_body_whatever_is_found_out(
    issuer: Issuer, held: Holding, protected: Protected
) -> None:
    gateway, _ = protected(provider(issuer))
    with gateway.client() as client:
        for line, status in ((issuer.bearer(), 200), (issuer.bearer(SigningKey("first")), 401)):
            client.send(request("HEAD", "/a", line))
            gateway.settle()
            held.released.set()
            response = client.response("HEAD")
            assert (response.status, response.body) == (status, b"")


class TestExpect:
    HEAD = ("Expect: 100-continue", "Content-Length: 5")

    def test_the_upstream_says_when_to_go_on(
        self, issuer: Issuer, held: Holding, protected: Protected
    ) -> None:
        def script(conversation: Conversation) -> None:
            conversation.head()
            conversation.send(b"HTTP/1.1 100 Continue\r\n\r\n")
            assert conversation.exactly(5) == b"hello"
            conversation.send(ok())

        gateway, _ = protected(provider(issuer), script)
        with gateway.client() as client:
            client.send(request("POST", "/a", issuer.bearer(), *self.HEAD))
            gateway.settle()
            held.released.set()
            assert client.interim().status == 100
            client.send(b"hello")
            assert client.response().status == 200

    def test_one_that_is_refused_is_never_told_to_go_on(
        self, issuer: Issuer, held: Holding, protected: Protected
    ) -> None:
        gateway, _ = protected(provider(issuer))
        with gateway.client() as client:
            client.send(request("POST", "/a", issuer.bearer(SigningKey("first")), *self.HEAD))
            gateway.settle()
            held.released.set()
            response = client.response()
            response.problem("token-invalid")
            assert response.interims == ()
            assert response.closes
            client.ended()


def test_a_drain_waits_for_what_is_being_found_out(
    issuer: Issuer, held: Holding, protected: Protected
) -> None:
    gateway, _ = protected(provider(issuer))
    with gateway.client() as client:
        client.send(request("GET", "/a", issuer.bearer()))
        gateway.settle()
        gateway.drain(10)
        held.released.set()
        response = client.response()
        assert response.status == 200
        assert response.closes
        client.ended()


def test_no_more_wait_than_may(issuer: Issuer, held: Holding, protected: Protected) -> None:
    gateway, _ = protected(provider(issuer), auth={"waiting": 2})
    clients = [gateway.client() for _ in range(4)]
    for client in clients:
        client.send(request("GET", "/a", issuer.bearer()))
        gateway.settle()
    for client in clients[2:]:
        response = client.response()
        response.problem("auth-unavailable")
        assert not response.closes
    assert gateway.fetch(request("GET", "/open")).status == 200
    held.released.set()
    assert [client.response().status for client in clients[:2]] == [200, 200]
    for client in clients:
        client.close()


def test_an_issuer_that_never_answers_costs_a_request_its_deadline_and_no_more(
    issuer: Issuer, held: Holding, protected: Protected
) -> None:
    gateway, _ = protected(provider(issuer, jwks={"timeout": "100ms"}))
    with gateway.client() as client:
        response = client.exchange(request("GET", "/a", issuer.bearer()))
        response.problem("auth-unavailable")
        assert not response.closes
        assert client.exchange(request("GET", "/open")).status == 200


def test_an_upgrade_is_authenticated_first(
    issuer: Issuer, held: Holding, protected: Protected
) -> None:
    def script(conversation: Conversation) -> None:
        assert b"Upgrade: chat" in conversation.head()
        conversation.send(
            b"HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: chat\r\n\r\n"
        )
        assert conversation.exactly(4) == b"ping"
        conversation.send(b"pong")
        conversation.until_closed()

    gateway, _ = protected(provider(issuer), script)
    upgrade = ("Connection: Upgrade", "Upgrade: chat")
    gateway.fetch(request("GET", "/a", *upgrade)).problem("token-missing")
    with gateway.client() as client:
        client.send(request("GET", "/a", issuer.bearer(), *upgrade), b"ping")
        gateway.settle()
        held.released.set()
        assert client.head()[0] == 101
        assert client.exactly(4) == b"pong"
