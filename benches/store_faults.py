"""What clients feel while Redis fails, and how soon it is noticed and forgotten.

    python -m benches.store_faults [--fault 20] [--rate 150] [--only killed]
    python -m benches.store_faults --short

One gateway, and requests at a fixed rate from their intended times on four routes at once: a strict
limit with each `on_store_failure`, and a leased one. Required: no errors with `local` and `open`,
nothing but 503 `rate-limit-unavailable` with `closed`, and 99 % of all requests during the fault at
most 25 ms slower than before. Until Redis is known to be away requests wait for it, up to 50 ms
each: over a short fault these are more than one in a hundred, so that --short does not judge times.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import math
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

import uvloop

from benches.limits.faults import Fault, faults
from benches.limits.meddler import Meddler
from benches.limits.timetable import Outcome, Timetable, Watch
from tests.limits.fleet import Document, Fleet, counting, policy, write
from tests.ratelimit.test_sentinels import Sentinels
from tests.support.redis import RedisServer, free_port
from tests.toys.program import Program

ROUTES = {
    "local": ("strict", "local"),
    "open": ("strict", "open"),
    "closed": ("strict", "closed"),
    "leased": ("leased", "local"),
}
"""Mode and `on_store_failure` of each route."""

Result = TypeVar("Result")

MOST_ADDED = 0.025
BEFORE, PATIENCE = 2.0, 8.0


def main() -> None:
    """Bring about one fault after the other, and print a table; exits with 1 for a failure."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--fault", type=float, default=20.0, help="seconds that each lasts")
    parser.add_argument("--rate", type=float, default=150.0, help="requests a second, each route")
    parser.add_argument("--only", default="", help="faults whose name has this in it")
    parser.add_argument("--short", action="store_true", help="3 s each, 50 requests a second")
    options = parser.parse_args()
    seconds, rate = (3.0, 50.0) if options.short else (options.fault, options.rate)
    print(f"{rate:g} requests a second on each route; every fault lasts {seconds:g} s; in ms")
    print(
        f"{'fault':18} {'route':7} {'sent':>6} {'200':>6} {'429':>5} {'503':>6} {'errors':>7}"
        f" {'p99 before':>11} {'during':>8} {'added':>8} {'waited':>7} {'noticed':>8}"
        f" {'recovered':>10}",
        flush=True,
    )
    failures = uvloop.run(run(seconds, rate, options.only, judged=not options.short))
    for failure in failures:
        print(failure)
    sys.exit(1 if failures else 0)


async def run(seconds: float, rate: float, only: str, *, judged: bool) -> list[str]:
    """Give what went wrong."""
    failures = []
    async with contextlib.AsyncExitStack() as stack:
        directory = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        server = stack.enter_context(RedisServer(directory, port=free_port()))
        meddler = await stack.enter_async_context(Meddler(server.port))
        urls = {
            "itself": f"redis://127.0.0.1:{server.port}",
            "meddler": f"redis://127.0.0.1:{meddler.port}",
        }
        fleets: dict[str, Fleet] = {}
        for fault in faults(server, meddler):
            if only not in fault.name:
                continue
            if fault.way not in fleets:
                fleets[fault.way] = await _start(stack, directory, fault.way, urls[fault.way])
            failures += await _suffer(fault, fleets[fault.way], seconds, rate, judged=judged)
        if only in "Sentinel fail-over":
            (directory / "sentinels").mkdir()
            inner = stack.enter_context(contextlib.ExitStack())
            sentinels = await _in_thread(lambda: Sentinels(directory / "sentinels", inner))
            primary = sentinels.servers[0]
            fault = Fault("Sentinel fail-over", primary.kill, None)
            fleet = await _start(stack, directory, "sentinel", sentinels.url)
            failures += await _suffer(fault, fleet, seconds, rate, judged=judged)
    return failures


async def _in_thread(function: Callable[[], Result]) -> Result:
    """Wait for what blocks, and let the loop go on meanwhile."""
    return await asyncio.get_running_loop().run_in_executor(None, function)


async def _start(stack: contextlib.AsyncExitStack, directory: Path, name: str, url: str) -> Fleet:
    policies = {
        route: policy(10_000_000, "1h", mode, on_store_failure=failing)
        for route, (mode, failing) in ROUTES.items()
    }
    document: Document = counting(policies, url, workers=1)
    file = write(directory / f"{name}.yaml", document)
    return await _in_thread(lambda: Fleet(stack.enter_context(Program("run", "-c", file))))


async def _suffer(
    fault: Fault, fleet: Fleet, seconds: float, rate: float, *, judged: bool
) -> list[str]:
    ended = asyncio.Event()
    tables = {route: Timetable(fleet.address, f"/{route}/1", rate) for route in ROUTES}
    watch = Watch(fleet.address)
    running = [asyncio.create_task(table.run(ended)) for table in tables.values()]
    running.append(asyncio.create_task(watch.run(ended)))
    try:
        await _until(watch.is_up)
        await asyncio.sleep(0.5)
        start = time.time()
        await asyncio.sleep(BEFORE)
        applied = time.time()
        await _in_thread(fault.apply)
        await asyncio.sleep(max(0.0, applied + seconds - time.time()))
        lifted = time.time()
        if fault.lift is not None:
            await _in_thread(fault.lift)
        await _until(watch.is_up)
        await asyncio.sleep(0.5)
    finally:
        ended.set()
        await asyncio.gather(*running)
    noticed = watch.first("down", applied)
    # What passes by itself has done so when Redis is there again.
    recovered = watch.last("up", lifted if fault.lift is not None else applied)
    failures = []
    for route, table in tables.items():
        before = _p99(table.between(start, applied))
        outcomes = table.between(applied, lifted)
        failures += _report(fault, route, outcomes, before, (noticed, recovered), judged=judged)
    if (noticed is not None) is not fault.noticed:
        failures.append(f"{fault.name}: noticed: {noticed}")
    return failures


def _report(
    fault: Fault,
    route: str,
    outcomes: list[Outcome],
    before: float,
    times: tuple[float | None, float | None],
    *,
    judged: bool,
) -> list[str]:
    """Print one line, and give what is not as it must be."""

    def count(*statuses: int) -> int:
        return sum(each.status in statuses for each in outcomes)

    during = _p99(outcomes)
    waited = sum(each.seconds > before + MOST_ADDED for each in outcomes)
    unavailable = [each for each in outcomes if each.problem == "rate-limit-unavailable"]
    errors = len(outcomes) - count(200, 429) - (len(unavailable) if route == "closed" else 0)
    noticed, recovered = (f"{1000 * each:.0f}" if each is not None else "-" for each in times)
    print(
        f"{fault.name:18} {route:7} {len(outcomes):6} {count(200):6} {count(429):5}"
        f" {count(503):6} {errors:7} {1000 * before:11.2f} {1000 * during:8.2f}"
        f" {1000 * (during - before):8.2f} {waited:7} {noticed:>8} {recovered:>10}",
        flush=True,
    )
    failures = []
    if errors:
        kinds = {(each.status, each.problem) for each in outcomes if each.status not in {200, 429}}
        failures.append(f"{fault.name}, {route}: {errors} errors: {kinds}")
    if judged and during - before > MOST_ADDED:
        failures.append(f"{fault.name}, {route}: p99 is {1000 * (during - before):.1f} ms more")
    return failures


def _p99(outcomes: list[Outcome]) -> float:
    seconds = sorted(each.seconds for each in outcomes)
    return seconds[math.ceil(len(seconds) * 0.99) - 1]


async def _until(true: Callable[[], bool]) -> None:
    deadline = time.monotonic() + PATIENCE
    while not true():
        if time.monotonic() > deadline:
            raise AssertionError("Redis is not back")
        await asyncio.sleep(0.01)


if __name__ == "__main__":
    main()
