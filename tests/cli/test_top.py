from __future__ import annotations

import fcntl
import json
import os
import pty
import select
import signal
import struct
import subprocess
import sys
import termios
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

import pytest

from pygateway.cli.full_screen import ENTER, LEAVE
from tests.cli.conftest import Run
from tests.cli.traffic import busy, serving
from tests.support.patience import PATIENCE

ROOT = Path(__file__).parents[2]
SOON = ("--interval", "0.1")


def test_without_a_terminal_it_is_shown_once(run: Run) -> None:
    with serving([busy(100.0, 3), busy(102.0, 5)]) as address:
        outcome = run("top", *SOON, "--admin", address)
    assert (outcome.code, outcome.err) == (0, "")
    assert outcome.out.startswith(f"pygateway at {address}, over 2.0 s\n104 requests/s ")
    assert "\x1b" not in outcome.out


def test_as_json(run: Run) -> None:
    with serving([busy(100.0, 3), busy(102.0, 5)]) as address:
        outcome = run("top", "--once", "--json", *SOON, "--admin", address)
    told = json.loads(outcome.out)
    assert (told["total"]["requests"], told["routes"][0]["route"]) == (104.0, "users")


def test_a_gateway_that_was_started_anew_meanwhile(run: Run) -> None:
    with serving([busy(100.0, 3), busy(102.0, 1)]) as address:
        outcome = run("top", *SOON, "--admin", address)
    assert (outcome.code, outcome.err) == (1, "pygateway: the gateway was started anew meanwhile\n")


def test_nobody_there(run: Run) -> None:
    with serving([None]) as address:
        assert run("top", *SOON, "--admin", address).code == 1


@pytest.mark.parametrize("interval", ["0", "0.09", "3601", "soon", "nan"])
def test_intervals_that_make_no_sense(run: Run, interval: str) -> None:
    assert run("top", "--interval", interval, "--admin", "127.0.0.1:1").code == 2


class Terminal:
    """A program in a terminal of its own."""

    def __init__(self, *arguments: str, environment: Mapping[str, str]) -> None:
        self.ours, self.theirs = pty.openpty()
        self.resize(24, 100)
        self.before = termios.tcgetattr(self.theirs)
        self.seen = ""
        self.process = subprocess.Popen(
            [sys.executable, "-m", "pygateway", "top", *arguments],
            cwd=ROOT,
            env={"PATH": os.environ["PATH"], "PYTHONPATH": str(ROOT), **environment},
            stdin=self.theirs,
            stdout=self.theirs,
            stderr=self.theirs,
            start_new_session=True,
            # Keys such as Ctrl-C are signals for whoever has the terminal.
            preexec_fn=lambda: fcntl.ioctl(0, termios.TIOCSCTTY, 0),  # noqa: PLW1509
        )

    def resize(self, lines: int, columns: int) -> None:
        fcntl.ioctl(self.ours, termios.TIOCSWINSZ, struct.pack("HHHH", lines, columns, 0, 0))

    def expect(self, text: str) -> str:
        """Wait for text; give all that came since the last wait, up to and with it."""
        deadline = time.monotonic() + PATIENCE
        while text not in self.seen:
            left = deadline - time.monotonic()
            ready, _, _ = select.select([self.ours], [], [], max(0.0, left))
            assert ready, f"no {text!r} in {self.seen!r}"
            self.seen += os.read(self.ours, 65536).decode()
        upto = self.seen.index(text) + len(text)
        found, self.seen = self.seen[:upto], self.seen[upto:]
        return found

    def press(self, keys: str) -> None:
        os.write(self.ours, keys.encode())

    def ended(self) -> int:
        """Wait until it has ended and the terminal is as it was; give its exit code."""
        self.expect(LEAVE)
        code = self.process.wait(PATIENCE)
        assert termios.tcgetattr(self.theirs) == self.before
        return code

    def close(self) -> None:
        if self.process.poll() is None:
            self.process.kill()
            self.process.wait()
        os.close(self.ours)
        os.close(self.theirs)


@contextmanager
def watching(address: str, **environment: str) -> Iterator[Terminal]:
    terminal = Terminal(*SOON, "--admin", address, environment=environment)
    try:
        terminal.expect(ENTER)
        yield terminal
    finally:
        terminal.close()


def documents() -> list[dict[str, object] | None]:
    return [busy(100.0 + at, 3 + at) for at in range(200)]


@pytest.mark.parametrize("key", ["q", "Q", "\x03", "\x04"])
def test_a_key_ends_it_and_the_terminal_is_as_before(key: str) -> None:
    with serving(documents()) as address, watching(address) as terminal:
        terminal.expect("104 requests/s")
        terminal.press("x")
        terminal.expect("104 requests/s")
        terminal.press(key)
        assert terminal.ended() == 0


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_ends_it_likewise(number: signal.Signals) -> None:
    with serving(documents()) as address, watching(address) as terminal:
        terminal.expect("104 requests/s")
        os.kill(terminal.process.pid, number)
        assert terminal.ended() == 0


def test_ctrl_z_does_nothing() -> None:
    with serving(documents()) as address, watching(address) as terminal:
        terminal.expect("104 requests/s")
        terminal.press("\x1a")
        terminal.expect("104 requests/s")
        terminal.press("q")
        assert terminal.ended() == 0


def test_it_fits_another_size_at_once() -> None:
    with serving(documents()) as address, watching(address) as terminal:
        terminal.expect("WORKER")
        terminal.resize(6, 20)
        terminal.expect("\x1b[H")
        narrow = terminal.expect("\x1b[J")
        while "WORKER" in narrow or "UPSTREAM" in narrow:
            narrow = terminal.expect("\x1b[J")
        lines = narrow.removesuffix("\x1b[J").split("\r\n")
        assert len(lines) <= 6
        terminal.press("q")
        assert terminal.ended() == 0


def test_colours_are_left_out_where_they_are_not_wanted() -> None:
    with serving(documents()) as address, watching(address, NO_COLOR="1") as terminal:
        assert "\x1b[1m" not in terminal.expect("104 requests/s")
        assert "\x1b[31m" not in terminal.expect("WORKER")
    with serving(documents()) as address, watching(address) as terminal:
        assert "\x1b[31m" in terminal.expect("104 requests/s")


def test_a_gateway_that_goes_away_and_comes_back_anew() -> None:
    away: list[dict[str, object] | None] = [None] * 3
    told = [busy(100.0, 3), busy(101.0, 4), *away, busy(103.0, 1), busy(104.0, 2), busy(105.0, 3)]
    with serving(told) as address, watching(address) as terminal:
        terminal.expect("104 requests/s")
        terminal.expect("away")
        terminal.expect("the gateway was started anew")
        terminal.expect("104 requests/s")
        terminal.press("q")
        assert terminal.ended() == 0
