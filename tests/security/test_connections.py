"""One connection, several requests: an admitted one opens the door for no other."""

from __future__ import annotations

import contextlib
import itertools
from collections.abc import Callable
from typing import TYPE_CHECKING

import pytest

from tests.security.forging import (
    AUDIENCE,
    ISSUER,
    SHARED_KEY,
    Json,
    b64,
    claims,
    shared,
    signed,
    unb64,
)
from tests.security.fortress import Fortress, bearer
from tests.support.client import chunk, chunked, request
from tests.support.gateway import route

if TYPE_CHECKING:
    from tests.support.messages import Request


def targets(received: list[Request]) -> list[str]:
    return [one.target for one in received]


Maker = tuple[str, Callable[..., str]]

NUMBERS = itertools.count()


def fresh(**changes: object) -> Json:
    """Claims of a token that nobody has seen before."""
    return claims(jti=f"fresh-{next(NUMBERS)}", **changes)


def hashed(**changes: object) -> str:
    """A token that is judged at once."""
    return shared(fresh(**changes))


def signed_by_key(**changes: object) -> str:
    """A token whose signature takes its turn in a queue, while bytes go on arriving."""
    return signed("ES256", fresh(**changes))


@pytest.fixture(params=[("shared", hashed), ("public", signed_by_key)], ids=["hashed", "signed"])
def maker(request: pytest.FixtureRequest) -> Maker:
    """A place, and what makes tokens for it that were never seen."""
    made: Maker = request.param
    return made


def forged(token: str) -> str:
    """The same token with a signature of the right size that is none."""
    head, _, signature = token.rpartition(".")
    return f"{head}.{b64(bytes(len(unb64(signature))))}"


# --- pipelining -----------------------------------------------------------------------------------


def test_pipelined_requests_are_judged_one_by_one(fortress: Fortress, maker: Maker) -> None:
    place, make = maker
    wanted = "gbgngbnggbbn"
    raw = b""
    for number, kind in enumerate(wanted):
        lines = {"g": [bearer(make())], "b": [bearer(forged(make()))], "n": []}[kind]
        raw += request("GET", f"/{place}/{number}", *lines)
    with fortress.gateway.client() as client:
        client.send(raw)
        statuses = [client.response().status for _ in wanted]
    assert statuses == [200 if kind == "g" else 401 for kind in wanted]
    admitted = [f"/{place}/{number}" for number, kind in enumerate(wanted) if kind == "g"]
    assert targets(fortress.seen()) == admitted


def test_pipelined_identities_do_not_mix(fortress: Fortress, maker: Maker) -> None:
    place, make = maker
    names = [f"user-{number}" for number in range(20)]
    raw = b"".join(request("GET", f"/{place}/{name}", bearer(make(sub=name))) for name in names)
    with fortress.gateway.client() as client:
        client.send(raw)
        assert [client.response().status for _ in names] == [200] * 20
    received = fortress.seen()
    assert targets(received) == [f"/{place}/{name}" for name in names]
    assert [one.header("X-User-ID") for one in received] == names


def test_identities_of_many_connections_do_not_mix(fortress: Fortress, maker: Maker) -> None:
    """All of them wait for their verdicts at the same time."""
    place, make = maker
    names = [f"user-{number}" for number in range(40)]
    with contextlib.ExitStack() as stack:
        clients = [stack.enter_context(fortress.gateway.client()) for _ in names]
        for client, name in zip(clients, names, strict=True):
            token = make(sub=name) if not name.endswith("3") else forged(make(sub=name))
            client.send(request("GET", f"/{place}/{name}", bearer(token)))
        statuses = {
            name: client.response().status for client, name in zip(clients, names, strict=True)
        }
    assert statuses == {name: 401 if name.endswith("3") else 200 for name in names}
    received = fortress.seen()
    assert all(one.target == f"/{place}/{one.header('X-User-ID')}" for one in received)
    assert len(received) == 36


def test_a_client_that_leaves_takes_its_verdict_along(fortress: Fortress, maker: Maker) -> None:
    place, make = maker
    for number in range(10):
        with fortress.gateway.client() as gone:
            gone.send(request("GET", f"/{place}/gone", bearer(make(sub="gone"))))
            if number % 2:
                gone.reset()
        with fortress.gateway.client() as client:
            line = bearer(make(sub="here"))
            assert client.exchange(request("GET", f"/{place}/here", line)).status == 200
        for received in fortress.seen():
            assert received.target == f"/{place}/{received.header('X-User-ID')}"


def test_a_request_that_is_split_anywhere_is_the_same(fortress: Fortress, maker: Maker) -> None:
    place, make = maker
    for token, status in ((make(), 200), (forged(make()), 401)):
        raw = request("GET", f"/{place}/a", bearer(token))
        for cut in range(1, len(raw), 29):
            with fortress.gateway.client() as client:
                client.send_separately([raw[:cut], raw[cut:]], fortress.gateway.settle)
                assert client.response().status == status
    assert all(received.header("X-User-ID") == "user-7" for received in fortress.seen())


def test_the_next_request_of_a_connection_needs_a_token_of_its_own(
    fortress: Fortress, maker: Maker
) -> None:
    place, make = maker
    with fortress.gateway.client() as client:
        for _ in range(3):
            answer = client.exchange(request("GET", f"/{place}/a", bearer(make())))
            assert answer.status == 200
            client.exchange(request("GET", f"/{place}/a")).problem("token-missing")
            assert client.exchange(request("GET", "/open/a")).status == 200
    received = fortress.seen()
    assert [one.header("X-User-ID") for one in received] == ["user-7", None] * 3


def test_a_body_that_comes_before_the_verdict_belongs_to_its_request(
    fortress: Fortress, maker: Maker
) -> None:
    place, make = maker
    for sizes in ((5,), (1, 1, 1), (65_536, 1), (200_000,)):
        body = b"".join(bytes([65 + index]) * size for index, size in enumerate(sizes))
        for lines, framed in (
            ((f"Content-Length: {len(body)}",), body),
            (("Transfer-Encoding: chunked",), chunked(body)),
        ):
            good = request("POST", f"/{place}/a", bearer(make()), *lines) + framed
            bad = request("POST", f"/{place}/b", bearer(forged(make())), *lines) + framed
            after = request("GET", f"/{place}/c", bearer(make()))
            with fortress.gateway.client() as client:
                client.send_while_accepted(good + bad + after)
                assert client.response("POST").status == 200
                refused = client.response("POST")
                refused.problem("token-invalid")
                if not refused.closes:
                    assert client.response().status == 200
            received = fortress.seen()
            assert targets(received)[:1] == [f"/{place}/a"]
            assert received[0].body == body
            assert f"/{place}/b" not in targets(received)


def test_a_body_is_asked_for_after_the_verdict(fortress: Fortress, maker: Maker) -> None:
    """RFC 9110 section 10.1.1: with 100 (Continue) comes the consent."""
    place, make = maker
    lines = ("Expect: 100-continue", "Content-Length: 5")
    with fortress.gateway.client() as client:
        client.send(request("POST", f"/{place}/a", bearer(forged(make())), *lines))
        answer = client.response("POST")
        answer.problem("token-invalid")
        assert answer.interims == ()
    assert fortress.seen() == []
    with fortress.gateway.client() as client:
        client.send(request("POST", f"/{place}/a", bearer(make()), *lines))
        fortress.gateway.settle()
        client.send(b"hello")
        assert client.response("POST").status == 200
    (received,) = fortress.seen()
    assert received.body == b"hello"


# --- smuggling ------------------------------------------------------------------------------------

HIDDEN = request("GET", "/shared/hidden")


@pytest.mark.parametrize(
    ("lines", "body"),
    [
        ((f"Content-Length: {len(HIDDEN)}",), HIDDEN),
        (("Transfer-Encoding: chunked",), chunked(HIDDEN)),
        (("Content-Length: 0",), HIDDEN),
        ((), HIDDEN),
        (("Content-Length: 1",), b"x" + HIDDEN),
        (("Transfer-Encoding: chunked",), chunked() + HIDDEN),
        (("Content-Length: 0", "Transfer-Encoding: chunked"), chunked() + HIDDEN),
        (("Content-Length: 6", "Transfer-Encoding: chunked"), b"0\r\n\r\nG" + HIDDEN),
        (("Content-Length: 0", f"Content-Length: {len(HIDDEN)}"), HIDDEN),
        (("Transfer-Encoding: identity",), HIDDEN),
        (("Transfer-Encoding : chunked",), chunked() + HIDDEN),
        (("Transfer_Encoding: chunked",), chunked() + HIDDEN),
        (("Transfer-Encoding: xchunked", "Content-Length: 5"), chunked() + HIDDEN),
        (("Content_Length: 5",), HIDDEN),
        (("Content-Length: +0",), HIDDEN),
        (("X: y\r\n\r\nGET /shared/hidden HTTP/1.1\r\nHost: gateway.test",), b""),
        (("X: y\n\nGET /shared/hidden HTTP/1.1\nHost: gateway.test",), b""),
        (("X: y\rAuthorization: Bearer x",), HIDDEN),
        (("Connection: Content-Length", f"Content-Length: {len(HIDDEN)}"), HIDDEN),
        (("Connection: Transfer-Encoding", "Transfer-Encoding: chunked"), chunked() + HIDDEN),
        (("Expect: 100-continue", f"Content-Length: {len(HIDDEN)}"), HIDDEN),
        (("Upgrade: h2c", "Connection: Upgrade, HTTP2-Settings", "HTTP2-Settings: AAA"), HIDDEN),
        (("Upgrade: websocket", "Connection: Upgrade"), HIDDEN),
    ],
)
def test_nothing_is_smuggled_under_an_authenticated_request(
    fortress: Fortress, maker: Maker, lines: tuple[str, ...], body: bytes
) -> None:
    """Whatever frames the first one: the hidden one is its body, or is asked for its own token."""
    place, make = maker
    for method in ("GET", "POST"):
        # The length is what the lines say, right or wrong; `request` would add the true one.
        head = request(method, f"/{place}/first", bearer(make()), *lines)
        with fortress.gateway.client() as client:
            client.send_while_accepted(head + body)
            client.finish_sending()
            client.remains()
        assert "/shared/hidden" not in targets(fortress.seen())


def test_a_body_of_a_refused_request_is_not_the_next_request(fortress: Fortress) -> None:
    inner = request("GET", "/shared/inner", bearer(shared()))
    for lines, body in (
        ((f"Content-Length: {len(inner)}",), inner),
        (("Transfer-Encoding: chunked",), chunked(inner)),
    ):
        with fortress.gateway.client() as client:
            client.send(request("POST", "/shared/outer", *lines) + body)
            answer = client.response()
            answer.problem("token-missing")
            if not answer.closes:
                after = client.exchange(request("GET", "/shared/after", bearer(shared())))
                assert after.status == 200
        assert "/shared/inner" not in targets(fortress.seen())


def test_a_refused_request_is_not_asked_for_its_body(fortress: Fortress) -> None:
    head = request("POST", "/shared/a", "Expect: 100-continue", "Content-Length: 100")
    with fortress.gateway.client() as client:
        client.send(head)
        answer = client.response("POST")
        assert answer.interims == ()
        answer.problem("token-missing")
    assert fortress.seen() == []


def test_a_large_body_of_a_refused_request_does_not_reach_the_upstream(
    fortress: Fortress, maker: Maker
) -> None:
    place, make = maker
    head = request("POST", f"/{place}/a", "Transfer-Encoding: chunked", bearer(forged(make())))
    for before in (b"", chunk(b"x" * 1000), chunk(bytes(100_000))):
        with fortress.gateway.client() as client:
            client.send_while_accepted(head + before)
            client.response("POST").problem("token-invalid")
            client.send_while_accepted(chunk(bytes(1 << 20)) * 4)
    assert fortress.seen() == []


def test_no_tunnel_without_a_token(fortress: Fortress) -> None:
    lines = ("Connection: Upgrade", "Upgrade: websocket", "Sec-WebSocket-Version: 13",
             "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==")  # fmt: skip
    fortress.refuses("shared", *lines, problem="token-missing")
    fortress.refuses("shared", *lines, bearer(shared() + "x"))
    fortress.refuses(
        "shared", *lines, f"Sec-WebSocket-Protocol: bearer, {shared()}", problem="token-missing"
    )


# --- the same route by another name ---------------------------------------------------------------


@pytest.mark.parametrize(
    "target",
    ["/open/../shared/a", "/open/%2e%2e/shared/a", "/open/%2E%2E/shared/a", "/open/.%2e/shared/a",
     "//shared/a", "/./shared/a", "/shared/./a", "/shared/../shared/a", "/%73hared/a",
     "/share%64/a",     "/shared/%61", "/shared//a", "/shared/;x=y/a",
     "/open/..;/shared/a", "/open/..%2fshared/a",
     "/open/..%5cshared/a", "/open%2f..%2fshared/a", "/open/a/../../shared/a",
     "http://gateway.test/shared/a", "http://gateway.test/open/../shared/a", "/shared/a?/open/a",
     "/shared/a#/open/a", "/shared/a%23/open", "/shared/a%3f", "/shared/a/../../open/../shared/a"],
)  # fmt: skip
@pytest.mark.parametrize("method", ["GET", "HEAD", "POST", "PUT", "DELETE", "OPTIONS", "PATCH"])
def test_no_other_spelling_of_a_path_is_open(fortress: Fortress, method: str, target: str) -> None:
    """CVE-2026-73551's class: what is routed, authorised and forwarded is one canonical path."""
    with fortress.gateway.client() as client:
        answer = client.exchange(request(method, target))
    assert answer.status in {400, 401, 404}, answer
    assert fortress.seen() == []


@pytest.mark.parametrize(
    "lines",
    [
        ("X-Original-URL: /open/a",),
        ("X-Rewrite-URL: /open/a",),
        ("X-Forwarded-Prefix: /open",),
        ("X-HTTP-Method-Override: OPTIONS",),
        ("X-Forwarded-For: 127.0.0.1", "X-Real-IP: 127.0.0.1"),
        ("Forwarded: for=127.0.0.1;host=localhost",),
        ("X-Forwarded-Host: localhost",),
        ("X-Forwarded-User: admin", "X-Remote-User: admin"),
        ("Origin: http://gateway.test",),
        ("Sec-Fetch-Mode: no-cors",),
    ],
)
def test_no_field_talks_the_gateway_out_of_it(fortress: Fortress, lines: tuple[str, ...]) -> None:
    fortress.refuses("shared", *lines, problem="token-missing")


def test_a_host_of_another_kind_does_not_help(fortress: Fortress) -> None:
    for host in ("localhost", "127.0.0.1", "gateway.test.", "GATEWAY.TEST", "[::1]"):
        raw = request("GET", "/shared/a", host=host)
        assert fortress.gateway.fetch(raw).status in {400, 401}
    assert fortress.seen() == []


def test_answers_of_the_gateway_itself_are_protected_too(
    build: Callable[..., Fortress],
) -> None:
    told = {"issuer": ISSUER, "audiences": [AUDIENCE], "secrets": [{"value": SHARED_KEY}]}
    auth = {"provider": "main"}
    fortress = build(
        auth={"providers": {"main": told}},
        routes=[
            route("fixed", "/fixed", respond={"body": "within"}, auth=auth),
            route("moved", "/moved", redirect="/within", auth=auth),
            {"name": "silent", "match": {"paths": ["/silent"]}, "respond": {"body": "within"}},
        ],
    )
    for path, status in (("/fixed", 200), ("/moved", 308), ("/silent", 200)):
        refused = fortress.gateway.fetch(request("GET", path))
        refused.problem("token-missing")
        assert b"within" not in refused.raw
        head = fortress.gateway.fetch(request("HEAD", path))
        assert (head.status, head.body) == (401, b"")
        answer = fortress.gateway.fetch(request("GET", path, bearer(shared())))
        assert answer.status in {status, 301, 302, 307}
        assert b"within" in answer.raw
    # These need no credential, and say nothing that a route protects.
    assert fortress.gateway.fetch(request("GET", "/health")).status == 200
    assert fortress.gateway.fetch(request("GET", "/nowhere")).status == 404


def test_a_preflight_opens_nothing_but_itself(build: Callable[..., Fortress]) -> None:
    """Browsers send preflights without credentials; what they allow is still to be shown."""
    told = {"issuer": ISSUER, "audiences": [AUDIENCE], "secrets": [{"value": SHARED_KEY}]}
    cors = {"origins": ["https://app.test"], "methods": ["GET", "PUT"], "credentials": True}
    fortress = build(
        auth={"providers": {"main": told}},
        routes=[route("shared", "/shared/*", upstream="app", auth={"provider": "main"}, cors=cors)],
    )
    origin = "Origin: https://app.test"
    asking = "Access-Control-Request-Method: PUT"
    preflight = fortress.gateway.fetch(request("OPTIONS", "/shared/a", origin, asking))
    assert preflight.status in {200, 204}
    for method, lines in (
        ("OPTIONS", (origin,)),
        ("OPTIONS", (asking,)),
        ("PUT", (origin, asking)),
        ("GET", (origin,)),
    ):
        refused = fortress.gateway.fetch(request(method, "/shared/a", *lines))
        assert refused.status == 401, (method, lines)
    assert fortress.seen() == []
    assert (
        fortress.gateway.fetch(request("PUT", "/shared/a", origin, bearer(shared()))).status == 200
    )
