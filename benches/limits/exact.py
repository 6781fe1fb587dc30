"""What a gateway of four workers lets in, beside what the law says, bucket by bucket."""

from __future__ import annotations

import asyncio
import contextlib
import tempfile
import time
from pathlib import Path

import uvloop

from pygateway._core import charge_window
from tests.limits.callers import Crowd, Record, question
from tests.limits.chronicle import Chronicle, key_of_header
from tests.limits.fleet import Fleet, counting, policy, write
from tests.limits.judge import Limit, Passage, charged, misjudged, overshoot, uncharged
from tests.support.redis import RedisServer
from tests.toys.program import Program

WORKERS = 4
CONNECTIONS = 64


def run(quota: int, window: float, seconds: float) -> bool:
    """Load a gateway in every mode, and print a table; whether all was well."""
    limit = Limit(quota, round(window * 1000))
    print(f"{quota} requests per {window:g} s, {WORKERS} workers, {CONNECTIONS} connections")
    print(
        f"{'mode':8} {'bucket':>6} {'let in':>7} {'at an edge':>11} {'law':>7} {'charged':>8}"
        "   (law: most that is admitted if somebody asks in every millisecond)"
    )
    held = [_load(mode, limit, seconds) for mode in ("local", "strict", "leased")]
    return all(held)


def _load(mode: str, limit: Limit, seconds: float) -> bool:
    with contextlib.ExitStack() as stack:
        directory = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        server = stack.enter_context(RedisServer(directory))
        chronicle = stack.enter_context(Chronicle(server))
        failing = {} if mode == "local" else {"on_store_failure": "closed"}
        policies = {"p": policy(limit.quota, f"{limit.window}ms", mode, **failing)}
        document = counting(policies, server.url, timeout="1s", workers=WORKERS)
        file = write(directory / "gateway.yaml", document)
        fleet = Fleet(stack.enter_context(Program("run", "-c", file)))
        record, used = uvloop.run(_saturate(fleet, limit, seconds))
        chronicle.finish()
        passages = record.of("")
        writes = chronicle.writes.get(key_of_header("p", limit.window, "hot"), [])
        counted = fleet.count("p", "admitted")
    charges = charged(writes) if mode != "local" else None
    _print(mode, limit, passages, charges)
    complaints = overshoot(limit, passages)
    if charges is not None:
        complaints += misjudged(limit, writes) + uncharged(limit, passages, charges)
    if counted != len(passages):
        complaints.append(f"workers have counted {counted}, and let {len(passages)} in")
    if len(used) < WORKERS:
        complaints.append(f"only {len(used)} workers had connections")
    print(
        f"{mode:8} answers: {dict(record.statuses)}; complaints: {complaints or 'none'}", flush=True
    )
    return not complaints


async def _saturate(fleet: Fleet, limit: Limit, seconds: float) -> tuple[Record, list[int]]:
    """Ask until whole buckets have passed; give what came, and connections of workers."""
    record = Record()
    window = limit.window / 1000
    async with Crowd([fleet.address], CONNECTIONS) as crowd:
        # From the beginning of a bucket, so that the first one is a whole one.
        await asyncio.sleep(window - time.time() % window)
        until = (time.time() // window + max(1, round(seconds / window))) * window
        load = asyncio.create_task(crowd.saturate(record, question("/p/1", X_Tenant="hot"), until))
        await asyncio.sleep(min(1.0, seconds / 2))
        used = await asyncio.get_running_loop().run_in_executor(None, fleet.connections)
        await load
    return record, [each for each in used if each]


def _print(
    mode: str, limit: Limit, passages: list[Passage], charges: dict[int, int] | None
) -> None:
    certain: dict[int, int] = {}
    edges: dict[int, int] = {}
    for passage in passages:
        bucket = passage.bucket(limit.window)
        if bucket is None:
            late = int(passage.received * 1000) // limit.window
            edges[late] = edges.get(late, 0) + 1
        else:
            certain[bucket] = certain.get(bucket, 0) + 1
    first = min(certain)
    law = most_admitted(limit, first, max(certain))
    for bucket in sorted(certain):
        paid = "-" if charges is None else charges.get(bucket, 0)
        print(
            f"{mode:8} {bucket - first:6} {certain[bucket]:7} {edges.get(bucket, 0):11}"
            f" {law[bucket]:7} {paid:>8}"
        )


def most_admitted(limit: Limit, first: int, last: int) -> dict[int, int]:
    """What the law lets in of each bucket, when somebody asks as often as can be."""
    window = (first, 0, 0)
    admitted = dict.fromkeys(range(first, last + 1), 0)
    for now in range(first * limit.window, (last + 1) * limit.window):
        while True:
            passed, window, *_ = charge_window(limit.quota, limit.window, window, now, 1)
            if not passed:
                break
            admitted[now // limit.window] += 1
    return admitted
