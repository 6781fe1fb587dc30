"""What leases cost: how much of a quota nobody gets, and how often Redis is asked."""

from __future__ import annotations

import asyncio
import contextlib
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import uvloop

from benches.limits.gateways import several
from tests.limits.callers import Crowd, Record, question
from tests.limits.fleet import counting, policy
from tests.support.redis import RedisServer

FLEETS: tuple[int, ...] = (1, 3, 10)
QUOTA, WINDOW = 1000, 4.0
"""Of the hot key. What it is asked for is three times as much, evenly spread over gateways."""

COLD_KEYS, COLD_REQUESTS, COLD_QUOTA = 400, 4, 20


def run() -> bool:
    """Print the table."""
    print(f"hot: one key, {QUOTA} per {WINDOW:g} s, asked for three times as much")
    print(f"cold: {COLD_KEYS} keys, {COLD_QUOTA} each, {COLD_REQUESTS} requests of each")
    print(
        f"{'gateways':>8} {'mode':8} {'keys':5} {'let in':>7} {'of':>6} {'not handed out':>15}"
        f" {'commands':>9} {'per request let in':>19}"
    )
    for gateways in FLEETS:
        for mode in ("strict", "leased"):
            with contextlib.ExitStack() as stack:
                directory = Path(stack.enter_context(tempfile.TemporaryDirectory()))
                server = stack.enter_context(RedisServer(directory))
                policies = {
                    "hot": policy(QUOTA, f"{WINDOW}s", mode),
                    "cold": policy(COLD_QUOTA, "1h", mode),
                }
                document = counting(policies, server.url, timeout="1s")
                addresses = stack.enter_context(several(document, gateways, directory))
                for keys, measure in (("hot", _hot), ("cold", _cold)):
                    with counted(server) as commands:
                        let_in, wanted = uvloop.run(measure(addresses))
                    missing = f"{100 * (1 - let_in / wanted):.1f} %" if keys == "hot" else "-"
                    print(
                        f"{gateways:8} {mode:8} {keys:5} {let_in:7} {wanted:6} {missing:>15}"
                        f" {commands[0]:9} {commands[0] / let_in:19.2f}",
                        flush=True,
                    )
    return True


@contextlib.contextmanager
def counted(server: RedisServer) -> Iterator[list[int]]:
    """Count the scripts that Redis runs meanwhile, with a heartbeat a second of each gateway."""

    def scripts() -> int:
        statistics = server.command("INFO", "commandstats")
        return sum(
            values["calls"]
            for name, values in statistics.items()
            if name in {"cmdstat_eval", "cmdstat_evalsha"}
        )

    found: list[int] = []
    before = scripts()
    yield found
    found.append(scripts() - before)


async def _hot(addresses: list[tuple[str, int]]) -> tuple[int, int]:
    """One bucket, the first of the key, in which everybody asks at a steady pace."""
    record = Record()
    raw = question("/hot/1", X_Tenant="hot")
    each = max(1, 12 // len(addresses))
    async with Crowd(addresses, each) as crowd:
        await asyncio.sleep(WINDOW - time.time() % WINDOW)
        end = (time.time() // WINDOW + 1) * WINDOW - 0.05
        pause = WINDOW * len(crowd.callers) / (3 * QUOTA)

        async def go_on(number: int) -> None:
            due = time.time() + pause * number / len(crowd.callers)
            while due < end:
                await asyncio.sleep(max(0.0, due - time.time()))
                record.add("", 1, await crowd.callers[number].ask(raw))
                due += pause

        await asyncio.gather(*map(go_on, range(len(crowd.callers))))
    return record.statuses[200], QUOTA


async def _cold(addresses: list[tuple[str, int]]) -> tuple[int, int]:
    """Every key now and then, at whichever gateway."""
    record = Record()
    async with Crowd(addresses, max(1, 12 // len(addresses))) as crowd:
        keys = [f"k{number}" for number in range(COLD_KEYS)] * COLD_REQUESTS
        waiting = iter(keys)

        async def go_on(number: int) -> None:
            for key in waiting:
                raw = question("/cold/1", X_Tenant=key)
                record.add(key, 1, await crowd.callers[number].ask(raw))

        await asyncio.gather(*map(go_on, range(len(crowd.callers))))
    return record.statuses[200], len(keys)
