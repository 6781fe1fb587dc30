"""The echo upstream: answers every request with JSON that says what arrived.

It is the upstream of `pygateway demo`, of tests and of benches, so it is small, quick and
independent of the gateway. Bodies are counted as they come and never gathered. A connection
reads on only while its peer takes the answers.

The answer's members:
    method: As received.
    target: The request target exactly as received.
    version: `1.0` or `1.1`.
    headers: Name and value pairs, in wire order and with their original case.
    body_bytes: Size of the body after chunks were decoded.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
from dataclasses import dataclass, field
from typing import cast

import httptools

HEAD_LIMIT = 256 * 1024
"""Bytes that a request's head may have, far above any gateway's own limit, which is under test."""

BACKLOG = 4096
"""Connections that may wait to be accepted; the kernel's usual ceiling (somaxconn)."""

CLOSE_GRACE = 1.0
"""Seconds that connections get on `close` to take the answers already written."""

_CONTINUE = b"HTTP/1.1 100 Continue\r\n\r\n"
_BAD_REQUEST = b"HTTP/1.1 400 Bad Request\r\nContent-Length: 0\r\nConnection: close\r\n\r\n"
_TOO_LARGE = (
    b"HTTP/1.1 431 Request Header Fields Too Large\r\n"
    b"Content-Length: 0\r\nConnection: close\r\n\r\n"
)
_NOT_IMPLEMENTED = b"HTTP/1.1 501 Not Implemented\r\nContent-Length: 0\r\nConnection: close\r\n\r\n"


@dataclass(slots=True)
class _Request:
    """What has arrived of one request so far."""

    target: bytes = b""
    headers: list[tuple[bytes, bytes]] = field(default_factory=list)
    expects_continue: bool = False
    head_complete: bool = False
    body_bytes: int = 0

    @property
    def announces_body(self) -> bool:
        """Whether the head has a field that frames a body (RFC 9112 section 6)."""
        return any(
            name.lower() in {b"content-length", b"transfer-encoding"} for name, _ in self.headers
        )


class EchoConnection(asyncio.Protocol):
    """One client connection; requests are answered in order, as each of them completes."""

    def __init__(self, server: EchoServer) -> None:
        self._server = server
        self._parser = httptools.HttpRequestParser(self)
        self._request = _Request()
        self._head_bytes = 0
        self.transport: asyncio.Transport

    # --- asyncio.Protocol -----------------------------------------------------------------------

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Begin to serve."""
        self.transport = cast("asyncio.Transport", transport)
        self._server.joined(self)

    def connection_lost(self, error: Exception | None) -> None:
        """Forget the connection."""
        self._server.left(self)

    def pause_writing(self) -> None:
        """The peer does not take its answers: give it no cause for more of them."""
        self.transport.pause_reading()

    def resume_writing(self) -> None:
        """The peer has caught up."""
        self.transport.resume_reading()

    def data_received(self, data: bytes) -> None:
        """Feed the parser, whose callbacks answer."""
        if not self._request.head_complete:
            self._head_bytes += len(data)
        while data and not self.transport.is_closing():
            data = self._feed(data)
        if self._head_bytes > HEAD_LIMIT and not self._request.head_complete:
            self._end_with(_TOO_LARGE)

    def _feed(self, data: bytes) -> bytes:
        """Parse `data`; gives what stands behind a request that asked for an upgrade."""
        try:
            self._parser.feed_data(data)
        except httptools.HttpParserUpgrade as upgrade:
            # Upgrades are declined by answering the request as if it had asked for none
            # (RFC 9110 section 7.8); what follows it is the next request.
            self._parser = httptools.HttpRequestParser(self)
            return data[upgrade.args[0] :]
        except httptools.HttpParserError:
            self._end_with(_BAD_REQUEST)
        return b""

    # --- callbacks of httptools -----------------------------------------------------------------

    def on_url(self, url: bytes) -> None:
        """Take a piece of the target."""
        self._request.target += url

    def on_header(self, name: bytes, value: bytes) -> None:
        """Take a field; those behind the body are trailers and not shown."""
        request = self._request
        if request.head_complete:
            return
        request.headers.append((name, value))
        if len(name) == 6 and name.lower() == b"expect" and value.lower() == b"100-continue":
            request.expects_continue = True

    def on_headers_complete(self) -> None:
        """Invite the body if the client waits for that (RFC 9110 section 10.1.1)."""
        self._request.head_complete = True
        self._head_bytes = 0
        if self._request.expects_continue and self._parser.get_http_version() == "1.1":
            self._write(_CONTINUE)

    def on_body(self, body: bytes) -> None:
        """Count, and keep nothing."""
        self._request.body_bytes += len(body)

    def on_message_complete(self) -> None:
        """Answer."""
        request, self._request = self._request, _Request()
        method = self._parser.get_method()
        if method == b"CONNECT" or (self._parser.should_upgrade() and request.announces_body):
            # The parser takes what follows for another protocol, so the body has no known end.
            self._end_with(_NOT_IMPLEMENTED)
            return
        version = self._parser.get_http_version()
        keep_alive = self._parser.should_keep_alive()
        body = _render(method, version, request)
        persistence = b"keep-alive" if keep_alive else b"close"
        head = (
            b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n"
            b"Content-Length: %d\r\nConnection: %b\r\n\r\n" % (len(body), persistence)
        )
        self._write(head if method == b"HEAD" else head + body)
        if not keep_alive:
            self.transport.close()

    # --------------------------------------------------------------------------------------------

    def _write(self, data: bytes) -> None:
        if not self.transport.is_closing():
            self.transport.write(data)

    def _end_with(self, answer: bytes) -> None:
        self._write(answer)
        self.transport.close()


def _render(method: bytes, version: str, request: _Request) -> bytes:
    answer = {
        "method": method.decode("latin-1"),
        "target": request.target.decode("latin-1"),
        "version": version,
        "headers": [
            (name.decode("latin-1"), value.decode("latin-1")) for name, value in request.headers
        ],
        "body_bytes": request.body_bytes,
    }
    return json.dumps(answer).encode("ascii") + b"\n"


class EchoServer:
    """Listens for requests and echoes them.

    Attributes:
        connections: Those that are open.
    """

    def __init__(self) -> None:
        self.connections: set[EchoConnection] = set()
        self._emptied = asyncio.Event()
        self._server: asyncio.Server | None = None

    async def start(self, host: str, port: int) -> tuple[str, int]:
        """Listen, and return host and port.

        Args:
            host: Address or name to listen on.
            port: Port; 0 takes a free one.

        Raises:
            OSError: The address cannot be listened on.
        """
        loop = asyncio.get_running_loop()
        server = await loop.create_server(lambda: EchoConnection(self), host, port, backlog=BACKLOG)
        self._server = server
        address = server.sockets[0].getsockname()
        return address[0], address[1]

    async def close(self) -> None:
        """Accept nothing more and end every connection, after `CLOSE_GRACE` by force."""
        if self._server is None:
            return
        self._server.close()
        self._server = None
        for connection in tuple(self.connections):
            connection.transport.close()
        if self.connections:
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self._emptied.wait(), CLOSE_GRACE)
        for connection in tuple(self.connections):
            connection.transport.abort()

    def joined(self, connection: EchoConnection) -> None:
        """A client has connected."""
        self.connections.add(connection)
        self._emptied.clear()

    def left(self, connection: EchoConnection) -> None:
        """A client's connection has ended."""
        self.connections.discard(connection)
        if not self.connections:
            self._emptied.set()
