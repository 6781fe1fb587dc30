"""Who the client is, behind proxies that are trusted and others that are not."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pygateway._core import Forward
from tests.door.comparison import Door
from tests.door.heads import combined, parse
from tests.door.model.specification import Specification
from tests.door.strategies.requests import HOPS, TRUSTED, TRUSTED_NETWORKS, UNTRUSTED

HOST = (b"Host", b"a.example")
BEHIND_PROXIES = Specification(trusted_proxies=TRUSTED_NETWORKS)


def hop_lines() -> st.SearchStrategy[list[str]]:
    separators = st.sampled_from([",", ", ", " ,\t", ",,"])
    lines = st.builds(
        lambda separator, hops: separator.join(hops),
        separators,
        st.lists(st.sampled_from(HOPS), max_size=4),
    )
    return st.lists(lines, max_size=3)


@settings(max_examples=400)
@given(hop_lines(), st.sampled_from((*TRUSTED, *UNTRUSTED, "")), st.booleans())
def test_walks_as_the_model_does(lines: list[str], address: str, secure: bool) -> None:
    fields = [HOST, *((b"X-Forwarded-For", line.encode()) for line in lines)]
    Door(BEHIND_PROXIES).compare(b"GET", b"/", fields, address=address, secure=secure)


@pytest.mark.parametrize(
    ("address", "line", "client", "told"),
    [
        ("198.51.100.7", b"1.2.3.4", "198.51.100.7", b"198.51.100.7"),
        ("10.0.0.1", b"1.2.3.4", "1.2.3.4", b"1.2.3.4, 10.0.0.1"),
        ("10.0.0.1", b"6.6.6.6, 1.2.3.4", "1.2.3.4", b"6.6.6.6, 1.2.3.4, 10.0.0.1"),
        ("10.0.0.1", b"1.2.3.4, 10.9.9.9", "1.2.3.4", b"1.2.3.4, 10.9.9.9, 10.0.0.1"),
        ("10.0.0.1", b"10.9.9.9", "10.9.9.9", b"10.9.9.9, 10.0.0.1"),
        ("2001:db8::5", b"2001:db9::1", "2001:db9::1", b"2001:db9::1, 2001:db8::5"),
        ("", b"1.2.3.4", "1.2.3.4", b"1.2.3.4"),
    ],
)
def test_the_last_address_that_no_trusted_proxy_vouches_for(
    address: str, line: bytes, client: str, told: bytes
) -> None:
    native, _ = Door(BEHIND_PROXIES).compare(
        b"GET", b"/", [HOST, (b"X-Forwarded-For", line)], address=address
    )
    assert isinstance(native, Forward)
    assert native.client == client
    assert b", ".join(combined(parse(native.head)[1])[b"x-forwarded-for"]) == told


@pytest.mark.parametrize(("secure", "proto"), [(False, b"http"), (True, b"https")])
def test_untrusted_peers_are_described_not_believed(secure: bool, proto: bytes) -> None:
    fields = [
        HOST,
        (b"X-Forwarded-Proto", b"https" if proto == b"http" else b"http"),
        (b"X-Forwarded-Host", b"forged.example"),
        (b"X-Request-ID", b"forged"),
        (b"tracestate", b"forged=1"),
    ]
    native, _ = Door(BEHIND_PROXIES).compare(b"GET", b"/", fields, secure=secure)
    assert isinstance(native, Forward)
    told = combined(parse(native.head)[1])
    assert told[b"x-forwarded-proto"] == [proto]
    assert told[b"x-forwarded-host"] == [b"a.example"]
    assert told[b"x-request-id"] == [native.request_id.encode()] != [b"forged"]
    assert b"tracestate" not in told
