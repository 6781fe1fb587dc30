"""Everything that can happen to a Redis: what brings it about, and what ends it."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

from benches.limits.meddler import Meddler
from tests.support.redis import RedisServer

LOADING = "LOADING Redis is loading the dataset in memory"
NOWHERE = 1
"""A port at which there is no primary."""


class Fault(NamedTuple):
    """Something that happens to Redis.

    Attributes:
        name: What it is called.
        apply: Brings it about.
        lift: Ends it; None for what passes by itself.
        way: Through which gateway it is seen: one that reaches Redis itself, one through the
            meddler, or one that asks sentinels.
        noticed: Whether Redis counts as away meanwhile.
    """

    name: str
    apply: Callable[[], object]
    lift: Callable[[], object] | None
    way: str = "itself"
    noticed: bool = True


def faults(server: RedisServer, meddler: Meddler) -> list[Fault]:
    """Give those of a Redis that stands alone."""

    def restart() -> None:
        server.kill()
        server.start()

    def meddle(delay: float, error: str | None) -> Callable[[], None]:
        def change() -> None:
            meddler.delay, meddler.error = delay, error

        return change

    honest = meddle(0.0, None)
    return [
        Fault("killed", server.kill, server.start),
        Fault("hung (SIGSTOP)", server.hang, server.go_on),
        Fault("slower by 20 ms", meddle(0.02, None), honest, "meddler", noticed=False),
        Fault("slower by 200 ms", meddle(0.2, None), honest, "meddler"),
        Fault("-LOADING", meddle(0.0, LOADING), honest, "meddler"),
        Fault(
            "-READONLY",
            lambda: server.command("REPLICAOF", "127.0.0.1", NOWHERE),
            lambda: server.command("REPLICAOF", "NO", "ONE"),
        ),
        Fault(
            "-OOM",
            lambda: server.command("CONFIG", "SET", "maxmemory", 1),
            lambda: server.command("CONFIG", "SET", "maxmemory", 0),
        ),
        Fault("restarted empty", restart, None),
    ]
