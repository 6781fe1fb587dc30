from __future__ import annotations

from collections.abc import Iterator

import pytest

from pygateway.admin.control import Check
from pygateway.config import Admin
from tests.admin.serving import Serving

TOKEN = "sixteen-letters-or-more"  # noqa: S105 - of these tests


@pytest.fixture
def admin() -> Iterator[Serving]:
    with Serving(Admin()) as serving:
        yield serving


def test_a_gateway_that_serves_is_live_and_ready(admin: Serving) -> None:
    reply = admin.ask("GET", "/livez")
    assert (reply.status, reply.document) == (200, {"status": "ok"})
    reply = admin.ask("GET", "/readyz")
    assert (reply.status, reply.document) == (200, {"status": "ok", "reasons": []})


def test_what_has_failed_makes_it_not_ready(admin: Serving) -> None:
    admin.control.failing = [Check("store", "failed", "it is away"), Check("upstreams", "failed")]
    reply = admin.ask("GET", "/readyz")
    assert reply.status == 503
    assert reply.document == {"status": "not ready", "reasons": ["it is away", "upstreams"]}
    assert admin.ask("GET", "/livez").status == 200


def test_what_is_only_missing_does_not(admin: Serving) -> None:
    admin.control.failing = [Check("upstreams", "degraded", "one is away")]
    assert admin.ask("GET", "/readyz").status == 200


@pytest.mark.parametrize("path", ["/readyz?verbose", "/readyz?verbose=true", "/health"])
def test_checks_are_told_one_by_one(admin: Serving, path: str) -> None:
    admin.control.failing = [Check("store", "unused"), Check("upstreams", "degraded", "away")]
    assert admin.ask("GET", path).document == {
        "status": "ok",
        "reasons": [],
        "checks": [
            {"name": "workers", "status": "ok"},
            {"name": "store", "status": "unused"},
            {"name": "upstreams", "status": "degraded", "detail": "away"},
        ],
    }


def test_the_supervisor_is_all_that_liveness_is_about(admin: Serving) -> None:
    checks = admin.ask("GET", "/livez?verbose").document["checks"]
    assert checks == [{"name": "supervisor", "status": "ok"}]
    assert admin.control.checked == 0


@pytest.mark.parametrize("query", ["verbose=maybe", "verbose=7"])
def test_other_words_are_refused(admin: Serving, query: str) -> None:
    assert admin.ask("GET", f"/readyz?{query}").status == 400


def test_details_are_for_those_with_the_token() -> None:
    with Serving(Admin.model_validate({"token": TOKEN})) as serving:
        assert serving.ask("GET", "/readyz").status == 200
        for path in ("/readyz?verbose", "/livez?verbose", "/health"):
            assert serving.ask("GET", path).status == 401
            bearer = {"Authorization": f"Bearer {TOKEN}"}
            assert serving.ask("GET", path, headers=bearer).status == 200
