"""A client that sends exactly the bytes it is told and judges exactly what comes back."""

from __future__ import annotations

import contextlib
import dataclasses
import socket
import struct
from collections.abc import Callable, Iterable
from types import TracebackType
from typing import Self

from tests.support.messages import (
    Response,
    Truncated,
    parse_response,
    parse_response_head,
)
from tests.support.patience import PATIENCE

Address = tuple[str, int] | str
"""Host and port, or the path of a unix socket."""

HOST = "gateway.test"


def request(
    method: str = "GET",
    target: str = "/",
    *lines: str,
    body: bytes = b"",
    host: str | None = HOST,
    version: str = "1.1",
) -> bytes:
    """The bytes of a well-formed request; a body brings its Content-Length."""
    head = [f"{method} {target} HTTP/{version}"]
    if host is not None:
        head.append(f"Host: {host}")
    head.extend(lines)
    if body and not any(line.lower().startswith("content-length:") for line in lines):
        head.append(f"Content-Length: {len(body)}")
    return "\r\n".join([*head, "", ""]).encode("latin-1") + body


def chunk(data: bytes) -> bytes:
    """One chunk of RFC 9112 section 7.1; the empty one is the last, without trailers."""
    return b"%x\r\n%b\r\n" % (len(data), data)


def chunked(*pieces: bytes) -> bytes:
    """A whole chunked body."""
    return b"".join(chunk(piece) for piece in (*pieces, b""))


def connect(address: Address, receive_buffer: int | None = None) -> socket.socket:
    """A connected socket whose every operation has a deadline."""
    if isinstance(address, str):
        connection = socket.socket(socket.AF_UNIX)
    else:
        connection = socket.socket(socket.AF_INET6 if ":" in address[0] else socket.AF_INET)
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    if receive_buffer is not None:
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, receive_buffer)
    connection.settimeout(PATIENCE)
    try:
        connection.connect(address)
    except OSError:
        connection.close()
        raise
    return connection


def reset(connection: socket.socket) -> None:
    """Close with RST instead of FIN."""
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    connection.close()


class Client:
    """One client connection."""

    def __init__(self, address: Address, receive_buffer: int | None = None) -> None:
        self.socket = connect(address, receive_buffer)
        self._buffer = b""
        self._ended = False

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        value: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.close()

    def close(self) -> None:
        """Close the connection at once."""
        self.socket.close()

    def reset(self) -> None:
        """End the connection as a crashed peer would."""
        reset(self.socket)

    def finish_sending(self) -> None:
        """Half-close: FIN, while responses can still be read."""
        with contextlib.suppress(OSError):
            self.socket.shutdown(socket.SHUT_WR)

    def send(self, *pieces: bytes) -> None:
        """Send each piece with a call of its own."""
        for piece in pieces:
            self.socket.sendall(piece)

    def send_separately(self, pieces: Iterable[bytes], settle: Callable[[], None]) -> None:
        """Send pieces so that the gateway reads each of them alone."""
        for piece in pieces:
            settle()
            self.socket.sendall(piece)

    def send_while_accepted(self, data: bytes) -> None:
        """Send as much as the gateway takes; it may refuse and close in the middle."""
        with contextlib.suppress(BrokenPipeError, ConnectionResetError):
            self.socket.sendall(data)

    def _receive(self) -> bool:
        """Read more into the buffer; False at the end of the connection."""
        if not self._ended:
            data = self.socket.recv(1 << 18)
            self._buffer += data
            self._ended = not data
        return not self._ended

    def response(self, method: str = "GET") -> Response:
        """Read one final response and the interim ones before it."""
        interims = []
        while True:
            found = parse_response(self._buffer, head_only=method == "HEAD", ended=self._ended)
            if found is None:
                if not self._receive() and not self._buffer:
                    raise Truncated("connection ended where a response was due")
            elif found.status < 200 and found.status != 101:
                interims.append(found)
                self._buffer = self._buffer[len(found.raw) :]
            else:
                self._buffer = self._buffer[len(found.raw) :]
                return dataclasses.replace(found, interims=tuple(interims))

    def interim(self) -> Response:
        """Read exactly one interim response."""
        while True:
            found = parse_response(self._buffer, head_only=True, ended=self._ended)
            if found is not None:
                assert found.status < 200, found
                self._buffer = self._buffer[len(found.raw) :]
                return found
            self._receive()

    def head(self) -> tuple[int, dict[str, str]]:
        """Read one head only; what follows stays to be read as bytes."""
        while (found := parse_response_head(self._buffer)) is None:
            if not self._receive():
                raise Truncated(f"connection ended inside a head: {self._buffer[:200]!r}")
        status, _, fields, position = found
        self._buffer = self._buffer[position:]
        return status, {name.lower(): value for name, value in fields}

    def exactly(self, count: int) -> bytes:
        """Read so many raw bytes."""
        while len(self._buffer) < count:
            if not self._receive():
                raise Truncated(f"{len(self._buffer)} of {count} bytes", self._buffer)
        data, self._buffer = self._buffer[:count], self._buffer[count:]
        return data

    def take_buffered(self, into: memoryview) -> int:
        """Copy out what was read ahead, for those who then read from the socket itself."""
        count = min(len(self._buffer), len(into))
        into[:count] = self._buffer[:count]
        self._buffer = self._buffer[count:]
        return count

    def rest(self) -> bytes:
        """Read raw bytes until the gateway closes; a reset raises ConnectionResetError."""
        while self._receive():
            pass
        data, self._buffer = self._buffer, b""
        return data

    def remains(self) -> bytes:
        """Read raw bytes until the connection ends, whichever way it does."""
        with contextlib.suppress(ConnectionResetError):
            while self._receive():
                pass
        data, self._buffer = self._buffer, b""
        return data

    def ended(self) -> None:
        """The gateway closes the connection cleanly and sends nothing more."""
        assert self.rest() == b""

    def broken_off(self) -> None:
        """The gateway ends the connection, cleanly or not, and sends nothing more."""
        assert self.remains() == b""

    def exchange(self, raw: bytes) -> Response:
        """Send one request and read its response."""
        self.send(raw)
        return self.response(raw.split(b" ", 1)[0].decode())
