"""Cross-origin requests: preflights and what follows them."""

from __future__ import annotations

from hypothesis import given, settings

from pygateway._core import Forward, Respond
from tests.door.comparison import NOW, Door
from tests.door.heads import combined, parse
from tests.door.model.cors import (
    PREFLIGHT_VARY,
    allow_origin,
    preflight_allowed,
    request_origin,
    requested_headers,
    requested_method,
)
from tests.door.model.fields import elements
from tests.door.model.specification import Cors, Route, Specification
from tests.door.model.verdict import Answer, Fields
from tests.door.strategies.common import Asked
from tests.door.strategies.responses import cors_policies, preflights

HOST = (b"Host", b"a.example")
ORIGIN = (b"Origin", b"https://a.example")
ASKING = (b"Access-Control-Request-Method", b"POST")


def assert_preflight(native: Respond, cors: Cors, asked: Asked) -> None:
    """The reply lets the browser go on if, and only if, the policy does."""
    assert native.status == 204
    start, fields = parse(native.reply_head(204, native.headers, 0, NOW))
    assert start == b"HTTP/1.1 204 No Content"
    got = combined(fields)
    assert set(got[b"vary"]) == PREFLIGHT_VARY
    told = {name for name in got if name.startswith(b"access-control-")}
    if not preflight_allowed(cors, asked.fields):
        assert not told
        return
    origin = request_origin(asked.fields)
    assert origin is not None
    for name, value in allow_origin(cors, origin):
        assert got[name.lower()] == [value]
    assert (b"access-control-allow-credentials" in told) == cors.credentials
    methods = elements(got[b"access-control-allow-methods"])
    assert requested_method(asked.fields).encode() in methods
    headers = elements(got.get(b"access-control-allow-headers", []))
    assert requested_headers(asked.fields) <= {name.lower() for name in headers}
    seconds = None if cors.max_age is None else [str(cors.max_age).encode()]
    assert got.get(b"access-control-max-age") == seconds
    assert b"access-control-expose-headers" not in told


@settings(max_examples=600)
@given(cors_policies(), preflights())
def test_preflights_are_answered_as_the_model_says(cors: Cors, asked: Asked) -> None:
    routes = (
        Route(name="open", paths=("/a",), methods=("GET", "POST", "PUT"), cors=cors),
        Route(name="closed", paths=("/b",)),
    )
    native, verdict = Door(Specification(routes=routes)).compare(
        asked.method, asked.target, asked.fields
    )
    if isinstance(verdict, Answer):
        assert isinstance(native, Respond)
        assert_preflight(native, cors, asked)


def decided(routes: tuple[Route, ...], fields: Fields) -> Forward | Respond:
    native, _ = Door(Specification(routes=routes)).compare(b"OPTIONS", b"/a", [HOST, *fields])
    assert isinstance(native, Forward | Respond)
    return native


def test_a_preflight_asks_the_route_of_the_real_method() -> None:
    cors = Cors(origins=("https://a.example",), methods=("POST",))
    routes = (
        Route(name="read", methods=("GET",)),
        Route(name="write", methods=("POST",), cors=cors),
    )
    native = decided(routes, [ORIGIN, ASKING])
    assert isinstance(native, Respond)
    assert (native.kind, native.route) == ("preflight", 1)


def test_a_route_that_names_options_answers_preflights_itself() -> None:
    cors = Cors(origins=("*",), methods=("POST",))
    routes = (Route(name="own", methods=("POST", "OPTIONS"), cors=cors),)
    assert isinstance(decided(routes, [ORIGIN, ASKING]), Forward)


def test_options_without_origin_or_requested_method_is_no_preflight() -> None:
    routes = (Route(cors=Cors(origins=("*",))),)
    assert isinstance(decided(routes, [ORIGIN]), Forward)
    assert isinstance(decided(routes, [ASKING]), Forward)


def test_the_upstream_s_own_answers_are_replaced() -> None:
    cors = Cors(origins=("https://a.example",), expose=("X-Total",), credentials=True)
    native = Door(Specification(routes=(Route(cors=cors),))).ask(b"GET", b"/", [HOST, ORIGIN])
    assert isinstance(native, Forward)
    sent = [
        (b"Access-Control-Allow-Origin", b"*"),
        (b"access-control-allow-methods", b"DELETE"),
        (b"Vary", b"Accept"),
    ]
    got = combined(parse(native.response_head(200, b"OK", sent, NOW))[1])
    assert got[b"access-control-allow-origin"] == [b"https://a.example"]
    assert got[b"access-control-allow-credentials"] == [b"true"]
    assert got[b"access-control-expose-headers"] == [b"X-Total"]
    assert b"access-control-allow-methods" not in got
    assert got[b"vary"] == [b"accept", b"origin"]


def test_answers_to_strangers_vary_too() -> None:
    """A cache must not give a stranger's answer, which allows nobody, to a friend."""
    cors = Cors(origins=("https://a.example",))
    door = Door(Specification(routes=(Route(cors=cors),)))
    stranger: Fields = [HOST, (b"Origin", b"https://b.example")]
    for fields in ([HOST], stranger):
        native = door.ask(b"GET", b"/", fields)
        assert isinstance(native, Forward)
        got = combined(parse(native.response_head(200, b"OK", [], NOW))[1])
        assert b"access-control-allow-origin" not in got
        assert got[b"vary"] == [b"origin"]
