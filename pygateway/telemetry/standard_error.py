"""Standard error, without ever waiting for whoever reads it.

Whoever logs may be an event loop, of the supervisor or of a worker. A reader that stands still (a
collector of logs that hangs, a pager, a terminal on which somebody has pressed Ctrl-S) must not
make it stand still, too; least of all where standard output, and the access log with it, goes the
same way and has filled it. A line for which there is no room is lost, and counted.
"""

from __future__ import annotations

import io
import os
import sys
from collections.abc import Callable
from functools import cache
from threading import Lock
from typing import TextIO, cast

from pygateway.telemetry.destination import Destination, open_destination


class Unblocked(io.TextIOBase):
    """A stream of lines that are written at once, or not at all. May be used by several threads.

    Args:
        destination: Where they go.
        complain: Told how many lines were lost, once others are written again.
    """

    def __init__(self, destination: Destination, complain: Callable[[int], None]) -> None:
        self._destination = destination
        self._complain = complain
        self._lock = Lock()
        self._rest = b""
        self._lost = 0

    def isatty(self) -> bool:
        """Whether it is a terminal."""
        return os.isatty(self._destination.descriptor)

    def write(self, text: str) -> int:
        """Write a line, with its end; of one that is begun, what finds no room follows later."""
        line = text.encode("utf-8", "backslashreplace")
        with self._lock:
            lost = 0
            if self._put(line):
                lost, self._lost = self._lost, 0
            else:
                self._lost += 1
        if lost:
            self._complain(lost)
        return len(text)

    def _put(self, line: bytes) -> bool:
        """Begin a line, if there is room and the last one is whole; give whether that was so."""
        try:
            if not self._finish():
                return False
            self._rest = line
            if self._finish() or self._rest is not line:
                return True
        except OSError:
            # Nobody reads it. What comes next may be for somebody else.
            pass
        self._rest = b""
        return False

    def _finish(self) -> bool:
        """Write what is left of the last line; give whether that is all of it."""
        while self._rest:
            count = self._destination.write(self._rest, 0)
            if not count:
                return False
            self._rest = self._rest[count:]
        return True


def standard_error(complain: Callable[[int], None]) -> TextIO:
    """Give a stream for lines that go to standard error; to nowhere, where that is closed.

    Args:
        complain: Told how many lines were lost, once others are written again.
    """
    if sys.stderr is not sys.__stderr__:
        # The program has put something else in its place, which does not wait.
        return sys.stderr
    return _opened(complain)


@cache
def _opened(complain: Callable[[int], None]) -> TextIO:
    try:
        return cast("TextIO", Unblocked(open_destination("stderr"), complain))
    except OSError:
        return open(os.devnull, "w", encoding="utf-8")
