"""The table of differences in the documentation is the one that the tests use."""

from __future__ import annotations

from pathlib import Path

from tests.corpora.differences import BY_CASE, DIFFERENCES, render
from tests.support.corpora import read_desync, read_gunicorn, read_llhttp

DOCUMENT = Path(__file__).parents[2] / "docs" / "threat-model.md"


def test_the_documented_table_is_the_one_in_force() -> None:
    text = DOCUMENT.read_text(encoding="utf-8")
    section = text.partition("## Deliberate differences\n")[2].partition("\n## ")[0]
    assert render() in section, "replace the table by what `render()` gives"


def test_every_case_of_the_table_exists_and_stands_there_once() -> None:
    names = {case.name for case in read_gunicorn()}
    names |= {case.name for case in read_llhttp()}
    names |= {case.name for case in read_desync()}
    assert len(BY_CASE) == sum(len(difference.cases) for difference in DIFFERENCES)
    assert set(BY_CASE) <= names
