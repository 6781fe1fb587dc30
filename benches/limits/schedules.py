"""Whether several gateways together ever let in more than the quota."""

from __future__ import annotations

import asyncio
import contextlib
import random
import tempfile
import threading
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

from benches.limits.gateways import several
from tests.limits.chronicle import Chronicle
from tests.limits.fleet import counting
from tests.limits.schedules import COSTS, Schedule, Verdict, run_together
from tests.support.redis import RedisServer

GATEWAYS = 3
BATCH = 20
"""Schedules of one configuration, for which the gateways are started once."""

TOGETHER = 5
"""Schedules that run at a time."""


def run(count: int, seed: int, *, disturbed: bool = False) -> bool:
    """Run so many random schedules, and print a table; whether all was well.

    Args:
        count: How many.
        seed: By which they are drawn.
        disturbed: Whether Redis hangs and drops connections now and then meanwhile. It loses
            nothing, so that the law holds.
    """
    verdicts: list[tuple[Schedule, Verdict]] = []
    for start in range(0, count, BATCH):
        some = [Schedule.drawn(seed + number) for number in range(start, min(start + BATCH, count))]
        verdicts += _batch(some, disturbed=disturbed)
    print(f"{count} random schedules, {GATEWAYS} gateways, one Redis")
    print(
        f"{'mode':8} {'schedules':>9} {'requests':>9} {'let in':>8} {'refused':>8} {'503':>6}"
        f" {'units admitted':>15} {'charged unused':>15} {'overshoots':>11}"
    )
    for mode in ("strict", "leased"):
        chosen = [verdict for schedule, verdict in verdicts if schedule.mode == mode]
        statuses = sum((each.statuses for each in chosen), Counter[int]())
        print(
            f"{mode:8} {len(chosen):9} {statuses.total():9} {statuses[200]:8} {statuses[429]:8}"
            f" {statuses[503]:6} {sum(each.admitted for each in chosen):15}"
            f" {sum(each.unused for each in chosen):15}"
            f" {sum(len(each.complaints) for each in chosen):11}",
            flush=True,
        )
    for _, verdict in verdicts:
        for complaint in verdict.complaints:
            print(complaint)
    return not any(verdict.complaints for _, verdict in verdicts)


def _batch(schedules: list[Schedule], *, disturbed: bool) -> list[tuple[Schedule, Verdict]]:
    with contextlib.ExitStack() as stack:
        directory = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        server = stack.enter_context(RedisServer(directory))
        chronicle = stack.enter_context(Chronicle(server))
        policies = {schedule.name: schedule.policy() for schedule in schedules}
        timeout = "50ms" if disturbed else "500ms"
        document = counting(policies, server.url, costs=COSTS, timeout=timeout)
        addresses = stack.enter_context(several(document, GATEWAYS, directory))
        records = []
        with _disturbing(server, chronicle) if disturbed else contextlib.nullcontext():
            for start in range(0, len(schedules), TOGETHER):
                some = schedules[start : start + TOGETHER]
                records += asyncio.run(run_together(some, addresses))
        chronicle.finish()
        return [
            (schedule, schedule.judge(record, chronicle))
            for schedule, record in zip(schedules, records, strict=True)
        ]


@contextlib.contextmanager
def _disturbing(server: RedisServer, chronicle: Chronicle) -> Iterator[None]:
    """Hang Redis, and drop its clients, in between."""
    ended = threading.Event()

    def disturb() -> None:
        draw = random.Random(0)  # noqa: S311 - no secret
        while not ended.wait(draw.uniform(0.1, 0.6)):
            if draw.random() < 0.3:
                chronicle.drop_others()
            else:
                server.hang()
                ended.wait(draw.choice((0.03, 0.06, 0.1, 0.3, 1.2)))
                server.go_on()

    thread = threading.Thread(target=disturb)
    thread.start()
    try:
        yield
    finally:
        ended.set()
        thread.join()
