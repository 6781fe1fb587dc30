"""A server that speaks Redis' protocol and answers what a test wants, on the loop of the test.

It is for answers that a real server cannot be made to give; for everything else there is
`tests.support.redis`.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Self

import hiredis

Command = list[bytes]
Reply = Callable[[Command], bytes | None]


class RespServer:
    """Listens on a port of 127.0.0.1.

    Args:
        reply: Gives the bytes with which a command is answered; None leaves it unanswered.

    Attributes:
        reply: As above; may be replaced.
        commands: What it was sent, but for what the library says when it connects.
        reads: How many reads brought them.
        connections: How many connections were made.
    """

    def __init__(self, reply: Reply) -> None:
        self.reply = reply
        self.commands: list[Command] = []
        self.reads = 0
        self.connections = 0
        self._writers: set[asyncio.StreamWriter] = set()
        self._tasks: set[asyncio.Task[None]] = set()
        self.port = 0

    async def __aenter__(self) -> Self:
        self._server = await asyncio.start_server(self._serve, "127.0.0.1", 0)
        self.port = self._server.sockets[0].getsockname()[1]
        return self

    async def __aexit__(self, *_: object) -> None:
        self._server.close()
        self.drop()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        await self._server.wait_closed()

    @property
    def url(self) -> str:
        """For `redis.url`."""
        return f"redis://127.0.0.1:{self.port}"

    def drop(self) -> None:
        """Close every connection."""
        for writer in self._writers:
            writer.transport.abort()

    def send(self, data: bytes) -> None:
        """Say something to everybody, asked or not."""
        for writer in self._writers:
            writer.write(data)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._tasks.add(task)
        self.connections += 1
        self._writers.add(writer)
        parser = hiredis.Reader()
        try:
            while data := await reader.read(1 << 20):
                parser.feed(data)
                self.reads += 1
                while (command := parser.gets()) is not False:
                    self._answer(command, writer)
        except OSError:
            pass
        finally:
            self._writers.discard(writer)
            self._tasks.discard(task)
            writer.transport.abort()

    def _answer(self, command: Command, writer: asyncio.StreamWriter) -> None:
        if command[0] in {b"CLIENT", b"AUTH", b"SELECT"}:
            writer.write(b"+OK\r\n")
            return
        self.commands.append(command)
        answer = self.reply(command)
        if answer is not None:
            writer.write(answer)


def array(*integers: int) -> bytes:
    """An array of integers."""
    return f"*{len(integers)}\r\n".encode() + b"".join(b":%d\r\n" % each for each in integers)


HEARTBEAT = b"*2\r\n:1\r\n$1\r\n7\r\n"
GRANTED = array(1, 9, 28_000_000, 60_000, 0)
