from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from pygateway.admin.control import Check
from pygateway.config import Config, load_text
from pygateway.supervisor.health import Circumstances, check, failures
from pygateway.supervisor.status import ConfigurationState
from tests.supervisor.test_limits import CLOSED, LOCAL, SILENT, config, worker

QUIET = {"redis": None}
WELL = Circumstances(
    config=Config(),
    configuration=ConfigurationState(0.0),
    workers=[],
    draining=False,
    has_all_workers=True,
    revocations=QUIET,
    fresh_until=None,
    access_log={"problem": None},
    now=100.0,
)
UPSTREAMS = load_text("upstreams: {users: {endpoints: [http://a.test, http://b.test]}}")


def named(circumstances: Circumstances, name: str) -> Check:
    (found,) = [one for one in check(circumstances) if one.name == name]
    return found


def seeing(*reachable: bool) -> dict[str, Any]:
    """A worker's description that knows of two endpoints."""
    states = [
        {"endpoint": url, "reachable": yes, "active": 0, "idle": 0, "queued": 0}
        for url, yes in zip(("http://a.test", "http://b.test"), reachable, strict=True)
    ]
    return {"worker": 0, "pid": 7, "state": "ready", "report": {"upstreams": {"users": states}}}


def test_what_is_not_configured_is_unused() -> None:
    checks = {one.name: one.status for one in check(WELL)}
    assert checks == {
        "workers": "ok",
        "store": "unused",
        "upstreams": "unused",
        "revocations": "ok",
        "access_log": "ok",
        "tracing": "unused",
        "configuration": "ok",
    }
    without = replace(WELL, config=load_text("access_log: off"), access_log=None)
    assert named(without, "access_log").status == "unused"


def test_an_access_log_that_is_not_written_is_degraded() -> None:
    found = named(replace(WELL, access_log={"problem": "No space left"}), "access_log")
    assert (found.status, found.detail) == (
        "degraded",
        "the access log is not written: No space left",
    )


def test_spans_that_are_lost_are_degraded() -> None:
    config = load_text("tracing: http://127.0.0.1:4318")
    states: list[str | None] = [None, "refused"]
    workers = [
        {
            "worker": slot,
            "pid": 7 + slot,
            "state": "ready",
            "report": {"tracing": {"problem": problem}},
        }
        for slot, problem in enumerate(states)
    ]
    assert named(replace(WELL, config=config), "tracing").status == "ok"
    found = named(replace(WELL, config=config, workers=workers), "tracing")
    assert (found.status, found.detail) == ("degraded", "spans are lost: refused")


@pytest.mark.parametrize(
    ("changes", "detail"),
    [
        ({"draining": True}, "the gateway is draining"),
        ({"has_all_workers": False}, "workers are missing"),
    ],
)
def test_without_its_workers_it_is_not_ready(changes: dict[str, Any], detail: str) -> None:
    circumstances = replace(WELL, **changes)
    assert named(circumstances, "workers") == Check("workers", "failed", detail)
    assert failures(check(circumstances)) == [detail]


def test_a_worker_that_does_not_answer_is_named() -> None:
    found = named(replace(WELL, workers=[SILENT]), "workers")
    assert found == Check("workers", "degraded", "worker 9 (pid 79) does not answer")


def test_a_store_that_is_away_is_in_the_way_of_closed_policies_alone() -> None:
    away = [worker(0, up=False)]
    local = replace(WELL, config=config({"a": LOCAL}, "a"), workers=away)
    assert named(local, "store").status == "degraded"
    closed = replace(local, config=config({"a": CLOSED}, "a"))
    assert named(closed, "store").status == "failed"
    assert "refused by: a" in failures(check(closed))[0]
    assert named(replace(closed, workers=[worker(0)]), "store").status == "ok"


def test_upstreams_never_make_the_gateway_unready() -> None:
    for reachable, status, words in (
        ((True, True), "ok", None),
        ((True, False), "degraded", "not every endpoint of upstream users"),
        ((False, False), "degraded", "no endpoint of upstream users"),
    ):
        circumstances = replace(WELL, config=UPSTREAMS, workers=[seeing(*reachable)])
        found = named(circumstances, "upstreams")
        assert found.status == status
        assert words is None or words in (found.detail or "")
        assert failures(check(circumstances)) == []


def test_stale_revocations_count_where_they_close_the_gateway() -> None:
    stale = replace(WELL, fresh_until=99.0)
    assert named(stale, "revocations").status == "degraded"
    denies = load_text("auth: {revocation: {when_stale: deny}}")
    assert named(replace(stale, config=denies), "revocations").status == "failed"
    assert named(replace(stale, config=denies, fresh_until=101.0), "revocations").status == "ok"


def test_a_redis_that_is_not_followed_is_told() -> None:
    feed = {"redis": {"connected": False, "problem": "refused"}}
    found = named(replace(WELL, revocations=feed), "revocations")
    assert found == Check("revocations", "degraded", "Redis is not followed: refused")


def test_a_refused_reload_is_told() -> None:
    state = ConfigurationState(0.0, refused_at=1.0, refusal="problems: 1")
    found = named(replace(WELL, configuration=state), "configuration")
    assert found == Check("configuration", "degraded", "the last reload was refused: problems: 1")
