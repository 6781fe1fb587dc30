from __future__ import annotations

import gc
from typing import Any

from pygateway.admin.catalogue import COMMANDS, ERRORS, MISSED, SPANS
from pygateway.admin.measurements import Series
from pygateway.supervisor.tally import Tally


class Worker:
    """Whoever reports."""


def node(name: str, commands: int, missed: int = 0, **errors: int) -> dict[str, Any]:
    return {"node": name, "commands": commands, "missed": missed, "errors": errors}


def report(*nodes: dict[str, Any], **spans: int) -> dict[str, Any]:
    store = {"up": True, "gateways": 1, "nodes": list(nodes)} if nodes else None
    return {"rate_limits": {"policies": {}, "store": store}, "tracing": spans or None}


EXPORTED = Series(SPANS, ("exported",))


def test_workers_are_added_up() -> None:
    tally, one, other = Tally(), Worker(), Worker()
    tally.note(one, report(exported=3, dropped=0))
    tally.note(other, report(exported=4, failed=1))
    tally.note(one, report(exported=5, dropped=0))
    assert tally.totals() == {
        EXPORTED: 9,
        Series(SPANS, ("dropped",)): 0,
        Series(SPANS, ("failed",)): 1,
    }


def test_what_a_worker_has_counted_stays_when_it_is_gone() -> None:
    tally, worker = Tally(), Worker()
    tally.note(worker, report(exported=3))
    del worker
    gc.collect()
    assert len(tally._last) == 0
    tally.note(Worker(), report(exported=1))
    assert tally.totals()[EXPORTED] == 4


def test_a_kind_that_is_gone_keeps_its_counts() -> None:
    tally = Tally()
    tally.note(Worker(), report(exported=3))
    tally.note(Worker(), report(node("x", 1)))
    assert tally.totals()[EXPORTED] == 3


def test_a_report_without_counts_is_no_report_of_zero() -> None:
    tally, worker = Tally(), Worker()
    tally.note(worker, report(exported=3))
    tally.note(worker, {"problem": "internal error: RuntimeError", "feed": None})
    tally.note(worker, report(exported=4))
    assert tally.totals()[EXPORTED] == 4


def test_nodes_of_a_store_are_added_up() -> None:
    tally, worker = Tally(), Worker()
    tally.note(worker, report(node("x", 3, 1, OOM=1), node("y", 4, OOM=2, BUSY=1)))
    totals = tally.totals()
    assert (totals[Series(COMMANDS)], totals[Series(MISSED)]) == (7, 1)
    assert totals[Series(ERRORS, ("OOM",))] == 3
    assert totals[Series(ERRORS, ("BUSY",))] == 1


def test_a_node_that_goes_and_comes_again_is_counted_anew() -> None:
    tally, worker = Tally(), Worker()
    tally.note(worker, report(node("x", 3), node("y", 4)))
    tally.note(worker, report(node("x", 3)))
    tally.note(worker, report(node("x", 5), node("y", 2)))
    assert tally.totals()[Series(COMMANDS)] == 11
    # Between two reports it can go unnoticed.
    tally.note(worker, report(node("x", 5), node("y", 1)))
    assert tally.totals()[Series(COMMANDS)] == 12
