"""A closed-loop load on loopback: so many keep-alive connections, each with one request at a time.

Run as a process of its own, so that it can be pinned; prints one JSON object. The load is bounded
by its time and stops by itself.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import time
from typing import cast

import uvloop


class Client(asyncio.Protocol):
    """One connection: sends the request again as soon as its answer is complete."""

    def __init__(self, request: bytes, until: float) -> None:
        self.request = request
        self.until = until
        self.answered = 0
        self.failed = 0
        self.seconds: list[float] = []
        self.closed = asyncio.get_running_loop().create_future()
        self._left = 0
        self._head = b""
        self._sent_at = 0.0

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = cast("asyncio.Transport", transport)  # uvloop's has another base
        self._send()

    def data_received(self, data: bytes) -> None:
        if self._left == 0:
            data = self._head + data
            end = data.find(b"\r\n\r\n")
            if end < 0:
                self._head = data
                return
            self._head = b""
            head = data[:end].lower()
            self.failed += not data.startswith(b"HTTP/1.1 200")
            start = head.find(b"content-length:") + 15
            stop = head.find(b"\r\n", start)
            length = int(head[start : stop if stop > 0 else None])
            self._left = length - (len(data) - end - 4)
        else:
            self._left -= len(data)
        if self._left == 0:
            self.answered += 1
            self._send()

    def connection_lost(self, exc: Exception | None) -> None:
        if not self.closed.done():
            self.failed += exc is not None
            self.closed.set_result(None)

    def _send(self) -> None:
        now = time.perf_counter()
        if self._sent_at:
            self.seconds.append(now - self._sent_at)
        if now >= self.until:
            self.transport.close()
            return
        self._sent_at = now
        self.transport.write(self.request)


async def run(
    host: str, port: int, path: str, connections: int, duration: float
) -> dict[str, float]:
    loop = asyncio.get_running_loop()
    request = (
        f"GET {path} HTTP/1.1\r\nHost: {host}:{port}\r\nUser-Agent: load\r\nAccept: */*\r\n\r\n"
    )
    until = time.perf_counter() + duration
    clients = [Client(request.encode(), until) for _ in range(connections)]
    for client in clients:
        await loop.create_connection(lambda client=client: client, host, port)  # type: ignore[misc]
    await asyncio.wait_for(asyncio.gather(*(client.closed for client in clients)), duration + 10)
    seconds = sorted(second for client in clients for second in client.seconds)
    answered = sum(client.answered for client in clients)
    return {
        "answered": answered,
        "failed": sum(client.failed for client in clients),
        "p50_ms": seconds[len(seconds) // 2] * 1000,
        "p99_ms": seconds[len(seconds) * 99 // 100] * 1000,
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("port", type=int)
    parser.add_argument("--host", default="127.0.0.1")
    parser.add_argument("--path", default="/")
    parser.add_argument("--connections", type=int, default=64)
    parser.add_argument("--seconds", type=float, default=5.0)
    options = parser.parse_args()
    uvloop.install()
    result = asyncio.run(
        run(options.host, options.port, options.path, options.connections, options.seconds)
    )
    print(json.dumps(result))


if __name__ == "__main__":
    main()
