"""One canonical path routes and is forwarded (RFC 3986 section 6)."""

from __future__ import annotations

import pytest
from hypothesis import example, given, settings

from pygateway._core import Forward, Reject
from tests.door.comparison import Door
from tests.door.model.specification import Route, Specification
from tests.door.strategies.targets import hostile_paths

HOST = [(b"Host", b"a.example")]
ONE_ROUTE = Specification(routes=(Route(paths=("/*",)),))
FORKED = Specification(
    routes=(
        Route(name="admin", paths=("/a/b/*", "/a/b")),
        Route(name="a", paths=("/a/*",)),
        Route(name="parameter", paths=("/b/{p}", "/c/{p}/a")),
        Route(name="root", paths=("/",)),
    )
)


@settings(max_examples=1200)
@given(hostile_paths())
@example(b"/a/%2e%2e/b")
@example(b"/a;/b%2F..%5c;c")
def test_is_what_the_model_says(path: bytes) -> None:
    Door(ONE_ROUTE).compare(b"GET", path, HOST)


@settings(max_examples=800)
@given(hostile_paths(broken=False))
@example(b"/a/x%2F..%2Fb")
@example(b"/a;b/b")
@example(b"/x;%2F/a")
@example(b"/a;x%2Fb")
def test_readings_of_different_routes_are_refused_as_in_the_model(path: bytes) -> None:
    Door(FORKED).compare(b"GET", path, HOST)


@given(hostile_paths(broken=False))
def test_canonical_is_canonical_again(path: bytes) -> None:
    door = Door(ONE_ROUTE)
    once = door.ask(b"GET", path, HOST)
    if isinstance(once, Forward):
        again = door.ask(b"GET", once.path.encode(), HOST)
        assert again.path == once.path
        assert once.head.startswith(b"GET " + once.path.encode() + b" HTTP/1.1\r\n")


@pytest.mark.parametrize(
    ("path", "canonical"),
    [
        (b"/", "/"),
        (b"//", "/"),
        (b"/a//b///", "/a/b/"),
        (b"/a/./b/../c", "/a/c"),
        (b"/a/%2E%2e/b", "/b"),
        (b"/a/..", "/"),
        (b"/a/b/.", "/a/b/"),
        (b"/%41%7E%2d", "/A~-"),
        (b"/%2f%5c%c3%a9", "/%2F%5C%C3%A9"),
        (b'/"<>^`{|}', "/%22%3C%3E%5E%60%7B%7C%7D"),
        (b"/!$&'()*+,;=:@", "/!$&'()*+,;=:@"),
        (b"/%252e%252e/", "/%252e%252e/"),
        (b"/a...b/.../..a", "/a...b/.../..a"),
    ],
)
def test_form(path: bytes, canonical: str) -> None:
    native, _ = Door(ONE_ROUTE).compare(b"GET", path, HOST)
    assert isinstance(native, Forward)
    assert native.path == canonical


@pytest.mark.parametrize(
    "path",
    [
        b"/..",
        b"/a/../..",
        b"/%2e%2e/",
        b"/a//../../b",
        b"/%",
        b"/%4",
        b"/%g0",
        b"/%00",
        b"/%0d%0a",
        b"/%7f",
        b"/a\\b",
        b"/a b",
        b"/\xc3\xa9",
        b"/a\x00",
        b"/..;/a",
        b"/a/..;x=1/b",
        b"/a/%2e%2E;/b",
    ],
)
def test_refused(path: bytes) -> None:
    native, _ = Door(ONE_ROUTE).compare(b"GET", path, HOST)
    assert isinstance(native, Reject)
    assert native.reason == "bad-request"


@pytest.mark.parametrize(
    "path",
    [
        b"/a/x%2F..%2Fb",
        b"/a/b;x",
        b"/a%2Fb/c",
        b"/a%5cb",
        b"/a;x/b/c",
        b"/a/;/b",
        b"/a/x%2f..%2f..%2f..%2f",
    ],
)
def test_ambiguous_paths_are_refused(path: bytes) -> None:
    native, _ = Door(FORKED).compare(b"GET", path, HOST)
    assert isinstance(native, Reject)
    assert native.reason == "bad-request"


@pytest.mark.parametrize("path", [b"/a/c;v=1/d", b"/a/c%2Fd", b"/a/x;y%5Cz"])
def test_paths_that_every_reading_routes_alike_are_forwarded(path: bytes) -> None:
    native, _ = Door(FORKED).compare(b"GET", path, HOST)
    assert isinstance(native, Forward)
    assert native.path == path.decode()
