"""While a credential is being judged: what a client sends, leaves undone or breaks meanwhile."""

from __future__ import annotations

import contextlib
import itertools
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING

import pytest

from tests.security.forging import b64, claims, shared, signed
from tests.security.fortress import Fortress, bearer, fortress_configuration, providers
from tests.support.client import chunk, request
from tests.support.gateway import RunningGateway
from tests.support.upstream import Conversation, ScriptedUpstream, ok

if TYPE_CHECKING:
    from pathlib import Path

NUMBERS = itertools.count()


def unseen(**changes: object) -> str:
    """A good token whose signature nobody has verified yet."""
    return signed("ES256", claims(jti=f"unseen-{next(NUMBERS)}", **changes))


def forged() -> str:
    """Likewise, with a signature that is none, and differs each time."""
    return f"{unseen().rpartition('.')[0]}.{b64(next(NUMBERS).to_bytes(64, 'big'))}"


def public(target: str, *lines: str, method: str = "GET") -> bytes:
    return request(method, f"/public/{target}", *lines)


# --- broken messages ------------------------------------------------------------------------------


@pytest.mark.parametrize("make", [unseen, forged])
@pytest.mark.parametrize(
    "body",
    [b"x\r\n", b"-1\r\n", b"5\r\nhellox", b"0x5\r\nhello\r\n", b"5;\0\r\nhello\r\n", b"\r\n",
     b"ffffffffffffffffff\r\n", b"5\nhello\n"],
)  # fmt: skip
def test_a_broken_body_is_not_forwarded(
    fortress: Fortress, make: Callable[[], str], body: bytes
) -> None:
    head = public("broken", bearer(make()), "Transfer-Encoding: chunked", method="POST")
    with fortress.gateway.client() as client:
        client.send_while_accepted(head + body + public("after", bearer(unseen())))
        client.remains()
    # A part of the head may have been sent on, but nothing that an upstream takes for whole.
    assert [received.target for received in fortress.seen()] == []


@pytest.mark.parametrize("make", [unseen, forged])
def test_garbage_behind_a_request_is_not_part_of_it(
    fortress: Fortress, make: Callable[[], str]
) -> None:
    for garbage in (
        b"\0\0\0",
        b"GET\r\n\r\n",
        b"x" * 50_000,
        b"\r\n\r\n\r\n",
        b"HTTP/1.1 200 OK\r\n\r\n",
    ):
        with fortress.gateway.client() as client:
            client.send_while_accepted(public("first", bearer(make())) + garbage)
            status = client.response().status
            client.finish_sending()
            client.remains()
        received = fortress.seen()
        assert [one.target for one in received] == (["/public/first"] if status == 200 else [])
        assert status == (200 if make is unseen else 401)


def test_a_body_that_is_too_large_is_refused_with_or_without_a_token(fortress: Fortress) -> None:
    for make in (unseen, forged):
        head = public("a", bearer(make()), f"Content-Length: {1 << 40}", method="POST")
        with fortress.gateway.client() as client:
            client.send_while_accepted(head + bytes(1000))
            assert client.response("POST").status in {401, 413}
    assert fortress.seen() == []


# --- clients that go away -------------------------------------------------------------------------


@pytest.mark.parametrize("place", ["public", "shared", "open"])
def test_whoever_ends_its_side_is_answered_all_the_same(fortress: Fortress, place: str) -> None:
    """RFC 9112 section 9.6: a half-closed connection can still be read from."""
    token = {"public": unseen, "shared": shared, "open": lambda: "x"}[place]()
    with fortress.gateway.client() as client:
        client.send(request("GET", f"/{place}/a", bearer(token)))
        client.finish_sending()
        assert client.response().status == 200
    assert len(fortress.seen()) == 1


def test_abandoned_requests_leave_nothing_behind(fortress: Fortress) -> None:
    fortress.admits("public", bearer(unseen()))
    before = fortress.gateway.tasks()
    for number in range(100):
        client = fortress.gateway.client()
        client.send(public("gone", bearer(unseen() if number % 3 else forged())))
        client.reset() if number % 2 else client.close()
    assert fortress.gateway.fetch(public("here", bearer(unseen()))).status == 200
    received = {one.target for one in fortress.seen()}
    assert received <= {"/public/gone", "/public/here"}
    for _ in range(1000):
        if fortress.gateway.tasks() <= before:
            return
        fortress.gateway.settle()
    raise AssertionError(f"{fortress.gateway.tasks()} tasks, and {before} before")


# --- floods ---------------------------------------------------------------------------------------


def test_a_flood_of_forged_tokens_does_not_shut_the_good_out(fortress: Fortress) -> None:
    """Known tokens pass by the queue; every forged one is refused, or told to come again."""
    known = unseen()
    fortress.admits("public", bearer(known))
    with contextlib.ExitStack() as stack:
        flood = [stack.enter_context(fortress.gateway.client()) for _ in range(20)]
        for client in flood:
            client.send(b"".join(public("forged", bearer(forged())) for _ in range(100)))
        for _ in range(20):
            fortress.gateway.fetch(public("good", bearer(known)))
        statuses = [client.response().status for client in flood for _ in range(100)]
    assert set(statuses) <= {401, 503}
    received = fortress.seen()
    assert [one.target for one in received] == ["/public/good"] * 20


def test_a_full_queue_says_so(build: Callable[..., Fortress]) -> None:
    """One may wait; the next is answered 503 with Retry-After, and nothing of it is remembered."""
    fortress = build(auth={"providers": providers(), "waiting": 1})
    tokens = [unseen() for _ in range(40)]
    with contextlib.ExitStack() as stack:
        clients = [stack.enter_context(fortress.gateway.client()) for _ in tokens]
        for client, token in zip(clients, tokens, strict=True):
            client.send(public("a", bearer(token)))
        answers = [client.response() for client in clients]
    for answer in answers:
        assert answer.status in {200, 503}
        if answer.status == 503:
            answer.problem("auth-unavailable")
            assert answer.header("Retry-After")
            assert answer.header("WWW-Authenticate") is None
    fortress.seen()
    for token in tokens:
        fortress.admits_token("public", token)


# --- tunnels --------------------------------------------------------------------------------------

HANDSHAKE = (
    "Connection: Upgrade", "Upgrade: websocket", "Sec-WebSocket-Version: 13",
    "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==",
)  # fmt: skip

SWITCHING = b"HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n"


def agreeing(conversation: Conversation) -> None:
    """Look whether anything came too early, switch, and repeat what comes."""
    if b"/tunnel" not in conversation.head():
        conversation.send(ok())
        return
    conversation.nothing_more()
    conversation.send(SWITCHING)
    conversation.send(b"<" + conversation.exactly(5) + b">")


@pytest.fixture
def tunnelling(tmp_path: Path) -> Iterator[tuple[RunningGateway, ScriptedUpstream]]:
    with (
        ScriptedUpstream(agreeing) as upstream,
        RunningGateway(fortress_configuration(upstream.url), tmp_path) as gateway,
    ):
        yield gateway, upstream


def test_nothing_passes_before_the_tunnel_is_there(
    tunnelling: tuple[RunningGateway, ScriptedUpstream],
) -> None:
    """CVE-2026-2833's class: early bytes wait for the verdict and for the 101."""
    gateway, _ = tunnelling
    for _ in range(5):
        with gateway.client() as client:
            client.send(public("tunnel", bearer(unseen()), *HANDSHAKE) + b"early")
            status, _ = client.head()
            assert status == 101
            assert client.exactly(7) == b"<early>"


def test_a_forged_token_gets_no_tunnel_and_early_bytes_get_nowhere(
    tunnelling: tuple[RunningGateway, ScriptedUpstream],
) -> None:
    gateway, upstream = tunnelling
    for early in (b"", b"early", request("GET", "/shared/hidden"), chunk(b"x")):
        with gateway.client() as client:
            client.send_while_accepted(public("tunnel", bearer(forged()), *HANDSHAKE) + early)
            client.response().problem("token-invalid")
            client.finish_sending()
            client.remains()
    assert upstream.conversations == []
