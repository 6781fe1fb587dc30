"""Where a request ends: RFC 9112 section 6.3, with every doubt refused."""

from __future__ import annotations

import pytest
from hypothesis import given, settings

from pygateway._core import Forward, Reject
from tests.door.comparison import Door
from tests.door.heads import combined, parse
from tests.door.model.specification import Limits, Specification
from tests.door.model.verdict import Fields
from tests.door.strategies.common import Asked
from tests.door.strategies.framing import framed_requests

HOST = (b"Host", b"a.example")
UNLIMITED = Specification(limits=Limits(body_bytes=0))


@settings(max_examples=1000)
@given(framed_requests())
def test_is_what_the_model_says(asked: Asked) -> None:
    Door(UNLIMITED).compare(asked.method, asked.target, asked.fields, version=asked.version)


@given(framed_requests())
def test_the_upstream_is_told_one_length_and_the_same(asked: Asked) -> None:
    native = Door(UNLIMITED).ask(asked.method, asked.target, asked.fields, version=asked.version)
    if not isinstance(native, Forward):
        return
    told = combined(parse(native.head)[1])
    if native.body_length == -1:
        assert told[b"transfer-encoding"] == [b"chunked"]
        assert b"content-length" not in told
    else:
        assert b"transfer-encoding" not in told
        assert told.get(b"content-length", [b"0"]) == [str(native.body_length).encode()]


@pytest.mark.parametrize(
    ("fields", "version", "reason"),
    [
        ([(b"Transfer-Encoding", b"chunked")], 10, "bad-request"),
        ([(b"Transfer-Encoding", b"gzip, chunked")], 11, "not-implemented"),
        ([(b"Transfer-Encoding", b",chunked")], 11, "not-implemented"),
        ([(b"Transfer-Encoding", b"gzip")], 11, "bad-request"),
        ([(b"Transfer-Encoding", b"chunked, identity")], 11, "bad-request"),
        ([(b"Transfer-Encoding", b"x chunked")], 11, "bad-request"),
        ([(b"Transfer-Encoding", b"")], 11, "bad-request"),
        ([(b"Transfer-Encoding", b"chunked"), (b"Content-Length", b"5")], 11, "bad-request"),
        ([(b"Content-Length", b"5"), (b"content-length", b"5")], 11, "bad-request"),
        ([(b"Content-Length", b"5"), (b"Content-Length", b"6")], 11, "bad-request"),
        ([(b"Content-Length", b"5, 5")], 11, "bad-request"),
        ([(b"Content-Length", b"+5")], 11, "bad-request"),
        ([(b"Content-Length", b"")], 11, "bad-request"),
        ([(b"Content-Length", b"1_0")], 11, "bad-request"),
        ([(b"Content-Length", b"9223372036854775808")], 11, "bad-request"),
        ([(b"Content-Length", b"9" * 400)], 11, "bad-request"),
        ([(b"Expect", b"200-ok")], 11, "expectation-failed"),
    ],
)
def test_refused(fields: Fields, version: int, reason: str) -> None:
    native, _ = Door(UNLIMITED).compare(b"POST", b"/", [HOST, *fields], version=version)
    assert isinstance(native, Reject)
    assert native.reason == reason
    assert reason == "expectation-failed" or not native.keep_alive


@pytest.mark.parametrize(
    "codings",
    [
        [b"chunked, chunked"],
        [b"chunked", b"chunked"],
        [b"gzip", b"chunked"],
        [b"chunked;q=1"],
        [b"chunked,"],
    ],
)
def test_odd_codings_are_refused_one_way_or_the_other(codings: list[bytes]) -> None:
    fields = [HOST, *((b"Transfer-Encoding", coding) for coding in codings)]
    native = Door(UNLIMITED).ask(b"POST", b"/", fields)
    assert isinstance(native, Reject)
    assert native.reason in {"bad-request", "not-implemented"}
    assert not native.keep_alive


def test_expectations_of_http_1_0_are_ignored() -> None:
    fields = [HOST, (b"Content-Length", b"5"), (b"Expect", b"100-continue")]
    native, _ = Door(UNLIMITED).compare(b"POST", b"/", fields, version=10)
    assert isinstance(native, Forward)
    assert not native.expects_continue
    assert b"expect" not in combined(parse(native.head)[1])


@pytest.mark.parametrize("version", [9, 12, 20, 0])
def test_other_versions_are_not_supported(version: int) -> None:
    native = Door(UNLIMITED).ask(b"GET", b"/", [HOST], version=version)
    assert isinstance(native, Reject)
    assert native.reason == "version-not-supported"
    assert not native.keep_alive


@pytest.mark.parametrize(
    ("connection", "version", "persists"),
    [
        ([], 11, True),
        ([], 10, False),
        ([b"close"], 11, False),
        ([b"x, CLOSE"], 11, False),
        ([b"x", b"y,close"], 11, False),
        ([b"closed"], 11, True),
        ([b"keep-alive"], 10, True),
        ([b"Keep-Alive, x"], 10, True),
        ([b"keep-alive, close"], 10, False),
        ([b"keep-alive", b"close"], 11, False),
    ],
)
def test_persistence(connection: list[bytes], version: int, persists: bool) -> None:
    fields = [HOST, *((b"Connection", options) for options in connection)]
    native, _ = Door(UNLIMITED).compare(b"GET", b"/", fields, version=version)
    assert native.keep_alive is persists
