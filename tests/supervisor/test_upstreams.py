from __future__ import annotations

from typing import Any

from pygateway.config import Config, load_text
from pygateway.supervisor.upstreams import describe_endpoints

ONE, TWO = "http://127.0.0.1:1", "http://127.0.0.1:2"


def config(*endpoints: str) -> Config:
    return load_text(
        f"{{upstreams: {{app: {{endpoints: [{', '.join(endpoints)}]}}}},"
        " routes: [{name: r, auth: none, upstream: app}]}"
    )


def report(endpoint: str, reachable: bool, active: int, idle: int, queued: int) -> dict[str, Any]:
    numbers = {"active": active, "idle": idle, "queued": queued}
    return {"endpoint": endpoint, "reachable": reachable, **numbers}


def worker(*endpoints: dict[str, Any], state: str = "ready") -> dict[str, Any]:
    upstreams = {"upstreams": {"app": list(endpoints)}}
    return {"worker": 0, "pid": 7, "state": state, "report": upstreams}


def test_endpoints_are_known_before_anybody_has_reported() -> None:
    silent = {"worker": 0, "pid": 7, "state": "ready", "report": None}
    toy = {"worker": 1, "pid": 8, "state": "ready", "report": {"connections": 0}}
    assert describe_endpoints(config(ONE), [silent, toy]) == [
        {"upstream": "app", **report(ONE, True, 0, 0, 0)}
    ]


def test_workers_are_added_up() -> None:
    workers = [
        worker(report(ONE, True, 1, 2, 3), report(TWO, True, 0, 1, 0)),
        worker(report(ONE, True, 10, 20, 30), report(TWO, False, 0, 0, 0)),
    ]
    assert describe_endpoints(config(ONE, TWO), workers) == [
        {"upstream": "app", **report(ONE, True, 11, 22, 33)},
        {"upstream": "app", **report(TWO, False, 0, 1, 0)},
    ]


def test_a_worker_that_drains_is_counted_and_its_opinion_is_not() -> None:
    workers = [worker(report(ONE, False, 1, 0, 0), state="draining")]
    assert describe_endpoints(config(ONE), workers) == [
        {"upstream": "app", **report(ONE, True, 1, 0, 0)}
    ]


def test_endpoints_of_an_older_configuration_are_told_of_while_they_are_used() -> None:
    workers = [worker(report(ONE, True, 1, 0, 0), state="draining")]
    assert [each["endpoint"] for each in describe_endpoints(config(TWO), workers)] == [TWO, ONE]
