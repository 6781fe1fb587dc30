"""Clients that ask for as much as they can, and remember when they were let in."""

from __future__ import annotations

import asyncio
import time
from collections import Counter
from collections.abc import Sequence
from typing import Any, NamedTuple, cast

from tests.limits.judge import Passage


class Reply(NamedTuple):
    """An answer, and the Unix seconds before the question and after the answer."""

    status: int
    sent: float
    received: float
    head: bytes
    body: bytes


def question(path: str = "/", **fields: str) -> bytes:
    """A request; underscores in names of fields are hyphens."""
    lines = [f"GET {path} HTTP/1.1", "Host: gateway.test"]
    lines += [f"{name.replace('_', '-')}: {value}" for name, value in fields.items()]
    return "\r\n".join([*lines, "", ""]).encode()


class Caller(asyncio.Protocol):
    """One keep-alive connection; answers have a Content-Length."""

    def __init__(self) -> None:
        self._received = b""
        self._answer: asyncio.Future[tuple[bytes, bytes]] | None = None

    @classmethod
    async def connect(cls, address: tuple[str, int]) -> Caller:
        """Connect."""
        _, made = await asyncio.get_running_loop().create_connection(cls, *address)
        return made

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast("asyncio.Transport", transport)

    def data_received(self, data: bytes) -> None:
        self._received += data
        end = self._received.find(b"\r\n\r\n") + 4
        if end < 4 or self._answer is None:
            return
        head = self._received[:end]
        at = head.lower().find(b"content-length:") + 15
        length = int(head[at : head.find(b"\r", at)])
        if len(self._received) >= end + length and not self._answer.done():
            body, self._received = self._received[end:], b""
            self._answer.set_result((head, body))

    def connection_lost(self, exc: Exception | None) -> None:
        if self._answer is not None and not self._answer.done():
            self._answer.set_exception(exc or ConnectionResetError("the gateway closed"))

    async def ask(self, raw: bytes) -> Reply:
        """Ask, and wait for the answer."""
        if self._transport.is_closing():
            raise ConnectionResetError("the gateway closed")
        self._answer = asyncio.get_running_loop().create_future()
        sent = time.time()
        self._transport.write(raw)
        head, body = await self._answer
        return Reply(int(head[9:12]), sent, time.time(), head, body)

    def close(self) -> None:
        """Hang up."""
        self._transport.abort()


class Record:
    """What came of everybody's requests, by what they count by.

    Attributes:
        passages: By key, the requests that were let in.
        statuses: How often which status was answered; 0 where the connection broke.
    """

    def __init__(self) -> None:
        self.passages: dict[str, list[Passage]] = {}
        self.statuses: Counter[int] = Counter()

    def add(self, key: str, cost: int, reply: Reply) -> None:
        """Take note of an answer."""
        self.statuses[reply.status] += 1
        if reply.status == 200:
            passage = Passage(reply.sent, reply.received, cost)
            self.passages.setdefault(key, []).append(passage)

    def of(self, key: str) -> list[Passage]:
        """The requests of a key that were let in."""
        return self.passages.get(key, [])


class Crowd:
    """Connections to some gateways, used in turn."""

    def __init__(self, addresses: Sequence[tuple[str, int]], each: int) -> None:
        self._addresses = [address for address in addresses for _ in range(each)]
        self.callers: list[Caller] = []

    async def __aenter__(self) -> Crowd:
        self.callers = [await Caller.connect(address) for address in self._addresses]
        return self

    async def __aexit__(self, *_: object) -> None:
        for caller in self.callers:
            caller.close()
        await asyncio.sleep(0)

    async def saturate(
        self, record: Record, raw: bytes, until: float, *, key: str = "", cost: int = 1
    ) -> None:
        """Ask on all connections, again as soon as there is an answer, until a Unix time."""

        async def go_on(caller: Caller) -> None:
            while time.time() < until:
                record.add(key, cost, await caller.ask(raw))

        await asyncio.gather(*map(go_on, self.callers))

    async def each(self, count: int, raw: bytes) -> list[Reply]:
        """Ask so many times, spread over all connections."""
        left = count

        async def go_on(caller: Caller) -> list[Reply]:
            nonlocal left
            replies = []
            while left > 0:
                left -= 1
                replies.append(await caller.ask(raw))
            return replies

        return [reply for some in await asyncio.gather(*map(go_on, self.callers)) for reply in some]


def statuses(replies: Sequence[Reply]) -> dict[int, int]:
    """How often which status was answered."""
    return dict(Counter(reply.status for reply in replies))


def problem(reply: Reply) -> Any:  # noqa: ANN401 - a problem of any kind
    """The name of the problem that was answered."""
    import json

    return json.loads(reply.body)["type"].rpartition(":")[2]
