"""Random schedules of revocations and mishaps: after healing, everybody holds everything.

Two gateways revoke, while Redis is killed, hung, emptied, restored from an older copy, trimmed,
and loses its connections. A third process only reads, as workers do.
"""

from __future__ import annotations

import asyncio
import inspect
import json
import random
from collections.abc import Callable
from pathlib import Path

import pytest

from pygateway.revocation.entry import Revocation, from_json
from pygateway.revocation.feed import make_feed
from pygateway.revocation.register import Register
from tests.revocation.gateways import config, eventually, jti, register, run, sub, union
from tests.support.redis import RedisServer

SCHEDULES = 12
STEPS = 25


class Reader:
    """What a worker holds."""

    def __init__(self) -> None:
        self.entries: dict[object, Revocation] = {}
        self.fresh_until = 0.0

    def apply_revocations(self, entries: bytes) -> int:
        taken = [from_json(each) for each in json.loads(entries)]
        self.entries = union([*self.entries.values(), *taken])
        return len(taken)

    def set_fresh_until(self, until: float) -> None:
        self.fresh_until = until


class World:
    def __init__(self, seed: int, server: RedisServer, gateways: list[Register]) -> None:
        self.random = random.Random(seed)  # noqa: S311 - no secret
        self.server = server
        self.gateways = gateways
        self.revoked: list[Revocation] = []
        self.dump: bytes | None = None
        self.done: list[str] = []

    async def step(self) -> None:
        steps: list[Callable[[], object]] = [*[self.revoke] * 8, *[self.wait] * 3]
        steps += self.mishaps()
        step = self.random.choice(steps)
        self.done.append(step.__name__)
        outcome = step()
        if inspect.isawaitable(outcome):
            await outcome

    def mishaps(self) -> list[Callable[[], object]]:
        if not self.server.running:
            return [self.restart_empty, self.restart_older]
        return [self.kill, self.flush, self.trim, self.lose_stream, self.disconnect, self.save]

    async def revoke(self) -> None:
        number = len(self.revoked)
        entries = [
            jti(f"t{number}"),
            sub(f"s{self.random.randrange(5)}", float(self.random.randrange(1000))),
        ]
        self.revoked += entries
        gateway = self.random.choice(self.gateways)
        await gateway.take(entries)
        publishing = asyncio.create_task(gateway.publish(entries))
        if self.random.random() < 0.2:
            # Whoever asked for it has gone; it may have arrived or not.
            await asyncio.sleep(0)
            publishing.cancel()
        await asyncio.gather(publishing, return_exceptions=True)

    async def wait(self) -> None:
        await asyncio.sleep(self.random.random() * 0.05)

    def kill(self) -> None:
        self.server.kill()

    def restart_empty(self) -> None:
        self.server.start()

    def restart_older(self) -> None:
        self.server.start(self.dump)

    def save(self) -> None:
        self.dump = self.server.saved()

    def flush(self) -> None:
        self.server.command("FLUSHALL")

    def trim(self) -> None:
        self.server.command("XTRIM", "{pygateway:revocations}:stream", "MAXLEN", 0)

    def lose_stream(self) -> None:
        self.server.command("DEL", "{pygateway:revocations}:stream")

    def disconnect(self) -> None:
        self.server.drop_clients()

    def heal(self) -> None:
        if not self.server.running:
            self.server.start()


@pytest.mark.parametrize("seed", range(SCHEDULES))
def test_after_healing_everybody_holds_the_union(seed: int, tmp_path: Path) -> None:
    async def scenario() -> None:
        settings = config(server.url)
        reader = Reader()
        feed = make_feed(settings, reader)
        assert feed is not None
        feed.start()
        async with register(settings) as one, register(settings) as other:
            world = World(seed, server, [one, other])
            for _ in range(STEPS):
                await world.step()
            world.heal()
            wanted = union(world.revoked)

            def together() -> bool:
                held = (union(one.held()), union(other.held()), reader.entries)
                return all(each == wanted for each in held)

            await eventually(together, lambda: (world.done, one.statistics(), other.statistics()))
        await feed.close()

    with RedisServer(tmp_path) as server:
        run(scenario)
