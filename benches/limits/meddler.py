"""Stands between gateways and a Redis: delays its answers, or has it refuse everything."""

from __future__ import annotations

import asyncio
import contextlib
from typing import Self

import hiredis

HANDSHAKE = frozenset({b"CLIENT", b"AUTH", b"SELECT", b"HELLO"})
REFUSE = b"return redis.error_reply(ARGV[1])"


class Meddler:
    """Listens on a port of 127.0.0.1, and passes on what comes.

    Args:
        backend: The port of the Redis.

    Attributes:
        delay: Seconds by which answers are late.
        error: What every command is answered with, but for those that connect; None for what
            Redis says. Redis itself is made to say it, so that answers keep their order.
        port: Where it listens.
    """

    def __init__(self, backend: int) -> None:
        self.delay = 0.0
        self.error: str | None = None
        self.port = 0
        self._backend = backend
        self._tasks: set[asyncio.Task[None]] = set()
        self._writers: set[asyncio.StreamWriter] = set()

    async def __aenter__(self) -> Self:
        self._server = await asyncio.start_server(self._serve, "127.0.0.1", 0)
        self.port = self._server.sockets[0].getsockname()[1]
        return self

    async def __aexit__(self, *_: object) -> None:
        self._server.close()
        for writer in self._writers:
            writer.transport.abort()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        self._writers.add(writer)
        try:
            there, back = await asyncio.open_connection("127.0.0.1", self._backend)
        except OSError:
            writer.transport.abort()
            return
        answers = asyncio.ensure_future(self._answers(there, writer))
        try:
            with contextlib.suppress(OSError):
                await self._questions(reader, back)
        finally:
            self._writers.discard(writer)
            answers.cancel()
            writer.transport.abort()
            back.transport.abort()

    async def _questions(self, reader: asyncio.StreamReader, back: asyncio.StreamWriter) -> None:
        parser = hiredis.Reader()
        while data := await reader.read(1 << 16):
            parser.feed(data)
            while (command := parser.gets()) is not False:
                if self.error is not None and command[0] not in HANDSHAKE:
                    command = (b"EVAL", REFUSE, 0, self.error)
                back.write(hiredis.pack_command(tuple(command)))

    async def _answers(self, there: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        loop = asyncio.get_running_loop()
        due = 0.0
        try:
            while data := await there.read(1 << 16):
                # Never before what came before it, when the delay has become shorter.
                due = max(due, loop.time() + self.delay)
                loop.call_at(due, writer.write, data)
        finally:
            writer.transport.abort()
