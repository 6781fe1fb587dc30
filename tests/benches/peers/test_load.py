from __future__ import annotations

import pytest

from benches.peers.load import Request, Sent, Wrong, parse

FOUND = '{"requests": 10, "microseconds": 2000000, "bytes": 900, "refused": 3, "broken": 0}'


def test_what_the_script_said_is_read_behind_anything_else() -> None:
    assert parse(f"a warning\n{FOUND}\n") == Sent(10, 2.0, 3, 900)


def test_broken_connections_are_no_result() -> None:
    with pytest.raises(Wrong, match="4 connections"):
        parse(FOUND.replace('"broken": 0', '"broken": 4'))


def test_no_answers_are_no_result() -> None:
    with pytest.raises(Wrong, match="nothing"):
        parse(FOUND.replace('"requests": 10', '"requests": 0'))


def test_a_request_says_how_long_its_body_is() -> None:
    head, _, body = Request("/uploads/item", "POST", b"u" * 300).encode().partition(b"\r\n\r\n")
    assert body == b"u" * 300
    assert head.startswith(b"POST /uploads/item HTTP/1.1\r\n")
    assert b"\r\nContent-Length: 300" in head


def test_a_token_is_a_header_more() -> None:
    assert b"\r\nAuthorization: Bearer abc\r\n" in Request().encode("abc")
    assert b"Authorization" not in Request().encode()
