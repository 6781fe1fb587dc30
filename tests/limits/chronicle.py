"""What a Redis writes, as it does it: every state of every window, in order."""

from __future__ import annotations

import hashlib
import re
import socket
import threading
import uuid
from types import TracebackType
from typing import Self

from tests.limits.judge import Write
from tests.support.patience import PATIENCE, wait
from tests.support.redis import RedisServer

_WRITE = re.compile(
    rb'\+?(\d+\.\d+) \[\d+ lua\] "SET" "([^"]+:window:[^"]+)" "(\d+):(\d+):(\d+)"', re.IGNORECASE
)


class Chronicle:
    """Follows a server with MONITOR, which tells what scripts do, too.

    Attributes:
        writes: By key, what was written.
        scripts: How many scripts were run.
    """

    def __init__(self, server: RedisServer) -> None:
        self._server = server
        self._mark = uuid.uuid4().hex
        self._begun, self._seen = threading.Event(), threading.Event()
        self.writes: dict[str, list[Write]] = {}
        self.scripts = 0
        self._socket = socket.socket(socket.AF_UNIX)
        self._thread = threading.Thread(target=self._read, daemon=True)

    def __enter__(self) -> Self:
        self._socket.connect(self._server.url.removeprefix("unix://"))
        self._thread.start()
        self._socket.sendall(b"MONITOR\r\n")
        wait(self._begun, "the beginning of the chronicle")
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._socket.shutdown(socket.SHUT_RDWR)
        self._thread.join(PATIENCE)
        self._socket.close()

    def drop_others(self) -> None:
        """Close every connection to the server but this one."""
        for client in self._server.command("CLIENT LIST"):
            if "O" not in client["flags"]:
                self._server.command("CLIENT", "KILL", "ID", client["id"])

    def finish(self) -> None:
        """Return when everything is known that was done until now."""
        self._server.command("ECHO", self._mark)
        wait(self._seen, "the end of the chronicle")

    def _read(self) -> None:
        mark = self._mark.encode()
        with self._socket.makefile("rb") as lines:
            for line in lines:
                self._begun.set()
                if found := _WRITE.match(line):
                    at, key, *numbers = found.groups()
                    write = Write(float(at), *map(int, numbers))
                    self.writes.setdefault(key.decode(), []).append(write)
                elif b'"EVAL' in line[:80]:
                    self.scripts += 1
                elif mark in line:
                    self._seen.set()


def key_of_header(policy: str, window: int, value: str, prefix: str = "pygateway") -> str:
    """Name the window that Redis keeps for a value of the header by which a policy counts."""
    parts = ((b"p", policy.encode()), (b"w", window.to_bytes(8, "little")), (b"h", value.encode()))
    text = b"".join(kind + len(part).to_bytes(4, "little") + part for kind, part in parts)
    return f"{prefix}:window:{policy}:{{{hashlib.sha256(text).hexdigest()[:32]}}}"
