"""A terminal, taken for a while: drawn on as a whole, and given back as it was."""

from __future__ import annotations

import os
import select
import signal
import socket
import termios
import tty
from collections.abc import Sequence
from contextlib import ExitStack
from types import FrameType, TracebackType
from typing import Literal, Self, TextIO

from pygateway.cli.top_screen import Size

ENTER = "\x1b[?1049h\x1b[?25l"
"""The screen beside the one with what was typed before; no cursor."""

LEAVE = "\x1b[?25h\x1b[?1049l"

Event = Literal["key", "resized", "time"]


class FullScreen:
    """Draws on a terminal and waits for its keys; leaving the context gives it back.

    TERM ends it as Ctrl-C does, so that the terminal is given back then, too.

    Args:
        keyboard: Where keys come from; without a terminal there are none.
        output: The terminal.
    """

    def __init__(self, keyboard: TextIO, output: TextIO) -> None:
        self._keyboard = keyboard
        self._output = output
        self._given_back = ExitStack()
        self._news, self._bell = socket.socketpair()

    def __enter__(self) -> Self:
        with ExitStack() as stack:
            stack.callback(self._news.close)
            stack.callback(self._bell.close)
            if self._keyboard.isatty():
                descriptor = self._keyboard.fileno()
                before = termios.tcgetattr(descriptor)
                stack.callback(termios.tcsetattr, descriptor, termios.TCSADRAIN, before)
                tty.setcbreak(descriptor)
                _ignore_suspension(descriptor)
            for number, handler in ((signal.SIGWINCH, _note), (signal.SIGTERM, _end)):
                stack.callback(signal.signal, number, signal.signal(number, handler))
            # What a signal writes there ends the wait.
            self._bell.setblocking(False)
            stack.callback(signal.set_wakeup_fd, signal.set_wakeup_fd(self._bell.fileno()))
            stack.callback(self._write, LEAVE)
            self._write(ENTER)
            self._given_back = stack.pop_all()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._given_back.close()

    @property
    def size(self) -> Size:
        """Its size now."""
        columns, lines = os.get_terminal_size(self._output.fileno())
        # A terminal that does not say has none.
        return Size(columns or None, lines or None)

    def draw(self, lines: Sequence[str]) -> None:
        """Show lines, and nothing else."""
        # Each line is cleared behind its text, and what is below at once: nothing flickers.
        self._write("\x1b[H" + "\r\n".join(f"{line}\x1b[K" for line in lines) + "\x1b[J")

    def wait(self, seconds: float) -> tuple[Event, str]:
        """Wait for a key, another size, or until time is up; give which, and the key."""
        news = self._news.fileno()
        keys = [self._keyboard.fileno()] if self._keyboard.isatty() else []
        ready, _, _ = select.select([news, *keys], [], [], seconds)
        if news in ready:
            self._news.recv(4096)
            return "resized", ""
        if ready:
            pressed = os.read(self._keyboard.fileno(), 64).decode("utf-8", "replace")
            return "key", pressed
        return "time", ""

    def _write(self, text: str) -> None:
        self._output.write(text)
        self._output.flush()


def _ignore_suspension(descriptor: int) -> None:
    """Let Ctrl-Z do nothing: the shell would find the terminal as it is left."""
    attributes = termios.tcgetattr(descriptor)
    attributes[6][termios.VSUSP] = b"\x00"
    termios.tcsetattr(descriptor, termios.TCSADRAIN, attributes)


def _note(number: int, frame: FrameType | None) -> None:
    """Be woken, and no more."""


def _end(number: int, frame: FrameType | None) -> None:
    raise KeyboardInterrupt
