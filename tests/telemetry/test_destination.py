"""Destinations as the system has them: files, pipes, FIFOs, sockets, devices that are full."""

from __future__ import annotations

import errno
import os
import select
import socket
import stat
import subprocess
import sys
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from pygateway.telemetry.destination import (
    BlockingPipe,
    Destination,
    File,
    Pipe,
    Socket,
    is_lost,
    open_destination,
    open_standard,
)

LINE = b"x" * 99 + b"\n"
LINES = LINE * 10_000


@pytest.fixture
def stack() -> Iterator[ExitStack]:
    with ExitStack() as opened:
        yield opened


def fill(destination: Destination, lines: bytes = LINES) -> int:
    """Write until there is no room; give how many bytes went."""
    done = 0
    while count := destination.write(lines, done):
        done += count
    return done


def pipe(stack: ExitStack) -> tuple[int, int]:
    reader, writer = os.pipe()
    stack.callback(os.close, reader)
    stack.callback(os.close, writer)
    return reader, writer


def test_files_are_appended_to_and_made_for_few(tmp_path: Path) -> None:
    path = tmp_path / "access.log"
    before = os.umask(0)
    try:
        destination = open_destination(str(path))
    finally:
        os.umask(before)
    assert isinstance(destination, File)
    assert stat.S_IMODE(path.stat().st_mode) == 0o640
    assert destination.write(b"one\ntwo\n", 4) == 4
    with path.open("ab") as other:
        other.write(b"other\n")
    assert destination.write(b"three\n", 0) == 6
    destination.close(b"")
    assert path.read_bytes() == b"two\nother\nthree\n"


def test_half_a_line_is_cut_off(tmp_path: Path) -> None:
    path = tmp_path / "access.log"
    destination = open_destination(str(path))
    destination.write(b"one\ntw", 0)
    assert destination.close(b"tw")
    assert path.read_bytes() == b"one\n"


def test_what_somebody_has_added_stays(tmp_path: Path) -> None:
    path = tmp_path / "access.log"
    for added in (b"tw", b"two\n"):
        path.unlink(missing_ok=True)
        destination = open_destination(str(path))
        destination.write(b"tw", 0)
        with path.open("ab") as other:
            other.write(added + b"!")
        assert not destination.close(b"tw")
        assert path.read_bytes() == b"tw" + added + b"!"


def test_a_full_disk_is_an_error() -> None:
    destination = open_destination("/dev/full")
    with pytest.raises(OSError, match="No space left on device") as caught:
        destination.write(LINE, 0)
    destination.close(b"")
    assert not is_lost(caught.value)


@pytest.mark.parametrize(
    ("path", "number"),
    [("none/access.log", errno.ENOENT), (".", errno.EISDIR), ("file/a", errno.ENOTDIR)],
)
def test_paths_that_are_wrong(tmp_path: Path, path: str, number: int) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(OSError, match=os.strerror(number)) as caught:
        open_destination(str(tmp_path / path))
    assert is_lost(caught.value)


def test_a_fifo_needs_a_reader(tmp_path: Path, stack: ExitStack) -> None:
    path = tmp_path / "fifo"
    os.mkfifo(path)
    with pytest.raises(OSError, match=os.strerror(errno.ENXIO)) as caught:
        open_destination(str(path))
    assert not is_lost(caught.value)
    reader = os.open(path, os.O_RDONLY | os.O_NONBLOCK)
    destination = open_destination(str(path))
    stack.callback(destination.close, b"")
    assert destination.write(LINE, 0) == len(LINE)
    assert os.read(reader, 1000) == LINE
    os.close(reader)
    with pytest.raises(BrokenPipeError):
        destination.write(LINE, 0)


@pytest.mark.parametrize("kind", [Pipe, BlockingPipe])
def test_pipes_get_whole_lines_and_never_block(stack: ExitStack, kind: type[Pipe]) -> None:
    reader, writer = pipe(stack)
    destination = open_standard(writer) if kind is Pipe else BlockingPipe(os.dup(writer))
    stack.callback(destination.close, b"")
    assert type(destination) is kind
    # Others who have the pipe are not to be surprised.
    assert os.get_blocking(writer)
    done = fill(destination)
    assert 0 < done < len(LINES)
    assert done % len(LINE) == 0
    assert os.read(reader, 1 << 20) == LINES[:done]
    assert destination.write(LINES, done) > 0


def test_a_line_that_is_longer_than_a_piece_goes_in_several(stack: ExitStack) -> None:
    reader, writer = pipe(stack)
    destination = open_standard(writer)
    stack.callback(destination.close, b"")
    long = b"y" * (2 * select.PIPE_BUF) + b"\n"
    lines = LINE + long + LINE
    pieces = []
    done = 0
    while done < len(lines):
        pieces.append(destination.write(lines, done))
        done += pieces[-1]
    assert pieces == [100, select.PIPE_BUF, select.PIPE_BUF, 101]
    assert os.read(reader, 1 << 20) == lines


def test_sockets_get_whole_lines_and_never_block(stack: ExitStack) -> None:
    ours, theirs = socket.socketpair()
    stack.enter_context(theirs)
    destination = open_standard(ours.fileno())
    assert isinstance(destination, Socket)
    ours.close()
    done = fill(destination)
    assert done > 0
    received = b""
    while len(received) < done:
        received += theirs.recv(1 << 20)
    assert received == LINES[:done]
    theirs.close()
    with pytest.raises(BrokenPipeError):
        destination.write(LINES, done)
    assert not destination.close(b"half")


def test_a_file_as_standard_output_keeps_its_one_position(tmp_path: Path, stack: ExitStack) -> None:
    path = tmp_path / "out"
    shared = os.open(path, os.O_WRONLY | os.O_CREAT)
    stack.callback(os.close, shared)
    destination = open_standard(shared)
    stack.callback(destination.close, b"")
    assert isinstance(destination, File)
    destination.write(b"ours\n", 0)
    os.write(shared, b"theirs\n")
    destination.write(b"ours\n", 0)
    assert path.read_bytes() == b"ours\ntheirs\nours\n"


def test_what_has_taken_the_place_of_standard_output_is_not_written_to(tmp_path: Path) -> None:
    program = (
        "import sys; from pygateway.telemetry.destination import open_destination;"
        "file = open(sys.argv[1], 'w'); assert file.fileno() == 1;"
        "open_destination('stdout')"
    )
    shell = f'exec {sys.executable} -c "{program}" {tmp_path / "file"} >&-'
    ended = subprocess.run(["sh", "-c", shell], check=False, stderr=subprocess.PIPE, text=True)
    assert "Bad file descriptor" in ended.stderr


def test_standard_output_that_was_closed_is_an_error() -> None:
    reader, writer = os.pipe()
    os.close(reader)
    os.close(writer)
    with pytest.raises(OSError, match=os.strerror(errno.EBADF)):
        open_standard(writer)
