"""Heads as they come: the native splitting beside httptools', and beside heads given in parts."""

from __future__ import annotations

import httptools
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from pygateway._core import Forward, Gate, ProtocolError, Reject, Unfunded
from tests.door.comparison import CLIENT, NOW, SEED, Decision
from tests.door.model.specification import Route, Specification
from tests.door.strategies.common import Asked
from tests.door.strategies.framing import framed_requests
from tests.door.strategies.requests import busy_requests
from tests.door.strategies.responses import Answered, upstream_responses

Fields = list[tuple[bytes, bytes]]

SPECIFICATION = Specification(routes=(Route(name="all", paths=("/*",)),))
VERSIONS = {10: b"HTTP/1.0", 11: b"HTTP/1.1"}

# What parsers disagree about.
NOISE = (b"\r", b"\n", b"\r\n", b" ", b"\t", b"\0", b":", b"\x0b", b"\x7f", b"\xff", b"\r\n ", b"A")


class Tokens:
    """What httptools makes of a message's head."""

    def __init__(self) -> None:
        self.target = b""
        self.reason = b""
        self.fields: Fields = []

    def on_url(self, target: bytes) -> None:
        self.target += target

    def on_status(self, reason: bytes) -> None:
        self.reason += reason

    def on_header(self, name: bytes, value: bytes) -> None:
        self.fields.append((name, value))


def gate() -> Gate:
    """A gate whose identifiers are those of every other gate that this gives."""
    return Gate(SPECIFICATION.to_json(), SEED)


def facts(decision: Decision) -> tuple[object, ...]:
    """What can be seen of a decision."""
    common = (
        type(decision),
        decision.route,
        decision.path,
        decision.request_id,
        decision.keep_alive,
        decision.body_length,
        decision.expects_continue,
    )
    if isinstance(decision, Forward):
        return (*common, decision.head, decision.upgrade)
    assert not isinstance(decision, Unfunded)
    return (*common, decision.reason if isinstance(decision, Reject) else decision.kind)


def is_line(*parts: bytes) -> bool:
    """Whether the parts can stand in a line without ending it."""
    return not any(byte in part for part in parts for byte in b"\r\n")


def render(start: bytes, fields: Fields) -> bytes:
    lines = (b"%b: %b\r\n" % field for field in fields)
    return start + b"\r\n" + b"".join(lines) + b"\r\n"


@settings(max_examples=400)
@given(st.one_of(busy_requests(), framed_requests()))
def test_a_whole_head_is_decided_like_its_parts(asked: Asked) -> None:
    method, target, fields, version = asked.method, asked.target, list(asked.fields), asked.version
    assume(version in VERSIONS and b" " not in target and target)
    assume(is_line(target) and all(is_line(*field) and b":" not in field[0] for field in fields))
    assume(all(field[0][:1] not in {b" ", b"\t", b""} for field in fields))
    raw = render(b" ".join((method, target, VERSIONS[version])), fields)
    whole, parts = gate(), gate()
    peer = whole.peer(CLIENT, False)
    given_whole = whole.decide_head(raw, peer, NOW)
    given_parts = parts.decide(method, target, fields, peer, NOW, version)
    assert facts(given_whole) == facts(given_parts)


@settings(max_examples=1500)
@given(
    st.sampled_from((b"GET", b"POST", b"OPTIONS", b"PURGE")),
    st.sampled_from((b"/", b"/a?b=c", b"http://a.example/x", b"*")),
    st.sampled_from((b"HTTP/1.1", b"HTTP/1.0")),
    st.lists(
        st.sampled_from(((b"Accept", b"*/*"), (b"X-A", b""), (b"Cookie", b"a=b; c"))), max_size=3
    ),
    st.lists(st.tuples(st.integers(0, 90), st.integers(0, 2), st.sampled_from(NOISE)), max_size=2),
)
def test_nothing_is_forwarded_that_httptools_reads_otherwise(
    method: bytes,
    target: bytes,
    version: bytes,
    fields: Fields,
    changes: list[tuple[int, int, bytes]],
) -> None:
    raw = render(b" ".join((method, target, version)), [(b"Host", b"a.example"), *fields])
    for place, length, noise in changes:
        raw = raw[:place] + noise + raw[place + length :]
    end = raw.find(b"\r\n\r\n") + 4
    assume(end >= 4)
    raw = raw[:end]
    native = gate()
    peer = native.peer(CLIENT, False)
    decision = native.decide_head(raw, peer, NOW)
    if isinstance(decision, Reject) and decision.reason != "method-not-allowed":
        return
    tokens = Tokens()
    parser = httptools.HttpRequestParser(tokens)
    parser.feed_data(raw)
    number = 11 if parser.get_http_version() == "1.1" else 10
    other = gate()
    again = other.decide(parser.get_method(), tokens.target, tokens.fields, peer, NOW, number)
    assert facts(decision) == facts(again)


def forwarding() -> Forward:
    native = gate()
    fields = [(b"Host", b"a.example")]
    decision = native.decide(b"GET", b"/", fields, native.peer(CLIENT, False), NOW)
    assert isinstance(decision, Forward)
    return decision


def rewritten(forward: Forward, raw: bytes) -> bytes | None:
    try:
        return forward.read_response(raw, NOW)
    except ProtocolError:
        return None


@settings(max_examples=600)
@given(
    upstream_responses(),
    st.lists(st.tuples(st.integers(0, 90), st.integers(0, 2), st.sampled_from(NOISE)), max_size=2),
)
def test_no_response_is_passed_on_that_httptools_reads_otherwise(
    answered: Answered, changes: list[tuple[int, int, bytes]]
) -> None:
    assume(answered.version in VERSIONS and answered.status != 101)
    assume(is_line(answered.reason) and all(is_line(*field) for field in answered.fields))
    start = b"%b %d %b" % (VERSIONS[answered.version], answered.status, answered.reason)
    raw = render(start, list(answered.fields))
    for place, length, noise in changes:
        raw = raw[:place] + noise + raw[place + length :]
    end = raw.find(b"\r\n\r\n") + 4
    assume(end >= 4)
    raw = raw[:end]
    whole, parts = forwarding(), forwarding()
    head = rewritten(whole, raw)
    if head is None:
        return
    tokens = Tokens()
    parser = httptools.HttpResponseParser(tokens)
    parser.feed_data(raw)
    number = 11 if parser.get_http_version() == "1.1" else 10
    status = parser.get_status_code()
    assert head == parts.response_head(status, tokens.reason, tokens.fields, NOW, number)
    assert whole.response_framing == parts.response_framing
