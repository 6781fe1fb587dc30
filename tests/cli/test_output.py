from __future__ import annotations

import io
import json

import pytest

from pygateway.cli.output import Style, print_json, print_table, visible


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


def test_colours_are_for_terminals() -> None:
    assert Style(Terminal()).green("fine") == "\x1b[32mfine\x1b[0m"
    assert Style(io.StringIO()).green("fine") == "fine"


def test_no_color_is_honoured(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NO_COLOR", "1")
    assert Style(Terminal()).red("wrong") == "wrong"
    monkeypatch.setenv("NO_COLOR", "")
    assert Style(Terminal()).faint("skip") == "\x1b[2mskip\x1b[0m"


def test_a_table_is_as_wide_as_its_cells(capsys: pytest.CaptureFixture[str]) -> None:
    print_table(("A", "LONG"), [("longer", "x"), ("y\x1b", "z")])
    assert capsys.readouterr().out == "A       LONG\nlonger  x\ny\\x1b   z\n"


def test_an_empty_table_has_its_headings(capsys: pytest.CaptureFixture[str]) -> None:
    print_table(("A", "B"), [])
    assert capsys.readouterr().out == "A  B\n"


def test_json_keeps_text_readable(capsys: pytest.CaptureFixture[str]) -> None:
    print_json({"name": "Jörg"})
    out = capsys.readouterr().out
    assert "Jörg" in out
    assert json.loads(out) == {"name": "Jörg"}


def test_tabs_stay_visible_as_they_are() -> None:
    assert visible("a\tb\nc") == "a\tb\\x0ac"
