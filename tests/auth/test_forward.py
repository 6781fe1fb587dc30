"""Forward authentication against a service that allows, denies, hangs and breaks."""

from __future__ import annotations

import contextlib
import socket
import time
from typing import TYPE_CHECKING, Any

import pytest
import structlog

from tests.support.client import request
from tests.support.issuer import Holding
from tests.support.upstream import Conversation, Hangup, ScriptedUpstream, answering, listening, ok

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.auth.conftest import Protected
    from tests.support.upstream import Script

    StartService = Callable[..., "tuple[ScriptedUpstream, dict[str, Any]]"]

COOKIE = "Cookie: session=alice"


@pytest.fixture
def service(resources: contextlib.ExitStack) -> StartService:
    """Start a service with a script, and give it and the provider that asks it."""

    def start(script: Script, **policy: object) -> tuple[ScriptedUpstream, dict[str, Any]]:
        running = resources.enter_context(ScriptedUpstream(script))
        return running, {"forward_auth": {"url": f"{running.url}/verify"} | policy}

    return start


def denial(status: str, *lines: str, body: bytes = b"") -> bytes:
    extra = "".join(f"{line}\r\n" for line in lines)
    head = f"HTTP/1.1 {status}\r\n{extra}Content-Length: {len(body)}\r\n\r\n"
    return head.encode() + body


def test_the_service_is_told_what_it_has_to_know_and_no_more(
    service: StartService, protected: Protected
) -> None:
    asked, provider = service(answering(ok(b"", "X-Auth-User: alice", "X-Other: 1")))
    provider["forward_auth"]["response_headers"] = ["X-Auth-User"]
    gateway, upstream = protected(provider)
    raw = request(
        "POST",
        "/a/../b?c=d",
        COOKIE,
        "Authorization: Basic eDp5",
        "X-Auth-User: mallory",
        "X-Forwarded-Uri: /public",
        "Accept: text/plain",
        body=b"secret body",
    )
    assert gateway.fetch(raw).status == 200
    question = asked.next_request()
    assert (question.method, question.target, question.body) == ("GET", "/verify", b"")
    assert question.header("Cookie") == "session=alice"
    assert question.header("Authorization") == "Basic eDp5"
    assert question.header("X-Forwarded-Method") == "POST"
    assert question.all("X-Forwarded-Uri") == ["/b?c=d"]
    assert question.header("X-Forwarded-Host") == "gateway.test"
    assert question.header("X-Forwarded-Proto") == "http"
    assert question.header("X-Forwarded-For") == "127.0.0.1"
    assert question.header("Accept") == "*/*"
    received = upstream.next_request()
    assert received.all("X-Auth-User") == ["alice"]
    assert received.header("X-Other") is None
    assert received.body == b"secret body"


@pytest.mark.parametrize("method", ["GET", "HEAD"])
def test_a_denial_is_the_services_own(
    service: StartService, protected: Protected, method: str
) -> None:
    answer = denial(
        "401 Unauthorized",
        'WWW-Authenticate: Basic realm="a"',
        'WWW-Authenticate: Custom realm="b"',
        "Set-Cookie: a=1",
        "Set-Cookie: b=2",
        "Content-Type: text/html",
        "X-Internal: secret",
        body=b"<h1>log in</h1>",
    )
    _, provider = service(answering(answer))
    gateway, upstream = protected(provider)
    with gateway.client() as client:
        for _ in range(2):
            response = client.exchange(request(method, "/a", COOKIE))
            assert response.status == 401
            assert response.body == (b"" if method == "HEAD" else b"<h1>log in</h1>")
            assert response.header("Content-Length") == "15"
            assert len(response.all("WWW-Authenticate")) == 2
            assert response.all("Set-Cookie") == ["a=1", "b=2"]
            assert response.header("Content-Type") == "text/html"
            assert response.header("X-Internal") is None
            assert response.header("X-Request-ID")
            assert not response.closes
    upstream.no_request()


def test_a_redirect_goes_to_the_client_and_is_not_followed(
    service: StartService, protected: Protected
) -> None:
    asked, provider = service(answering(denial("302 Found", "Location: https://login.test/?to=a")))
    gateway, _ = protected(provider)
    response = gateway.fetch(request("GET", "/a", COOKIE))
    assert (response.status, response.header("Location")) == (302, "https://login.test/?to=a")
    asked.next_request()
    asked.no_request()


def test_a_denial_with_a_body_that_is_too_large_stays_a_denial(
    service: StartService, protected: Protected
) -> None:
    _, provider = service(answering(denial("403 Forbidden", body=bytes(2000))), body="1KiB")
    gateway, _ = protected(provider)
    response = gateway.fetch(request("GET", "/a", COOKIE))
    assert (response.status, response.body) == (403, b"")


def test_permission_is_asked_for_each_time_unless_it_may_be_remembered(
    service: StartService, protected: Protected
) -> None:
    asked, provider = service(answering(ok()))
    gateway, _ = protected(provider)
    for _ in range(2):
        assert gateway.fetch(request("GET", "/a", COOKIE)).status == 200
        asked.next_request()


def test_remembered_permission_is_for_the_same_request_alone(
    service: StartService, protected: Protected
) -> None:
    asked, provider = service(answering(ok()), cache="1m")
    gateway, _ = protected(provider)
    for _ in range(3):
        assert gateway.fetch(request("GET", "/a", COOKIE)).status == 200
    asked.next_request()
    asked.no_request()
    for other in (
        request("GET", "/b", COOKIE),
        request("POST", "/a", COOKIE),
        request("GET", "/a", "Cookie: session=bob"),
    ):
        gateway.fetch(other)
        asked.next_request()


def broken(conversation: Conversation) -> None:
    conversation.request()
    raise Hangup


def reset(conversation: Conversation) -> None:
    conversation.request()
    conversation.reset()
    raise Hangup


def cut_in_the_head(conversation: Conversation) -> None:
    conversation.request()
    conversation.send(b"HTTP/1.1 401 No\r\nContent-Le")
    raise Hangup


NO_ANSWER: dict[str, Script] = {"status": answering(denial("500 Broken"))}

NO_SENSE: dict[str, Script] = {
    "hangup": broken,
    "reset": reset,
    "cut": cut_in_the_head,
    "odd status": answering(denial("304 Not Modified")),
    "garbage": answering(b"\x00garbage\r\n\r\n"),
    "length": answering(b"HTTP/1.1 401 No\r\nContent-Length: x\r\n\r\n"),
    "endless line": answering(denial("401 No", f"Location: /{'a' * 300_000}")),
}
FAILURES = NO_ANSWER | NO_SENSE


@pytest.mark.parametrize("failure", FAILURES)
def test_when_the_service_fails_nobody_passes(
    service: StartService, protected: Protected, failure: str
) -> None:
    _, provider = service(FAILURES[failure])
    gateway, upstream = protected(provider)
    response = gateway.fetch(request("GET", "/a", COOKIE))
    response.problem("auth-unavailable")
    assert response.header("Retry-After") == "1"
    upstream.no_request()


@pytest.mark.parametrize("failure", NO_ANSWER)
def test_when_the_service_fails_everybody_passes_if_told_so(
    service: StartService, protected: Protected, failure: str
) -> None:
    _, provider = service(NO_ANSWER[failure], on_failure="allow", response_headers=["X-Auth-User"])
    gateway, upstream = protected(provider)
    raw = request("GET", "/a", COOKIE, "X-Auth-User: mallory")
    assert gateway.fetch(raw).status == 200
    assert upstream.next_request().header("X-Auth-User") is None


@pytest.mark.parametrize("failure", NO_SENSE)
def test_an_answer_that_makes_no_sense_is_never_taken_for_permission(
    service: StartService, protected: Protected, failure: str
) -> None:
    _, provider = service(NO_SENSE[failure], on_failure="allow")
    gateway, upstream = protected(provider)
    gateway.fetch(request("GET", "/a", COOKIE)).problem("auth-unavailable")
    upstream.no_request()


@pytest.mark.parametrize(("heard", "admitted"), [(b"", True), (b"HTTP/1.1 401 N", False)])
def test_a_deadline_opens_the_route_only_if_nothing_was_heard(
    service: StartService, protected: Protected, heard: bytes, admitted: bool
) -> None:
    holding = Holding()

    def stall(conversation: Conversation) -> None:
        conversation.request()
        conversation.send(heard)
        holding(conversation)

    _, provider = service(stall, on_failure="allow", timeout="300ms")
    gateway, upstream = protected(provider)
    response = gateway.fetch(request("GET", "/a", COOKIE))
    holding.released.set()
    if admitted:
        assert response.status == 200
    else:
        response.problem("auth-unavailable")
        upstream.no_request()


def test_a_service_to_which_there_is_no_connection_opens_the_route_if_told_so(
    protected: Protected,
) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        url = f"http://127.0.0.1:{taken.getsockname()[1]}/"
        gateway, _ = protected({"forward_auth": {"url": url, "on_failure": "allow"}})
        assert gateway.fetch(request("GET", "/a", COOKIE)).status == 200


def test_a_question_that_ends_the_service_does_not_open_the_route(
    protected: Protected,
) -> None:
    listener = listening()

    def end(conversation: Conversation) -> None:
        conversation.request()
        listener.shutdown(socket.SHUT_RDWR)
        listener.close()
        raise Hangup

    with ScriptedUpstream(end, listener=listener) as asked:
        policy = {"url": asked.url, "on_failure": "allow"}
        gateway, upstream = protected({"forward_auth": policy})
        gateway.fetch(request("GET", "/a", COOKIE)).problem("auth-unavailable")
        upstream.no_request()


def test_a_connection_that_was_closed_while_idle_is_no_failure(
    resources: contextlib.ExitStack, protected: Protected
) -> None:
    def once_and_no_more(conversation: Conversation) -> None:
        conversation.request()
        conversation.send(ok())
        conversation.request()
        raise Hangup

    asked = resources.enter_context(ScriptedUpstream(once_and_no_more, answering(ok())))
    gateway, _ = protected({"forward_auth": {"url": asked.url}})
    for _ in range(2):
        assert gateway.fetch(request("GET", "/a", COOKIE)).status == 200
    assert len(asked.conversations) == 2
    assert gateway.statistics()["auth"]["providers"]["main"]["failures"] == 0


CUT_OFF = {
    "length": b"HTTP/1.1 401 No\r\nContent-Length: 100\r\n\r\nshort",
    "chunks": b"HTTP/1.1 401 No\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n",
}


@pytest.mark.parametrize("way", CUT_OFF)
def test_a_denial_stays_one_whatever_becomes_of_its_body(
    service: StartService, protected: Protected, way: str
) -> None:
    def cut_off(conversation: Conversation) -> None:
        conversation.request()
        conversation.send(CUT_OFF[way])
        raise Hangup

    _, provider = service(cut_off, on_failure="allow")
    gateway, upstream = protected(provider)
    response = gateway.fetch(request("GET", "/a", COOKIE))
    assert response.status in {401, 503}
    upstream.no_request()


def test_a_denial_that_stalls_in_its_body_stays_one(
    service: StartService, protected: Protected
) -> None:
    holding = Holding()

    def stall(conversation: Conversation) -> None:
        conversation.request()
        conversation.send(CUT_OFF["length"])
        holding(conversation)

    _, provider = service(stall, on_failure="allow", timeout="50ms")
    gateway, upstream = protected(provider)
    assert gateway.fetch(request("GET", "/a", COOKIE)).status == 401
    holding.released.set()
    upstream.no_request()


def test_a_denial_with_an_encoded_body_arrives_as_it_is(
    service: StartService, protected: Protected
) -> None:
    raw = b"\x1f\x8b not really"
    _, provider = service(answering(denial("403 No", "Content-Encoding: gzip", body=raw)))
    gateway, _ = protected(provider)
    response = gateway.fetch(request("GET", "/a", COOKIE))
    assert (response.status, response.body) == (403, raw)
    assert response.header("Content-Encoding") == "gzip"


def test_a_client_cannot_make_the_way_to_the_login_too_long_to_be_read(
    service: StartService, protected: Protected
) -> None:
    def login(conversation: Conversation) -> None:
        asked = conversation.request()
        target = (asked.header("X-Forwarded-Uri") or "").replace("/", "%2F")
        conversation.send(denial("302 Found", f"Location: https://login.test/?to={target}"))

    _, provider = service(login, on_failure="allow")
    gateway, upstream = protected(provider)
    response = gateway.fetch(request("GET", f"/admin?{'/' * 8000}", COOKIE))
    assert response.status == 302
    upstream.no_request()


def test_a_cut_off_of_everything_issued_so_far_does_not_end_what_a_service_says_later(
    service: StartService, protected: Protected
) -> None:
    _, provider = service(answering(ok()))
    gateway, _ = protected(provider)
    assert gateway.revoke({"issued_before": time.time()}) == 1
    assert gateway.fetch(request("GET", "/a", COOKIE)).status == 200


def test_a_service_that_hangs_is_waited_for_as_long_as_configured(
    service: StartService, protected: Protected
) -> None:
    holding = Holding()

    def hang(conversation: Conversation) -> None:
        conversation.request()
        holding(conversation)

    _, provider = service(hang, timeout="50ms")
    gateway, _ = protected(provider)
    gateway.fetch(request("GET", "/a", COOKIE)).problem("auth-unavailable")
    holding.released.set()


def test_failures_are_logged_when_they_begin_and_when_they_end(
    service: StartService, protected: Protected
) -> None:
    _, provider = service(answering(*[denial("500 Broken")] * 5, ok()))
    gateway, _ = protected(provider)
    with structlog.testing.capture_logs() as logs:
        statuses = [gateway.fetch(request("GET", "/a", COOKIE)).status for _ in range(6)]
    assert statuses == [503] * 5 + [200]
    assert [line["event"] for line in logs] == [
        "authentication service does not answer",
        "authentication service answers again",
    ]
    told = gateway.statistics()["auth"]["providers"]["main"]
    assert told == {"kind": "forward-auth", "asked": 6, "failures": 5, "failing": False}


def test_a_field_that_cannot_be_passed_on_is_no_failure_of_the_service(
    service: StartService, protected: Protected
) -> None:
    asked, provider = service(answering(ok()))
    gateway, _ = protected(provider)
    gateway.fetch(request("GET", "/a", "Cookie: \xff\xfe")).problem("token-invalid")
    asked.no_request()
    assert gateway.statistics()["auth"]["providers"]["main"]["failures"] == 0


def test_repeated_fields_are_all_passed_on(service: StartService, protected: Protected) -> None:
    asked, provider = service(answering(ok()), request_headers=["X-Tenant"])
    gateway, _ = protected(provider)
    assert gateway.fetch(request("GET", "/a", "X-Tenant: a", "X-Tenant: b")).status == 200
    assert asked.next_request().all("X-Tenant") == ["a", "b"]


def test_the_body_waits_for_permission(service: StartService, protected: Protected) -> None:
    holding = Holding(ok())

    def wait(conversation: Conversation) -> None:
        conversation.request()
        holding(conversation)

    _, provider = service(wait, timeout="10s")
    gateway, upstream = protected(provider)
    with gateway.client() as client:
        client.send(request("POST", "/a", COOKIE, body=b"hello"))
        gateway.settle()
        upstream.no_request()
        holding.released.set()
        assert client.response().status == 200
    assert upstream.next_request().body == b"hello"
