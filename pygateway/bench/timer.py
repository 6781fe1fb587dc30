"""Wakes the loop at a nanosecond.

The loop's own timers count milliseconds, which would be most of the latency of a fast gateway. A
timerfd of Linux is exact to some ten microseconds and costs one system call for each time. Python
has had them since 3.13 only, so they are called by way of ctypes.
"""

from __future__ import annotations

import ctypes
import os
import time
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    import asyncio
    from collections.abc import Callable

# <sys/timerfd.h>; its other two flags have the values of O_NONBLOCK and O_CLOEXEC.
_TFD_TIMER_ABSTIME: Final = 1

_SECOND: Final = 10**9


class _TimeSpec(ctypes.Structure):
    _fields_ = (("seconds", ctypes.c_long), ("nanoseconds", ctypes.c_long))


class _TimerSpec(ctypes.Structure):
    _fields_ = (("interval", _TimeSpec), ("value", _TimeSpec))


class Timer:
    """Calls `wake` at the one time that was asked for last.

    Raises:
        OSError: There are no descriptors left.
    """

    __slots__ = ("_descriptor", "_library", "_loop", "_reference", "_value")

    def __init__(self, loop: asyncio.AbstractEventLoop, wake: Callable[[], None]) -> None:
        self._library = ctypes.CDLL(None, use_errno=True)
        flags = os.O_NONBLOCK | os.O_CLOEXEC
        self._descriptor: int = self._library.timerfd_create(time.CLOCK_MONOTONIC, flags)
        if self._descriptor < 0:
            raise OSError(ctypes.get_errno(), os.strerror(ctypes.get_errno()))
        specification = _TimerSpec()
        self._value = specification.value
        self._reference = ctypes.byref(specification)
        self._loop = loop
        loop.add_reader(self._descriptor, wake)

    def at(self, due: int) -> None:
        """Wake at `due` nanoseconds of the monotonic clock, at once if that has passed.

        Until this is called after a wake-up, the loop is woken again and again: setting the time
        is what takes the wake-up back.
        """
        self._value.seconds, self._value.nanoseconds = divmod(max(due, 1), _SECOND)
        self._library.timerfd_settime(self._descriptor, _TFD_TIMER_ABSTIME, self._reference, None)

    def close(self) -> None:
        """Wake nobody any more."""
        self._loop.remove_reader(self._descriptor)
        os.close(self._descriptor)
