from __future__ import annotations

from collections.abc import Iterator

import pytest

from pygateway.config import Admin
from tests.admin.serving import Serving


@pytest.fixture
def admin() -> Iterator[Serving]:
    with Serving(Admin()) as serving:
        yield serving


def test_the_level_is_shown_and_set(admin: Serving) -> None:
    assert admin.ask("GET", "/log").document == {
        "level": "info",
        "configured": "info",
        "format": "auto",
    }
    reply = admin.ask("PUT", "/log", {"level": "debug"})
    assert (reply.status, reply.document["level"], reply.document["configured"]) == (
        200,
        "debug",
        "info",
    )
    assert admin.control.level == "debug"


@pytest.mark.parametrize("wanted", [None, {}, {"level": "warn"}, {"level": "info", "more": 1}])
def test_what_is_no_level(admin: Serving, wanted: object) -> None:
    assert admin.ask("PUT", "/log", wanted).status == 400
    assert admin.control.level == "info"
