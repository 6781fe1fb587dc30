"""Processes: pinned, with their output in files, and ended when they are no longer needed."""

from __future__ import annotations

import contextlib
import os
import socket
import subprocess
import time
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import NamedTuple

from benches.harness import family

PATIENCE = 60.0
"""Seconds for a gateway to listen; 10,000 routes take some of them many."""


class DidNotStart(Exception):
    """A program ended, or did not listen in time; the text has its last words."""


@contextlib.contextmanager
def running(
    command: list[str],
    core: int,
    port: int,
    folder: Path,
    environment: Mapping[str, str] | None = None,
) -> Iterator[int]:
    """Run `command` pinned to `core` until it listens on `port`; gives its process id.

    What it writes to its standard output becomes `access.log`, for the sake of those that can log
    to a file in no other way.

    Raises:
        DidNotStart: It does not listen.
    """
    errors = folder / "stderr"
    with (folder / "access.log").open("ab") as log, errors.open("wb") as complaints:
        child = subprocess.Popen(
            command,
            preexec_fn=lambda: os.sched_setaffinity(0, {core}),  # noqa: PLW1509 - no threads here
            stdout=log,
            stderr=complaints,
            env={**(environment or os.environ), "HOME": str(folder)},
        )
    try:
        _await(child, port, errors)
        yield child.pid
    finally:
        child.terminate()
        try:
            child.wait(15)
        except subprocess.TimeoutExpired:
            child.kill()
            child.wait(15)


def _await(child: subprocess.Popen[bytes], port: int, errors: Path) -> None:
    deadline = time.monotonic() + PATIENCE
    while True:
        try:
            socket.create_connection(("127.0.0.1", port), 1).close()
        except OSError:
            if child.poll() is not None or time.monotonic() > deadline:
                words = errors.read_text(errors="replace").strip()[-400:]
                raise DidNotStart(" ".join(words.split()) or "it said nothing") from None
            time.sleep(0.05)
        else:
            return


class Processor(NamedTuple):
    """Processor time of some processes since they began.

    The kernel tells the sum of user and system time exactly, on the clock of a process (its dead
    threads included), and how it divides only in ticks of 10 ms.

    Attributes:
        seconds: All of it.
        user: Ticks of the user's part.
        system: Ticks of the system's.
    """

    seconds: float
    user: int
    system: int

    def since(self, before: Processor) -> tuple[float, float]:
        """Seconds from `before` until now: all, and the user's."""
        seconds = self.seconds - before.seconds
        user, system = self.user - before.user, self.system - before.system
        return seconds, seconds * user / (user + system) if user + system else 0.0


def processor(pid: int) -> Processor:
    """The processor time of `pid` and its descendants."""
    total, user, system = 0.0, 0, 0
    for member in family(pid):
        # Linux, MAKE_PROCESS_CPUCLOCK(pid, CPUCLOCK_SCHED): not in Python's standard library.
        total += time.clock_gettime(~member << 3 | 2)
        fields = Path(f"/proc/{member}/stat").read_text().rpartition(")")[2].split()
        user += int(fields[11])
        system += int(fields[12])
    return Processor(total, user, system)
