from __future__ import annotations

import itertools

import h11
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pygateway.chunked import FORBIDDEN_TRAILERS, ChunkedBody, MalformedBody

LIMIT = 1000


def decode(pieces: list[bytes], limit: int = LIMIT) -> tuple[bytes, bytes, bool]:
    """The body, what follows it, and whether it is complete."""
    taken: list[bytes] = []
    body = ChunkedBody(taken.append, limit, FORBIDDEN_TRAILERS)
    rest = b""
    for piece in pieces:
        rest += piece if body.complete else body.feed(piece)
    return b"".join(taken), rest, body.complete


def framed(chunks: list[bytes], extension: bytes = b"", trailers: bytes = b"") -> bytes:
    sized = (b"%x%b\r\n%b\r\n" % (len(chunk), extension, chunk) for chunk in chunks)
    return b"".join(sized) + b"0\r\n" + trailers + b"\r\n"


# Empty lines within the data are what the search for the end stumbles over.
CHUNKS = st.lists(st.text("\r\nab0", min_size=1, max_size=12).map(str.encode), max_size=6)
CUTS = st.lists(st.integers(0, 80), max_size=8)


@given(
    CHUNKS, CUTS, st.sampled_from([b"", b";a=b", b';q="x"']), st.sampled_from([b"", b"X: y\r\n"])
)
def test_however_it_is_cut_the_body_ends_where_it_ends(
    chunks: list[bytes], cuts: list[int], extension: bytes, trailers: bytes
) -> None:
    raw = framed(chunks, extension, trailers) + b"GET /next HTTP/1.1\r\n\r\n"
    edges = sorted({0, len(raw), *(cut for cut in cuts if cut < len(raw))})
    pieces = [raw[start:end] for start, end in itertools.pairwise(edges)]
    assert decode(pieces) == (b"".join(chunks), b"GET /next HTTP/1.1\r\n\r\n", True)


@given(CHUNKS)
def test_another_decoder_gives_the_same(chunks: list[bytes]) -> None:
    raw = framed(chunks)
    reader = h11.Connection(h11.SERVER)
    reader.receive_data(b"POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n" + raw)
    data = b""
    while not isinstance(event := reader.next_event(), h11.EndOfMessage):
        if isinstance(event, h11.Data):
            data += event.data
    assert decode([raw])[0] == data


def test_what_is_not_there_yet_is_waited_for() -> None:
    raw = framed([b"hello"])
    for end in range(len(raw)):
        body, rest, complete = decode([raw[:end]])
        assert b"hello".startswith(body)
        assert (rest, complete) == (b"", False)


@pytest.mark.parametrize(
    "raw",
    [
        b"5\nhello\r\n0\r\n\r\n",
        b"+5\r\nhello\r\n0\r\n\r\n",
        b"0x5\r\nhello\r\n0\r\n\r\n",
        b"5 \r\nhello\r\n0\r\n\r\n",
        b"5\r\nhelloXX0\r\n\r\n",
        b"fffffffffffffffff\r\nhello\r\n0\r\n\r\n",
        b"\r\n5\r\nhello\r\n0\r\n\r\n",
        b"0\r\nContent-Length: 5\r\n\r\n",
        b"0\r\ncontent_length: 5\r\n\r\n",
        b"0\r\nX y\r\n\r\n",
    ],
)
def test_what_is_malformed_is_refused(raw: bytes) -> None:
    with pytest.raises(MalformedBody):
        decode([raw])


def test_framing_may_not_outgrow_the_body() -> None:
    with pytest.raises(MalformedBody, match="framing"):
        decode([b"1;" + b"x" * (LIMIT + 10)])
    with pytest.raises(MalformedBody, match="framing"):
        decode([b"0\r\n", b"X: " + b"y" * (LIMIT + 10)])
    single = framed([b"a"] * LIMIT)
    assert decode([single])[0] == b"a" * LIMIT


def test_trailers_of_a_response_are_dropped_whatever_they_are() -> None:
    taken: list[bytes] = []
    body = ChunkedBody(taken.append, LIMIT)
    assert body.feed(b"0\r\nSet-Cookie: a\r\nHost: b\r\n\r\n") == b""
    assert body.complete
    assert taken == []
