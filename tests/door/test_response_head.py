"""The head that the client receives, of an upstream's response."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pygateway._core import Forward, ProtocolError
from tests.door.comparison import CLIENT, NOW, Door
from tests.door.heads import assert_head, combined, parse
from tests.door.model.response_head import ClientResponse, UpstreamResponse, response_head
from tests.door.model.specification import HeaderPolicy, Limits, Route, Specification
from tests.door.model.verdict import Fields, Forwarding, UpstreamProtocolError
from tests.door.strategies.common import Asked
from tests.door.strategies.responses import (
    Answered,
    answering_specifications,
    plain_requests,
    upstream_responses,
)

HOST = (b"Host", b"a.example")
UPGRADE = [(b"Connection", b"upgrade"), (b"Upgrade", b"websocket")]
OPEN = Specification()


def compare(
    door: Door, asked: Asked, answered: Answered, *, secure: bool = False
) -> ClientResponse | None:
    """Both heads, which agree; None where both refuse."""
    native, verdict = door.compare(
        asked.method, asked.target, asked.fields, version=asked.version, secure=secure
    )
    assert isinstance(native, Forward)
    assert isinstance(verdict, Forwarding)
    context = door.context(native, verdict.request, verdict.request.peer)
    response = UpstreamResponse(answered.status, answered.reason, answered.fields, answered.version)
    arguments = (answered.status, answered.reason, answered.fields, NOW, answered.version)
    try:
        expected = response_head(context, verdict, response)
    except UpstreamProtocolError as error:
        with pytest.raises(ProtocolError):
            pytest.fail(f"{error}, but {native.response_head(*arguments)!r}")
        return None
    assert_head(native.response_head(*arguments), expected.head)
    assert native.response_bodiless == expected.bodiless
    if answered.status != 101:  # a tunnel ends the connection's life as HTTP in any case
        assert native.response_closes == expected.closes
    assert native.response_chunked == expected.chunked
    if not expected.bodiless:
        assert native.response_length == expected.length
    return expected


@settings(max_examples=1000)
@given(answering_specifications(), plain_requests(), upstream_responses(), st.booleans())
def test_is_what_the_model_writes(
    specification: Specification, asked: Asked, answered: Answered, secure: bool
) -> None:
    compare(Door(specification), asked, answered, secure=secure)


def answer(
    fields: Fields,
    *,
    status: int = 200,
    asked: Asked | None = None,
    version: int = 11,
    route: Route | None = None,
) -> tuple[dict[bytes, list[bytes]], ClientResponse]:
    """Fields that the client gets, and how the body travels, of a response that is passed on."""
    asked = asked or Asked(b"GET", b"/", [HOST])
    door = Door(Specification(routes=(route or Route(),)))
    answered = Answered(status, b"OK", fields, version)
    response = compare(door, asked, answered)
    assert response is not None
    native = door.ask(asked.method, asked.target, asked.fields, version=asked.version)
    assert isinstance(native, Forward)
    head = native.response_head(status, b"OK", fields, NOW, version)
    return combined(parse(head)[1]), response


def test_a_body_of_unknown_length_is_chunked_for_1_1_and_closes_1_0() -> None:
    for sent, version in [([(b"Transfer-Encoding", b"chunked")], 11), ([], 11), ([], 10)]:
        got, response = answer(sent, version=version)
        assert got[b"transfer-encoding"] == [b"chunked"]
        assert (response.chunked, response.length, response.closes) == (True, -1, False)
        old = Asked(b"GET", b"/", [HOST, (b"Connection", b"keep-alive")], 10)
        got, response = answer(sent, version=version, asked=old)
        assert got[b"connection"] == [b"close"]
        assert b"transfer-encoding" not in got
        assert (response.chunked, response.length, response.closes) == (False, -1, True)


def test_a_1_0_client_that_asks_may_persist() -> None:
    old = Asked(b"GET", b"/", [HOST, (b"Connection", b"keep-alive")], 10)
    got, response = answer([(b"Content-Length", b"3")], asked=old)
    assert got[b"connection"] == [b"keep-alive"]
    assert not response.closes


@pytest.mark.parametrize(
    ("method", "status", "kept"),
    [(b"HEAD", 200, [b"17"]), (b"GET", 304, [b"17"]), (b"GET", 204, None), (b"GET", 200, [b"17"])],
)
def test_length_without_a_body(method: bytes, status: int, kept: list[bytes] | None) -> None:
    got, response = answer(
        [(b"Content-Length", b"17")], status=status, asked=Asked(method, b"/", [HOST])
    )
    assert got.get(b"content-length") == kept
    assert response.bodiless == (method == b"HEAD" or status in {204, 304})


@pytest.mark.parametrize(("method", "status"), [(b"HEAD", 200), (b"GET", 304)])
def test_codings_without_a_body_are_dropped(method: bytes, status: int) -> None:
    sent = [(b"Transfer-Encoding", b"chunked")]
    got, _ = answer(sent, status=status, asked=Asked(method, b"/", [HOST]))
    assert b"transfer-encoding" not in got


def test_hop_by_hop_and_nominated_fields_end_here() -> None:
    sent = [
        (b"Connection", b"close, X-Internal"),
        (b"x-internal", b"1"),
        (b"Keep-Alive", b"timeout=5"),
        (b"Proxy-Authenticate", b"Basic"),
        (b"Upgrade", b"h2"),
        (b"Trailer", b"X"),
        (b"Set-Cookie", b"a=1"),
        (b"Set-Cookie", b"b=2"),
        (b"Content-Length", b"0"),
    ]
    got, response = answer(sent)
    assert got[b"set-cookie"] == [b"a=1", b"b=2"]
    assert not response.closes
    assert got.keys() == {b"set-cookie", b"content-length", b"date", b"via", b"x-request-id"}


def test_the_route_sets_adds_and_removes() -> None:
    policy = HeaderPolicy(
        set=(("Cache-Control", "no-store"),), add=(("X-Tag", "b"),), remove=("server",)
    )
    sent = [
        (b"cache-control", b"public"),
        (b"Cache-Control", b"max-age=1"),
        (b"X-Tag", b"a"),
        (b"Server", b"x"),
    ]
    got, _ = answer(sent, route=Route(response_headers=policy))
    assert got[b"cache-control"] == [b"no-store"]
    assert got[b"x-tag"] == [b"a", b"b"]
    assert b"server" not in got


def upgraded(status: int, fields: Fields) -> Forward:
    native = Door(OPEN).ask(b"GET", b"/", [HOST, *UPGRADE])
    assert isinstance(native, Forward)
    head = native.response_head(status, b"Switching Protocols", fields, NOW)
    assert head.startswith(b"HTTP/1.1 %d " % status)
    return native


def test_101_answers_an_upgrade() -> None:
    asked = Asked(b"GET", b"/", [HOST, *UPGRADE])
    sent = [*UPGRADE, (b"Sec-WebSocket-Accept", b"x")]
    response = compare(Door(OPEN), asked, Answered(101, b"Switching Protocols", sent, 11))
    assert response is not None
    assert upgraded(101, sent).response_bodiless
    assert not upgraded(404, [(b"Content-Length", b"3")]).response_bodiless


@pytest.mark.parametrize(
    ("status", "fields", "version"),
    [
        (101, UPGRADE, 11),
        (99, [], 11),
        (100, [], 11),
        (103, [], 11),
        (600, [], 11),
        (999, [], 11),
        (0, [], 11),
        (200, [(b"Content-Length", b"5"), (b"Content-Length", b"5")], 11),
        (200, [(b"Content-Length", b"5, 5")], 11),
        (200, [(b"Content-Length", b"+5")], 11),
        (200, [(b"Content-Length", b"9223372036854775808")], 11),
        (200, [(b"Content-Length", b"5"), (b"Transfer-Encoding", b"chunked")], 11),
        (200, [(b"Transfer-Encoding", b"chunked")], 10),
        (200, [(b"Transfer-Encoding", b"gzip, chunked")], 11),
        (200, [(b"Transfer-Encoding", b"chunked"), (b"Transfer-Encoding", b"chunked")], 11),
        (204, [(b"Transfer-Encoding", b"chunked")], 11),
        (200, [(b"X Y", b"1")], 11),
        (200, [(b"", b"1")], 11),
        (200, [(b"X", b"a\r\nSet-Cookie: evil=1")], 11),
        (200, [(b"X", b"a\x00")], 11),
    ],
)
def test_responses_that_break_a_guard(status: int, fields: Fields, version: int) -> None:
    asked = Asked(b"GET", b"/", [HOST])
    assert compare(Door(OPEN), asked, Answered(status, b"OK", fields, version)) is None


@pytest.mark.parametrize("version", [9, 12, 20])
def test_responses_have_version_1_0_or_1_1(version: int) -> None:
    native = Door(OPEN).ask(b"GET", b"/", [HOST])
    assert isinstance(native, Forward)
    with pytest.raises(ProtocolError):
        native.response_head(200, b"OK", [], NOW, version)


def test_limits_bind_responses_too() -> None:
    limits = Limits(header_count=2, header_bytes=60)
    door = Door(Specification(limits=limits))
    asked = Asked(b"GET", b"/", [HOST])
    few: Fields = [(b"A", b"1"), (b"B", b"2")]
    assert compare(door, asked, Answered(200, b"OK", few, 11)) is not None
    assert compare(door, asked, Answered(200, b"OK", [*few, (b"C", b"3")], 11)) is None
    assert compare(door, asked, Answered(200, b"OK", [(b"A", b"x" * 55)], 11)) is not None
    assert compare(door, asked, Answered(200, b"OK", [(b"A", b"x" * 56)], 11)) is None


@pytest.mark.parametrize("reason", [b"OK\r\nX: 1", b"OK\nX", b"\x00", b"a\rb", b"\x7f"])
def test_a_reason_phrase_cannot_end_the_line(reason: bytes) -> None:
    native = Door(OPEN).ask(b"GET", b"/", [HOST])
    assert isinstance(native, Forward)
    try:
        head = native.response_head(200, reason, [], NOW)
    except ProtocolError:
        return
    start, _ = parse(head)
    assert start == b"HTTP/1.1 200 OK"


def interim(asked: Asked, status: int, fields: Fields) -> bytes:
    native = Door(OPEN).ask(asked.method, asked.target, asked.fields, version=asked.version)
    assert isinstance(native, Forward)
    return native.interim_head(status, b"Early Hints" if status == 103 else b"Continue", fields)


def test_early_hints_are_passed_to_those_who_know_them() -> None:
    link = (b"Link", b"</a.css>; rel=preload")
    sent = [link, (b"Connection", b"X-Internal"), (b"X-Internal", b"1"), (b"Content-Length", b"5")]
    start, fields = parse(interim(Asked(b"GET", b"/", [HOST]), 103, sent))
    assert start == b"HTTP/1.1 103 Early Hints"
    assert link in fields
    assert not {b"x-internal", b"content-length", b"connection"} & combined(fields).keys()
    assert interim(Asked(b"GET", b"/", [HOST], 10), 103, sent) == b""


def test_continue_is_passed_only_where_it_is_expected() -> None:
    body = (b"Content-Length", b"5")
    expecting = [HOST, body, (b"Expect", b"100-continue")]
    start, _ = parse(interim(Asked(b"PUT", b"/", expecting), 100, []))
    assert start == b"HTTP/1.1 100 Continue"
    assert interim(Asked(b"PUT", b"/", [HOST, body]), 100, []) == b""
    assert interim(Asked(b"PUT", b"/", expecting, 10), 100, []) == b""


def test_interim_responses_are_guarded_too() -> None:
    with pytest.raises(ProtocolError):
        interim(Asked(b"GET", b"/", [HOST]), 103, [(b"X", b"a\r\nb")])


def test_one_decision_describes_its_latest_response() -> None:
    """A second attempt may be answered by another upstream connection."""
    native = Door(OPEN).ask(b"GET", b"/", [HOST])
    assert isinstance(native, Forward)
    native.response_head(200, b"OK", [(b"Transfer-Encoding", b"chunked")], NOW)
    assert (native.response_chunked, native.response_length) == (True, -1)
    native.response_head(200, b"OK", [(b"Content-Length", b"4")], NOW)
    assert (native.response_chunked, native.response_length) == (False, 4)


@pytest.mark.parametrize("version", [10, 11])
def test_the_caller_may_end_the_connection(version: int) -> None:
    fields = [HOST, (b"Connection", b"keep-alive")]
    native = Door(OPEN).ask(b"GET", b"/", fields, version=version)
    assert isinstance(native, Forward)
    sent = [(b"Content-Length", b"3")]
    got = combined(parse(native.response_head(200, b"OK", sent, NOW, close=True))[1])
    assert got[b"connection"] == [b"close"]
    assert native.response_closes
    native.response_head(200, b"OK", sent, NOW)
    assert not native.response_closes


@pytest.mark.parametrize("secure", [False, True])
def test_strict_transport_security_needs_tls(secure: bool) -> None:
    door = Door(Specification(hsts="max-age=1", security_headers=(("X-Frame-Options", "DENY"),)))
    peer = door.native.peer(CLIENT, secure)
    native = door.native.decide(b"GET", b"/", [HOST], peer, NOW)
    assert isinstance(native, Forward)
    got = combined(parse(native.response_head(200, b"OK", [], NOW))[1])
    assert (b"strict-transport-security" in got) is secure
    assert got[b"x-frame-options"] == [b"DENY"]
