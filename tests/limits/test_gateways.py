"""Several gateways and one Redis: never more than the quota, and most of it."""

from __future__ import annotations

import contextlib
from pathlib import Path

import uvloop

from tests.limits.callers import Crowd, question, statuses
from tests.limits.chronicle import Chronicle, key_of_header
from tests.limits.fleet import counting, eventually, long_window, policy
from tests.limits.schedules import COSTS, Schedule, run_together
from tests.support.gateway import RunningGateway
from tests.support.redis import RedisServer

GATEWAYS = 3


def started(
    stack: contextlib.ExitStack, directory: Path, document: dict[str, object]
) -> list[RunningGateway]:
    """Gateways that know of each other; each is a machine of its own."""
    gateways = []
    for number in range(GATEWAYS):
        (folder := directory / str(number)).mkdir()
        gateways.append(stack.enter_context(RunningGateway(document, folder)))

    def known() -> bool:
        stores = [each.statistics()["rate_limits"]["store"] for each in gateways]
        return all(each["gateways"] == GATEWAYS for each in stores)

    eventually(known, "meeting of the gateways")
    return gateways


def addresses(gateways: list[RunningGateway]) -> list[tuple[str, int]]:
    return [each.address for each in gateways if isinstance(each.address, tuple)]


def test_random_bursts_are_never_let_in_beyond_the_quota(
    tmp_path: Path, resources: contextlib.ExitStack
) -> None:
    server = resources.enter_context(RedisServer(tmp_path))
    chronicle = resources.enter_context(Chronicle(server))
    schedules = [Schedule.drawn(number, longest=700) for number in range(100, 106)]
    policies = {schedule.name: schedule.policy() for schedule in schedules}
    document = counting(policies, server.url, costs=COSTS, timeout="2s")
    gateways = started(resources, tmp_path, document)
    records = uvloop.run(run_together(schedules, addresses(gateways)))
    chronicle.finish()
    for schedule, record in zip(schedules, records, strict=True):
        verdict = schedule.judge(record, chronicle)
        assert verdict.complaints == []
        assert verdict.statuses[200]
        assert verdict.statuses[429]
        if schedule.mode == "strict" and not verdict.statuses[503]:
            assert verdict.unused == 0


def test_what_gateways_hold_of_a_quota_is_given_back(
    tmp_path: Path, resources: contextlib.ExitStack
) -> None:
    server = resources.enter_context(RedisServer(tmp_path))
    window = long_window() * 1000
    document = counting({"p": policy(200, f"{window}ms", "leased")}, server.url, timeout="2s")
    gateways = started(resources, tmp_path, document)
    key, raw = key_of_header("p", window, "a"), question("/p/1", X_Tenant="a")

    async def ask(count: int, gateway: int) -> dict[int, int]:
        async with Crowd([addresses(gateways)[gateway]], 4) as crowd:
            return statuses(await crowd.each(count, raw))

    # The first two take leases and leave; all that they did not spend is there for the third.
    assert uvloop.run(ask(21, 0)) == {200: 21}
    assert uvloop.run(ask(22, 1)) == {200: 22}
    eventually(lambda: server.command("GET", key).endswith(b":0:43"), "return of leases")
    found = uvloop.run(ask(400, 2))
    assert found[200] + uvloop.run(ask(50, 2)).get(200, 0) == 157
