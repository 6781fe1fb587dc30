"""The writer with real rings and destinations, of which some stand still, fill up or go away."""

from __future__ import annotations

import os
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
import structlog

from pygateway._core import LineRing
from pygateway.telemetry import log_writer
from pygateway.telemetry.log_writer import LogWriter
from tests.support.patience import PATIENCE
from tests.support.rings import Putter, lines_of, make_ring, numbered, numbers, until


@pytest.fixture
def logged() -> Iterator[list[Any]]:
    with structlog.testing.capture_logs() as logs:
        yield logs


@contextmanager
def writer(deadline: float = PATIENCE) -> Iterator[LogWriter]:
    made = LogWriter()
    try:
        yield made
    finally:
        made.finish(deadline)


def events(logged: list[Any], event: str) -> list[Any]:
    return [line for line in logged if line["event"] == event]


def fill(ring: LineRing, start: int = 0) -> int:
    """Put lines until there is no room; give how many."""
    count = 0
    while ring.put(numbered(start + count)):
        count += 1
    return count


def _reads(reader: int, received: list[int]) -> bool:
    """Read from a FIFO that does not block; give whether anything came."""
    try:
        received += numbers(os.read(reader, 10_000))
    except BlockingIOError:
        return False
    return bool(received)


def threads() -> int:
    return sum(thread.name == "access-log" for thread in threading.enumerate())


def open_files() -> int:
    return len(os.listdir("/proc/self/fd"))


def test_what_is_put_is_written(tmp_path: Path) -> None:
    path = tmp_path / "access.log"
    with writer() as made:
        made.prepare(str(path))
        assert path.read_bytes() == b""
        putting, taking = make_ring()
        made.add(taking, str(path), 0)
        for number in range(500):
            assert putting.put(numbered(number))
        size = sum(len(numbered(number)) + 1 for number in range(500))
        until(lambda: path.stat().st_size == size, "writing")
        assert lines_of(path) == list(range(500))
        statistics = made.statistics()
        assert statistics["written_lines"] == 500
        assert statistics["written_bytes"] == size
        assert (statistics["pending_bytes"], statistics["lost_lines"]) == (0, 0)


def test_every_ring_keeps_its_order(tmp_path: Path) -> None:
    path = tmp_path / "access.log"
    with writer() as made:
        putters = []
        for worker in range(3):
            putting, taking = make_ring(1 << 12, worker)
            made.add(taking, str(path), worker)
            putters.append(Putter(putting, worker * 1_000_000))
        until(lambda: all(putter.count > 2000 for putter in putters), "putting")
        counts = [putter.stop() for putter in putters]
    found = lines_of(path)
    for worker, count in enumerate(counts):
        own = [number % 1_000_000 for number in found if number // 1_000_000 == worker]
        assert own == list(range(count))


def test_the_end_leaves_no_thread_no_descriptor_and_no_line(tmp_path: Path) -> None:
    path = tmp_path / "access.log"
    before, files = threads(), open_files()
    with writer() as made:
        putting, taking = make_ring()
        made.add(taking, str(path), 0)
        count = fill(putting)
    assert lines_of(path) == list(range(count))
    assert (threads(), open_files()) == (before, files)
    assert made.lost_lines == 0


def test_renaming_and_reopening_loses_no_line(tmp_path: Path) -> None:
    path = tmp_path / "access.log"
    kept = []
    with writer() as made:
        made.prepare(str(path))
        putting, taking = make_ring()
        made.add(taking, str(path), 0)
        putter = Putter(putting)
        for number in range(8):
            before = putter.count
            until(lambda before=before: putter.count > before + 300, "putting")  # type: ignore[misc]
            kept.append(path.rename(tmp_path / f"access.log.{number}"))
            assert made.reopen()
            until(path.exists, "reopening")
        count = putter.stop()
    found = [lines_of(file) for file in (*kept, path)]
    assert all(found)
    assert [number for file in found for number in file] == list(range(count))


def test_standard_output_is_not_reopened() -> None:
    with writer() as made:
        made.prepare("stdout")
        made.keep("stdout")
        assert not made.reopen()


def test_a_file_that_cannot_be_reopened_goes_on_where_it_was(
    tmp_path: Path, logged: list[Any]
) -> None:
    directory = tmp_path / "logs"
    directory.mkdir()
    path = directory / "access.log"
    with writer() as made:
        made.prepare(str(path))
        putting, taking = make_ring()
        made.add(taking, str(path), 0)
        moved = directory.rename(tmp_path / "moved")
        made.reopen()
        until(lambda: bool(events(logged, "access log not reopened")), "the warning")
        putting.put(numbered(0))
    assert lines_of(moved / "access.log") == [0]


def test_a_full_disk_is_told_once_and_fills_the_ring(logged: list[Any]) -> None:
    with writer(0.2) as made:
        made.prepare("/dev/full")
        putting, taking = make_ring(1 << 12)
        made.add(taking, "/dev/full", 0)
        assert putting.put(numbered(0))
        until(lambda: made.statistics()["problem"] is not None, "the problem")
        assert made.statistics()["problem"] == "No space left on device"
        # What was taken is kept, and nothing more is taken.
        count = 1 + fill(putting, 1)
        assert not putting.put(numbered(0))
        assert putting.pending > 3900
    assert made.lost_lines == count
    (warning,) = events(logged, "access log stands still")
    assert (warning["path"], warning["log_level"]) == ("/dev/full", "warning")
    assert events(logged, "access log lost lines")[0]["lines"] == count


def run_on_a_limited_disk(*paths: Path) -> None:
    """A limit on the size of files ends writes in the midst of lines, as a full disk does."""
    program = Path(__file__).with_name("limited_disk.py")
    ended = subprocess.run(
        [sys.executable, "-P", program, *paths],
        check=False,
        capture_output=True,
        text=True,
        timeout=3 * PATIENCE,
        env={**os.environ, "PYTHONPATH": str(Path(__file__).parents[2])},
    )
    assert ended.returncode == 0, ended.stderr


def test_a_disk_that_has_room_again_gets_every_line_whole(tmp_path: Path) -> None:
    path = tmp_path / "access.log"
    run_on_a_limited_disk(path)
    assert lines_of(path) == list(range(200))


def test_a_full_disk_that_is_rotated_away_tears_no_line(tmp_path: Path) -> None:
    path, moved = tmp_path / "access.log", tmp_path / "access.log.1"
    run_on_a_limited_disk(path, moved)
    first, second = lines_of(moved), lines_of(path)
    assert first
    assert second
    assert first + second == list(range(200))


def test_a_reader_that_stands_still_holds_nobody_up(tmp_path: Path, logged: list[Any]) -> None:
    path = tmp_path / "fifo"
    os.mkfifo(path)
    reader = os.open(path, os.O_RDONLY | os.O_NONBLOCK)
    with writer(0.2) as made:
        made.prepare(str(path))
        other = tmp_path / "other.log"
        putting, taking = make_ring(1 << 18)
        made.add(taking, str(path), 0)
        putting_other, taking_other = make_ring()
        made.add(taking_other, str(other), 0)
        count = 0
        while count < 5000:
            put = fill(putting, count)
            count += put
            if not put and putting.pending > (1 << 18) - 300:
                break
        until(lambda: bool(events(logged, "access log stands still")), "the warning")
        # Other destinations go on.
        assert putting_other.put(numbered(7))
        until(lambda: other.exists() and lines_of(other) == [7], "the other log")
        statistics = made.statistics()
        assert statistics["problem"] == "nobody reads what was written last"
    read = numbers(os.read(reader, 1 << 20))
    os.close(reader)
    assert read == list(range(len(read)))
    assert made.lost_lines == count - len(read) > 0
    assert len(events(logged, "access log stands still")) == 1


def test_a_slow_reader_gets_every_line(tmp_path: Path) -> None:
    path = tmp_path / "fifo"
    os.mkfifo(path)
    reader = os.open(path, os.O_RDONLY | os.O_NONBLOCK)
    os.set_blocking(reader, True)
    with writer() as made:
        made.prepare(str(path))
        putting, taking = make_ring(1 << 14)
        made.add(taking, str(path), 0)
        putter = Putter(putting)
        received = b""
        while len(received) < 1 << 20:
            received += os.read(reader, 1000)
        count = putter.stop()
        wanted = sum(len(numbered(number)) + 1 for number in range(count))
        while len(received) < wanted:
            received += os.read(reader, 1 << 16)
    os.close(reader)
    assert numbers(received) == list(range(count))


def test_a_fifo_waits_for_readers_and_outlives_them(tmp_path: Path, logged: list[Any]) -> None:
    path = tmp_path / "fifo"
    os.mkfifo(path)
    with writer() as made:
        made.expect(str(path))
        putting, taking = make_ring()
        made.add(taking, str(path), 0)
        for next_number in range(2):
            assert putting.put(numbered(next_number))
            until(lambda: made.statistics()["problem"] == "nobody reads it", "the problem")
            reader = os.open(path, os.O_RDONLY | os.O_NONBLOCK)
            received: list[int] = []
            until(lambda: _reads(reader, received), "reading")  # noqa: B023 - it is over then
            assert received == [next_number]
            until(lambda: made.statistics()["problem"] is None, "the recovery")
            os.close(reader)
    assert len(events(logged, "access log stands still")) == 2
    assert len(events(logged, "access log goes on")) == 2


def test_a_pipe_whose_reader_has_gone_is_told_once(logged: list[Any], tmp_path: Path) -> None:
    path = tmp_path / "fifo"
    os.mkfifo(path)
    reader = os.open(path, os.O_RDONLY | os.O_NONBLOCK)
    with writer(0.2) as made:
        made.prepare(str(path))
        os.close(reader)
        putting, taking = make_ring(1 << 12)
        made.add(taking, str(path), 0)
        until(lambda: not putting.put(numbered(0)), "a full ring")
        until(lambda: made.statistics()["problem"] == "nobody reads it", "the problem")
    assert made.lost_lines > 0
    assert len(events(logged, "access log stands still")) == 1


def test_destinations_that_nobody_needs_are_closed(tmp_path: Path) -> None:
    before = open_files()
    old, new = tmp_path / "old.log", tmp_path / "new.log"
    with writer() as made:
        own = open_files() - before
        made.prepare(str(old))
        made.keep(str(old))
        putting, taking = make_ring()
        made.add(taking, str(old), 0)
        made.prepare(str(new))
        made.keep(str(new))
        # A worker that still finishes writes where its configuration says.
        putting.put(numbered(1))
        until(lambda: lines_of(old) == [1], "writing")
        putting.put(numbered(2))
        made.end(taking)
        until(lambda: open_files() == before + own + 1, "the old file's closing")
        assert (lines_of(old), lines_of(new)) == ([1, 2], [])
        assert made.statistics()["written_lines"] == 2
        made.keep(None)
        until(lambda: open_files() == before + own, "the new file's closing")
        assert made.statistics()["path"] is None


def test_rings_of_dead_workers_do_not_pile_up(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(log_writer, "MOST_ENDED", 3 << 12)
    with writer(0.2) as made:
        made.prepare("/dev/full")
        # One line is taken before the destination is known to be full.
        first, taking = make_ring()
        made.add(taking, "/dev/full", 0)
        first.put(numbered(0))
        until(lambda: made.statistics()["problem"] is not None, "the problem")
        counts = []
        for _ in range(5):
            putting, taking = make_ring(1 << 12)
            made.add(taking, "/dev/full", 0)
            counts.append(fill(putting))
            made.end(taking)
        until(lambda: made.lost_lines == sum(counts[:2]), "giving up the oldest")
        assert made.statistics()["pending_bytes"] > 3 * 3900


def test_a_worker_gone_mad_is_noticed_and_harms_nobody(tmp_path: Path, logged: list[Any]) -> None:
    path = tmp_path / "access.log"
    descriptor = os.memfd_create("ring")
    taking = LineRing.create(descriptor, 1 << 12, 5)
    putting = LineRing.attach(descriptor)
    with writer() as made:
        assert putting.put(b"scribbled over")
        os.pwrite(descriptor, b"\xff" * 4096, 4096)
        made.add(taking, str(path), 5)
        until(lambda: bool(events(logged, "access log damaged")), "the notice")
        assert events(logged, "access log damaged")[0]["worker"] == 5
        assert putting.put(numbered(3))
    os.close(descriptor)
    assert lines_of(path) == [3]


def test_finishing_waits_for_a_reader_only_so_long(tmp_path: Path) -> None:
    path = tmp_path / "fifo"
    os.mkfifo(path)
    reader = os.open(path, os.O_RDONLY | os.O_NONBLOCK)
    made = LogWriter()
    made.prepare(str(path))
    putting, taking = make_ring(1 << 18)
    made.add(taking, str(path), 0)
    count = fill(putting)
    finishing = threading.Thread(target=made.finish, args=(PATIENCE,))
    finishing.start()
    os.set_blocking(reader, True)
    received = b""
    while chunk := os.read(reader, 1 << 16):
        received += chunk
    finishing.join(PATIENCE)
    os.close(reader)
    assert numbers(received) == list(range(count))
    assert made.lost_lines == 0
