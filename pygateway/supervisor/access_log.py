"""The access log: a ring for every worker process, and the thread that writes what comes out.

A worker inherits its ring as memory without a name. The supervisor has it too, and keeps it until
the worker has ended and everything in it is written: a worker that is killed loses no line that it
had put. Which destination a ring's lines go to is that of the configuration for which its worker
was started, so a reload can move the log while old workers finish.
"""

from __future__ import annotations

import asyncio
import contextlib
import fcntl
import os
from typing import Any, Final

from pygateway._core import LineRing
from pygateway.config import Config
from pygateway.errors import GatewayError
from pygateway.telemetry.destination import is_lost
from pygateway.telemetry.log_writer import LogWriter

END_DEADLINE: Final = 3.0
"""Seconds for what is left when the gateway ends. A reader that stands still gets no more."""


class CannotLog(GatewayError):
    """The access log cannot be opened."""


class Lines:
    """The access log of one configuration.

    Args:
        writer: Who writes it.
        path: Where.
        capacity: Bytes of each worker's ring.
    """

    def __init__(self, writer: LogWriter, path: str, capacity: int) -> None:
        self.path = path
        self._writer = writer
        self._capacity = capacity

    def begin(self, worker: int) -> Ring:
        """Make a ring for a worker that is about to start.

        Raises:
            OSError: The system has no memory to share.
        """
        name = "pygateway-access-log"
        descriptor = os.memfd_create(name, os.MFD_CLOEXEC | os.MFD_ALLOW_SEALING)
        try:
            ring = LineRing.create(descriptor, self._capacity, worker)
            # Whoever shortened it would end the supervisor.
            seals = fcntl.F_SEAL_SHRINK | fcntl.F_SEAL_GROW | fcntl.F_SEAL_SEAL
            fcntl.fcntl(descriptor, fcntl.F_ADD_SEALS, seals)
        except BaseException:
            os.close(descriptor)
            raise
        self._writer.add(ring, self.path, worker)
        return Ring(ring, descriptor, self._writer)


class Ring:
    """A worker's ring.

    Attributes:
        descriptor: Its memory, for the worker to inherit; until `given`.
    """

    def __init__(self, ring: LineRing, descriptor: int, writer: LogWriter) -> None:
        self.descriptor = descriptor
        self._ring = ring
        self._writer = writer

    def given(self) -> None:
        """Take note that the worker has its descriptor."""
        with contextlib.suppress(OSError):
            os.close(self.descriptor)
        self.descriptor = -1

    def end(self) -> None:
        """Take note that the worker has ended, or never began."""
        if self.descriptor >= 0:
            self.given()
        self._writer.end(self._ring)


class AccessLog:
    """Writes the access log while the supervisor lives."""

    def __init__(self) -> None:
        self._writer: LogWriter | None = None

    def prepare(self, config: Config) -> Lines | None:
        """Open what a configuration asks for; None if it wants no log.

        Raises:
            CannotLog: The path cannot be opened, and never will be as it is.
        """
        settings = config.access_log
        if settings is None:
            return None
        if self._writer is None:
            self._writer = LogWriter()
        try:
            self._writer.prepare(settings.path)
        except OSError as error:
            if is_lost(error):
                problem = f"cannot write the access log {settings.path}: {error.strerror}"
                raise CannotLog(problem) from None
            # A full disk, or a FIFO that nobody reads, is no reason to serve nobody.
            self._writer.expect(settings.path)
        return Lines(self._writer, settings.path, settings.buffer)

    def adopt(self, lines: Lines | None) -> None:
        """Keep the destination of the configuration that runs now open, and others no longer."""
        if self._writer is not None:
            self._writer.keep(None if lines is None else lines.path)

    def reopen(self) -> bool:
        """Open files again, because they were renamed; give whether there are any."""
        return self._writer is not None and self._writer.reopen()

    def statistics(self) -> dict[str, Any] | None:
        """Describe what was written, and what was not; None if there was never a log."""
        return None if self._writer is None else self._writer.statistics()

    async def close(self) -> None:
        """Write what is left. All workers have ended."""
        if self._writer is not None:
            await asyncio.to_thread(self._writer.finish, END_DEADLINE)
