"""Random bursts at several gateways that share a Redis, and the judgement on what was let in.

A schedule has a policy of its own. Several run at a time, so that many take little time.
"""

from __future__ import annotations

import asyncio
import random
import time
from collections import Counter
from collections.abc import Sequence
from typing import NamedTuple

from tests.limits.callers import Crowd, Record, question
from tests.limits.chronicle import Chronicle, key_of_header
from tests.limits.fleet import Document, policy
from tests.limits.judge import Limit, charged, misjudged, overshoot, uncharged

COSTS = (1, 2, 5)
WINDOWS = 3.5
"""Windows that a schedule lasts."""


class Schedule(NamedTuple):
    """What one policy is asked for.

    Attributes:
        seed: By which everything is drawn.
        mode: How the policy counts.
        limit: Its quota and window.
        tenants: How many keys there are.
    """

    seed: int
    mode: str
    limit: Limit
    tenants: int

    @classmethod
    def drawn(cls, seed: int, longest: int = 2000) -> Schedule:
        """Draw one."""
        draw = random.Random(seed)  # noqa: S311 - no secret
        limit = Limit(draw.randint(5, 200), draw.randint(500, longest))
        return cls(seed, ("strict", "leased")[seed % 2], limit, draw.randint(1, 3))

    @property
    def name(self) -> str:
        """The policy's name."""
        return f"p{self.seed}"

    def policy(self) -> Document:
        """The policy. Where the store does not answer, nothing passes: no law holds then."""
        quota, window = self.limit
        return policy(quota, f"{window}ms", self.mode, on_store_failure="closed")

    def bursts(self) -> list[tuple[float, int, str, int, int]]:
        """When, at which gateway, for which tenant, how many requests of which cost."""
        draw = random.Random(-self.seed - 1)  # noqa: S311 - no secret
        quota, window = self.limit
        bursts = []
        demand = draw.choice((0.8, 1.5, 3.0)) * quota * WINDOWS * self.tenants
        while demand > 0:
            cost = draw.choice(COSTS)
            count = min(draw.randint(1, 1 + quota // 2), 1 + int(demand) // cost)
            moment = draw.uniform(0, WINDOWS) * window / 1000
            tenant = f"t{draw.randrange(self.tenants)}"
            bursts.append((moment, draw.randrange(1 << 16), tenant, count, cost))
            demand -= count * cost
        return sorted(bursts)

    async def run(self, addresses: Sequence[tuple[str, int]], each: int = 4) -> Record:
        """Ask for what the schedule says; give what came."""
        record = Record()

        async def burst(crowd: Crowd, tenant: str, count: int, cost: int) -> None:
            raw = question(f"/{self.name}/{cost}", X_Tenant=tenant)
            for reply in await crowd.each(count, raw):
                record.add(tenant, cost, reply)

        async def serve(number: int, crowd: Crowd) -> None:
            # One burst after the other at a gateway, at several gateways at once.
            for moment, gateway, tenant, count, cost in self.bursts():
                if gateway % len(addresses) == number:
                    await asyncio.sleep(max(0.0, begun + moment - time.time()))
                    await burst(crowd, tenant, count, cost)

        begun = time.time()
        crowds = [Crowd([address], each) for address in addresses]
        try:
            for crowd in crowds:
                await crowd.__aenter__()
            await asyncio.gather(*(serve(*pair) for pair in enumerate(crowds)))
        finally:
            for crowd in crowds:
                await crowd.__aexit__()
        return record

    def judge(self, record: Record, chronicle: Chronicle) -> Verdict:
        """Say what was wrong, and how much was charged that nobody used."""
        found, unused, admitted = [], 0, 0
        for tenant, passages in record.passages.items():
            key = key_of_header(self.name, self.limit.window, tenant)
            writes = chronicle.writes.get(key, [])
            charges = charged(writes)
            complaints = [
                *overshoot(self.limit, passages),
                *misjudged(self.limit, writes),
                *uncharged(self.limit, passages, charges),
            ]
            found += [f"{self} {tenant}: {complaint}" for complaint in complaints]
            spent = sum(each.cost for each in passages)
            admitted += spent
            unused += sum(charges.values()) - spent
        return Verdict(found, admitted, unused, record.statuses)


class Verdict(NamedTuple):
    """What a schedule has shown.

    Attributes:
        complaints: What was wrong.
        admitted: The costs of all requests that were let in.
        unused: What was charged beyond them.
        statuses: What was answered.
    """

    complaints: list[str]
    admitted: int
    unused: int
    statuses: Counter[int]


async def run_together(
    schedules: Sequence[Schedule], addresses: Sequence[tuple[str, int]]
) -> list[Record]:
    """Run schedules at the same time."""
    return list(await asyncio.gather(*(each.run(addresses) for each in schedules)))
