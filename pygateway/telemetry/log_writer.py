"""Writes what lies in rings of lines: one thread, which neither holds up nor is held up.

It looks at every ring twenty times a second, more often where one fills up, and writes what it
finds with one call. While a destination takes nothing, nothing more is taken for it: the rings fill
up, and whoever puts into them counts what he drops.
"""

from __future__ import annotations

import contextlib
import os
import select
import threading
from collections.abc import Iterable
from time import monotonic
from typing import Any, Final

from pygateway._core import LineRing
from pygateway.telemetry.destination import Destination, open_destination
from pygateway.telemetry.log_stream import RETRY, Stream
from pygateway.telemetry.logging import get_logger

TICK: Final = 0.05
"""Seconds between two looks at the rings, where there is little to see."""

SHORTEST_TICK: Final = 0.001
GOOD_FILLING: Final = 0.25
"""Part of a ring that may fill up within a tick; where it was more, the next one is shorter."""

BATCH: Final = 1024 * 1024
"""Bytes that are taken at a time, and so kept while they cannot be written."""

MOST_BATCHES: Final = 16
"""Batches in one turn: whoever puts as fast as is written must not hide a signal."""

MOST_ENDED: Final = 512 * 1024 * 1024
"""Bytes of rings whose workers have ended, and that could not be emptied yet. With more, the oldest
is given up: workers that end again and again beside a full disk must not fill the memory."""


class _Source:
    """A ring, and where what lies in it goes."""

    def __init__(self, ring: LineRing, stream: Stream, worker: int) -> None:
        self.ring = ring
        self.stream = stream
        self.worker = worker
        self.ended = False
        self.damages = 0


class LogWriter:
    """Takes from rings and writes, in a thread of its own.

    Attributes:
        lost_lines: Lines that were taken or put, and could not be written in the end.
    """

    def __init__(self) -> None:
        self.lost_lines = 0
        self._lock = threading.Lock()
        self._wake = os.eventfd(0, os.EFD_CLOEXEC | os.EFD_NONBLOCK)
        self._sources: list[_Source] = []
        self._streams: dict[str, Stream] = {}
        self._current: str | None = None
        self._reopen = False
        self._until: float | None = None
        self._gone = (0, 0)
        self._thread = threading.Thread(target=self._run, name="access-log", daemon=True)
        self._thread.start()

    def prepare(self, path: str) -> None:
        """Open a destination, unless it is open.

        Raises:
            OSError: It cannot be opened.
        """
        with self._lock:
            known = path in self._streams
        if not known:
            self._offer(path, open_destination(path))

    def expect(self, path: str) -> None:
        """Do as `prepare`, but open it later."""
        self._offer(path, None)

    def _offer(self, path: str, destination: Destination | None) -> None:
        with self._lock:
            if path not in self._streams:
                self._streams[path] = Stream(path, destination)

    def keep(self, path: str | None) -> None:
        """Keep this destination open, and others only while something still goes there."""
        with self._lock:
            self._current = path
        self._look()

    def add(self, ring: LineRing, path: str, worker: int) -> None:
        """Write what comes out of a ring."""
        with self._lock:
            stream = self._streams.setdefault(path, Stream(path))
            self._sources.append(_Source(ring, stream, worker))

    def end(self, ring: LineRing) -> None:
        """Take note that nobody puts into a ring any more; it is let go when it is empty."""
        with self._lock:
            for source in self._sources:
                source.ended |= source.ring is ring
        self._look()

    def reopen(self) -> bool:
        """Open every file again, soon; give whether there is one."""
        with self._lock:
            has_files = any(stream.is_file for stream in self._streams.values())
        self._reopen = has_files
        self._look()
        return has_files

    def finish(self, deadline: float) -> None:
        """Write what is left, within so many seconds; end the thread, and wait until it has ended.

        Raises nothing, whatever happens: what could not be written is counted.
        """
        self._until = monotonic() + deadline
        self._look()
        # A file on a server that does not answer holds the thread, which is left behind then.
        self._thread.join(deadline + TICK)

    def statistics(self) -> dict[str, Any]:
        """Describe what was written, and what was not."""
        with self._lock:
            streams, sources = list(self._streams.values()), list(self._sources)
            current = self._streams.get(self._current or "")
        pending = sum(stream.pending for stream in streams)
        problem = next((stream.problem for stream in streams if stream.problem is not None), None)
        return {
            "path": self._current,
            "problem": problem if current is None else current.problem or problem,
            "pending_bytes": pending + sum(source.ring.pending for source in sources),
            "written_lines": self._gone[0] + sum(stream.written_lines for stream in streams),
            "written_bytes": self._gone[1] + sum(stream.written_bytes for stream in streams),
            "lost_lines": self.lost_lines,
        }

    def _look(self) -> None:
        with self._lock, contextlib.suppress(OSError):
            if self._wake >= 0:
                os.eventfd_write(self._wake, 1)

    def _run(self) -> None:
        try:
            while not self._is_over():
                try:
                    wait = self._turn()
                except Exception:
                    get_logger().exception("internal error")
                    wait = RETRY
                self._rest(wait)
        finally:
            self._give_up()

    def _is_over(self) -> bool:
        until = self._until
        if until is None:
            return False
        try:
            self._turn(at_once=True)
        except Exception:
            get_logger().exception("internal error")
            return True
        with self._lock:
            streams = list(self._streams.values())
            empty = not any(source.ring.pending for source in self._sources)
        # What has failed will fail again; a reader may only be slow.
        waits = any(stream.blocked is not None for stream in streams)
        is_empty = empty and not any(stream.pending for stream in streams)
        has_failed = not waits and any(stream.pending for stream in streams)
        return is_empty or has_failed or monotonic() >= until

    def _turn(self, *, at_once: bool = False) -> float:
        """Write what there is; give the seconds until the next turn."""
        with self._lock:
            streams, sources = list(self._streams.values()), list(self._sources)
        if self._reopen:
            self._reopen = False
            for stream in streams:
                stream.flush(at_once=True)
                stream.reopen()
        filling = 0.0
        for stream in streams:
            rings = [source for source in sources if source.stream is stream]
            filling = max(filling, _pump(stream, rings, at_once=at_once))
        for source in sources:
            _tell_of_damage(source)
        self._tidy()
        # What fills within a tick tells how long the next one may be.
        return max(SHORTEST_TICK, TICK * min(1.0, GOOD_FILLING / filling)) if filling else TICK

    def _rest(self, seconds: float) -> None:
        poll = select.poll()
        poll.register(self._wake, select.POLLIN)
        with self._lock:
            streams = list(self._streams.values())
        for stream in streams:
            if (blocked := stream.blocked) is not None:
                poll.register(blocked, select.POLLOUT)
        poll.poll(seconds * 1000)
        with contextlib.suppress(OSError):
            os.eventfd_read(self._wake)

    def _tidy(self) -> None:
        """Let go of rings that are empty for good, and of destinations that nobody needs."""
        with self._lock:
            ended = [source for source in self._sources if source.ended]
            gone = [source for source in ended if not source.ring.pending]
            given_up = _oldest_beyond([source for source in ended if source not in gone])
            gone += given_up
            self._sources = [source for source in self._sources if source not in gone]
            needed = {source.stream.path for source in self._sources} | {self._current}
            unneeded = [
                self._streams.pop(path)
                for path, stream in list(self._streams.items())
                if path not in needed and not stream.pending
            ]
        self.lost_lines += sum(map(_count, given_up))
        self._let_go(unneeded)

    def _let_go(self, streams: Iterable[Stream]) -> None:
        for stream in streams:
            self.lost_lines += stream.close()
            lines, size = self._gone
            self._gone = (lines + stream.written_lines, size + stream.written_bytes)

    def _give_up(self) -> None:
        """Close everything, and count what was not written."""
        with self._lock:
            streams, sources = list(self._streams.values()), self._sources
            self._streams, self._sources = {}, []
        self._let_go(streams)
        self.lost_lines += sum(map(_count, sources))
        if self.lost_lines:
            get_logger().error("access log lost lines", lines=self.lost_lines)
        with self._lock:
            # The number is somebody else's from here on.
            os.close(self._wake)
            self._wake = -1


def _pump(stream: Stream, sources: list[_Source], *, at_once: bool) -> float:
    """Write what is in the rings; give how full the fullest of them was."""
    fillings = (source.ring.pending / source.ring.capacity for source in sources)
    filling = max(fillings, default=0.0)
    for _ in range(MOST_BATCHES):
        if not stream.flush(at_once=at_once):
            break
        taken, left = [], BATCH
        for source in sources:
            if left > 0:
                taken.append(source.ring.take(left))
                left -= len(taken[-1])
        stream.take(b"".join(taken))
        if left > 0:
            # What has come meanwhile is worth a call of its own only later.
            stream.flush(at_once=at_once)
            break
        # Who had nothing of this batch comes first in the next one.
        sources = sources[1:] + sources[:1]
    return filling


def _oldest_beyond(ended: list[_Source]) -> list[_Source]:
    """Give the oldest ones without which the others have room."""
    held = sum(source.ring.capacity for source in ended)
    given_up = []
    for source in ended:
        if held <= MOST_ENDED:
            break
        held -= source.ring.capacity
        given_up.append(source)
    return given_up


def _count(source: _Source) -> int:
    """Count the lines that are left in a ring, and drop them."""
    count = 0
    while lines := source.ring.take(BATCH):
        count += lines.count(b"\n")
    return count


def _tell_of_damage(source: _Source) -> None:
    damages = source.ring.damages
    if damages > source.damages:
        source.damages = damages
        get_logger().error(
            "access log damaged",
            worker=source.worker,
            detail="the worker has written something else among its lines; they are lost",
        )
