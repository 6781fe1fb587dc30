"""What worker processes take of the machine, as the kernel says (proc(5))."""

from __future__ import annotations

import os
from collections.abc import Iterable
from pathlib import Path
from threading import Lock
from typing import Final, NamedTuple

_TICKS: Final = os.sysconf("SC_CLK_TCK")
_PAGE: Final = os.sysconf("SC_PAGE_SIZE")


class Use(NamedTuple):
    """What the processes of one slot take.

    Attributes:
        cpu_seconds: User and system time since the gateway started, by those that have ended too.
        resident_bytes: Memory.
        descriptors: Open files and sockets.
    """

    cpu_seconds: float = 0.0
    resident_bytes: int = 0
    descriptors: int = 0


class Processes:
    """Looks at processes, and adds up what those of a slot have used so far.

    What a process used after it was last looked at is missing once it has ended. May be used by
    several threads.
    """

    def __init__(self, directory: Path = Path("/proc")) -> None:
        self._directory = directory
        self._seen: dict[int, float] = {}
        self._used: dict[int, float] = {}
        self._lock = Lock()

    def look(self, processes: Iterable[tuple[int, int]]) -> dict[int, Use]:
        """Look at processes, each given as its slot and its number; give what each slot takes."""
        with self._lock:
            uses: dict[int, Use] = {}
            seen: dict[int, float] = {}
            for slot, pid in processes:
                use = self._look_at(pid)
                if use is None:
                    continue  # It has just ended.
                seen[pid] = use.cpu_seconds
                # A number that was given to another process begins anew.
                before = self._seen.get(pid, 0.0)
                added = use.cpu_seconds - (before if before <= use.cpu_seconds else 0.0)
                self._used[slot] = self._used.get(slot, 0.0) + added
                known = uses.get(slot, Use())
                uses[slot] = Use(
                    0.0,
                    known.resident_bytes + use.resident_bytes,
                    known.descriptors + use.descriptors,
                )
            self._seen = seen
            return {
                slot: uses.get(slot, Use())._replace(cpu_seconds=used)
                for slot, used in self._used.items()
            }

    def _look_at(self, pid: int) -> Use | None:
        directory = self._directory / str(pid)
        try:
            # The name, in parentheses, may have spaces and parentheses itself.
            fields = (directory / "stat").read_bytes().rpartition(b")")[2].split()
            return Use(
                (int(fields[11]) + int(fields[12])) / _TICKS,
                int(fields[21]) * _PAGE,
                _count_descriptors(directory / "fd"),
            )
        except (OSError, IndexError):
            return None


def _count_descriptors(directory: Path) -> int:
    # Kernels from 6.2 on say how many there are; before that all have to be listed.
    return directory.stat().st_size or len(os.listdir(directory))
