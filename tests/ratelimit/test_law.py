"""The script that Redis runs beside the law that the gate runs: the same answer at every step."""

from __future__ import annotations

import os
import random
from collections.abc import Iterator
from typing import Any

import pytest
import redis

from pygateway._core import charge_window
from pygateway.ratelimit.script import ACQUIRE, window_key
from tests.support.patience import PATIENCE
from tests.support.redis import RedisServer

STEPS = int(os.environ.get("PYGATEWAY_LAW_STEPS", "10000"))
"""Steps that are compared; 100,000 take a few seconds."""

TOGETHER = 200
"""Steps on one key."""

MOST, DAY = 1 << 26, 86_400_000

Step = tuple[int, int]
"""Unix milliseconds, and what is asked for."""


@pytest.fixture(scope="module")
def client(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Any]:
    with RedisServer(tmp_path_factory.mktemp("redis")) as running:
        path = running.url.removeprefix("unix://")
        made = redis.Redis(unix_socket_path=path, protocol=2, socket_timeout=PATIENCE)
        made.script_load(ACQUIRE.text)
        yield made
        made.close()


class History:
    """Requests for one key, of which about every other one is refused."""

    def __init__(self, number: int) -> None:
        draw = random.Random(number)  # noqa: S311 - no secret
        self.key = window_key("law", "policy", f"{number:032x}")
        self.quota = draw.choice((1, 2, 3, 7, 100, 1000, MOST - 1, MOST, draw.randint(1, MOST)))
        self.window = draw.choice((100, 101, 999, 1000, 60_000, DAY, draw.randint(100, DAY)))
        now = draw.randint(10**12, 2 * 10**12)
        # Some begin at the very edge of a bucket.
        now -= draw.choice((0, now % self.window, now % self.window - 1))
        most = max(1, self.quota // draw.choice((1, 3, 10, 50)))
        pace = draw.choice((self.window // 100, self.window // 10, self.window // 2)) + 1
        self.steps: list[Step] = []
        for _ in range(TOGETHER):
            now += draw.choice((0, 0, 1, draw.randint(0, pace)))
            if draw.random() < 0.02:
                # To the last or the first moment of a bucket, or beyond what still counts.
                now += self.window - now % self.window + draw.choice((-1, 0, 2 * self.window))
            self.steps.append((now, draw.choice((1, draw.randint(1, most), self.quota))))

    def by_the_gate(self) -> list[tuple[int, ...]]:
        """What the gate's law says: granted, remaining, bucket, reset and retry."""
        window = (0, 0, 0)
        said: list[tuple[int, ...]] = []
        for now, cost in self.steps:
            admitted, window, remaining, reset, retry = charge_window(
                self.quota, self.window, window, now, cost
            )
            said.append((cost if admitted else 0, remaining, window[0], reset, retry))
        return said

    def by_redis(self, client: Any) -> list[tuple[int, ...]]:  # noqa: ANN401 - its types are none
        """What the script says. Time stands still in a transaction, so that no key expires."""
        pipeline = client.pipeline(transaction=True)
        for now, cost in self.steps:
            words = (self.quota, self.window, cost, cost, 1, 0, 0, 0, 0, now)
            pipeline.execute_command("EVALSHA", ACQUIRE.digest, 1, self.key, *words)
        pipeline.delete(self.key)
        return [tuple(answer) for answer in pipeline.execute()[:-1]]


def test_both_say_the_same(client: Any) -> None:  # noqa: ANN401
    admitted = refused = 0
    for number in range(-(-STEPS // TOGETHER)):
        history = History(number)
        expected, found = history.by_the_gate(), history.by_redis(client)
        for step, (mine, its) in enumerate(zip(expected, found, strict=True)):
            assert mine == its, (number, step, history.quota, history.window, history.steps[step])
        admitted += sum(answer[0] > 0 for answer in found)
        refused += sum(answer[0] == 0 for answer in found)
    # Both kinds of answers were compared.
    assert min(admitted, refused) > STEPS / 10
