from __future__ import annotations

import errno
import os
import subprocess
import sys
from collections.abc import Iterator

import pytest

from pygateway._core import Arena, Forward, Gate, Reject
from pygateway.config import load_text
from pygateway.config.gate_specification import gate_specification
from pygateway.supervisor.counting import LANES, Counting, NoLaneLeft

NOW = 1_800_000_000.0
ONE_AT_A_TIME = """
rate_limits: {slow: {by: global, concurrency: 1}}
upstreams: {app: {endpoints: ["http://127.0.0.1:9"]}}
routes: [{name: all, upstream: app, rate_limits: [slow]}]
"""


@pytest.fixture
def counting() -> Iterator[Counting]:
    made = Counting(1024)
    try:
        yield made
    finally:
        made.close()


def open_files() -> int:
    return len(os.listdir("/proc/self/fd"))


def gate(counting: Counting, lane: int) -> Gate:
    """A worker's gate, which attaches to the table as workers do."""
    arena = Arena.attach(counting.descriptor)
    return Gate(gate_specification(load_text(ONE_AT_A_TIME)), os.urandom(32), arena, lane)


def ask(gate: Gate) -> object:
    return gate.decide(b"GET", b"/", [(b"Host", b"a")], gate.peer("127.0.0.1", False), NOW)


def test_every_worker_has_a_lane_of_its_own(counting: Counting) -> None:
    assert [counting.occupy() for _ in range(3)] == [0, 1, 2]
    counting.release(1)
    assert [counting.occupy() for _ in range(2)] == [1, 3]


def test_there_are_only_so_many_lanes(counting: Counting) -> None:
    assert {counting.occupy() for _ in range(LANES)} == set(range(LANES))
    with pytest.raises(NoLaneLeft, match="there are 256 workers already, with those that drain"):
        counting.occupy()
    counting.release(77)
    assert counting.occupy() == 77


def test_what_a_worker_had_in_flight_ends_with_it(counting: Counting) -> None:
    first, second = counting.occupy(), counting.occupy()
    one, other = gate(counting, first), gate(counting, second)
    in_flight = [ask(one)]
    assert isinstance(in_flight[0], Forward)
    assert isinstance(ask(other), Reject)
    # Of a worker that was killed nobody has heard that its request is over.
    counting.release(first)
    assert isinstance(ask(other), Forward)
    in_flight.clear()


def test_what_is_told_of_workers_has_as_much_room_as_was_asked_for() -> None:
    few, many = Counting(1024, 64), Counting(1024, 65_536)
    try:
        sizes = [os.fstat(made.descriptor).st_size for made in (few, many)]
        taken = [os.fstat(made.descriptor).st_blocks * 512 for made in (few, many)]
    finally:
        few.close()
        many.close()
    # 192 bytes of each series in each of 64 stripes, none of which takes memory before it counts.
    assert sizes[1] - sizes[0] > (65_536 - 64) * 192 * 64
    assert max(taken) <= 64 * 1024


def test_nobody_can_change_the_size_of_the_table(counting: Counting) -> None:
    size = os.fstat(counting.descriptor).st_size
    for other in (0, size - 1, size + 1):
        with pytest.raises(OSError, match=os.strerror(errno.EPERM)):
            os.ftruncate(counting.descriptor, other)
    assert os.fstat(counting.descriptor).st_size == size


def test_the_table_has_no_name_and_is_not_inherited_by_accident(counting: Counting) -> None:
    assert os.readlink(f"/proc/self/fd/{counting.descriptor}").endswith(" (deleted)")
    assert not os.get_inheritable(counting.descriptor)


def test_a_table_that_cannot_be_made_leaves_nothing_behind() -> None:
    before = open_files()
    with pytest.raises((ValueError, OSError)):
        Counting(2**60)
    assert open_files() == before


def test_a_system_that_gives_no_memory_is_one_sentence() -> None:
    code = (
        "import resource;"
        "resource.setrlimit(resource.RLIMIT_FSIZE, (1 << 16, 1 << 16));"
        "import signal; signal.signal(signal.SIGXFSZ, signal.SIG_IGN);"
        "from pygateway.cli import main;"
        "raise SystemExit(main(['proxy', '--to', 'http://127.0.0.1:9', '--from', '127.0.0.1:0']))"
    )
    done = subprocess.run(
        [sys.executable, "-P", "-c", code], capture_output=True, text=True, timeout=60, check=False
    )
    assert done.returncode == 1
    # Whoever measures coverage cannot write either, and says so behind it.
    assert done.stderr.startswith(
        "pygateway: workers cannot share memory to count in: File too large"
    )


def test_closing_twice_does_nothing() -> None:
    before = open_files()
    made = Counting(1024)
    made.close()
    made.close()
    assert open_files() == before
