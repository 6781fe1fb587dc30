"""How a command fails: an exit code, and one line that says why."""

from __future__ import annotations

from enum import IntEnum


class Exit(IntEnum):
    """Exit codes of every command; 78 is EX_CONFIG of sysexits(3)."""

    FINE = 0
    FAILED = 1
    USAGE = 2
    BAD_CONFIGURATION = 78


class CommandFailed(Exception):
    """The command ends with `code`; `message`, unless empty, goes to stderr as one line."""

    def __init__(self, message: str, code: Exit | int = Exit.FAILED) -> None:
        super().__init__(message)
        self.message = message
        self.code = int(code)
