"""Whether the access log can be written, as far as that can be said without trying."""

from __future__ import annotations

import os

from .document import Path
from .model.access_log import STANDARD_STREAMS
from .subject import Subject


def check_access_log(subject: Subject) -> None:
    """Find what will keep the file of the access log from being opened."""
    log = subject.config.access_log
    if log is None or log.path in STANDARD_STREAMS:
        return
    problem = _problem(log.path)
    if problem is not None:
        place: Path = ("access_log", "path")
        subject.error("unwritable-file", problem, place)


def _problem(path: str) -> str | None:
    directory = os.path.dirname(path) or os.curdir
    if os.path.isdir(path):
        return "this is a directory, not a file"
    if os.path.exists(path):
        return None if os.access(path, os.W_OK) else "the file cannot be written to"
    if not os.path.isdir(directory):
        return "there is no such directory to put the file in"
    # A link that leads nowhere is made a file where it leads; trying is the only way to know.
    if not os.path.islink(path) and not os.access(directory, os.W_OK | os.X_OK):
        return "the directory cannot be written to"
    return None
