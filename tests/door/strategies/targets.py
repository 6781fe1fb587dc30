"""Paths, hosts and request targets, honest and hostile."""

from __future__ import annotations

from hypothesis import strategies as st

PLAIN_PIECES = ("/", "/", "/", "a", "b", "c", "A", ".", "..", "%2e", "%2E", "/../", "/./", "//")
PARAMETER_PIECES = (";", ";x", ";x=1", "..;", "a;x", "b;", "/;/", "..;/")
ENCODED_PIECES = ("%2F", "%2f", "%5C", "%5c", "%2e%2e%2f", "%41", "%7e", "%25", "%252e", "%3b")
PRINTABLE_PIECES = ('"', "<", ">", "^", "`", "{", "|", "}", "!$&'()*+,=:@", "%C3%A9", "%ff", "%3F")
BROKEN_PIECES = ("%", "%4", "%zz", "%00", "%0a", "%1F", "%7f", "\\", " ", "\t", "\xe9", "#", "\x7f")


PIECES = (*PLAIN_PIECES * 2, *PARAMETER_PIECES * 2, *ENCODED_PIECES * 2, *PRINTABLE_PIECES)
BREAKS = (*("",) * 26, *BROKEN_PIECES)


def hostile_paths(broken: bool = True) -> st.SearchStrategy[bytes]:
    """Paths with dots, parameters, encodings and, where wanted, what no path may have."""
    return st.builds(
        lambda before, broken_piece, after: "".join(("/", *before, broken_piece, *after)).encode(
            "latin-1"
        ),
        st.lists(st.sampled_from(PIECES), max_size=5),
        st.sampled_from(BREAKS if broken else BREAKS[:1]),
        st.lists(st.sampled_from(PIECES), max_size=5),
    )


HOST_TEXTS = (
    "a.example",
    "A_b.example",
    "192.0.2.1",
    "[::1]",
    "[2001:DB8::1]",
    "[::ffff:192.0.2.1]",
    "",
    "a b",
    "a,b",
    "u@a.example",
    "a%2eexample",
    "a/b",
    "a\\b",
    "a?b",
    "a#b",
    "[::1",
    "::1",
    "[::1]x",
    "[fe80::1%25eth0]",
    "[1.2.3.4]",
    "[]",
    "\xe9.example",
    "a\x00b",
)
PORT_TEXTS = ("", "", "", ":80", ":443", ":8080", ":1", ":65535", ":65536", ":0", ":", ":8a", ":-1")
AUTHORITIES = (
    "a.example",
    "A.EXAMPLE",
    "a.example:80",
    "a.example:443",
    "b.example",
    "u@a.example",
)
PREFIXES = (
    "http://",
    "https://",
    "http://",
    "https://",
    "HTTP://",
    "ftp://",
    "http:/",
    "://",
    "//",
    "",
)
REMAINDERS = (
    *("", "/", "/a", "?v=1", "/a?v=1") * 2,
    "/a?",
    "/a#f",
    "/a?b#f",
    "/a b",
    "/\xe9",
    "/../a",
)


def hosts() -> st.SearchStrategy[bytes]:
    return st.builds(
        lambda host, port: (host + port).encode("latin-1"),
        st.one_of(st.sampled_from(HOST_TEXTS[:6]), st.sampled_from(HOST_TEXTS)),
        st.sampled_from(PORT_TEXTS),
    )


@st.composite
def targets(draw: st.DrawFn) -> bytes:
    """Origin, absolute, authority and asterisk forms, and near misses of each."""
    form = draw(st.sampled_from(["origin", "absolute", "absolute", "other"]))
    remainder = draw(st.sampled_from(REMAINDERS))
    if form == "origin":
        return ("/" + remainder.removeprefix("/")).encode("latin-1")
    if form == "absolute":
        prefix = draw(st.sampled_from(PREFIXES))
        return (prefix + draw(st.sampled_from(AUTHORITIES)) + remainder).encode("latin-1")
    return draw(st.sampled_from([b"*", b"*", b"", b"a.example:443", b"a", b"*?a", b"/*", b"**"]))
