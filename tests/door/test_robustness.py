"""Whatever comes in, an answer comes out, and it is well formed."""

from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st

from pygateway._core import Forward, ProtocolError, Reject, Respond
from tests.door.comparison import NOW, Door, complete_head
from tests.door.heads import combined, parse
from tests.door.model.host import is_host
from tests.door.model.specification import Rewrite, Route, Specification
from tests.door.model.verdict import Fields
from tests.door.strategies.requests import TRUSTED_NETWORKS, any_fields
from tests.door.strategies.targets import hostile_paths, targets

SPECIFICATION = Specification(
    routes=(
        Route(name="rewritten", paths=("/a/*",), rewrite=Rewrite(strip_prefix="/a")),
        Route(name="template", paths=("/b/{p}",), rewrite=Rewrite(path="/x/{p}")),
        Route(name="rest", paths=("/c/*",), rewrite=Rewrite(path="/{rest}")),
        Route(name="any"),
    ),
    trusted_proxies=TRUSTED_NETWORKS,
    health_path="/health",
)
DOOR = Door(SPECIFICATION)
HOST = (b"Host", b"a.example")


def any_targets() -> st.SearchStrategy[bytes]:
    return st.one_of(st.binary(max_size=20), hostile_paths(), targets(), st.just(b"/a"))


def methods() -> st.SearchStrategy[bytes]:
    return st.one_of(st.binary(max_size=6), st.sampled_from([b"GET", b"HEAD", b"OPTIONS", b"POST"]))


def assert_safe_to_send(head: bytes, body_length: int) -> None:
    """One request, one Host, one length: nothing that two readers could read differently."""
    start, fields = parse(head)
    method, target, version = start.split(b" ")
    assert method
    assert version == b"HTTP/1.1"
    assert target == b"*" or target.startswith(b"/")
    assert all(0x21 <= byte <= 0x7E and byte not in b"\\#" for byte in target.partition(b"?")[0])
    got = combined(fields)
    assert len(got[b"host"]) == 1
    assert is_host(got[b"host"][0])
    codings, lengths = got.get(b"transfer-encoding"), got.get(b"content-length")
    assert codings == ([b"chunked"] if body_length == -1 else None)
    if body_length:
        assert lengths == (None if body_length == -1 else [str(body_length).encode()])


@settings(max_examples=600)
@given(
    methods(),
    any_targets(),
    any_fields(),
    st.booleans(),
    st.sampled_from(["198.51.100.7", "10.0.0.1", "", "2001:db8::1"]),
    st.sampled_from([10, 11]),
)
def test_requests(
    method: bytes, target: bytes, fields: Fields, with_host: bool, address: str, version: int
) -> None:
    asked = [HOST, *fields] if with_host else fields
    decision = DOOR.ask(method, target, asked, address=address, version=version)
    assert isinstance(decision, Forward | Respond | Reject)
    if isinstance(decision, Forward):
        assert_safe_to_send(complete_head(decision), decision.body_length)
    headers = [] if isinstance(decision, Forward) else decision.headers
    parse(decision.reply_head(200, headers, 0, NOW))
    peer = DOOR.native.peer(address, False)
    assert DOOR.native.explain(method, target, asked, peer)


@settings(max_examples=600)
@given(
    st.sampled_from([b"GET", b"HEAD", b"OPTIONS"]),
    st.integers(-1, 1200),
    st.one_of(st.just(b"OK"), st.binary(max_size=10)),
    any_fields(),
    st.sampled_from([10, 11]),
    st.sampled_from([10, 11]),
)
def test_responses(
    method: bytes, status: int, reason: bytes, fields: Fields, version: int, client_version: int
) -> None:
    decision = DOOR.ask(method, b"/any", [HOST], version=client_version)
    assert isinstance(decision, Forward)
    try:
        head = decision.response_head(max(status, 0), reason, fields, NOW, version)
    except ProtocolError:
        return
    start, got_fields = parse(head)
    assert start.startswith(b"HTTP/1.1 ")
    got = combined(got_fields)
    framings = [name for name in (b"content-length", b"transfer-encoding") if name in got]
    assert len(framings) <= 1
    assert decision.response_chunked == (b"transfer-encoding" in got)
    assert decision.response_closes == (got.get(b"connection") == [b"close"])
    if not decision.response_bodiless and not framings:
        assert decision.response_closes
