"""Heads of replies that the gateway makes itself."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pygateway._core import REASONS, Respond
from tests.door.comparison import CLIENT, NOW, Door
from tests.door.heads import assert_head, combined, parse
from tests.door.model.fields import keeps_alive
from tests.door.model.response_head import PHRASES, Context, Reply, reply_head
from tests.door.model.specification import Redirect, Route, Specification
from tests.door.model.specification import Respond as Fixed
from tests.door.model.verdict import Fields, Peer
from tests.door.strategies.common import Asked
from tests.door.strategies.requests import TRUSTED_NETWORKS
from tests.door.strategies.responses import (
    answering_routes,
    answering_specifications,
    plain_requests,
)

HOST = (b"Host", b"a.example")


@settings(max_examples=500)
@given(
    answering_specifications(),
    plain_requests(),
    st.sampled_from(sorted(PHRASES)),
    st.sampled_from(
        [
            [],
            [(b"Content-Type", b"application/problem+json"), (b"Retry-After", b"3")],
            [(b"X-Custom", b"1"), (b"x-frame-options", b"ALLOWALL")],
        ]
    ),
    st.booleans(),
    st.booleans(),
)
def test_is_what_the_model_writes(
    specification: Specification,
    asked: Asked,
    status: int,
    fields: Fields,
    close: bool,
    secure: bool,
) -> None:
    door = Door(specification)
    native = door.ask(
        asked.method, asked.target, asked.fields, version=asked.version, secure=secure
    )
    closes = close or not keeps_alive(asked.fields, asked.version)
    context = Context(
        specification=specification,
        route=specification.routes[0],
        peer=Peer(CLIENT, secure, trusted=False),
        request_fields=asked.fields,
        request_version=asked.version,
        request_id=native.request_id.encode(),
        now=NOW,
    )
    expected = reply_head(context, Reply(status, fields, 42, closes))
    assert_head(native.reply_head(status, fields, 42, NOW, close), expected)


@settings(max_examples=250)
@given(
    answering_routes(),
    st.sampled_from([b"GET", b"HEAD", b"POST"]),
    st.sampled_from([b"/a", b"/a/b?x=1", b"/%62/", b"/a?", b"/?//evil.example"]),
    st.sampled_from([[], [(b"Content-Length", b"10")], [(b"Content-Length", b"11")]]),
)
def test_answers_of_routes_are_the_model_s(
    route: Route, method: bytes, target: bytes, framing: Fields
) -> None:
    Door(Specification(routes=(route,))).compare(method, target, [HOST, *framing])


@pytest.mark.parametrize(
    ("location", "target", "expected"),
    [
        ("https://new.example{path}", b"/a/b?x=1", b"https://new.example/a/b?x=1"),
        ("https://{host}{path}", b"/a", b"https://a.example/a"),
        ("/moved/{rest}", b"/a/b", b"/moved/a/b"),
        ("/q{query}", b"/a?x=1", b"/q?x=1"),
        ("/q{query}", b"/a", b"/q"),
        ("/fixed?y=2", b"/a?x=1", b"/fixed?y=2"),
        ("{path}", b"//evil.example/%2e%2e//x", b"/x"),
    ],
)
def test_locations(location: str, target: bytes, expected: bytes) -> None:
    routes = (Route(paths=("/*",), action=Redirect(308, location)),)
    native, _ = Door(Specification(routes=routes)).compare(b"GET", target, [HOST])
    assert isinstance(native, Respond)
    assert (native.kind, native.status) == ("redirect", 308)
    assert combined(native.headers)[b"location"] == [expected]


def test_a_fixed_response() -> None:
    action = Fixed(418, (("Content-Type", "text/plain"),), "gr\u00fc\u00df")
    native, _ = Door(Specification(routes=(Route(action=action),))).compare(b"GET", b"/", [HOST])
    assert isinstance(native, Respond)
    assert native.body == "gr\u00fc\u00df".encode()
    start, fields = parse(native.reply_head(native.status, native.headers, len(native.body), NOW))
    assert start.startswith(b"HTTP/1.1 418 ")
    assert combined(fields)[b"content-type"] == [b"text/plain"]
    assert combined(fields)[b"content-length"] == [b"6"]


def test_interim_replies_have_no_framing() -> None:
    native = Door(Specification()).ask(b"PUT", b"/", [HOST, (b"Content-Length", b"5")])
    start, fields = parse(native.reply_head(100, [], 0, NOW))
    assert start == b"HTTP/1.1 100 Continue"
    assert not {b"content-length", b"transfer-encoding"} & combined(fields).keys()


@pytest.mark.parametrize("reason", REASONS)
def test_unreadable_heads_are_refused_and_close(reason: str) -> None:
    specification = Specification(
        trusted_proxies=TRUSTED_NETWORKS, security_headers=(("X-Frame-Options", "DENY"),)
    )
    door = Door(specification)
    reject = door.native.refuse(
        reason, "The head is unreadable.", door.native.peer(CLIENT, False), 1.0
    )
    assert (reject.reason, reject.detail) == (reason, "The head is unreadable.")
    assert (reject.route, reject.path, reject.client) == (None, "", CLIENT)
    assert not reject.keep_alive
    start, fields = parse(reject.reply_head(400, [(b"Content-Type", b"a/b")], 3, 784_111_777.0))
    assert start == b"HTTP/1.1 400 Bad Request"
    got = combined(fields)
    assert got[b"connection"] == [b"close"]
    assert got[b"date"] == [b"Sun, 06 Nov 1994 08:49:37 GMT"]
    assert got[b"x-frame-options"] == [b"DENY"]
    assert got[b"x-request-id"] == [reject.request_id.encode()]


def test_unknown_reasons_cannot_be_refused_with() -> None:
    door = Door(Specification())
    with pytest.raises(ValueError, match="reason"):
        door.native.refuse("no-such-problem", "x", door.native.peer("", False), 1.0)


@pytest.mark.parametrize(
    "fields",
    [[(b"X", b"a\r\nSet-Cookie: b")], [(b"X\r\nY", b"a")], [(b"", b"a")], [(b"X", b"\x00")]],
)
def test_replies_cannot_be_split(fields: Fields) -> None:
    native = Door(Specification()).ask(b"GET", b"/", [HOST])
    with pytest.raises(ValueError, match=r".+"):
        native.reply_head(200, fields, 0, NOW)


def test_framing_of_a_reply_is_not_the_caller_s() -> None:
    native = Door(Specification()).ask(b"GET", b"/", [HOST])
    fields = [
        (b"content-length", b"7"),
        (b"Transfer-Encoding", b"chunked"),
        (b"Connection", b"close"),
        (b"Date", b"never"),
        (b"x-request-id", b"mine"),
    ]
    got = combined(parse(native.reply_head(200, fields, 5, NOW))[1])
    assert got[b"content-length"] == [b"5"]
    assert got[b"x-request-id"] == [native.request_id.encode()]
    assert got[b"date"] != [b"never"]
    assert not {b"transfer-encoding", b"connection"} & got.keys()
