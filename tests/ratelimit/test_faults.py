"""Whatever happens to the server, everybody is told once, and nothing is admitted twice."""

from __future__ import annotations

import asyncio
import random
from pathlib import Path

import pytest

from tests.ratelimit.askers import Asked, asking
from tests.support.loops import in_thread, run, until
from tests.support.redis import RedisServer

ROUNDS = 12
QUOTA = 100_000


@pytest.mark.parametrize("seed", range(4))
def test_everybody_is_told_once(tmp_path: Path, seed: int) -> None:
    draw = random.Random(seed)  # noqa: S311 - no secret

    async def scenario(server: RedisServer) -> None:
        async with asking(server.url, timeout=0.05) as asked:
            everybody: list[Asked] = []

            def all_told() -> bool:
                return all(each.told for each in everybody)

            for _ in range(ROUNDS):
                fault = draw.choice(("hang", "drop", "flush", "none", "none"))
                everybody.extend(asked.ask(quota=QUOTA) for _ in range(draw.randint(1, 200)))
                if draw.random() < 0.7:
                    await asyncio.sleep(draw.uniform(0, 0.002))
                if fault == "hang":
                    server.hang()
                elif fault == "drop":
                    await in_thread(server.drop_clients)
                elif fault == "flush":
                    await in_thread(server.command, "SCRIPT", "FLUSH")
                everybody.extend(asked.ask(quota=QUOTA) for _ in range(draw.randint(1, 200)))
                await until(all_told)
                if fault == "hang":
                    server.go_on()
                await until(lambda: asked.up)
            last = await asked.told(quota=QUOTA)
            while last.errors:
                everybody.append(last)
                await until(lambda: asked.up)
                last = await asked.told(quota=QUOTA)
            await until(lambda: asked.link.statistics()["in_flight"] == 0)
            granted = sum(each.answer.granted for each in everybody if each.replies)
            late = sum(bool(each.late_replies) for each in everybody)
            lost = sum(not each.replies and not each.late_replies for each in everybody)
            charged = QUOTA - last.answer.remaining - 1
            # What was lost with a connection may have been charged, or not.
            assert granted + late <= charged <= granted + late + lost
            assert granted

    with RedisServer(tmp_path) as server:
        run(scenario(server))
