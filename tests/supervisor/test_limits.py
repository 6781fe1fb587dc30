from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pytest

from pygateway.admin.catalogue import COMMANDS, CROWDED, DECISIONS, ERRORS, MISSED, OUTCOMES
from pygateway.admin.measurements import Series, StoreState
from pygateway.config import Config, load_text
from pygateway.supervisor.limits import (
    closed_policies,
    describe_limits,
    policy_counts,
    store_counts,
    store_problems,
    store_state,
)
from tests.support.counted import counted

LOCAL = "quota: 5, window: 1s"
CLOSED = f"{LOCAL}, on_store_failure: closed"


def config(policies: Mapping[str, str], *limits: str, redis: bool = True) -> Config:
    """A configuration with policies, of which a route has `limits`."""
    named = ", ".join(f"{name}: {{by: ip, {body}}}" for name, body in policies.items())
    store = "redis: 'redis://127.0.0.1:1', " if redis else ""
    return load_text(
        f"{{{store}rate_limits: {{{named}}}, routes: [{{name: r, auth: none, respond: {{}},"
        f" rate_limits: [{', '.join(limits)}]}}]}}"
    )


def worker(
    number: int, up: bool | None = True, state: str = "ready", gateways: int = 1
) -> dict[str, Any]:
    """A worker's description; with `up=None` it has no store."""
    node = {"node": "n", "problem": None if up else f"reason {number}"}
    store = None if up is None else {"up": up, "gateways": gateways, "nodes": [node]}
    report = {"rate_limits": {"policies": {}, "store": store}}
    return {"worker": number, "pid": 70 + number, "state": state, "report": report}


SILENT = {"worker": 9, "pid": 79, "state": "ready", "report": None}


def test_the_store_is_up_if_it_is_for_every_ready_worker() -> None:
    shared = config({"a": LOCAL})
    assert store_state(shared, [worker(0, gateways=2), worker(1, gateways=3)]) == StoreState(
        up=True, gateways=3, problem=None
    )
    state = store_state(shared, [worker(0), worker(1, up=False)])
    assert state == StoreState(up=False, gateways=1, problem="n: reason 1")
    others = [worker(1, up=False, state="starting"), worker(2, up=False, state="draining"), SILENT]
    state = store_state(shared, [worker(0), *others])
    assert state is not None
    assert state.up


def test_a_store_of_which_nobody_can_say_anything_is_not_up() -> None:
    expected = StoreState(up=False, gateways=None, problem="no worker can say")
    assert store_state(config({"a": LOCAL}), [SILENT]) == expected


def test_without_a_store_there_is_no_state() -> None:
    assert store_state(config({"a": LOCAL}, redis=False), [worker(0, up=None)]) is None
    assert store_state(config({"a": f"{LOCAL}, mode: local"}), [worker(0, up=None)]) is None


def test_a_store_that_is_away_is_named_once() -> None:
    away = [worker(0, up=False), worker(1, up=False)]
    assert store_problems([*away, SILENT]) == ["the rate limit store is away: n: reason 0"]
    assert store_problems([worker(0), *away[1:], worker(2, up=False)]) == [
        "the rate limit store is away for worker 1 (pid 71), worker 2 (pid 72): n: reason 1"
    ]
    assert store_problems([worker(0), worker(1, up=None), SILENT]) == []


def test_a_cluster_of_which_no_node_is_known() -> None:
    unknown = worker(0, up=False)
    unknown["report"]["rate_limits"]["store"]["nodes"] = []
    assert store_problems([unknown]) == ["the rate limit store is away: no node is known"]


@pytest.mark.parametrize(
    ("limits", "policies", "expected"),
    [
        (["a"], {"a": CLOSED}, ["a"]),
        (["a", "b"], {"a": CLOSED, "b": CLOSED, "c": CLOSED}, ["a", "b"]),
        (["b"], {"a": CLOSED, "b": LOCAL}, []),
        (["a"], {"a": f"{CLOSED}, shadow: true"}, []),
        (["a"], {"a": f"{LOCAL}, on_store_failure: open"}, []),
    ],
)
def test_policies_that_are_closed_without_their_store(
    limits: list[str], policies: dict[str, str], expected: list[str]
) -> None:
    assert closed_policies(config(policies, *limits)) == expected


def test_default_limits_are_used_too() -> None:
    text = (
        "{redis: 'redis://127.0.0.1:1', default_rate_limits: [a], routes: [{name: r, auth: none,"
        f" respond: {{}}}}], rate_limits: {{a: {{by: ip, {CLOSED}}}}}}}"
    )
    assert closed_policies(load_text(text)) == ["a"]


def test_what_no_policy_has_decided_yet_is_zero() -> None:
    decided = counted(policies={"a": {"refused": 5}, "gone": {"crowded": 7}})
    counts = policy_counts(config({"a": LOCAL, "b": LOCAL}), decided)
    assert counts[Series(DECISIONS, ("a", "refused"))] == 5
    assert counts[Series(CROWDED, ("gone",))] == 7
    assert sum(counts.values()) == 12
    assert set(counts) == {
        *(Series(DECISIONS, (name, each)) for name in ("a", "b", "gone") for each in OUTCOMES),
        *(Series(CROWDED, (name,)) for name in ("a", "b", "gone")),
    }


def test_what_was_counted_of_the_store() -> None:
    totals = {Series(ERRORS, ("OOM",)): 2, Series(DECISIONS, ("a", "refused")): 3}
    assert store_counts(config({"a": LOCAL}), totals) == {
        Series(COMMANDS): 0,
        Series(MISSED): 0,
        Series(ERRORS, ("OOM",)): 2,
    }
    assert store_counts(config({"a": LOCAL}, redis=False), {}) == {}
    # A reload may have taken it away.
    assert store_counts(config({}, redis=False), {Series(MISSED): 1}) == {Series(MISSED): 1}


def test_the_description_has_policies_that_there_are() -> None:
    decided = counted(policies={"a": {"refused": 5}, "gone": {"refused": 7}})
    totals = {Series(ERRORS, ("OOM",)): 2}
    assert describe_limits(config({"a": LOCAL}), decided, totals, [worker(0, up=False)]) == {
        "policies": {"a": {**dict.fromkeys((*OUTCOMES, "crowded"), 0), "refused": 5}},
        "store": {
            "up": False,
            "problem": "n: reason 0",
            "gateways": 1,
            "commands": 0,
            "errors": {"OOM": 2},
            "missed": 0,
        },
    }
    nothing: dict[str, Any] = {"policies": {}, "store": None}
    assert describe_limits(config({}, redis=False), decided, {}, []) == nothing
