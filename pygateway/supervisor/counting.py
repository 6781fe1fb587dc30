"""The table in which all workers of the machine count, and which of its lanes is whose.

It lies in memory that has no file, made once and inherited by every worker: so what was counted
survives workers and reloads, and ends with the supervisor. A worker that dies takes nothing along
but the requests that it had in flight; those are counted in a lane of its own, which is cleared.
"""

from __future__ import annotations

import fcntl
import os
from contextlib import suppress

from pygateway._core import Arena
from pygateway.admin.counted import Counted, read_counted
from pygateway.errors import GatewayError

LANES = 256
"""Workers that can be alive at a time, those that drain included."""


class NoLaneLeft(GatewayError):
    """There are as many workers as the table can tell apart."""


class NoMemory(GatewayError):
    """The system has no memory to share."""


class Counting:
    """Makes the table, and gives each worker a lane.

    Args:
        slots: Keys that it has room for; rounded up to a power of two.
        series: Combinations of labels that it has room for.

    Attributes:
        descriptor: The table's memory.

    Raises:
        NoMemory: The system has none to share.
    """

    def __init__(self, slots: int, series: int = 4096) -> None:
        try:
            self.descriptor = _memory()
            self._arena = _lay_out(self.descriptor, slots, series)
        except OSError as error:
            why = error.strerror or str(error)
            raise NoMemory(f"workers cannot share memory to count in: {why}") from None
        self._free = set(range(LANES))

    def occupy(self) -> int:
        """Give a worker its lane.

        Raises:
            NoLaneLeft: There is none.
        """
        if not self._free:
            raise NoLaneLeft(f"there are {LANES} workers already, with those that drain")
        lane = min(self._free)
        self._free.remove(lane)
        self._arena.occupy_lane(lane)
        return lane

    def release(self, lane: int) -> None:
        """Forget what a worker that has ended had in flight, and let another have its lane."""
        self._arena.release_lane(lane)
        self._free.add(lane)

    def counted(self) -> Counted:
        """Give what all workers have counted. May be called by any thread."""
        return read_counted(self._arena.measurements())

    def close(self) -> None:
        """Let go of the table; it lasts as long as a worker has it."""
        with suppress(OSError):
            os.close(self.descriptor)


def _memory() -> int:
    """Give memory that has no file."""
    return os.memfd_create("pygateway-counts", os.MFD_CLOEXEC | os.MFD_ALLOW_SEALING)


def _lay_out(descriptor: int, slots: int, series: int) -> Arena:
    """Make the table in it; of what fails, nothing is left."""
    try:
        arena = Arena.create(descriptor, slots, series)
        # Whoever shortened it would end every worker.
        seals = fcntl.F_SEAL_SHRINK | fcntl.F_SEAL_GROW | fcntl.F_SEAL_SEAL
        fcntl.fcntl(descriptor, fcntl.F_ADD_SEALS, seals)
    except BaseException:
        os.close(descriptor)
        raise
    return arena
