"""Call back at fixed times, to within tens of microseconds.

The timers of an event loop have a resolution of a millisecond, which is more than what a gateway
adds. The kernel's own (timerfd) wake the loop when something is due; one serves everybody.
"""

from __future__ import annotations

import asyncio
import ctypes
import heapq
import itertools
import os
import time
from collections.abc import Callable

_LIBC = ctypes.CDLL(None, use_errno=True)  # os.timerfd_create needs Python 3.13
_ABSOLUTE = 1
_NONBLOCKING = os.O_NONBLOCK


class _Time(ctypes.Structure):
    _fields_ = (("seconds", ctypes.c_long), ("nanoseconds", ctypes.c_long))


class _Setting(ctypes.Structure):
    _fields_ = (("interval", _Time), ("value", _Time))


class Pace:
    """Times at which something is due, by `time.perf_counter`.

    Raises:
        OSError: The kernel has no such timer to give.
    """

    def __init__(self) -> None:
        self._due: list[tuple[float, int, Callable[[], None]]] = []
        self._number = itertools.count()
        self._descriptor = _LIBC.timerfd_create(time.CLOCK_MONOTONIC, _NONBLOCKING)
        if self._descriptor < 0:
            raise OSError(ctypes.get_errno(), "timerfd_create")
        self._loop = asyncio.get_running_loop()
        self._loop.add_reader(self._descriptor, self._ring)

    def at(self, due: float, call: Callable[[], None]) -> None:
        """Call when it is due, and not before; at the loop's next turn if it is already."""
        heapq.heappush(self._due, (due, next(self._number), call))
        if self._due[0][0] == due:
            self._arm()

    def close(self) -> None:
        """Forget what is due."""
        self._loop.remove_reader(self._descriptor)
        os.close(self._descriptor)

    def _arm(self) -> None:
        # perf_counter is the kernel's monotonic clock, too. A time of 0 would disarm the timer.
        nanoseconds = max(int(self._due[0][0] * 1e9), 1)
        value = _Time(nanoseconds // 10**9, nanoseconds % 10**9)
        setting = _Setting(_Time(0, 0), value)
        _LIBC.timerfd_settime(self._descriptor, _ABSOLUTE, ctypes.byref(setting), None)

    def _ring(self) -> None:
        os.read(self._descriptor, 8)
        now = time.perf_counter()
        while self._due and self._due[0][0] <= now:
            heapq.heappop(self._due)[2]()
        if self._due:
            self._arm()
