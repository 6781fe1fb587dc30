"""The head that the upstream receives."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pygateway._core import Forward
from tests.door.comparison import Door
from tests.door.heads import combined, parse
from tests.door.model.specification import HeaderPolicy, Rewrite, Route, Specification
from tests.door.model.verdict import Fields
from tests.door.strategies.common import Asked
from tests.door.strategies.requests import (
    TRUSTED,
    TRUSTED_NETWORKS,
    UNTRUSTED,
    busy_requests,
    rewriting_routes,
)

HOST = (b"Host", b"a.example")


@settings(max_examples=1000)
@given(rewriting_routes(), busy_requests(), st.sampled_from((*TRUSTED, *UNTRUSTED)), st.booleans())
def test_is_what_the_model_writes(route: Route, asked: Asked, address: str, secure: bool) -> None:
    specification = Specification(routes=(route,), trusted_proxies=TRUSTED_NETWORKS)
    Door(specification).compare(
        asked.method,
        asked.target,
        asked.fields,
        address=address,
        secure=secure,
        version=asked.version,
    )


def forwarded(fields: Fields, method: bytes = b"GET", route: Route | None = None) -> Fields:
    """Fields that the upstream of one route gets."""
    door = Door(Specification(routes=(route or Route(),)))
    native, _ = door.compare(method, b"/", [HOST, *fields])
    assert isinstance(native, Forward)
    return parse(native.head)[1]


def test_order_and_spelling_of_passed_fields_stay() -> None:
    sent = [(b"x-b", b"1"), (b"X-A", b"2"), (b"X-b", b"3"), (b"ACCEPT", b"*/*")]
    assert [field for field in forwarded(sent) if field in sent] == sent


def test_body_less_methods_that_expect_one_say_zero() -> None:
    for method in (b"POST", b"PUT", b"PATCH"):
        assert combined(forwarded([], method))[b"content-length"] == [b"0"]
    for method in (b"GET", b"HEAD", b"DELETE", b"OPTIONS"):
        assert b"content-length" not in combined(forwarded([], method))


def test_the_route_sets_adds_and_removes() -> None:
    policy = HeaderPolicy(
        set=(("X-Tier", "gold"),), add=(("X-Tag", "b"),), remove=("X-Debug", "user-agent")
    )
    sent = [
        (b"x_tier", b"forged"),
        (b"X-TIER", b"forged"),
        (b"X-Tag", b"a"),
        (b"x-debug", b"1"),
        (b"User-Agent", b"x"),
    ]
    got = combined(forwarded(sent, route=Route(request_headers=policy)))
    assert got[b"x-tier"] == [b"gold"]
    assert got[b"x-tag"] == [b"a", b"b"]
    assert not {b"x_tier", b"x-debug", b"user-agent"} & got.keys()


@pytest.mark.parametrize(
    ("fields", "method", "asks"),
    [
        ([(b"Connection", b"Upgrade"), (b"Upgrade", b"websocket")], b"GET", True),
        ([(b"Connection", b"keep-alive, upgrade"), (b"Upgrade", b"websocket")], b"GET", True),
        ([(b"Upgrade", b"websocket")], b"GET", False),
        ([(b"Connection", b"upgrade")], b"GET", False),
        (
            [
                (b"Connection", b"upgrade"),
                (b"Upgrade", b"websocket"),
                (b"Content-Length", b"5"),
            ],
            b"POST",
            False,
        ),
        (
            [
                (b"Connection", b"upgrade"),
                (b"Upgrade", b"websocket"),
                (b"Transfer-Encoding", b"chunked"),
            ],
            b"POST",
            False,
        ),
    ],
)
def test_upgrade_is_passed_on_whole_or_not_at_all(
    fields: Fields, method: bytes, asks: bool
) -> None:
    got = combined(forwarded(fields, method))
    assert got.get(b"upgrade") == ([b"websocket"] if asks else None)
    assert got.get(b"connection") == ([b"upgrade"] if asks else None)


def test_upgrade_is_not_for_http_1_0() -> None:
    fields = [HOST, (b"Connection", b"upgrade"), (b"Upgrade", b"websocket")]
    native, _ = Door(Specification()).compare(b"GET", b"/", fields, version=10)
    assert isinstance(native, Forward)
    assert not native.upgrade


@pytest.mark.parametrize(
    ("rewrite", "target", "expected"),
    [
        (Rewrite(strip_prefix="/a"), b"/a/b?q", b"/b?q"),
        (Rewrite(strip_prefix="/a"), b"/a", b"/"),
        (Rewrite(strip_prefix="/a"), b"/ab", b"/ab"),
        (Rewrite(strip_prefix="/a"), b"/b/a", b"/b/a"),
        (Rewrite(add_prefix="/v1"), b"/a/", b"/v1/a/"),
        (Rewrite(strip_prefix="/a", add_prefix="/v1"), b"/a/%62", b"/v1/b"),
        (Rewrite(path="/x{path}"), b"/a?q=1", b"/x/a?q=1"),
        (Rewrite(path="/{rest}"), b"/a/b", b"/a/b"),
        (Rewrite(path="/t/{host}"), b"/a", b"/t/a.example"),
        (Rewrite(path="/t/{rest}/x"), b"/", b"/t/x"),
    ],
)
def test_rewriting(rewrite: Rewrite, target: bytes, expected: bytes) -> None:
    door = Door(Specification(routes=(Route(paths=("/*",), rewrite=rewrite),)))
    native, _ = door.compare(b"GET", target, [HOST])
    assert isinstance(native, Forward)
    assert native.head.startswith(b"GET " + expected + b" HTTP/1.1\r\n")


@pytest.mark.parametrize(
    ("method", "idempotent"),
    [
        (b"GET", True),
        (b"HEAD", True),
        (b"OPTIONS", True),
        (b"PUT", True),
        (b"DELETE", True),
        (b"POST", False),
        (b"PATCH", False),
        (b"get", False),
    ],
)
def test_idempotent_methods(method: bytes, idempotent: bool) -> None:
    native, _ = Door(Specification()).compare(method, b"/", [HOST])
    assert isinstance(native, Forward)
    assert native.idempotent is idempotent
