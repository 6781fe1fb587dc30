"""Takes the chunks off a body (RFC 9112 section 7.1), whichever side it comes from.

httptools decodes. A chunked body ends with an empty line, so bytes are handed to it up to the next
empty line and never beyond: the end of the body is then the end of a feed, and what follows it is
left to whoever knows what it is.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import httptools

from pygateway.errors import GatewayError

if TYPE_CHECKING:
    from collections.abc import Callable

END = b"\r\n\r\n"

# The decoder knows chunks only as a part of a message.
_PREAMBLE = b"POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n"

# One who sends a byte a chunk needs five bytes of framing for each; nine leave room for
# extensions that nobody sends. What exceeds that is an attempt to be read for ever.
MAX_FRAMING_RATIO = 9

# Trailers are dropped, but one of a request that would have changed its meaning is an attack
# (RFC 9110 section 6.5.1). Names are compared as an upstream may read them, with `-` for `_`.
FORBIDDEN_TRAILERS = frozenset(
    (
        b"authorization",
        b"cache-control",
        b"connection",
        b"content-encoding",
        b"content-length",
        b"content-range",
        b"content-type",
        b"cookie",
        b"expect",
        b"host",
        b"max-forwards",
        b"range",
        b"set-cookie",
        b"te",
        b"trailer",
        b"transfer-encoding",
        b"upgrade",
    )
)


class MalformedBody(GatewayError):
    """The body's framing is malformed, or larger than what it frames."""


class ChunkedBody:
    """Decodes one body.

    Args:
        take: Gets the body, as much of it at a time as was fed.
        framing_limit: Bytes of framing and trailers that a body may have beyond what its chunks
            need.
        forbidden: Names that no trailer may have.

    Attributes:
        complete: Whether the end of the body has come.
    """

    __slots__ = (
        "_forbidden",
        "_framing",
        "_limit",
        "_parser",
        "_pieces",
        "_tail",
        "_take",
        "_trailers",
        "complete",
    )

    def __init__(
        self,
        take: Callable[[bytes], None],
        framing_limit: int,
        forbidden: frozenset[bytes] = frozenset(),
    ) -> None:
        self._take = take
        self._forbidden = forbidden
        self._limit = framing_limit
        self._framing = 0
        self._tail = b""
        self._parser = httptools.HttpRequestParser(self)
        self._pieces: list[bytes] = []
        self._trailers: list[bytes] = []
        self._parser.feed_data(_PREAMBLE)
        self._trailers.clear()
        self.complete = False

    def feed(self, data: bytes) -> bytes:
        """Decode `data`; give what follows the body.

        Raises:
            MalformedBody: See there.
        """
        # Views and one piece for all that a call brings: data full of empty lines is then fed in
        # many parts, but copied once.
        view = memoryview(data)
        at = 0
        while at < len(data) and not self.complete:
            cut = self._find_cut(data, at)
            try:
                self._parser.feed_data(view[at:cut])
            except httptools.HttpParserError as error:
                raise MalformedBody(f"The chunked body cannot be parsed: {error}.") from None
            at = cut
        self._account(at)
        if self._pieces:
            pieces, self._pieces = self._pieces, []
            self._take(b"".join(pieces))
        return data[at:]

    def on_header(self, name: bytes, _: bytes) -> None:
        """Take the name of a trailer."""
        self._trailers.append(name)

    def on_body(self, data: bytes) -> None:
        """Take a piece of the body."""
        self._pieces.append(data)

    def on_message_complete(self) -> None:
        """The end has come."""
        self.complete = True

    def _account(self, consumed: int) -> None:
        """Hold framing and trailers against what they frame.

        Body bytes earn nothing for later: a long body does not allow a long trailer behind it.
        """
        body = sum(map(len, self._pieces))
        self._framing = max(0, self._framing + consumed - MAX_FRAMING_RATIO * body)
        if self._framing > self._limit:
            raise MalformedBody("The framing of the chunked body is larger than the body.")
        for name in self._trailers:
            if name.lower().replace(b"_", b"-") in self._forbidden:
                raise MalformedBody("A trailer may not repeat what belongs into the head.")
        self._trailers.clear()

    def _find_cut(self, data: bytes, at: int) -> int:
        """Where the next empty line ends, which may have begun in what was fed before."""
        tail = self._tail
        if tail:
            straddling = (tail + data[:3]).find(END)
            if straddling >= 0:
                self._tail = b""
                return straddling + 4 - len(tail)
        cut = data.find(END, at) + 4
        if cut < 4:
            self._tail = (tail + data[at:])[-3:]
            return len(data)
        self._tail = b""
        return cut
