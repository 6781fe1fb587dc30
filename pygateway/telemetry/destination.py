"""Where lines of a log are written: files, pipes and what else standard output may be.

Nothing here waits for a reader. Files are written at once, which is as fast as the disk is; to
everything that somebody reads goes only what has room there. Lines go to pipes in pieces of whole
lines that the system writes at once or not at all (POSIX, write: `PIPE_BUF`), so that lines of
several processes do not mix; only a line that is longer than that may have to wait half-written.
"""

from __future__ import annotations

import contextlib
import errno
import os
import select
import socket
import stat
import sys
from typing import Final, Protocol

STANDARD: Final = {"stdout": 1, "stderr": 2}
"""Descriptors of the destinations that are no files."""

MODE: Final = 0o640
"""Of files that are made: lines tell who has used what."""

PIECE: Final = 64 * 1024
"""Bytes that are written to a socket at a time."""

_LOST: Final = frozenset(
    {
        errno.EACCES,
        errno.EISDIR,
        errno.ELOOP,
        errno.ENAMETOOLONG,
        errno.ENOENT,
        errno.ENOTDIR,
        errno.EPERM,
        errno.EROFS,
    }
)


def is_lost(error: OSError) -> bool:
    """Tell whether opening failed for a reason that does not pass: the path is wrong."""
    return error.errno in _LOST


class Destination(Protocol):
    """Something open for writing.

    Attributes:
        descriptor: What to poll for room.
    """

    descriptor: int

    def write(self, lines: bytes, start: int) -> int:
        """Write some of `lines`, from `start` on; give how many bytes, 0 if there is no room now.

        Raises:
            OSError: It cannot be written to.
        """

    def close(self, torn: bytes) -> bool:
        """Close it, and take out `torn`, the half line at its end, if possible; give if it was."""


def open_destination(path: str) -> Destination:
    """Open a path, `stdout` or `stderr`.

    Raises:
        OSError: It cannot be opened; ENXIO means that nobody reads a FIFO.
    """
    if path in STANDARD:
        # Where the program was started without one, its number is that of something else by now.
        if getattr(sys, f"__{path}__") is None:
            raise OSError(errno.EBADF, os.strerror(errno.EBADF))
        return open_standard(STANDARD[path])
    flags = os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_NONBLOCK | os.O_NOCTTY
    descriptor = os.open(path, flags, MODE)
    is_file = stat.S_ISREG(os.fstat(descriptor).st_mode)
    return File(descriptor) if is_file else Pipe(descriptor)


def open_standard(number: int) -> Destination:
    """Open what a standard stream leads to.

    Raises:
        OSError: It was closed.
    """
    mode = os.fstat(number).st_mode
    if stat.S_ISSOCK(mode):
        return Socket(os.dup(number))
    if stat.S_ISREG(mode):
        # The position in it is shared with everybody who inherited it, and has to stay so.
        return File(os.dup(number))
    # Without blocking it is opened anew: others who have it, such as a shell, do not expect that
    # of what they share.
    flags = os.O_WRONLY | os.O_NONBLOCK | os.O_NOCTTY
    with contextlib.suppress(OSError):
        return Pipe(os.open(f"/proc/self/fd/{number}", flags))
    return BlockingPipe(os.dup(number))


class File:
    """A regular file."""

    def __init__(self, descriptor: int) -> None:
        self.descriptor = descriptor

    def write(self, lines: bytes, start: int) -> int:
        """Write all that the disk has room for."""
        return os.write(self.descriptor, memoryview(lines)[start:])

    def close(self, torn: bytes) -> bool:
        """Close it without a half line at its end."""
        try:
            return not torn or self._cut_off(torn)
        finally:
            os.close(self.descriptor)

    def _cut_off(self, torn: bytes) -> bool:
        with contextlib.suppress(OSError):
            size = os.fstat(self.descriptor).st_size - len(torn)
            reader = os.open(f"/proc/self/fd/{self.descriptor}", os.O_RDONLY)
            try:
                # Somebody else may have written since, or moved what was there.
                if size < 0 or os.pread(reader, len(torn) + 1, size) != torn:
                    return False
            finally:
                os.close(reader)
            os.ftruncate(self.descriptor, size)
            return True
        return False


class Pipe:
    """A pipe, a FIFO or a terminal, that does not block."""

    def __init__(self, descriptor: int) -> None:
        self.descriptor = descriptor

    def write(self, lines: bytes, start: int) -> int:
        """Write whole lines, as many as go at once."""
        end = _end_of_piece(lines, start, select.PIPE_BUF)
        try:
            return os.write(self.descriptor, memoryview(lines)[start:end])
        except BlockingIOError:
            return 0

    def close(self, torn: bytes) -> bool:
        """Close it; what was written cannot be taken back."""
        os.close(self.descriptor)
        return not torn


class BlockingPipe(Pipe):
    """A pipe or a terminal that would block, where it cannot be opened anew.

    Where there is any room in a pipe, there is some for a piece.
    """

    def write(self, lines: bytes, start: int) -> int:
        """Write whole lines, as many as go at once."""
        poll = select.poll()
        poll.register(self.descriptor, select.POLLOUT)
        return super().write(lines, start) if poll.poll(0) else 0


class Socket:
    """A stream socket, such as the one that a service manager gives."""

    def __init__(self, descriptor: int) -> None:
        self._socket = socket.socket(fileno=descriptor)
        self.descriptor = descriptor

    def write(self, lines: bytes, start: int) -> int:
        """Write whole lines, as many as there is room for."""
        end = _end_of_piece(lines, start, PIECE)
        flags = socket.MSG_DONTWAIT | socket.MSG_NOSIGNAL
        try:
            return self._socket.send(memoryview(lines)[start:end], flags)
        except BlockingIOError:
            return 0

    def close(self, torn: bytes) -> bool:
        """Close it; what was written cannot be taken back."""
        self._socket.close()
        return not torn


def _end_of_piece(lines: bytes, start: int, most: int) -> int:
    """Give where the last whole line within `most` bytes ends; without one, all of them."""
    if len(lines) - start <= most:
        return len(lines)
    end = lines.rfind(b"\n", start, start + most)
    return start + most if end < 0 else end + 1
