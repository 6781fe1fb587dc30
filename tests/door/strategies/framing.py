"""Content-Length, Transfer-Encoding and Expect: alone, together, repeated and broken."""

from __future__ import annotations

from hypothesis import strategies as st

from tests.door.model.verdict import Field
from tests.door.strategies.common import Asked, spelled

LENGTHS = ("0", "5", "05", "17", "9223372036854775807", " 5\t")
BROKEN_LENGTHS = ("", "+5", "-1", "5, 5", "5,5", "0x5", "5 5", "1e3", "\xb2", "9223372036854775808")
CODINGS = ("chunked", "Chunked", " CHUNKED\t", "gzip, chunked", ",chunked", "gzip;a=b , chunked")
BROKEN_CODINGS = ("", "gzip", "identity", "xchunked", "chunked, gzip", "\x0bchunked", '"chunked"')
EXPECTATIONS = ("100-continue", "100-Continue", "101-continue", "100-continue, x", "", "x=1")


def framing_fields() -> st.SearchStrategy[list[Field]]:
    """Content-Length and Transfer-Encoding, alone, together and repeated."""
    lengths = st.tuples(
        spelled("Content-Length"),
        st.sampled_from(LENGTHS * 2 + BROKEN_LENGTHS).map(lambda text: text.encode("latin-1")),
    )
    codings = st.tuples(
        spelled("Transfer-Encoding"),
        st.sampled_from(CODINGS * 2 + BROKEN_CODINGS).map(str.encode),
    )
    one = st.one_of(lengths, codings).map(lambda field: [field])
    sound = st.sampled_from([(b"Content-Length", b"5"), (b"transfer-Encoding", b"chunked")])
    twice = st.lists(lengths, min_size=2, max_size=2)
    both = st.tuples(lengths, codings).map(list)
    return st.one_of(
        st.just([]), sound.map(lambda field: [field]), one, one, st.one_of(twice, both)
    )


def expectations() -> st.SearchStrategy[list[Field]]:
    present = st.tuples(spelled("Expect"), st.sampled_from(EXPECTATIONS).map(str.encode))
    sound: Field = (b"Expect", b"100-continue")
    return st.one_of(st.just([]), st.just([sound]), present.map(lambda field: [field]))


@st.composite
def framed_requests(draw: st.DrawFn) -> Asked:
    fields = [(b"Host", b"a.example"), *draw(framing_fields()), *draw(expectations())]
    method = draw(st.sampled_from([b"GET", b"HEAD", b"POST", b"PUT", b"PATCH", b"DELETE"]))
    return Asked(method, b"/a", draw(st.permutations(fields)), draw(st.sampled_from([10, 11, 11])))
