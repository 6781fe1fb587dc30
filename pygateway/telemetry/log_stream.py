"""What goes to one destination of a log: lines that were taken, until they are written.

What a destination does not take is kept and tried again. The application log hears of it once, and
once when it is over, not once for every line.
"""

from __future__ import annotations

import contextlib
import errno
from time import monotonic
from typing import Final

from pygateway.telemetry.destination import STANDARD, Destination, open_destination
from pygateway.telemetry.logging import get_logger

RETRY: Final = 1.0
"""Seconds until what has failed is tried again."""

STUCK_AFTER: Final = 1.0
"""Seconds after which a reader that takes nothing is worth a warning."""


class Stream:
    """What goes to one destination.

    Attributes:
        path: Where it goes.
        problem: Why nothing is written at the moment, if so.
        written_lines: Lines that were written.
        written_bytes: Bytes of these.
    """

    def __init__(self, path: str, destination: Destination | None = None) -> None:
        self.path = path
        self.problem: str | None = None
        self.written_lines = 0
        self.written_bytes = 0
        self._destination = destination
        self._lines = b""
        self._done = 0
        self._retry_at = 0.0
        self._moved_at = monotonic()

    @property
    def is_file(self) -> bool:
        """Whether it has a path, which may name another file one day."""
        return self.path not in STANDARD

    @property
    def pending(self) -> int:
        """Bytes that were taken and not written yet."""
        return len(self._lines) - self._done

    @property
    def blocked(self) -> int | None:
        """What to poll for room, while there is none."""
        if self._destination is None or not self.pending or self._retry_at:
            return None
        return self._destination.descriptor

    def take(self, lines: bytes) -> None:
        """Take lines over, when nothing is pending."""
        self._lines, self._done, self._moved_at = lines, 0, monotonic()

    def flush(self, *, at_once: bool = False) -> bool:
        """Write what is pending, as far as it goes; give whether all is written.

        Args:
            at_once: Also if it has failed a moment ago.
        """
        if not self.pending:
            return True
        if not at_once and monotonic() < self._retry_at:
            return False
        try:
            while self.pending and (count := self._write()):
                self._note(count)
        except OSError as error:
            self._failed(error)
        else:
            self._retry_at = 0.0
            self._judge()
        return not self.pending

    def _write(self) -> int:
        if self._destination is None:
            self._destination = open_destination(self.path)
        return self._destination.write(self._lines, self._done)

    def _note(self, count: int) -> None:
        end = self._done + count
        self.written_lines += self._lines.count(b"\n", self._done, end)
        self.written_bytes += count
        self._done, self._moved_at = end, monotonic()
        if not self.pending:
            self._lines, self._done = b"", 0

    def _judge(self) -> None:
        if not self.pending:
            self._is_well()
        elif self.problem is None and monotonic() - self._moved_at > STUCK_AFTER:
            self._is_ill("nobody reads what was written last")

    def _failed(self, error: OSError) -> None:
        self._retry_at = monotonic() + RETRY
        reason = error.strerror or str(error)
        if error.errno in {errno.EPIPE, errno.ENXIO}:
            reason = "nobody reads it"
            # A FIFO whose reader has gone is opened anew, once there is another one.
            self._shut()
        self._is_ill(reason)

    def _is_ill(self, reason: str) -> None:
        if self.problem is None:
            said = "nothing is written until that has passed; lines that find no room are dropped"
            get_logger().warning(
                "access log stands still", path=self.path, detail=f"{reason}; {said}"
            )
        self.problem = reason

    def _is_well(self) -> None:
        if self.problem is not None:
            get_logger().info("access log goes on", path=self.path)
        self.problem = None

    def reopen(self) -> None:
        """Open the path again, because what it names may be another file now.

        Where that fails, what is open stays so.
        """
        if not self.is_file:
            return
        try:
            destination = open_destination(self.path)
        except OSError as error:
            if self._destination is not None:
                detail = f"{error.strerror}; lines still go where they went"
                get_logger().warning("access log not reopened", path=self.path, detail=detail)
            return
        self._shut()
        self._destination, self._retry_at = destination, 0.0
        get_logger().info("access log reopened", path=self.path)

    def _shut(self) -> None:
        """Close the destination; a line of which half was written goes to the next one whole."""
        destination, self._destination = self._destination, None
        if destination is None:
            return
        start = self._lines.rfind(b"\n", 0, self._done) + 1
        torn = self._lines[start : self._done]
        with contextlib.suppress(OSError):
            destination.close(torn)
        self.written_bytes -= len(torn)
        self._done = start

    def close(self) -> int:
        """Close it; give how many lines were not written."""
        lost = self._lines.count(b"\n", self._done)
        self._shut()
        self._lines, self._done = b"", 0
        return lost
