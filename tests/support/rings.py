"""Rings of lines, what is put into them, and waiting for what becomes of it."""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Callable
from pathlib import Path

from pygateway._core import LineRing
from tests.support.patience import PATIENCE


def make_ring(capacity: int = 1 << 16, worker: int = 0) -> tuple[LineRing, LineRing]:
    """A ring: the end that puts, and the one that takes."""
    descriptor = os.memfd_create("ring")
    try:
        taking = LineRing.create(descriptor, capacity, worker)
        return LineRing.attach(descriptor), taking
    finally:
        os.close(descriptor)


def until(condition: Callable[[], bool], what: str) -> None:
    """Wait for something that happens in another thread or process."""
    deadline = time.monotonic() + PATIENCE
    pause = threading.Event()
    while not condition():
        assert time.monotonic() < deadline, f"{what} did not happen within {PATIENCE:g} s"
        pause.wait(0.002)


def numbered(number: int, width: int = 100) -> bytes:
    """A line that says which one it is, from its start to its end."""
    return b"%d " % number * (width // 8)


def numbers(text: bytes) -> list[int]:
    """Which lines a text has; fails unless each is whole."""
    found = []
    for line in text.splitlines(keepends=True):
        number = int(line.split(b" ", 1)[0])
        assert line == numbered(number) + b"\n", line
        found.append(number)
    return found


def lines_of(path: Path) -> list[int]:
    """Which lines a file has."""
    return numbers(path.read_bytes())


class Putter:
    """Puts numbered lines from a thread, waiting for room, until it is told to stop."""

    def __init__(self, ring: LineRing, start: int = 0) -> None:
        self.count = 0
        self._start = start
        self._ring = ring
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run)
        self._thread.start()

    def _run(self) -> None:
        pause = threading.Event()
        while not self._stop.is_set():
            if self._ring.put(numbered(self._start + self.count)):
                self.count += 1
            else:
                pause.wait(0.001)

    def stop(self) -> int:
        """Put no more; give how many there were."""
        self._stop.set()
        self._thread.join(PATIENCE)
        return self.count
