"""Runs a load against a server of a test."""

from __future__ import annotations

import ssl
from collections.abc import Callable
from typing import Any

from pygateway.bench.load import Load
from pygateway.bench.plan import Place, Plan
from pygateway.bench.report import total_of
from pygateway.bench.requests import Requests, make_requests
from pygateway.bench.tally import Tally
from tests.support.loops import run
from tests.support.upstream import ScriptedUpstream

Address = tuple[str, int]


def plan(
    where: ScriptedUpstream | Address | str,
    *,
    tls: ssl.SSLContext | None = None,
    requests: Requests | None = None,
    **changes: Any,  # noqa: ANN401 - whatever a plan has
) -> Plan:
    """A short plan: 100 requests at 200 a second, 4 connections."""
    if isinstance(where, str):
        place = Place("gateway.test", 80, where, tls)
    else:
        place = Place(*(where.address if isinstance(where, ScriptedUpstream) else where), tls=tls)
    settings: dict[str, Any] = {
        "place": place,
        "requests": requests or make_requests("GET", [(None, "/")], "gateway.test"),
        "rate": 200.0,
        "connections": 4,
        "duration": 0.5,
        "warm_up": 0.0,
        "rounds": 1,
        "timeout": 5.0,
    }
    return Plan(**settings | changes)


def measure(asked: Plan, after: Callable[[Load], None] | None = None) -> Load:
    """Run it, and hold the books to what they promise: every request has one end."""

    async def story() -> Load:
        load = Load(asked)
        if after is not None:
            after(load)
        await load.run()
        return load

    load = run(story())
    for tally in load.rounds:
        assert tally.requests == tally.answered + tally.failures.total()
        assert tally.latency.count == tally.service.count == tally.requests
    return load


def total(load: Load) -> Tally:
    """All rounds together."""
    return total_of(load.rounds)
