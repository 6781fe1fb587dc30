"""Adds up what workers count for themselves, so that no sum ever goes down.

What happens often is counted in memory that all workers share (`pygateway.supervisor.counting`).
The rest a worker counts from zero, and takes its counts along when it ends. So each of its reports
is compared with its last one, and only what has come since is added. What a worker has counted
after its last report is lost if it dies; one that drains reports once more when it is done.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple
from weakref import WeakKeyDictionary

from pygateway.admin.catalogue import COMMANDS, ERRORS, MISSED, SPAN_OUTCOMES, SPANS
from pygateway.admin.measurements import Series


class _Source(NamedTuple):
    """A count that a worker keeps: of a series, and for what the store has several of, the node."""

    series: Series
    node: str = ""


class Tally:
    """What all workers have counted since the gateway started, those that have ended included."""

    def __init__(self) -> None:
        self._totals: dict[Series, int] = {}
        self._last: WeakKeyDictionary[object, dict[_Source, int]] = WeakKeyDictionary()

    def note(self, worker: object, report: Mapping[str, Any]) -> None:
        """Take note of a worker's report; they come in the order in which it made them."""
        if "rate_limits" not in report:
            return  # It could not say, and has still counted.
        counts, before = dict(_counts(report)), self._last.get(worker, {})
        for source, count in counts.items():
            known = before.get(source, 0)
            # A node of a cluster that has come back is counted anew.
            added = count - known if count >= known else count
            self._totals[source.series] = self._totals.get(source.series, 0) + added
        self._last[worker] = counts

    def totals(self) -> dict[Series, int]:
        """Give every sum."""
        return dict(self._totals)


def _counts(report: Mapping[str, Any]) -> Iterator[tuple[_Source, int]]:
    """Read the counts in a worker's report."""
    for node in (report["rate_limits"]["store"] or {}).get("nodes", ()):
        name = node["node"]
        yield _Source(Series(COMMANDS), name), node["commands"]
        yield _Source(Series(MISSED), name), node["missed"]
        for kind, count in node["errors"].items():
            yield _Source(Series(ERRORS, (kind,)), name), count
    spans = report.get("tracing") or {}
    for outcome in SPAN_OUTCOMES:
        if outcome in spans:
            yield _Source(Series(SPANS, (outcome,))), spans[outcome]
