from __future__ import annotations

from typing import Any

from pygateway.config import load_text
from pygateway.supervisor.upstream_overview import describe_upstreams, upstream_problems

CONFIG = load_text(
    "upstreams: {users: {endpoints: [http://a.test, {url: http://b.test, weight: 3}]},"
    " other: {endpoints: [http://c.test]}}"
)


def worker(reachable: bool, state: str = "ready", active: int = 1) -> dict[str, Any]:
    def endpoint(url: str, yes: bool) -> dict[str, Any]:
        return {"endpoint": url, "reachable": yes, "active": active, "idle": 2, "queued": 3}

    upstreams = {
        "users": [endpoint("http://a.test", True), endpoint("http://b.test", reachable)],
        "other": [endpoint("http://c.test", reachable)],
    }
    return {"worker": 0, "pid": 7, "state": state, "report": {"upstreams": upstreams}}


def test_workers_are_added_up() -> None:
    users, other = describe_upstreams(CONFIG, [worker(True), worker(True, active=5)])
    assert users == {
        "name": "users",
        "status": "ok",
        "balancer": "round_robin",
        "workers": 2,
        "endpoints": [
            {
                "endpoint": url,
                "weight": weight,
                "reachable": True,
                "active": 6,
                "idle": 4,
                "queued": 6,
            }
            for url, weight in (("http://a.test", 1), ("http://b.test", 3))
        ],
    }
    assert other["status"] == "ok"
    assert upstream_problems([users, other]) == []


def test_what_one_worker_cannot_reach_is_not_reachable() -> None:
    described = describe_upstreams(CONFIG, [worker(True), worker(False)])
    assert [each["status"] for each in described] == ["degraded", "unreachable"]
    assert upstream_problems(described) == [
        "not every endpoint of upstream users can be reached: http://b.test",
        "no endpoint of upstream other can be reached: http://c.test",
    ]


def test_only_those_count_that_serve_and_answer() -> None:
    silent = {"worker": 1, "pid": 8, "state": "ready", "report": None}
    muddled = {"worker": 1, "pid": 8, "state": "ready", "report": {"problem": "x"}}
    workers = [worker(True), worker(False, state="draining"), silent, muddled]
    users, _ = describe_upstreams(CONFIG, workers)
    assert (users["workers"], users["status"]) == (1, "ok")
    users, _ = describe_upstreams(CONFIG, [])
    assert (users["workers"], users["status"], users["endpoints"][0]["active"]) == (0, "ok", 0)
