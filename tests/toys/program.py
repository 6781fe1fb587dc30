"""Runs a program of the gateway as users do, and reads its log as they come."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from types import TracebackType
from typing import IO, Any, Self

from tests.support.patience import PATIENCE

PYGATEWAY = (sys.executable, "-P", "-m", "pygateway")

Line = dict[str, Any]


class Program:
    """A running program; leaving the `with` block ends it, by force if need be.

    Its coverage is not measured unless asked for, because it would start half as fast.

    Attributes:
        log: Every JSON line of stderr so far.
        said: Every other line of stderr so far.
        printed: Every line of stdout so far.
    """

    def __init__(
        self,
        *arguments: str | Path,
        command: Sequence[str] = PYGATEWAY,
        environment: Mapping[str, str] | None = None,
        directory: Path | None = None,
        measured: bool = False,
    ) -> None:
        self.log: list[Line] = []
        self.said: list[str] = []
        self.printed: list[str] = []
        self._news = threading.Condition()
        unwanted = ("PYGATEWAY_",) if measured else ("PYGATEWAY_", "COVERAGE_")
        inherited = {
            name: value for name, value in os.environ.items() if not name.startswith(unwanted)
        }
        self.process = subprocess.Popen(
            [*command, *map(str, arguments)],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            env={**inherited, **(environment or {})},
            cwd=directory,
        )
        assert self.process.stdout is not None
        assert self.process.stderr is not None
        self._readers = [
            threading.Thread(target=self._read, args=(stream, take), daemon=True)
            for stream, take in (
                (self.process.stdout, self.printed.append),
                (self.process.stderr, self._take_log_line),
            )
        ]
        for reader in self._readers:
            reader.start()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGTERM)
            try:
                self.process.wait(PATIENCE)
            except subprocess.TimeoutExpired:
                self.process.kill()
        self.process.wait(PATIENCE)
        for reader in self._readers:
            reader.join(PATIENCE)
        for stream in (self.process.stdout, self.process.stderr):
            assert stream is not None
            stream.close()

    def _read(self, stream: IO[str], take: Callable[[str], None]) -> None:
        for line in stream:
            with self._news:
                take(line.rstrip("\n"))
                self._news.notify_all()

    def _take_log_line(self, text: str) -> None:
        try:
            line = json.loads(text)
        except ValueError:
            self.said.append(text)
        else:
            self.log.append(line)

    @property
    def pid(self) -> int:
        """Its process."""
        return self.process.pid

    def events(self, event: str) -> list[Line]:
        """Every line so far about an event."""
        with self._news:
            return [line for line in self.log if line["event"] == event]

    def event(self, event: str, number: int = 1, patience: float = PATIENCE) -> Line:
        """Wait until an event was logged for the `number`th time; give that line."""
        with self._news:
            found = self._news.wait_for(
                lambda: sum(line["event"] == event for line in self.log) >= number, patience
            )
            assert found, f"no {event!r} number {number}: {self.log} {self.said}"
            return [line for line in self.log if line["event"] == event][number - 1]

    def line(self, start: str) -> str:
        """Wait for a line on stdout that begins with `start`."""
        with self._news:
            found = self._news.wait_for(
                lambda: any(line.startswith(start) for line in self.printed), PATIENCE
            )
            assert found, f"no line {start!r}: {self.printed} {self.log} {self.said}"
            return next(line for line in self.printed if line.startswith(start))

    def address(self) -> tuple[str, int]:
        """Wait until it listens; give host and port of its first listener."""
        return parse_address(self.event("listening")["addresses"][0])

    def send(self, number: signal.Signals) -> None:
        """Send a signal."""
        self.process.send_signal(number)

    def exit_code(self) -> int:
        """Wait until it has ended; give its exit code."""
        code = self.process.wait(PATIENCE)
        for reader in self._readers:
            reader.join(PATIENCE)
        return code


def parse_address(text: str) -> tuple[str, int]:
    """Read `host:port`."""
    host, _, port = text.rpartition(":")
    return host.strip("[]"), int(port)


def wait_until_gone(pid: int) -> None:
    """Wait until a process, which need not be a child, has ended."""
    try:
        descriptor = os.pidfd_open(pid)
    except ProcessLookupError:
        return
    try:
        signalled = select_readable(descriptor, PATIENCE)
        assert signalled, f"process {pid} did not end"
    finally:
        os.close(descriptor)


def select_readable(descriptor: int, patience: float) -> bool:
    """Wait until a descriptor can be read; give whether it can."""
    import select

    poll = select.poll()
    poll.register(descriptor, select.POLLIN)
    return bool(poll.poll(patience * 1000))


def children(pid: int) -> list[int]:
    """The processes that a process has started and not reaped."""
    listed = Path(f"/proc/{pid}/task/{pid}/children").read_text(encoding="ascii")
    return [int(child) for child in listed.split()]


def state(pid: int) -> str:
    """The state of a process: `S` sleeping, `R` running, `Z` zombie."""
    status = Path(f"/proc/{pid}/stat").read_text(encoding="ascii")
    return status.rpartition(")")[2].split()[0]


def descriptors(pid: int) -> int:
    """How many descriptors a process has open."""
    return len(list(Path(f"/proc/{pid}/fd").iterdir()))


def refused(address: tuple[str, int]) -> bool:
    """Whether nobody listens on an address any more; waits for that within the patience."""
    deadline = time.monotonic() + PATIENCE
    while time.monotonic() < deadline:
        try:
            with socket.create_connection(address, PATIENCE):
                pass
        except ConnectionRefusedError:
            return True
        except ConnectionResetError:
            continue
    return False
