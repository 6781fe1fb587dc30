"""Writes the table of differences into the documentation: `python -m tests.corpora.document`."""

from __future__ import annotations

from pathlib import Path

from tests.corpora.differences import render

DOCUMENT = Path(__file__).parents[2] / "docs" / "threat-model.md"
HEADING = "## Deliberate differences\n"


def split(text: str) -> tuple[str, str]:
    """The document up to its table, and the table with what follows."""
    start = text.index("|", text.index(HEADING))
    return text[:start], text[start:]


def main() -> None:
    """Replace the table, which ends the document."""
    before, _ = split(DOCUMENT.read_text(encoding="utf-8"))
    DOCUMENT.write_text(before + render(), encoding="utf-8")


if __name__ == "__main__":
    main()
