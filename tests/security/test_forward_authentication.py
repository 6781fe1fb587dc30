"""A service that is asked: what clients make it believe, and what its silence opens."""

from __future__ import annotations

import contextlib
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.security.conftest import Trap
from tests.security.fortress import Fortress
from tests.support.client import chunk, request
from tests.support.gateway import RunningGateway, configuration, route
from tests.support.messages import Request
from tests.support.recording import RecordingUpstream
from tests.support.upstream import Conversation, Script, ScriptedUpstream, ok

NAMES = {"Bearer ada": b"ada", "Bearer bob": b"bob"}

DENIED = b"HTTP/1.1 403 Forbidden\r\nContent-Length: 2\r\nX-Auth-User: admin\r\n\r\nno"


def doorkeeper(conversation: Conversation) -> None:
    """Lets in whom it knows, and says who that is; `Bearer quiet` it lets in without a word."""
    while True:
        asked = conversation.request()
        credential = asked.header("Authorization") or ""
        if credential in NAMES:
            conversation.send(ok(b"", f"X-Auth-User: {NAMES[credential].decode()}"))
        elif credential == "Bearer quiet":
            conversation.send(ok(b""))
        else:
            conversation.send(DENIED)


class Guarded:
    """A fortress whose gate asks a service."""

    def __init__(self, service: ScriptedUpstream, fortress: Fortress) -> None:
        self.service = service
        self.fortress = fortress

    def ask(self, raw: bytes) -> int:
        """Send a request; give the status."""
        return self.fortress.gateway.fetch(raw).status


Guard = Callable[..., Guarded]


@pytest.fixture
def guard(resources: contextlib.ExitStack, tmp_path: Path) -> Guard:
    def start(*scripts: Script, **changes: object) -> Guarded:
        service = resources.enter_context(ScriptedUpstream(*(scripts or (doorkeeper,))))
        upstream = resources.enter_context(RecordingUpstream())
        told = {
            "url": f"{service.url}/check", "timeout": "5s", "response_headers": ["X-Auth-User"],
        }  # fmt: skip
        document = configuration(
            {"app": upstream.url},
            auth={"providers": {"service": {"forward_auth": told | changes}}},
            routes=[
                route("in", "/in/*", upstream="app", auth={"provider": "service"}),
                route("open", "/open/*", upstream="app"),
            ],
        )
        gateway = resources.enter_context(RunningGateway(document, tmp_path))
        return Guarded(service, Fortress(gateway, upstream))

    return start


def asks(target: str, *lines: str, method: str = "GET") -> bytes:
    return request(method, target, *lines)


def only(received: list[Request]) -> Request:
    (one,) = received
    return one


# --- who it is ------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["X-Auth-User", "x-auth-user", "X_Auth_User", "x_auth-user"])
def test_the_services_word_is_not_the_clients(guard: Guard, name: str) -> None:
    guarded = guard()
    forged = f"{name}: admin"
    assert guarded.ask(asks("/in/a", forged, "Authorization: Bearer ada")) == 200
    received = only(guarded.fortress.seen())
    assert received.all("X-Auth-User") == ["ada"]
    assert b"admin" not in received.raw
    for target in ("/in/a", "/open/a"):
        assert guarded.ask(asks(target, forged, "Authorization: Bearer quiet")) == 200
        assert b"admin" not in only(guarded.fortress.seen()).raw
    assert guarded.ask(asks("/in/a", forged)) == 403
    assert guarded.fortress.seen() == []


def test_an_answer_is_shared_with_nobody_else(guard: Guard) -> None:
    """CVE-2026-92442's class: what is remembered belongs to all that the question was made of."""
    guarded = guard(cache="30s")

    def user(*lines: str, target: str = "/in/a", method: str = "GET") -> str | int | None:
        status = guarded.ask(asks(target, *lines, method=method))
        received = guarded.fortress.seen()
        return only(received).header("X-Auth-User") if status == 200 else status

    for _ in range(3):
        assert user("Authorization: Bearer ada") == "ada"
        assert user("Authorization: Bearer bob") == "bob"
        assert user("Authorization: Bearer eve") == 403
        assert user() == 403
        assert user("Cookie: a=Bearer ada") == 403
        assert user("Authorization: Bearer ada", "Cookie: other=1") == "ada"
        assert user("Authorization: bearer ada") == 403
    # Another method, another path: another question.
    before = len(guarded.service.conversations[0].received)
    assert user("Authorization: Bearer ada", method="DELETE") == "ada"
    assert user("Authorization: Bearer ada", target="/in/b") == "ada"
    assert user("Authorization: Bearer ada", target="/in/a?x") == "ada"
    received = sum(len(one.received) for one in guarded.service.conversations)
    assert received > before


# --- what it is asked -----------------------------------------------------------------------------


def test_the_question_is_the_gateways_own(guard: Guard) -> None:
    guarded = guard()
    lines = [
        "Authorization: Bearer ada", "X-Forwarded-Uri: /open/a", "X-Forwarded-Method: OPTIONS",
        "X-Forwarded-Host: evil.test", "X-Forwarded-For: 127.0.0.1", "X-Forwarded-Proto: https",
        "X-Original-URL: /open/a", "X_Forwarded_Uri: /open/a", "X-Custom: not asked for",
    ]  # fmt: skip
    assert guarded.ask(asks("/in/a/../b?x=1", *lines, method="DELETE")) == 200
    asked = guarded.service.next_request()
    assert (asked.method, asked.target) == ("GET", "/check")
    assert asked.header("X-Forwarded-Uri") == "/in/b?x=1"
    assert asked.header("X-Forwarded-Method") == "DELETE"
    assert asked.header("X-Forwarded-Host") == "gateway.test"
    assert asked.header("X-Forwarded-Proto") == "http"
    assert b"evil.test" not in asked.raw
    assert b"/open/a" not in asked.raw
    assert b"not asked for" not in asked.raw
    assert only(guarded.fortress.seen()).target == "/in/b?x=1"


def test_a_body_is_not_part_of_the_question(guard: Guard) -> None:
    guarded = guard()
    head = request("POST", "/in/a", "Authorization: Bearer eve", "Transfer-Encoding: chunked")
    with guarded.fortress.gateway.client() as client:
        client.send_while_accepted(head + chunk(b"hidden" * 100))
        assert client.response("POST").status == 403
    asked = guarded.service.next_request()
    assert (asked.body, asked.framing) == (b"", "none")
    assert b"hidden" not in asked.raw
    assert guarded.fortress.seen() == []


def test_pipelined_requests_are_asked_about_one_by_one(guard: Guard) -> None:
    guarded = guard()
    wanted = ["ada", "eve", "bob", "ada", "eve", "bob"]
    raw = b"".join(asks(f"/in/{name}", f"Authorization: Bearer {name}") for name in wanted)
    with guarded.fortress.gateway.client() as client:
        client.send(raw)
        statuses = [client.response().status for _ in wanted]
    assert statuses == [403 if name == "eve" else 200 for name in wanted]
    for received in guarded.fortress.seen():
        assert received.target == f"/in/{received.header('X-Auth-User')}"


# --- when it says nothing -------------------------------------------------------------------------


def saying(response: bytes) -> Script:
    """A service that always says the same, and hangs up."""

    def script(conversation: Conversation) -> None:
        conversation.request()
        conversation.send(response)

    return script


SILENCES = {
    "error": b"HTTP/1.1 500 Internal Server Error\r\nContent-Length: 0\r\n\r\n",
    "unavailable": b"HTTP/1.1 503 Service Unavailable\r\nContent-Length: 0\r\n\r\n",
    "nothing": b"",
    "half": b"HTTP/1.1 20",
    "garbage": b"\0\1\2\3\r\n\r\n",
    "no HTTP": b"200 OK\r\n\r\n",
    "no status": b"HTTP/1.1 OK\r\n\r\n",
    "status 0": b"HTTP/1.1 000 Nought\r\nContent-Length: 0\r\n\r\n",
    "status 999": b"HTTP/1.1 999 Odd\r\nContent-Length: 0\r\n\r\n",
    "not modified": b"HTTP/1.1 304 Not Modified\r\n\r\n",
    "no body after all": b"HTTP/1.1 403 Forbidden\r\nContent-Length: 100\r\n\r\nshort",
    "two lengths": b"HTTP/1.1 403 Forbidden\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\nxx",
}


@pytest.mark.parametrize("silence", SILENCES)
def test_silence_opens_nothing(guard: Guard, silence: str) -> None:
    guarded = guard(saying(SILENCES[silence]))
    status = guarded.ask(asks("/in/a", "Authorization: Bearer ada", "X-Auth-User: admin"))
    assert status in {401, 403, 503}
    assert guarded.fortress.seen() == []


def test_nobody_there_opens_nothing(guard: Guard) -> None:
    guarded = guard()
    guarded.service.close()
    answer = guarded.fortress.gateway.fetch(asks("/in/a", "Authorization: Bearer ada"))
    answer.problem("auth-unavailable")
    assert answer.header("Retry-After")
    assert guarded.fortress.seen() == []


def test_where_silence_is_told_to_open_it_names_nobody(guard: Guard) -> None:
    guarded = guard(saying(SILENCES["error"]), on_failure="allow")
    assert guarded.ask(asks("/in/a", "X-Auth-User: admin", "X_Auth_User: admin")) == 200
    assert b"admin" not in only(guarded.fortress.seen()).raw


def test_a_redirect_is_the_clients_to_follow(guard: Guard, trap: Trap) -> None:
    """A service that could send the gateway anywhere would reach what only the gateway can."""
    moved = f"HTTP/1.1 302 Found\r\nLocation: {trap.url}\r\nContent-Length: 0\r\n\r\n".encode()
    guarded = guard(saying(moved))
    answer = guarded.fortress.gateway.fetch(asks("/in/a"))
    assert (answer.status, answer.header("Location")) == (302, trap.url)
    assert guarded.fortress.seen() == []


def test_a_denial_tells_what_is_meant_for_the_client_and_no_more(guard: Guard) -> None:
    denial = (
        b"HTTP/1.1 401 Unauthorized\r\nWWW-Authenticate: Basic realm=x\r\nSet-Cookie: a=b\r\n"
        b"X-Internal: secret\r\nX-Auth-User: admin\r\nServer: keeper\r\nConnection: close\r\n"
        b"Content-Type: text/plain\r\nContent-Length: 4\r\n\r\nwho?"
    )
    guarded = guard(saying(denial))
    answer = guarded.fortress.gateway.fetch(asks("/in/a"))
    assert (answer.status, answer.body) == (401, b"who?")
    assert answer.header("WWW-Authenticate") == "Basic realm=x"
    assert answer.header("Set-Cookie") == "a=b"
    assert {"x-internal", "x-auth-user", "server"}.isdisjoint(answer.names())
