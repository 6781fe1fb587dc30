"""What commands print: text for people, coloured on terminals, and JSON for programs."""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Iterable, Sequence
from typing import TextIO

# C0 and C1 control characters and DEL: text of a file must not steer the terminal. Tabs stay.
_VISIBLE = {
    code: f"\\x{code:02x}" for code in (*range(0x20), *range(0x7F, 0xA0)) if code != ord("\t")
}


class Style:
    """Colours for a stream, or none where it is no terminal or NO_COLOR is set.

    Attributes:
        coloured: Whether there are colours.
    """

    def __init__(self, stream: TextIO) -> None:
        self.coloured = stream.isatty() and not os.environ.get("NO_COLOR")

    def _in(self, code: int, text: str) -> str:
        return f"\x1b[{code}m{text}\x1b[0m" if self.coloured else text

    def bold(self, text: str) -> str:
        """Names and headings."""
        return self._in(1, text)

    def faint(self, text: str) -> str:
        """What can be skipped."""
        return self._in(2, text)

    def red(self, text: str) -> str:
        """Errors."""
        return self._in(31, text)

    def green(self, text: str) -> str:
        """What is right."""
        return self._in(32, text)


def visible(text: str) -> str:
    """Escape control characters."""
    return text.translate(_VISIBLE)


def print_json(value: object) -> None:
    """Print `value` as indented JSON."""
    json.dump(value, sys.stdout, indent=2, ensure_ascii=False)
    sys.stdout.write("\n")


def print_table(headings: Sequence[str], rows: Iterable[Sequence[str]]) -> None:
    """Print rows below headings, in columns as wide as they need to be."""
    style = Style(sys.stdout)
    lines = [[visible(cell) for cell in row] for row in rows]
    widths = [max(map(len, column)) for column in zip(headings, *lines, strict=True)]

    def aligned(cells: Sequence[str]) -> str:
        padded = (cell.ljust(width) for cell, width in zip(cells, widths, strict=True))
        return "  ".join(padded).rstrip()

    print(style.bold(aligned(headings)))
    for line in lines:
        print(aligned(line))
