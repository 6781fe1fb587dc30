"""Content-Length, Transfer-Encoding and Expect: alone, together, repeated and broken."""

from __future__ import annotations

from hypothesis import strategies as st

from tests.door.model.verdict import Fields
from tests.door.strategies.common import ORDERS, Asked, each_with, repeated, shuffled, spellings

LENGTHS = ("0", "5", "05", "17", "9223372036854775807", " 5\t")
BROKEN_LENGTHS = ("", "+5", "-1", "5, 5", "5,5", "0x5", "5 5", "1e3", "\xb2", "9223372036854775808")
CODINGS = ("chunked", "Chunked", " CHUNKED\t", "gzip, chunked", ",chunked", "gzip;a=b , chunked")
BROKEN_CODINGS = ("", "gzip", "identity", "xchunked", "chunked, gzip", "\x0bchunked", '"chunked"')
EXPECTATIONS = ("100-continue", "100-Continue", "101-continue", "100-continue, x", "", "x=1")


LENGTH_FIELDS = each_with(
    spellings("Content-Length"), [text.encode("latin-1") for text in LENGTHS * 2 + BROKEN_LENGTHS]
)
CODING_FIELDS = each_with(
    spellings("Transfer-Encoding"), [text.encode() for text in CODINGS * 2 + BROKEN_CODINGS]
)
EXPECT_FIELDS = each_with(spellings("Expect"), [text.encode() for text in EXPECTATIONS])
SOUND: list[Fields] = [
    [],
    [(b"Content-Length", b"5")],
    [(b"content-length", b"0")],
    [(b"transfer-Encoding", b"chunked")],
    [(b"Transfer-Encoding", b"Chunked")],
]


def framing_fields() -> st.SearchStrategy[Fields]:
    """Content-Length and Transfer-Encoding, alone, together and repeated."""
    lengths, codings = st.sampled_from(LENGTH_FIELDS), st.sampled_from(CODING_FIELDS)
    one = st.one_of(lengths, codings).map(lambda field: [field])
    twice = st.lists(lengths, min_size=2, max_size=2)
    both = st.tuples(lengths, codings).map(list)
    return st.one_of(st.sampled_from(SOUND), one, one, st.one_of(twice, both))


def expectations() -> st.SearchStrategy[Fields]:
    sound: list[Fields] = [[], [(b"Expect", b"100-continue")]]
    return st.one_of(st.sampled_from(sound), repeated(EXPECT_FIELDS, 1))


def framed_requests() -> st.SearchStrategy[Asked]:
    """Requests whose end is in doubt."""
    return st.builds(
        lambda method, framing, expectation, order, version: Asked(
            method,
            b"/a",
            shuffled([(b"Host", b"a.example"), *framing, *expectation], order),
            version,
        ),
        st.sampled_from([b"GET", b"HEAD", b"POST", b"PUT", b"PATCH", b"DELETE"]),
        framing_fields(),
        expectations(),
        ORDERS,
        st.sampled_from([10, 11, 11]),
    )
