"""Host and the forms of the request target (RFC 9112 section 3.2)."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pygateway._core import Forward, Reject
from tests.door.comparison import Door
from tests.door.heads import combined, parse
from tests.door.model.specification import Limits, Rewrite, Route, Specification
from tests.door.model.verdict import Fields
from tests.door.strategies.common import spellings
from tests.door.strategies.targets import AUTHORITIES, hosts, targets

OPEN = Specification()


@given(
    st.lists(st.tuples(st.sampled_from(spellings("Host")), hosts()), max_size=1),
    st.sampled_from([10, 11]),
)
def test_host_syntax_is_the_model_s(fields: Fields, version: int) -> None:
    if version == 10 and fields and not fields[0][1]:
        return  # an empty Host of HTTP/1.0 is left open
    Door(OPEN).compare(b"GET", b"/", fields, version=version)


@settings(max_examples=500)
@given(
    st.sampled_from([b"GET", b"OPTIONS", b"POST"]),
    targets(),
    st.one_of(
        st.just([b"a.example"]),
        st.lists(st.sampled_from(AUTHORITIES).map(str.encode), max_size=1),
    ),
    st.sampled_from([10, 11, 11]),
)
def test_target_forms_are_the_model_s(
    method: bytes, target: bytes, host: list[bytes], version: int
) -> None:
    absolute_asterisk = method == b"OPTIONS" and b"://" in target and target.count(b"/") == 2
    if absolute_asterisk and b"?" not in target:
        return  # OPTIONS of an authority alone: `*` for some, `/` for others
    fields = [(b"Host", text) for text in host]
    Door(OPEN).compare(method, target, fields, version=version)


@pytest.mark.parametrize(
    "fields",
    [
        [],
        [(b"Host", b"a.example"), (b"host", b"a.example")],
        [(b"Host", b"")],
        [(b"Host", b"user@a.example")],
        [(b"Host", b"a.example b.example")],
        [(b"Host", b"a.example,b.example")],
        [(b"Host", b"a.example:port")],
        [(b"Host", b"a.example:0")],
        [(b"Host", b"a.example:65536")],
        [(b"Host", b"a%2eexample")],
    ],
)
def test_host_is_one_and_well_formed(fields: Fields) -> None:
    native, _ = Door(OPEN).compare(b"GET", b"/", fields)
    assert isinstance(native, Reject)
    assert (native.reason, native.keep_alive) == ("bad-request", False)


def test_authority_of_http_1_0_without_host_becomes_the_host() -> None:
    routes = (Route(name="other"), Route(name="wanted", hosts=("a.example",)))
    native, _ = Door(Specification(routes=routes)).compare(
        b"GET", b"http://a.example/x", [], version=10
    )
    assert isinstance(native, Forward)
    assert native.route == 1
    assert combined(parse(native.head)[1])[b"host"] == [b"a.example"]


def test_default_port_equals_none() -> None:
    door = Door(OPEN)
    for target, host in [
        (b"http://a.example:80/", b"A.Example"),
        (b"https://a.example/", b"a.example:443"),
        (b"HTTP://A.EXAMPLE/", b"a.example:80"),
    ]:
        assert isinstance(door.compare(b"GET", target, [(b"Host", host)])[0], Forward)
    for target, host in [
        (b"http://a.example:443/", b"a.example"),
        (b"https://a.example/", b"a.example:80"),
        (b"http://b.example/", b"a.example"),
    ]:
        assert isinstance(door.compare(b"GET", target, [(b"Host", host)])[0], Reject)


def test_asterisk_is_forwarded_as_it_is_unless_rewritten() -> None:
    routes = (
        Route(name="rewritten", hosts=("b.example",), rewrite=Rewrite(add_prefix="/v1")),
        Route(name="plain"),
    )
    door = Door(Specification(routes=routes))
    plain, _ = door.compare(b"OPTIONS", b"*", [(b"Host", b"a.example")])
    rewritten, _ = door.compare(b"OPTIONS", b"*", [(b"Host", b"b.example")])
    assert isinstance(plain, Forward)
    assert isinstance(rewritten, Forward)
    assert plain.head.startswith(b"OPTIONS * HTTP/1.1\r\n")
    assert rewritten.head.startswith(b"OPTIONS /v1/ HTTP/1.1\r\n")


def test_query_is_passed_unchanged() -> None:
    query = b"?a=%zz&b=%2e%2e/../;\"<>^`{|}'[]&&=?"
    native, _ = Door(OPEN).compare(b"GET", b"/x" + query, [(b"Host", b"a.example")])
    assert isinstance(native, Forward)
    assert native.head.startswith(b"GET /x" + query + b" HTTP/1.1\r\n")


@pytest.mark.parametrize("method", [b"CONNECT", b"TRACE"])
def test_methods_that_a_gateway_does_not_offer(method: bytes) -> None:
    native, _ = Door(OPEN).compare(method, b"/", [(b"Host", b"a.example")])
    assert isinstance(native, Reject)
    assert native.reason == "not-implemented"


@pytest.mark.parametrize("method", [b"", b"GE T", b"GET\r\n", b"G\xe9T", b"G(T", b"\x00"])
def test_a_method_is_a_token(method: bytes) -> None:
    native, _ = Door(OPEN).compare(method, b"/", [(b"Host", b"a.example")])
    assert isinstance(native, Reject)
    assert native.reason == "bad-request"


def test_sizes_are_limited_at_their_very_limits() -> None:
    limits = Limits(header_bytes=60, header_count=3, target_bytes=10, body_bytes=5)
    door = Door(Specification(limits=limits))
    host = (b"Host", b"a.example")  # counts 17 bytes

    def reason(target: bytes, *fields: tuple[bytes, bytes]) -> str | None:
        native, _ = door.compare(b"POST", target, [host, *fields])
        return native.reason if isinstance(native, Reject) else None

    assert reason(b"/" + b"a" * 9) is None
    assert reason(b"/" + b"a" * 10) == "target-too-long"
    assert reason(b"/", (b"X", b"1"), (b"X", b"2")) is None
    assert reason(b"/", (b"X", b"1"), (b"X", b"2"), (b"X", b"3")) == "headers-too-large"
    assert reason(b"/", (b"X", b"a" * 38)) is None
    assert reason(b"/", (b"X", b"a" * 39)) == "headers-too-large"
    assert reason(b"/", (b"Content-Length", b"5")) is None
    assert reason(b"/", (b"Content-Length", b"6")) == "body-too-large"


def test_body_limit_of_a_route_replaces_the_gateway_s() -> None:
    routes = (
        Route(name="more", paths=("/more",), body_bytes=100),
        Route(name="any", paths=("/any",), body_bytes=0),
        Route(name="less", paths=("/less",), body_bytes=1),
        Route(name="same", paths=("/same",)),
    )
    door = Door(Specification(routes=routes, limits=Limits(body_bytes=10)))

    def outcome(path: bytes, length: bytes) -> int | str:
        fields = [(b"Host", b"a.example"), (b"Content-Length", length)]
        native, _ = door.compare(b"PUT", path, fields)
        assert isinstance(native, Forward | Reject)
        return native.reason if isinstance(native, Reject) else native.body_limit

    assert outcome(b"/more", b"100") == 100
    assert outcome(b"/more", b"101") == "body-too-large"
    assert outcome(b"/any", b"9223372036854775807") == 0
    assert outcome(b"/less", b"2") == "body-too-large"
    assert outcome(b"/same", b"10") == 10
    assert outcome(b"/same", b"11") == "body-too-large"
