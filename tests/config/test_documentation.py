from __future__ import annotations

import re

import pytest

from pygateway.config import load_text, reference
from tests.config.documentation import DOCUMENT, ROOT, broken_files, filled

TEXT = DOCUMENT.read_text()
RATE_LIMITING = ROOT / "docs" / "rate-limiting.md"


def test_what_is_made_from_the_sources_is_up_to_date(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(ROOT)
    assert filled(TEXT) == TEXT, "run: python -m tests.config.documentation"


def test_the_broken_files_are_shown() -> None:
    assert len(broken_files()) == 15
    for file in broken_files():
        assert f"$ pygateway check -c {file}" in TEXT


@pytest.mark.parametrize(
    "example", re.findall(r"```yaml\n(.*?)```", TEXT + RATE_LIMITING.read_text(), re.DOTALL)
)
def test_examples_are_good(example: str) -> None:
    load_text(example)


def test_the_reference_is_there() -> None:
    assert reference() in TEXT
