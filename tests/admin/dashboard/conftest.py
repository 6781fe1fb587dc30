from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.admin.dashboard.telling import TellingServer
from tests.support.chromium import Chromium


@pytest.fixture(scope="package")
def browser(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Chromium]:
    """One for all tests, because it takes a second to start; every page in it is a stranger."""
    with Chromium(tmp_path_factory.mktemp("chromium")) as chromium:
        yield chromium


@pytest.fixture
def server() -> Iterator[TellingServer]:
    with TellingServer() as serving:
        yield serving
