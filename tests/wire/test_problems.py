"""Errors as the client sees them: one shape for all (RFC 9457), and honest about the connection."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import pytest

from tests.support.client import chunked, request
from tests.support.gateway import route
from tests.support.upstream import Conversation, answering, ok

if TYPE_CHECKING:
    from tests.wire.conftest import Proxied

UUID7 = re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}\Z")
ROUTES = [
    route("items", "/items", upstream="app", match={"methods": ["GET", "POST"]}),
    route("item", "/items/{id}", upstream="app", match={"methods": ["PUT", "DELETE"]}),
]


def test_no_route_is_404(proxied: Proxied) -> None:
    gateway, _ = proxied(routes=ROUTES)
    with gateway.client() as client:
        response = client.exchange(request("GET", "/nowhere?secret=1"))
        problem = response.problem("route-not-found")
        assert response.status == 404
        assert problem["instance"] == "/nowhere"
        assert UUID7.match(str(problem["request_id"]))
        assert not response.closes
        assert client.exchange(request("GET", "/items")).status == 200


@pytest.mark.parametrize(
    ("method", "target", "allow"),
    [
        ("DELETE", "/items", {"GET", "HEAD", "POST"}),
        ("GET", "/items/7", {"PUT", "DELETE"}),
        ("OPTIONS", "/items/7", {"PUT", "DELETE"}),
    ],
)
def test_no_method_is_405_with_allow(
    proxied: Proxied, method: str, target: str, allow: set[str]
) -> None:
    gateway, _ = proxied(routes=ROUTES)
    with gateway.client() as client:
        response = client.exchange(request(method, target))
        response.problem("method-not-allowed")
        assert response.status == 405
        assert set((response.header("Allow") or "").split(", ")) == allow
        assert client.exchange(request("GET", "/items")).status == 200


def test_every_error_has_an_identity_of_its_own(proxied: Proxied) -> None:
    gateway, _ = proxied(routes=ROUTES)
    with gateway.client() as client:
        seen = {client.exchange(request("GET", "/no")).problem()["request_id"] for _ in range(5)}
    assert len(seen) == 5


@pytest.mark.parametrize(
    "body",
    [b"x" * 10, b"x" * 60_000],
)
def test_an_error_that_left_the_framing_intact_keeps_the_connection(
    proxied: Proxied, body: bytes
) -> None:
    gateway, upstream = proxied(routes=ROUTES)
    with gateway.client() as client:
        client.send(request("POST", "/nowhere", body=body) + request("GET", "/items"))
        refused = client.response("POST")
        refused.problem("route-not-found")
        assert not refused.closes
        assert client.response().body == b"ok"
    assert upstream.next_request().target == "/items"


def test_the_rest_of_a_refused_body_is_read_and_dropped_wherever_it_is_cut(
    proxied: Proxied,
) -> None:
    gateway, _ = proxied(routes=ROUTES)
    refused, following = request("POST", "/nowhere", body=b"0123456789"), request("GET", "/items")
    with gateway.client() as client:
        for cut in range(len(refused) - 12, len(refused) + 3):
            raw = refused + following
            client.send_separately((raw[:cut], raw[cut:]), gateway.settle)
            assert client.response("POST").status == 404
            assert client.response().status == 200


@pytest.mark.parametrize(
    "raw",
    [
        request("POST", "/nowhere", "Content-Length: 10000000"),
        request("POST", "/nowhere", "Transfer-Encoding: chunked"),
        request("POST", "/nowhere", "Expect: 100-continue", "Content-Length: 5"),
        request("GET", "/nowhere", "Connection: close"),
        request("GET", "/nowhere", version="1.0"),
    ],
    ids=["long", "unknown length", "waits for 100", "asked to close", "1.0"],
)
def test_an_error_that_cannot_keep_the_connection_says_so(proxied: Proxied, raw: bytes) -> None:
    gateway, _ = proxied(routes=ROUTES)
    with gateway.client() as client:
        response = client.exchange(raw)
        response.problem("route-not-found")
        assert response.closes or b"HTTP/1.0" in raw
        client.ended()


def test_a_complete_chunked_body_behind_an_error_is_never_the_next_request(
    proxied: Proxied,
) -> None:
    gateway, upstream = proxied(routes=ROUTES)
    inner = request("GET", "/items", "X-Smuggled: yes")
    raw = request("POST", "/nowhere", "Transfer-Encoding: chunked") + chunked(inner)
    with gateway.client() as client:
        client.send(raw)
        assert client.response("POST").status == 404
        client.finish_sending()
        client.rest()
    upstream.no_request()


def test_a_head_request_gets_the_headers_of_its_error_only(proxied: Proxied) -> None:
    gateway, _ = proxied(routes=ROUTES)
    with gateway.client() as client:
        response = client.exchange(request("HEAD", "/nowhere"))
        assert (response.status, response.body) == (404, b"")
        assert response.header("Content-Type") == "application/problem+json"
        assert int(response.header("Content-Length") or 0) > 100
        assert client.exchange(request("GET", "/items")).status == 200


def test_errors_carry_the_security_headers_and_a_date(proxied: Proxied) -> None:
    gateway, _ = proxied(routes=ROUTES)
    response = gateway.fetch(request("GET", "/nowhere"))
    assert response.header("X-Content-Type-Options") == "nosniff"
    assert response.header("X-Frame-Options") == "DENY"
    assert re.fullmatch(
        r"(Mon|Tue|Wed|Thu|Fri|Sat|Sun), \d\d [A-Z][a-z]{2} \d{4} \d\d:\d\d:\d\d GMT",
        response.header("Date") or "",
    )
    assert "no-store" in response.tokens("Cache-Control")


def test_nothing_that_the_client_sent_is_echoed_but_the_path(proxied: Proxied) -> None:
    gateway, _ = proxied(routes=ROUTES)
    for raw in (
        request("GET", "/nowhere?token=s3cr3t", "Authorization: Bearer s3cr3t", "Cookie: s3cr3t=1"),
        request("GET", "/items", "X-Bad: s3cr3t\x01"),
        request("GET", "/items", "Content-Length: s3cr3t"),
        request("GET", "/items", "Expect: s3cr3t"),
        request("GET", "/items", host="s3cr3t@host"),
    ):
        assert b"s3cr3t" not in gateway.fetch(raw).raw


def test_an_upstreams_own_errors_pass_unchanged(proxied: Proxied) -> None:
    gateway, _ = proxied(
        answering(b"HTTP/1.1 500 Oops\r\nContent-Type: text/plain\r\nContent-Length: 4\r\n\r\noops")
    )
    response = gateway.fetch(request())
    assert (response.status, response.reason, response.body) == (500, "Oops", b"oops")
    assert response.header("Content-Type") == "text/plain"


def test_an_error_after_upstream_failure_keeps_a_client_whose_request_was_complete(
    proxied: Proxied,
) -> None:
    def script(conversation: Conversation) -> None:
        conversation.request()
        conversation.reset()

    gateway, _ = proxied(script, answering(ok(b"better")))
    with gateway.client() as client:
        response = client.exchange(request("POST", "/", body=b"x"))
        problem = response.problem("upstream-unreachable")
        assert not response.closes
        assert problem["instance"] == "/"
        assert client.exchange(request()).body == b"better"
