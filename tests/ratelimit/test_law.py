"""The script that Redis runs beside the law that the gate runs: the same answer at every step."""

from __future__ import annotations

import os
import random
from collections.abc import Iterator, Sequence
from typing import Any

import pytest
import redis

from pygateway._core import charge_window
from pygateway.ratelimit.script import ACQUIRE, window_key
from tests.support.patience import PATIENCE
from tests.support.redis import RedisServer

HISTORIES = int(os.environ.get("PYGATEWAY_LAW_HISTORIES", "100000"))
"""Random histories that are compared; they take a few seconds."""

STEPS, MANY_STEPS = 4, 200
"""Steps of a history, and of every thousandth one."""

TOGETHER = 1000
"""Histories for which Redis is asked at once."""

MOST, DAY = 1 << 26, 86_400_000
BEHIND = 1000
"""Milliseconds by which a clock may go back and the gate still stays in the bucket that it knows,
if that is more than a window; the script stays in it for ever."""

# Runs the script for every step of many histories: asked one by one, it would be the asking that
# takes the time. Time stands still meanwhile, so that no key expires.
RUN_ALL = """
local function step(KEYS, ARGV)
%s
end
local said = {}
for number, key in ipairs(KEYS) do
  local quota, window, steps = string.match(ARGV[number], '^(%%d+) (%%d+)(.*)$')
  for now, cost in string.gmatch(steps, ' (%%d+) (%%d+)') do
    local answer = step({key}, {quota, window, cost, cost, 1, 0, 0, 0, 0, now})
    said[#said + 1] = string.format('%%.0f %%.0f %%.0f %%.0f %%.0f', unpack(answer))
  end
  redis.call('DEL', key)
end
return table.concat(said, ' ')
"""

Said = tuple[int, int, int, int, int]
"""Granted, remaining, bucket, reset and retry."""


@pytest.fixture(scope="module")
def client(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Any]:
    with RedisServer(tmp_path_factory.mktemp("redis")) as running:
        path = running.url.removeprefix("unix://")
        made = redis.Redis(unix_socket_path=path, protocol=2, socket_timeout=PATIENCE)
        yield made
        made.close()


class History:
    """Requests for one key, of which about every other one is refused."""

    def __init__(self, number: int, draw: random.Random) -> None:
        self.key = window_key("law", "policy", f"{number:032x}")
        self.quota = draw.choice((1, 2, 3, 7, 100, 1000, MOST - 1, MOST, draw.randint(1, MOST)))
        self.window = draw.choice((100, 101, 999, 1000, 60_000, DAY, draw.randint(100, DAY)))
        now = draw.randint(10**12, 2 * 10**12)
        # Some begin at the very edge of a bucket.
        now -= draw.choice((0, now % self.window, now % self.window - 1))
        most = max(1, self.quota // draw.choice((1, 3, 10, 50)))
        pace = draw.choice((self.window // 100, self.window // 10, self.window // 2)) + 1
        self.steps: list[tuple[int, int]] = []
        latest = now
        for _ in range(MANY_STEPS if number % 1000 == 0 else STEPS):
            chance = draw.random()
            if chance < 0.4:
                now += int(draw.random() * pace)
            elif chance < 0.5:
                now += 1
            elif chance < 0.55:
                # To the last or the first moment of a bucket, or beyond what still counts.
                now += self.window - now % self.window + draw.choice((-1, 0, 2 * self.window))
            elif chance < 0.65:
                # Back, as far as the gate still takes it for the same clock.
                bucket = latest - latest % self.window
                now -= int(draw.random() * draw.choice((10, pace, 2 * self.window)))
                now = max(now, bucket - max(self.window, BEHIND))
            latest = max(latest, now)
            cost = draw.random()
            if cost < 0.6:
                self.steps.append((now, int(cost / 0.6 * most) + 1))
            else:
                self.steps.append((now, 1 if cost < 0.8 else self.quota))

    def by_the_gate(self) -> list[Said]:
        """What the gate's law says."""
        window = (0, 0, 0)
        said: list[Said] = []
        for now, cost in self.steps:
            admitted, after, remaining, reset, retry = charge_window(
                self.quota, self.window, window, now, cost
            )
            said.append((cost if admitted else 0, remaining, after[0], reset, retry))
            if admitted:
                # Who is refused leaves no trace: should the clock go back, all is as it was.
                window = after
        return said

    def words(self) -> str:
        """As Redis is told."""
        steps = " ".join([f"{now} {cost}" for now, cost in self.steps])
        return f"{self.quota} {self.window} {steps}"


def by_redis(client: Any, histories: Sequence[History]) -> Iterator[list[Said]]:  # noqa: ANN401
    """What the script says, history by history."""
    keys = [history.key for history in histories]
    words = [history.words() for history in histories]
    script = RUN_ALL % ACQUIRE.text.decode()
    numbers = map(int, client.eval(script, len(keys), *keys, *words).split())
    answers = zip(numbers, numbers, numbers, numbers, numbers, strict=True)
    for history in histories:
        yield [next(answers) for _ in history.steps]
    assert next(answers, None) is None


def test_both_say_the_same(client: Any) -> None:  # noqa: ANN401
    admitted = refused = behind = 0
    for start in range(0, HISTORIES, TOGETHER):
        draw = random.Random(start)  # noqa: S311 - no secret
        numbers = range(start, min(start + TOGETHER, HISTORIES))
        histories = [History(number, draw) for number in numbers]
        for history, found in zip(histories, by_redis(client, histories), strict=True):
            expected = history.by_the_gate()
            assert found == expected, (history.key, history.quota, history.window, history.steps)
            for granted, _, _, reset, _ in found:
                admitted += granted > 0
                refused += granted == 0
                behind += reset > history.window
    # Every kind of answer was compared.
    assert min(admitted, refused) > HISTORIES
    assert behind > HISTORIES // 100
