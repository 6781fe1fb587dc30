"""A load on loopback: so many keep-alive connections, each with one request at a time.

Without a rate the loop is closed: the next request goes out when the last answer is complete. With
one, requests are due at fixed times, and what is measured starts when a request was due, so that a
gateway which makes its clients wait cannot hide it.

Run as a process of its own, so that it can be pinned; prints one JSON object. The load is bounded
by its time and stops by itself.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import time
from array import array
from dataclasses import dataclass, field
from pathlib import Path
from typing import cast

import uvloop

from benches.pace import Pace


@dataclass
class Work:
    """What all connections do together.

    Attributes:
        requests: Sent in turn; the first again after the last, unless `once`.
        until: The time, by `perf_counter`, at which the last request goes out.
        interval: Seconds between two requests of one connection; 0 for a closed loop.
        status: What every answer's status line has to begin with.
    """

    requests: list[bytes]
    until: float
    interval: float
    status: bytes
    once: bool
    sent: int = 0
    failed: int = 0
    seconds: array[float] = field(default_factory=lambda: array("d"))

    def next(self, now: float) -> bytes | None:
        """Give the next request; None when the work is done."""
        if now >= self.until or (self.once and self.sent >= len(self.requests)):
            return None
        request = self.requests[self.sent % len(self.requests)]
        self.sent += 1
        return request


class Client(asyncio.Protocol):
    """One connection."""

    def __init__(self, work: Work, phase: float, pace: Pace | None) -> None:
        self.work = work
        self.pace = pace
        self.closed = asyncio.get_running_loop().create_future()
        self._left = 0
        self._head = b""
        self._due = time.perf_counter() + phase * work.interval

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = cast("asyncio.Transport", transport)  # uvloop's has another base
        self._send_when_due()

    def data_received(self, data: bytes) -> None:
        if self._left == 0:
            data = self._head + data
            end = data.find(b"\r\n\r\n")
            if end < 0:
                self._head = data
                return
            self._head = b""
            head = data[:end].lower()
            self.work.failed += not data.startswith(self.work.status)
            start = head.find(b"content-length:") + 15
            stop = head.find(b"\r\n", start)
            length = int(head[start : stop if stop > 0 else None])
            self._left = length - (len(data) - end - 4)
        else:
            self._left -= len(data)
        if self._left == 0:
            now = time.perf_counter()
            self.work.seconds.append(now - self._due)
            self._due = self._due + self.work.interval if self.work.interval else now
            self._send_when_due()

    def connection_lost(self, exc: Exception | None) -> None:
        if not self.closed.done():
            self.work.failed += exc is not None
            self.closed.set_result(None)

    def _send_when_due(self) -> None:
        if self.pace is not None and self._due > time.perf_counter():
            self.pace.at(self._due, self._send)
        else:
            self._send()

    def _send(self) -> None:
        request = self.work.next(time.perf_counter())
        if request is None:
            self.transport.close()
        else:
            self.transport.write(request)


def read_requests(data: bytes) -> list[bytes]:
    """Take a file of requests apart, each of which is behind its length on a line of its own."""
    requests = []
    while data:
        length, _, data = data.partition(b"\n")
        requests.append(data[: int(length)])
        data = data[int(length) :]
    return requests


async def run(host: str, port: int, work: Work, connections: int) -> dict[str, float]:
    loop = asyncio.get_running_loop()
    pace = Pace() if work.interval else None
    clients = [Client(work, number / connections, pace) for number in range(connections)]
    began = time.perf_counter()
    for client in clients:
        await loop.create_connection(lambda client=client: client, host, port)  # type: ignore[misc]
    patience = work.until - time.perf_counter() + 10
    await asyncio.wait_for(asyncio.gather(*(client.closed for client in clients)), patience)
    if pace is not None:
        pace.close()
    seconds = sorted(work.seconds)
    return {
        "answered": len(seconds),
        "seconds": time.perf_counter() - began,
        "failed": work.failed,
        "p50_ms": seconds[len(seconds) // 2] * 1000,
        "p99_ms": seconds[len(seconds) * 99 // 100] * 1000,
        "p999_ms": seconds[len(seconds) * 999 // 1000] * 1000,
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("port", type=int)
    parser.add_argument("--host", default="127.0.0.1")
    parser.add_argument("--path", default="/")
    parser.add_argument("--connections", type=int, default=64)
    parser.add_argument("--seconds", type=float, default=5.0)
    parser.add_argument("--rate", type=float, help="requests per second in all (default: closed)")
    parser.add_argument("--tokens", type=Path, help="file with a bearer token per line, in turn")
    parser.add_argument(
        "--requests",
        type=Path,
        help="file with whole requests instead, each behind its length on a line of its own",
    )
    parser.add_argument("--once", action="store_true", help="each request once, then stop")
    parser.add_argument("--status", default="200", help="status that answers must have")
    options = parser.parse_args()
    uvloop.install()
    start = (
        f"GET {options.path} HTTP/1.1\r\nHost: {options.host}:{options.port}\r\n"
        "User-Agent: load\r\nAccept: */*\r\n"
    )
    tokens = options.tokens.read_text().split() if options.tokens else []
    requests = [f"{start}Authorization: Bearer {token}\r\n\r\n".encode() for token in tokens]
    if options.requests:
        requests = read_requests(options.requests.read_bytes())
    work = Work(
        requests or [f"{start}\r\n".encode()],
        time.perf_counter() + options.seconds,
        options.connections / options.rate if options.rate else 0.0,
        f"HTTP/1.1 {options.status}".encode(),
        options.once,
    )
    print(json.dumps(asyncio.run(run(options.host, options.port, work, options.connections))))


if __name__ == "__main__":
    main()
