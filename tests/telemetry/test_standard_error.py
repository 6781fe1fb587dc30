"""Standard error whose reader stands still, has gone, or was never there."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from tests.support.patience import PATIENCE

LINES = 2000
"""Lines that no pipe has room for: of 64 KiB, unless somebody has made it larger."""

PROGRAM = f"""
import sys
from pygateway.telemetry import configure_logging, get_logger
configure_logging({{}})
print("ready", flush=True)
while (command := sys.stdin.readline()):
    for number in range({LINES} if command == "many\\n" else 1):
        get_logger().info(command.strip(), number=number, rest="x" * 100)
    if command == "long\\n":
        get_logger().info("longer than what a pipe takes at once", text="x" * 20_000)
    print("done", flush=True)
"""


class Logging:
    """A process that logs what it is told to."""

    def __init__(self, standard_error: int | None) -> None:
        def close() -> None:
            os.close(2)

        self._process = subprocess.Popen(
            [sys.executable, "-P", "-c", PROGRAM],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=standard_error,
            preexec_fn=close if standard_error is None else None,  # noqa: PLW1509
            env={**os.environ, "PYTHONPATH": str(Path(__file__).parents[2])},
            text=True,
        )
        assert self._answer() == "ready\n"

    def _answer(self) -> str:
        assert self._process.stdout is not None
        return self._process.stdout.readline()

    def log(self, what: str) -> None:
        """Have it log, and wait until it has."""
        assert self._process.stdin is not None
        self._process.stdin.write(what + "\n")
        self._process.stdin.flush()
        assert self._answer() == "done\n"

    def end(self) -> None:
        """End it: its input ends."""
        self._process.communicate(timeout=PATIENCE)
        assert self._process.returncode == 0


@contextmanager
def logging_into_a_pipe() -> Iterator[tuple[Logging, int]]:
    """A process that logs into a pipe, and the end from which nobody reads yet."""
    reader, writer = os.pipe()
    os.set_blocking(reader, False)
    process = Logging(writer)
    os.close(writer)
    try:
        yield process, reader
    finally:
        process.end()
        os.close(reader)


def read(reader: int) -> bytes:
    """What lies in a pipe."""
    parts = []
    try:
        while part := os.read(reader, 1 << 20):
            parts.append(part)
    except BlockingIOError:
        pass
    return b"".join(parts)


def parsed(text: bytes) -> list[dict[str, Any]]:
    assert text.endswith(b"\n")
    return [json.loads(line) for line in text.splitlines()]


def test_a_reader_that_stands_still_holds_nobody_up_and_what_it_missed_is_counted() -> None:
    with logging_into_a_pipe() as (process, reader):
        process.log("many")
        first = parsed(read(reader))
        assert [line["number"] for line in first] == list(range(len(first)))
        assert 0 < len(first) < LINES
        process.log("once more")
        line, said = parsed(read(reader))
        assert line["event"] == "once more"
        assert (said["event"], said["lines"]) == ("log lost lines", LINES - len(first))
        process.log("and again")
        (line,) = parsed(read(reader))
        assert line["event"] == "and again"


def test_a_line_of_which_half_was_written_is_completed_before_the_next_one() -> None:
    with logging_into_a_pipe() as (process, reader):
        text = b""
        for _ in range(8):
            process.log("long")
            # A little room at a time.
            text += os.read(reader, 8192)
        text += read(reader)
        process.log("at last")
        text += read(reader)
        lines = parsed(text)
        assert any(len(line.get("text", "")) == 20_000 for line in lines)
        events = [line["event"] for line in lines]
        assert "at last" in events
        assert "log lost lines" in events


def test_a_reader_that_has_gone_ends_nobody() -> None:
    reader, writer = os.pipe()
    process = Logging(writer)
    os.close(writer)
    os.close(reader)
    process.log("many")
    process.end()


def test_where_it_is_closed_lines_go_nowhere() -> None:
    process = Logging(None)
    process.log("many")
    process.end()
