"""What gates count in the memory that they share, and what is read there."""

from __future__ import annotations

import json
import os
from collections import Counter
from typing import Any

import pytest

from pygateway._core import Arena, Decision, Forward, Gate, Reject
from pygateway.config import load_text
from pygateway.config.gate_specification import gate_specification

NOW = 1_800_000_000.0
BEGAN = 1000.0
GATEWAY = """
upstreams:
  app: {endpoints: ["http://127.0.0.1:9"]}
  files: {endpoints: ["http://127.0.0.1:9"]}
auth: {providers: {main: {issuer: i, algorithms: [HS256],
  secrets: [{id: one, value: 0123456789abcdef0123456789abcdef}]}}}
rate_limits: {slow: {by: ip, quota: 2, window: 60s}}
routes:
  - {name: users, match: {paths: ["/users/*"]}, upstream: app, auth: none, rate_limits: [slow]}
  - {name: files, match: {paths: ["/files/*"]}, upstream: files, auth: none}
  - {name: secret, match: {paths: ["/secret"]}, upstream: app}
"""
APP, FILES, NOWHERE = 0, 1, -1


def specification(ratio: float | None = None) -> bytes:
    written = json.loads(gate_specification(load_text(GATEWAY)))
    tracing = None if ratio is None else {"ratio": ratio}
    return json.dumps({**written, "tracing": tracing}).encode()


def arena_of(series: int = 4096) -> Arena:
    descriptor = os.memfd_create("arena")
    try:
        return Arena.create(descriptor, 1024, series)
    finally:
        os.close(descriptor)


@pytest.fixture
def arena() -> Arena:
    return arena_of()


class Worker:
    """A gate that counts in a lane."""

    def __init__(self, arena: Arena, lane: int, ratio: float | None = None) -> None:
        self.gate = Gate(specification(ratio), os.urandom(32), arena, lane)

    def ask(self, path: bytes, method: bytes = b"GET") -> Decision:
        peer = self.gate.peer("192.0.2.1", False)
        return self.gate.decide(method, path, [(b"Host", b"a")], peer, NOW)

    def forward(self, path: bytes, upstream: int, status: int = 200) -> Decision:
        """Let a request be answered after 0.25 s, of which 0.125 are the gateway's."""
        decision = self.ask(path)
        assert isinstance(decision, Forward)
        decision.response_head(status, b"", [], NOW)
        times = (BEGAN, BEGAN + 0.0625, BEGAN + 0.1875, 0.0, BEGAN + 0.25)
        decision.conclude(*times, 10, 1000, upstream, None, None)
        return decision

    def refuse(self, path: bytes, status: int) -> None:
        decision = self.ask(path)
        assert isinstance(decision, Reject)
        decision.reply_head(status, [], 0, NOW)
        decision.conclude(BEGAN, 0.0, 0.0, 0.0, BEGAN + 0.5, 0, 0, NOWHERE, "", None)


def measured(arena: Arena) -> Any:  # noqa: ANN401
    return json.loads(arena.measurements())


def requests(arena: Arena) -> Counter[tuple[str, str, str]]:
    found = Counter[tuple[str, str, str]]()
    for series in measured(arena)["requests"]:
        found[series["method"], series["route"], series["status"]] = sum(series["buckets"])
    return found


def histogram(part: Any) -> tuple[list[int], float]:  # noqa: ANN401
    """Give the buckets in which something is, each as often as that, and the sum."""
    counted = [bucket for bucket, count in enumerate(part["buckets"]) for _ in range(count)]
    return counted, part["sum"]


def test_what_all_workers_counted_is_one_answer(arena: Arena) -> None:
    workers = [Worker(arena, lane) for lane in (0, 1, 64, 255)]
    for worker in workers:
        worker.forward(b"/files/1", FILES)
        worker.forward(b"/files/2", FILES, 404)
        worker.refuse(b"/nowhere", 404)
    expected = {
        ("GET", "files", "200"): 4,
        ("GET", "files", "404"): 4,
        ("GET", "", "404"): 4,
    }
    assert requests(arena) == expected
    # Their gates are gone, and those that follow them count on.
    workers.clear()
    Worker(arena, 0).forward(b"/files/3", FILES)
    assert requests(arena) == {**expected, ("GET", "files", "200"): 5}


def test_every_part_of_a_request_is_counted(arena: Arena) -> None:
    Worker(arena, 3).forward(b"/users/1", APP, 201)
    found = measured(arena)
    assert {part: len(bounds) for part, bounds in found["bounds"].items()} == {
        "requests": 17,
        "overhead": 13,
        "phases": 17,
        "upstreams": 17,
    }
    (series,) = found["requests"]
    labels = (series["method"], series["route"], series["status"])
    assert labels == ("GET", "users", "201")
    assert (series["request_bytes"], series["response_bytes"]) == (10, 1000)
    assert histogram(series) == ([9], 0.25)
    assert series["exemplars"] == []
    assert histogram(found["overhead"]) == ([11], 0.125)
    phases = {name: histogram(phase) for name, phase in found["phases"].items()}
    assert phases == {
        "parse": ([], 0.0),
        "decide": ([7], 0.0625),
        "verify": ([], 0.0),
        "limit": ([], 0.0),
        "connect": ([], 0.0),
        "wait": ([9], 0.125),
        "stream": ([7], 0.0625),
    }
    (upstream,) = found["upstreams"]
    assert (upstream["upstream"], upstream["status"]) == ("app", "201")
    assert histogram(upstream) == ([9], 0.125)


def test_a_request_that_is_sampled_stands_for_its_bucket(arena: Arena) -> None:
    worker = Worker(arena, 0, ratio=1.0)
    worker.forward(b"/files/1", FILES)
    last = worker.forward(b"/files/2", FILES)
    (series,) = measured(arena)["requests"]
    assert series["exemplars"] == [[9, last.trace_id, 0.25, NOW + 0.25]]


def test_what_happens_to_upstreams_is_counted_by_event(arena: Arena) -> None:
    worker = Worker(arena, 0)
    for event in ("retry", "retry", "timeout"):
        worker.gate.count_upstream(FILES, event)
    events = {
        (event["upstream"], event["event"]): event["count"]
        for event in measured(arena)["upstream_events"]
    }
    names = ("retry", "connect-failed", "timeout", "reset", "protocol-error", "overloaded")
    assert events == {
        **{(upstream, name): 0 for upstream in ("app", "files") for name in names},
        ("files", "retry"): 2,
        ("files", "timeout"): 1,
    }


def test_decisions_are_counted_beside_the_statistics_of_the_worker(arena: Arena) -> None:
    workers = [Worker(arena, lane) for lane in (0, 1)]
    for worker in workers:
        for _ in range(2):
            worker.ask(b"/users/1")
        worker.ask(b"/secret")
    found = measured(arena)
    assert found["policies"] == {
        "slow": {
            "admitted": 2,
            "refused": 2,
            "shadowed": 0,
            "uncounted": 0,
            "unavailable": 0,
            "crowded": 0,
        }
    }
    assert Counter(found["auth"]) == Counter({"token-missing": 2})
    assert found["token_cache"].keys() == {"tokens", "refusals"}
    own = [json.loads(worker.gate.limit_statistics())["slow"]["admitted"] for worker in workers]
    assert own == [2, 0]


def test_series_that_find_no_place_keep_their_status() -> None:
    # Two upstreams and a policy have taken three places.
    arena = arena_of(series=4)
    worker = Worker(arena, 0)
    worker.refuse(b"/nowhere", 404)
    worker.forward(b"/files/1", FILES, 200)
    worker.forward(b"/files/1", FILES, 503)
    assert requests(arena) == {
        ("GET", "", "404"): 1,
        ("_OTHER", "_other", "200"): 1,
        ("_OTHER", "_other", "503"): 1,
    }
    found = measured(arena)
    assert found["crowded_series"] == 2
    assert {series["upstream"] for series in found["upstreams"]} == {"_other"}


@pytest.mark.parametrize("series", [0, 65_537])
def test_there_are_only_so_many_series(series: int) -> None:
    message = f"the number of series must be within 1 and 65536, not {series}"
    with pytest.raises(ValueError, match=message):
        arena_of(series)
