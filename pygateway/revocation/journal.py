"""The file that keeps revocations: a line of JSON for each, behind one that says what it is.

Lines are only ever added, and are on the disk before `append` returns. A process that dies while it
writes leaves lines behind that nobody was promised: they are at the end, and are cut off.
Whatever else is damaged is not guessed at: a revocation that is overlooked lets somebody in.

Every method blocks, for the time that the disk takes; the event loop calls them in threads, of
which one is let in at a time.
"""

from __future__ import annotations

import contextlib
import fcntl
import json
import os
import threading
from collections.abc import Iterable, Iterator
from pathlib import Path

from pygateway.errors import GatewayError
from pygateway.revocation.entry import NotARevocation, Revocation, from_json

HEADING = b'{"revocations":1}\n'
"""The first line: nothing is written into, or cut off, a file that begins otherwise."""

SPARE = 1000
"""Lines beyond twice of what they come to, before the file is written anew."""


class JournalFailed(GatewayError):
    """The file cannot be read or written; the text names it and says why."""


class Journal:
    """An open file of revocations, which no other process can open meanwhile.

    Raises:
        JournalFailed: The file cannot be opened, or is none of revocations.
    """

    def __init__(self, path: str) -> None:
        self.path = path
        self._lines = 0
        # After a failed write nobody knows what is on the disk: the whole file is written anew.
        self._doubtful = False
        self._alone = threading.RLock()
        with self._translated("open"):
            self._descriptor = _open_alone(path)
        self.replayed: list[Revocation] = []
        try:
            self._replay()
        except BaseException:
            self.close()
            raise

    def append(self, entries: Iterable[Revocation]) -> None:
        """Add entries; they are on the disk when this returns.

        Raises:
            JournalFailed: They are not; `rewrite` has to be tried before the next `append`.
        """
        lines = [_line(entry) for entry in entries]
        with self._alone, self._translated("write"):
            end = os.fstat(self._descriptor).st_size
            try:
                _write(self._descriptor, b"".join(lines))
                os.fdatasync(self._descriptor)
            except OSError:
                self._doubtful = True
                with contextlib.suppress(OSError):
                    os.ftruncate(self._descriptor, end)
                raise
        self._lines += len(lines)

    def wants_rewriting(self, held: int) -> bool:
        """Whether the file has become much longer than `held` entries are, or is in doubt."""
        return self._doubtful or self._lines > 2 * held + SPARE

    def rewrite(self, entries: Iterable[Revocation]) -> None:
        """Replace the file by one with these entries alone, in one step.

        Raises:
            JournalFailed: It stands as it was.
        """
        lines = [_line(entry) for entry in entries]
        beside = f"{self.path}.new"
        with self._alone, self._translated("write"):
            with contextlib.suppress(FileNotFoundError):
                os.unlink(beside)
            descriptor = _open(beside, os.O_CREAT | os.O_EXCL)
            try:
                # Locked before it has the name: whoever opens it by name finds it taken.
                fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
                _write(descriptor, HEADING + b"".join(lines))
                os.fsync(descriptor)
                os.rename(beside, self.path)
            except OSError:
                self._doubtful = True
                os.close(descriptor)
                with contextlib.suppress(OSError):
                    os.unlink(beside)
                raise
            os.close(self._descriptor)
            self._descriptor, self._lines, self._doubtful = descriptor, len(lines), False
            _sync_directory(self.path)

    def close(self) -> None:
        """Let others open the file."""
        with self._alone:
            if self._descriptor >= 0:
                os.close(self._descriptor)
                self._descriptor = -1

    def _replay(self) -> None:
        with self._translated("read"):
            text = _read(self._descriptor)
        if HEADING.startswith(text):
            # New, or its maker died while it wrote the heading.
            self.rewrite(())
            return
        if not text.startswith(HEADING):
            raise JournalFailed(f"{self.path} is not a file of revocations")
        whole, end = self._parse(text)
        self.replayed = whole
        self._lines = len(whole)
        if end < len(text):
            with self._translated("write"):
                os.ftruncate(self._descriptor, end)
                os.fsync(self._descriptor)

    def _parse(self, text: bytes) -> tuple[list[Revocation], int]:
        """Give the entries, and where the last whole line ends."""
        found: list[Revocation] = []
        position = end = len(HEADING)
        damaged: int | None = None
        for number, line in enumerate(text[position:].splitlines(keepends=True), start=2):
            position += len(line)
            entry = _entry(line)
            if entry is None:
                damaged = damaged or number
            elif damaged is not None:
                raise JournalFailed(
                    f"{self.path}:{damaged}: the line is damaged; restore the file from a backup,"
                    " or remove the line and revoke again what it stood for"
                )
            else:
                found.append(entry)
                end = position
        return found, end

    @contextlib.contextmanager
    def _translated(self, action: str) -> Iterator[None]:
        try:
            yield
        except BlockingIOError:
            raise JournalFailed(f"{self.path} is in use by another gateway") from None
        except OSError as error:
            raise JournalFailed(f"cannot {action} {self.path}: {error.strerror}") from None


def _open(path: str, flags: int = 0) -> int:
    return os.open(path, os.O_RDWR | os.O_APPEND | os.O_CLOEXEC | flags, 0o600)


def _open_alone(path: str) -> int:
    """Open or make the file and lock it, even while its owner replaces it by another."""
    while True:
        descriptor = _open(path, os.O_CREAT)
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            if os.path.samestat(os.fstat(descriptor), os.stat(path)):
                return descriptor
        except FileNotFoundError:
            pass
        except OSError:
            os.close(descriptor)
            raise
        os.close(descriptor)


def _read(descriptor: int) -> bytes:
    text = bytearray()
    while part := os.pread(descriptor, 1 << 20, len(text)):
        text += part
    return bytes(text)


def _write(descriptor: int, text: bytes) -> None:
    rest = memoryview(text)
    while rest:
        rest = rest[os.write(descriptor, rest) :]


def _sync_directory(path: str) -> None:
    """Put the new name on the disk, too."""
    descriptor = os.open(Path(path).parent, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _line(entry: Revocation) -> bytes:
    return json.dumps(entry.to_json(), separators=(",", ":")).encode("ascii") + b"\n"


def _entry(line: bytes) -> Revocation | None:
    if not line.endswith(b"\n"):
        return None
    try:
        return from_json(json.loads(line))
    except (ValueError, RecursionError, NotARevocation):
        return None
