"""WebSocket messages (RFC 6455): a server that answers each with one, and a load of them.

    python -m benches.peers.websocket serve PORT
    python -m benches.peers.websocket load PORT --seconds 2

Both know the size of every frame beforehand, so that they count bytes and parse nothing: gateways
tunnel frames, and what is measured is the tunnel.
"""

from __future__ import annotations

import argparse
import asyncio
import base64
import hashlib
import json
import time
from typing import cast

import uvloop

PAYLOAD = b"m" * 64
MASK = b"\x01\x02\x03\x04"
QUESTION = b"\x81" + bytes([0x80 | len(PAYLOAD)]) + MASK
QUESTION += bytes(octet ^ MASK[index % 4] for index, octet in enumerate(PAYLOAD))
ANSWER = b"\x81" + bytes([len(PAYLOAD)]) + PAYLOAD

KEY = base64.b64encode(b"0123456789abcdef").decode()
GUID = "258EAFA5-E914-47DA-95CA-C5AB0DC85B11"
ACCEPT = base64.b64encode(hashlib.sha1(f"{KEY}{GUID}".encode()).digest()).decode()  # noqa: S324
REQUEST = (
    "GET /websocket/messages HTTP/1.1\r\nHost: service.example\r\nUpgrade: websocket\r\n"
    f"Connection: Upgrade\r\nSec-WebSocket-Key: {KEY}\r\nSec-WebSocket-Version: 13\r\n\r\n"
).encode()
ACCEPTED = (
    "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
    f"Sec-WebSocket-Accept: {ACCEPT}\r\n\r\n"
).encode()


class _Peer(asyncio.Protocol):
    """One end: gathers a head, and then messages of one length."""

    length: int

    def __init__(self) -> None:
        self._buffer = b""
        self._open = False

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = cast("asyncio.Transport", transport)  # uvloop's has another base

    def data_received(self, data: bytes) -> None:
        self._buffer += data
        if not self._open:
            head, found, rest = self._buffer.partition(b"\r\n\r\n")
            if not found:
                return
            self._open, self._buffer = True, rest
            self.opened(head)
        while len(self._buffer) >= self.length:
            message, self._buffer = self._buffer[: self.length], self._buffer[self.length :]
            self.message(message)

    def opened(self, head: bytes) -> None:
        raise NotImplementedError

    def message(self, message: bytes) -> None:
        raise NotImplementedError


class Server(_Peer):
    """Answers every message with one."""

    length = len(QUESTION)

    def opened(self, head: bytes) -> None:
        del head
        self.transport.write(ACCEPTED)

    def message(self, message: bytes) -> None:
        del message
        self.transport.write(ANSWER)


class Client(_Peer):
    """Sends a message when the one before was answered."""

    length = len(ANSWER)

    def __init__(self, until: float) -> None:
        super().__init__()
        self.until = until
        self.answered = 0
        self.failed = 0
        self.closed = asyncio.get_running_loop().create_future()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        super().connection_made(transport)
        self.transport.write(REQUEST)

    def opened(self, head: bytes) -> None:
        accepted = head.startswith(b"HTTP/1.1 101") and ACCEPT.encode() in head
        self.failed += not accepted
        if accepted:
            self.transport.write(QUESTION)
        else:
            self.transport.close()

    def message(self, message: bytes) -> None:
        self.answered += 1
        self.failed += message != ANSWER
        if time.perf_counter() < self.until:
            self.transport.write(QUESTION)
        else:
            self.transport.close()

    def connection_lost(self, exc: Exception | None) -> None:
        self.failed += exc is not None or not self.answered
        if not self.closed.done():
            self.closed.set_result(None)


async def serve(port: int) -> None:
    """Serve until the process is ended."""
    server = await asyncio.get_running_loop().create_server(Server, "127.0.0.1", port)
    await server.serve_forever()


async def load(port: int, seconds: float, connections: int) -> dict[str, int]:
    """Exchange messages; gives how many."""
    loop = asyncio.get_running_loop()
    until = time.perf_counter() + seconds
    clients = [Client(until) for _ in range(connections)]
    for client in clients:
        await loop.create_connection(lambda client=client: client, "127.0.0.1", port)  # type: ignore[misc]
    ends = asyncio.gather(*(client.closed for client in clients))
    await asyncio.wait_for(ends, seconds + 10)
    return {
        "answered": sum(client.answered for client in clients),
        "failed": sum(client.failed for client in clients),
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("role", choices=("serve", "load"))
    parser.add_argument("port", type=int)
    parser.add_argument("--seconds", type=float, default=2.0)
    parser.add_argument("--connections", type=int, default=64)
    options = parser.parse_args()
    uvloop.install()
    if options.role == "serve":
        asyncio.run(serve(options.port))
    else:
        print(json.dumps(asyncio.run(load(options.port, options.seconds, options.connections))))


if __name__ == "__main__":
    main()
