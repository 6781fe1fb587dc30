"""One gateway serves all cases of a module."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.corpora.judging import Court, court


@pytest.fixture(scope="module")
def tried(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Court]:
    """Where messages get their verdict."""
    with court(tmp_path_factory.mktemp("corpus")) as started:
        yield started
