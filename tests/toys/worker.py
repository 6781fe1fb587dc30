"""A worker whose gateway is a toy: the name of the first route says how it behaves.

serves...       answers
ignores-term    answers, and does not drain when it is told to
refuses         finds its configuration at fault
fails           cannot start
breaks          has a bug
hangs           never becomes ready
dies            ends by itself before it is ready
needs-no-file   cannot start while there is a file `broken` in TOY_DIRECTORY
stalls-on-term  answers, and blocks its loop when it is told to drain
full            answers, and has no room for revocations
deaf            answers, and blocks its loop when something is revoked
muddled         answers, and has bugs in what is told and asked of it
verbose         answers, and reports more than a channel holds
counts-reports  answers, and tells how often it was asked how it is
cannot-explain  answers, and has a bug in what it says of requests
never-explains  answers, and blocks its loop when it is to say what it would do
"""

from __future__ import annotations

import asyncio
import json
import os
import socket
import sys
import threading
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from pygateway import worker
from pygateway._core import Arena, LineRing
from pygateway.config import Config
from pygateway.errors import ConfigurationError, ConfigurationProblem
from pygateway.telemetry import get_logger

# The file is the supervisor's; from Python 3.13 on a server would remove it when it closes.
KEEP_FILE: dict[str, Any] = {"cleanup_socket": False} if sys.version_info >= (3, 13) else {}
BROKEN = Path(os.environ.get("TOY_DIRECTORY", ".")) / "broken"


class ToyGateway:
    """Speaks lines: `who` tells of itself, `hold` ends once `go` has come."""

    def __init__(
        self, config: Config, arena: Arena | None, lane: int, log: LineRing | None
    ) -> None:
        self.counting = (arena is not None, lane)
        self.behaviour = config.routes[0].name
        self.servers: list[asyncio.Server] = []
        self.conversations: set[asyncio.Task[None]] = set()
        self.reports = 0
        self.revoked: list[Any] = []
        self.fresh_until: float | None = None
        if self.behaviour == "refuses":
            problem = ConfigurationProblem("toy", "the toy refuses its configuration")
            raise ConfigurationError((problem,))
        if self.behaviour == "dies":
            os._exit(3)

    async def start(self, sockets: Sequence[socket.socket]) -> None:
        """Listen."""
        if self.behaviour == "fails" or (self.behaviour == "needs-no-file" and BROKEN.exists()):
            raise OSError("the toy cannot start")
        if self.behaviour == "breaks":
            raise RuntimeError("the toy has a bug")
        if self.behaviour == "hangs":
            await asyncio.Event().wait()
        for each in sockets:
            if each.family == socket.AF_UNIX:
                server = await asyncio.start_unix_server(self.converse, sock=each, **KEEP_FILE)
            else:
                server = await asyncio.start_server(self.converse, sock=each)
            self.servers.append(server)

    async def converse(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Answer one client."""
        task = asyncio.current_task()
        assert task is not None
        self.conversations.add(task)
        try:
            while line := await reader.readline():
                if line == b"who\n":
                    answer = {
                        "pid": os.getpid(),
                        "route": self.behaviour,
                        "revoked": self.revoked,
                        "fresh_until": self.fresh_until,
                        "counting": self.counting,
                    }
                    writer.write(json.dumps(answer).encode() + b"\n")
                else:
                    writer.write(b"held\n")
                    await reader.readline()
                    writer.write(b"done\n")
                    break
        finally:
            self.conversations.discard(task)
            writer.close()

    def apply_revocations(self, entries: bytes) -> int:
        """Note what is revoked."""
        if self.behaviour == "full":
            raise OverflowError("no room for more than 0 revocations")
        if self.behaviour == "deaf":
            threading.Event().wait()
        if self.behaviour == "muddled":
            raise RuntimeError("the toy has a bug")
        taken = json.loads(entries)
        self.revoked += taken
        return len(taken)

    def set_fresh_until(self, until: float) -> None:
        """Note until when that is fresh."""
        self.fresh_until = until

    def statistics(self) -> dict[str, Any]:
        """Describe the toy."""
        if self.behaviour == "muddled":
            raise RuntimeError("the toy has a bug")
        if self.behaviour == "verbose":
            return {"words": "word " * (1 << 20)}
        said = {"connections": len(self.conversations), "revoked": len(self.revoked)}
        if self.behaviour == "counts-reports":
            self.reports += 1
            said["reports"] = self.reports
        return said

    def explain(self, request: dict[str, Any]) -> dict[str, Any]:
        """Say nothing about a request but what was asked."""
        if self.behaviour == "cannot-explain":
            raise RuntimeError("the toy has a bug")
        if self.behaviour == "never-explains":
            threading.Event().wait()
        get_logger().debug("asked")
        return {
            "outcome": "reject",
            "status": 404,
            "reason": json.dumps(request),
            "route": None,
            "candidates": [],
            "canonical_path": "",
            "client": "",
            "providers": [],
            "credential": None,
            "limits": [],
            "refusal": None,
            "answer": None,
            "upstream": None,
            "request": None,
        }

    async def drain(self, timeout: float) -> None:
        """Accept nothing more and finish."""
        for server in self.servers:
            server.close()
        # A client that was accepted in this turn of the loop is heard of in the next one.
        await asyncio.sleep(0)
        if self.behaviour == "ignores-term":
            await asyncio.Event().wait()
        if self.behaviour == "stalls-on-term":
            threading.Event().wait()
        if self.conversations:
            await asyncio.wait(self.conversations, timeout=timeout)

    def close(self) -> None:
        """Drop what is left."""
        for conversation in self.conversations:
            conversation.cancel()


if __name__ == "__main__":
    sys.exit(worker.main(ToyGateway))
