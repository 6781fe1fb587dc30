"""The table of differences in the documentation is the one that the tests use."""

from __future__ import annotations

import re
from pathlib import Path

from tests.corpora.differences import BY_CASE, DIFFERENCES, render
from tests.corpora.document import DOCUMENT, split
from tests.support.corpora import read_desync, read_gunicorn, read_llhttp


def test_the_documented_table_is_the_one_in_force() -> None:
    _, table = split(DOCUMENT.read_text(encoding="utf-8"))
    assert table == render(), "run python -m tests.corpora.document"


def test_every_test_that_the_threat_model_names_exists() -> None:
    text = DOCUMENT.read_text(encoding="utf-8")
    named = re.findall(r"`((?:wire|services|corpora)/[\w/]*(?:\.py)?)`", text)
    assert len(named) > 20
    for name in named:
        assert (Path(__file__).parents[1] / name).exists(), name


def test_every_case_of_the_table_exists_and_stands_there_once() -> None:
    names = {case.name for case in read_gunicorn()}
    names |= {case.name for case in read_llhttp()}
    names |= {case.name for case in read_desync()}
    assert len(BY_CASE) == sum(len(difference.cases) for difference in DIFFERENCES)
    assert set(BY_CASE) <= names
