from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pygateway.bench.requests import (
    MAX_LINES,
    OURS,
    InvalidRequest,
    make_requests,
    read_targets,
    read_tokens,
)
from tests.bench.properties import patient
from tests.support.messages import parse_request

ROOT = [(None, "/")]


def test_a_plain_request() -> None:
    requests = make_requests("GET", [(None, "/a?b")], "host:1", version="7")
    assert requests.next() == (
        b"GET /a?b HTTP/1.1\r\nHost: host:1\r\nUser-Agent: pygateway-bench/7\r\n"
        b"Accept: */*\r\n\r\n",
        False,
    )


def test_own_headers_take_the_place_of_ours() -> None:
    headers = [("host", "other"), ("USER-AGENT", "x"), ("accept", "y"), ("Cookie", "a=\xe9")]
    head = make_requests("GET", ROOT, "host:1", headers).next().head
    assert head == (
        b"GET / HTTP/1.1\r\nhost: other\r\nUSER-AGENT: x\r\naccept: y\r\nCookie: a=\xe9\r\n\r\n"
    )


def test_targets_and_tokens_take_turns() -> None:
    targets = [("HEAD", "/a"), (None, "/b")]
    requests = make_requests("GET", targets, "h", tokens=["x", "y", "z"])
    seen = []
    for _ in range(6):
        request = requests.next()
        parsed = parse_request(request.head)
        assert parsed is not None
        seen.append((parsed.method, parsed.target, parsed.header("Authorization")))
        assert request.bodiless is (parsed.method == "HEAD")
    assert seen == [
        (method, target, f"Bearer {token}")
        for (method, target), token in zip(
            [("HEAD", "/a"), ("GET", "/b")] * 3, ["x", "y", "z"] * 2, strict=True
        )
    ]


@pytest.mark.parametrize(
    ("method", "body", "length"),
    [("POST", b"abc", "3"), ("PUT", b"", "0"), ("GET", b"", None), ("GET", b"x", "1")],
)
def test_the_length_is_announced_where_it_has_to_be(
    method: str, body: bytes, length: str | None
) -> None:
    requests = make_requests(method, ROOT, "h", body=body)
    parsed = parse_request(requests.next().head + body)
    assert parsed is not None
    assert parsed.header("Content-Length") == length


@pytest.mark.parametrize("name", sorted(OURS))
def test_framing_is_not_for_others(name: str) -> None:
    with pytest.raises(InvalidRequest, match="made by the load"):
        make_requests("GET", ROOT, "h", [(name.title(), "1")])


@pytest.mark.parametrize(
    ("headers", "tokens", "targets", "method"),
    [
        ([("a b", "c")], [], ROOT, "GET"),
        ([("a", "b\r\nc: d")], [], ROOT, "GET"),
        ([("a", "b\0")], [], ROOT, "GET"),
        ([("a", "\u20ac")], [], ROOT, "GET"),
        ([("Authorization", "x")], ["y"], ROOT, "GET"),
        ([], ["a b"], ROOT, "GET"),
        ([], ["a\r\nb"], ROOT, "GET"),
        ([], [], [(None, "a")], "GET"),
        ([], [], [(None, "/a b")], "GET"),
        ([], [], [(None, "/a#b")], "GET"),
        ([], [], [(None, "/\xe9")], "GET"),
        ([], [], ROOT, "GE T"),
        ([], [], ROOT, "CONNECT"),
    ],
)
def test_what_cannot_be_sent_is_refused(
    headers: list[tuple[str, str]],
    tokens: list[str],
    targets: list[tuple[str | None, str]],
    method: str,
) -> None:
    with pytest.raises(InvalidRequest):
        make_requests(method, targets, "h", headers, tokens)


@patient
@given(st.text(max_size=20), st.text(max_size=20))
def test_no_header_becomes_more_than_one_line(name: str, value: str) -> None:
    try:
        head = make_requests("GET", ROOT, "h", [(name, value)]).next().head
    except InvalidRequest:
        return
    plain = make_requests("GET", ROOT, "h").next().head
    assert head.count(b"\r\n") <= plain.count(b"\r\n") + 1
    assert head.count(b"\n") == head.count(b"\r\n") == head.count(b"\r")


def test_targets_of_a_file() -> None:
    text = "# what users do\n\n/a\nPOST  /b?c\r\n  /d  \n"
    assert read_targets(text) == [(None, "/a"), ("POST", "/b?c"), (None, "/d")]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "nothing in it"),
        ("# only words\n", "nothing in it"),
        ("/a\nb\n", "line 2: no target"),
        ("GET /a HTTP/1.1\n", "line 1: neither"),
        ("GET: /a\n", "line 1: no method"),
        ("/a\n" * (MAX_LINES + 1), "more than"),
    ],
)
def test_other_files_are_refused_with_their_line(text: str, message: str) -> None:
    with pytest.raises(InvalidRequest, match=message):
        read_targets(text)


def test_tokens_of_a_file_are_never_shown() -> None:
    assert read_tokens("a.b.c\n\n d \n") == ["a.b.c", "d"]
    with pytest.raises(InvalidRequest, match=r"^line 2: no token$"):
        read_tokens("a\nsecret one\n")
