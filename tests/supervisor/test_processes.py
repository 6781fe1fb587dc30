from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from pygateway.supervisor.processes import Processes

BUSY = """
import sys, time
print("ready", flush=True)
for line in sys.stdin:
    until = time.process_time() + float(line)
    while time.process_time() < until:
        pass
    print("done", flush=True)
"""


class Busy:
    """A process that works for as long as it is told."""

    def __init__(self, process: subprocess.Popen[str]) -> None:
        self.process = process
        self.pid = process.pid
        self.listen()

    def listen(self) -> None:
        assert self.process.stdout is not None
        assert self.process.stdout.readline()

    def work(self, seconds: float) -> None:
        assert self.process.stdin is not None
        self.process.stdin.write(f"{seconds}\n")
        self.process.stdin.flush()
        self.listen()


@contextmanager
def busy() -> Iterator[Busy]:
    with subprocess.Popen(
        [sys.executable, "-c", BUSY], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as process:
        try:
            yield Busy(process)
        finally:
            process.kill()


def test_what_a_process_takes() -> None:
    processes = Processes()
    with busy() as process:
        before = processes.look([(0, process.pid)])[0]
        process.work(0.2)
        after = processes.look([(0, process.pid)])[0]
    assert 0.15 <= after.cpu_seconds - before.cpu_seconds <= 1
    assert 1e6 < after.resident_bytes < 1e9
    assert 3 <= after.descriptors < 30


def test_descriptors_are_counted_as_the_kernel_lists_them() -> None:
    with open(os.devnull), open(os.devnull):
        listed = len(os.listdir("/proc/self/fd")) - 1  # but for that of the list
        use = Processes().look([(0, os.getpid())])[0]
    # Looking may open one itself.
    assert listed <= use.descriptors <= listed + 2


def test_processes_of_a_slot_are_added_up_and_nothing_goes_down() -> None:
    processes = Processes()
    with busy() as old, busy() as new:
        old.work(0.2)
        one = processes.look([(3, old.pid)])[3]
        both = processes.look([(3, old.pid), (3, new.pid)])[3]
        assert both.resident_bytes > one.resident_bytes
        assert both.cpu_seconds >= one.cpu_seconds
        left = processes.look([(3, new.pid)])[3]
        assert left.cpu_seconds >= both.cpu_seconds
        assert left.resident_bytes < both.resident_bytes
        new.work(0.2)
        assert processes.look([(3, new.pid)])[3].cpu_seconds >= left.cpu_seconds + 0.15


def test_who_has_ended_keeps_what_he_has_used() -> None:
    processes = Processes()
    with busy() as process:
        process.work(0.1)
        used = processes.look([(0, process.pid)])[0].cpu_seconds
    assert processes.look([(0, process.pid)]) == {0: (used, 0, 0)}
    assert processes.look([]) == {0: (used, 0, 0)}


@pytest.mark.parametrize("size", [0, 9])
def test_a_name_like_an_end(tmp_path: Path, size: int) -> None:
    """A process can call itself anything, parentheses included."""
    directory = tmp_path / "7"
    (directory / "fd").mkdir(parents=True)
    fields = ["S", *["0"] * 10, "200", "100", *["0"] * 8, "5", "0"]
    (directory / "stat").write_text(f"7 (a) b (c)) {' '.join(fields)}\n")
    for number in range(size):
        (directory / "fd" / str(number)).touch()
    use = Processes(tmp_path).look([(0, 7)])[0]
    assert use.cpu_seconds == 300 / os.sysconf("SC_CLK_TCK")
    assert use.resident_bytes == 5 * os.sysconf("SC_PAGE_SIZE")
