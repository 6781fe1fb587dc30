"""An upstream that remembers what it saw, for the checks: one thread for each connection."""

from __future__ import annotations

import contextlib
import socket
import socketserver
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from io import BufferedIOBase

ANSWER = b'{"recorded": true}'


@dataclass(frozen=True)
class Seen:
    """A request as it came in.

    Attributes:
        connection: Number of the connection.
        line: The request line.
        fields: Names in lower case, and values, in order.
    """

    connection: int
    line: str
    fields: tuple[tuple[str, str], ...]
    body: bytes

    def values(self, name: str) -> list[str]:
        """Every value of a header."""
        return [value for each, value in self.fields if each == name.lower()]


@dataclass
class Recorder:
    """What was seen since it was last taken."""

    port: int
    seen: list[Seen] = field(default_factory=list)

    def take(self) -> list[Seen]:
        """Give what was seen, and forget it."""
        seen, self.seen = self.seen, []
        return seen


class _Server(socketserver.ThreadingTCPServer):
    daemon_threads = True
    recorder: Recorder
    connections = 0


class _Handler(socketserver.StreamRequestHandler):
    server: _Server
    disable_nagle_algorithm = True

    def handle(self) -> None:
        self.server.connections += 1
        number = self.server.connections
        with contextlib.suppress(ConnectionError):
            while (seen := read_request(self.rfile, number)) is not None:
                self.server.recorder.seen.append(seen)
                head = f"HTTP/1.1 200 OK\r\nContent-Length: {len(ANSWER)}\r\n"
                kind = "Content-Type: application/json\r\nServer: recorder\r\n\r\n"
                self.wfile.write(head.encode() + kind.encode() + ANSWER)


def read_request(stream: BufferedIOBase, connection: int) -> Seen | None:
    """Read a request; None at the end of the stream."""
    line = stream.readline().decode("latin-1").rstrip("\r\n")
    if not line:
        return None
    fields = []
    while text := stream.readline().decode("latin-1").rstrip("\r\n"):
        name, _, value = text.partition(":")
        fields.append((name.lower(), value.strip()))
    values = dict(fields)
    if values.get("transfer-encoding", "").lower() == "chunked":
        body = _chunks(stream)
    else:
        body = stream.read(int(values.get("content-length", "0")))
    return Seen(connection, line, tuple(fields), body)


def _chunks(stream: BufferedIOBase) -> bytes:
    body = b""
    while size := int(stream.readline().split(b";")[0], 16):
        body += stream.read(size)
        stream.readline()
    while stream.readline().strip():
        pass
    return body


@contextlib.contextmanager
def recording() -> Iterator[Recorder]:
    """Run a recorder on a free port."""
    with _Server(("127.0.0.1", 0), _Handler) as server:
        server.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        server.recorder = Recorder(server.server_address[1])
        thread = threading.Thread(target=server.serve_forever, daemon=True)
        thread.start()
        try:
            yield server.recorder
        finally:
            server.shutdown()
            thread.join()
