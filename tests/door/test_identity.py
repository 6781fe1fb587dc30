"""Request ids and traces: form, time, belief and determinism."""

from __future__ import annotations

from hashlib import sha256

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pygateway._core import Forward
from tests.door.comparison import CLIENT, Door, assert_trace
from tests.door.heads import combined, parse
from tests.door.model.identity import is_uuid7, parse_traceparent
from tests.door.model.specification import Specification
from tests.door.model.verdict import Peer

HOST = (b"Host", b"a.example")
BEHIND_PROXY = Specification(trusted_proxies=("10.0.0.0/8",))
PROXY = "10.0.0.1"
TRACE = b"00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"


@given(st.integers(0, 253_402_300_799), st.sampled_from([0.0, 0.25, 0.5, 0.75]))
def test_fresh_ids_are_uuid7_of_the_given_time(seconds: int, fraction: float) -> None:
    now = seconds + fraction
    native = Door(BEHIND_PROXY).ask(b"GET", b"/", [HOST], now=now)
    assert is_uuid7(native.request_id, now)


def test_refusals_have_an_id_too() -> None:
    door = Door(BEHIND_PROXY)
    assert is_uuid7(door.ask(b"GET", b"/", [], now=5.5).request_id, 5.5)
    peer = door.native.peer(CLIENT, False)
    assert is_uuid7(door.native.refuse("bad-request", "unreadable", peer, 7.0).request_id, 7.0)


def test_ids_do_not_repeat() -> None:
    door = Door(BEHIND_PROXY)
    decisions = [door.ask(b"GET", b"/", [HOST]) for _ in range(2000)]
    assert len({decision.request_id for decision in decisions}) == len(decisions)
    traces = {traceparent(decision) for decision in decisions if isinstance(decision, Forward)}
    assert len(traces) == len(decisions)


def traceparent(decision: Forward) -> bytes:
    return combined(parse(decision.head)[1])[b"traceparent"][0]


def conversation(seed: bytes) -> list[tuple[str, bytes]]:
    door = Door(BEHIND_PROXY, seed)
    decisions = [door.ask(b"GET", b"/", [HOST], now=float(second)) for second in range(20)]
    return [(d.request_id, d.head) for d in decisions if isinstance(d, Forward)]


def drawn(number: int) -> bytes:
    """A seed as random as the operating system's."""
    return sha256(str(number).encode()).digest()


@given(st.integers(0, 2**32))
def test_one_seed_gives_one_conversation(number: int) -> None:
    once = conversation(drawn(number))
    assert len(once) == 20
    assert once == conversation(drawn(number))
    other = conversation(drawn(number + 1))
    assert not {identifier for identifier, _ in once} & {identifier for identifier, _ in other}


@pytest.mark.parametrize("seed", [bytes(31), bytes(33), b""])
def test_a_seed_has_32_bytes(seed: bytes) -> None:
    with pytest.raises(ValueError, match="32"):
        Door(BEHIND_PROXY, seed)


def test_an_all_zero_seed_still_makes_valid_ids() -> None:
    native = Door(BEHIND_PROXY, bytes(32)).ask(b"GET", b"/", [HOST], now=1.0)
    assert isinstance(native, Forward)
    assert is_uuid7(native.request_id, 1.0)
    assert parse_traceparent(traceparent(native)) is not None


def test_a_trusted_proxy_s_request_id_is_kept() -> None:
    fields = [HOST, (b"X-Request-ID", b"front-1.a/b+c=d~:@")]
    native, _ = Door(BEHIND_PROXY).compare(b"GET", b"/", fields, address=PROXY)
    assert native.request_id == "front-1.a/b+c=d~:@"
    other, _ = Door(BEHIND_PROXY).compare(b"GET", b"/", fields)
    assert other.request_id != native.request_id


def test_a_trusted_proxy_s_trace_is_passed_on() -> None:
    fields = [HOST, (b"traceparent", TRACE), (b"tracestate", b"vendor=1")]
    native, _ = Door(BEHIND_PROXY).compare(b"GET", b"/", fields, address=PROXY)
    assert isinstance(native, Forward)
    assert_trace(traceparent(native), fields, Peer(PROXY, False, trusted=True))
    assert combined(parse(native.head)[1])[b"tracestate"] == [b"vendor=1"]


@pytest.mark.parametrize(
    ("text", "flags"),
    [
        (b"cc" + TRACE[2:], b"01"),
        (b"01" + TRACE[2:] + b"-what-the-future-brings", b"01"),
        (TRACE[:-2] + b"ff", b"03"),
        (TRACE[:-2] + b"fc", b"00"),
    ],
)
def test_what_is_known_of_a_trace_is_passed_on(text: bytes, flags: bytes) -> None:
    fields = [HOST, (b"traceparent", text), (b"tracestate", b"vendor=1")]
    native, _ = Door(BEHIND_PROXY).compare(b"GET", b"/", fields, address=PROXY)
    assert isinstance(native, Forward)
    version, trace_id, _, written = traceparent(native).split(b"-")
    assert (version, trace_id, written) == (b"00", b"0af7651916cd43dd8448eb211c80319c", flags)
    assert combined(parse(native.head)[1])[b"tracestate"] == [b"vendor=1"]


@pytest.mark.parametrize(
    ("lines", "passed_on"),
    [
        ([b"a=1", b"b=2 , c=3"], [b"a=1,b=2,c=3"]),
        ([b",a=1,,b=2,"], [b"a=1,b=2"]),
        ([b""], []),
        ([b"a=1", b"B=2"], []),
        ([b",".join([b"a=1"] * 32)], [b",".join([b"a=1"] * 32)]),
        ([b",".join([b"a=1"] * 33)], []),
        ([b"a=" + b"x" * 254 + b",b=" + b"x" * 254], []),
    ],
)
def test_a_trace_s_state_is_passed_on_as_a_whole_or_not_at_all(
    lines: list[bytes], passed_on: list[bytes]
) -> None:
    fields = [HOST, (b"traceparent", TRACE), *((b"tracestate", line) for line in lines)]
    native, _ = Door(BEHIND_PROXY).compare(b"GET", b"/", fields, address=PROXY)
    assert isinstance(native, Forward)
    written = [value for name, value in parse(native.head)[1] if name == b"tracestate"]
    assert written == passed_on
    assert traceparent(native).split(b"-")[1] == TRACE.split(b"-")[1]


@pytest.mark.parametrize(
    "text",
    [
        TRACE.upper(),
        TRACE + b"-00",
        TRACE[:-1],
        TRACE.replace(b"b7ad6b7169203331", bytes(b"0" * 16)),
        TRACE.replace(b"0af7651916cd43dd8448eb211c80319c", bytes(b"0" * 32)),
        TRACE.replace(b"-", b"_"),
        b"ff" + TRACE[2:],
    ],
)
def test_a_malformed_trace_is_dropped_with_its_state(text: bytes) -> None:
    fields = [HOST, (b"traceparent", text), (b"tracestate", b"vendor=1")]
    native, _ = Door(BEHIND_PROXY).compare(b"GET", b"/", fields, address=PROXY)
    assert isinstance(native, Forward)
    assert b"tracestate" not in combined(parse(native.head)[1])
    assert b"0af7651916cd43dd8448eb211c80319c" not in traceparent(native)
