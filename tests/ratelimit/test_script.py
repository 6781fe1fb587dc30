"""The script that Redis runs, beside the law in plain Python."""

from __future__ import annotations

import os
import random
from collections.abc import Iterator
from typing import Any

import pytest
import redis
from redis.crc import key_slot

from pygateway.ratelimit.script import (
    ACQUIRE,
    HEARTBEAT,
    Answer,
    acquire,
    give_back,
    heartbeat,
    read,
    window_key,
    with_text,
)
from tests.ratelimit.model import MOST, Model
from tests.support.patience import PATIENCE
from tests.support.redis import RedisServer

HISTORIES = int(os.environ.get("PYGATEWAY_HISTORIES", "1000"))
"""Random histories that are compared; each has some 20 steps."""

STEPS = 20
DAY = 86_400_000
DIGEST = "0123456789abcdef" * 2


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RedisServer]:
    with RedisServer(tmp_path_factory.mktemp("redis")) as running:
        yield running


@pytest.fixture(scope="module")
def client(server: RedisServer) -> Iterator[redis.Redis]:
    path = server.url.removeprefix("unix://")
    made = redis.Redis(unix_socket_path=path, protocol=2, socket_timeout=PATIENCE)
    yield made
    made.close()


class History:
    """Steps on one key whose windows, clocks and costs have been drawn together."""

    def __init__(self, number: int) -> None:
        draw = random.Random(number)  # noqa: S311 - no secret
        self._draw = draw
        self.key = window_key("test", "policy", f"{number:032x}")
        self.quota = draw.choice((1, 2, 3, 10, 100, 5000, MOST, draw.randint(1, MOST)))
        self.window = draw.choice((100, 101, 1000, 60_000, DAY, draw.randint(100, DAY)))
        self.now = draw.randint(10**12, 2 * 10**12)
        self.steps = [self._step() for _ in range(STEPS)]

    def _step(self) -> tuple[int, list[int]]:
        draw, window = self._draw, self.window
        self.now += draw.choice(
            (0, 1, draw.randint(0, window // 3), draw.randint(0, 3 * window), -draw.randint(0, 9))
        )
        if draw.random() < 0.03:
            # Another server takes over, whose clock is behind.
            self.now -= draw.randint(0, 3 * window)
        bucket = self.now // window + draw.choice((0, 0, 0, -1, -1, -2, 1, 3))
        # A quota is another one after a reload, or for another tier.
        quota = self.quota if draw.random() < 0.9 else draw.randint(1, self.quota)
        most = max(1, quota // draw.choice((1, 2, 5, 20)))
        if draw.random() < 0.2:
            return self.now, [quota, window, -draw.randint(1, most), 0, 1, 0, 0, 0, bucket]
        least = draw.choice((0, 1, 1, draw.randint(1, most), quota))
        want = max(1, least, draw.choice((least, draw.randint(1, most))))
        debts = (draw.randint(0, most), draw.randint(0, most)) if draw.random() < 0.2 else (0, 0)
        divisor = draw.choice((1, 2, 4, 20))
        return self.now, [quota, window, want, least, divisor, bucket, *debts, 0]


def do(client: Any, *words: Any) -> Any:  # noqa: ANN401 - the library's own types are none
    return client.execute_command(*words)


def answers(client: redis.Redis, histories: list[History]) -> list[list[list[int]]]:
    """What the script says. Time stands still in a transaction, so that no key expires in one."""
    pipeline: Any = client.pipeline(transaction=False)
    for history in histories:
        pipeline.execute_command("MULTI")
        for now, arguments in history.steps:
            pipeline.execute_command("EVALSHA", ACQUIRE.digest, 1, history.key, *arguments, now)
        pipeline.execute_command("DEL", history.key)
        pipeline.execute_command("EXEC")
    replies = pipeline.execute()
    whole = [reply for reply in replies if isinstance(reply, list)]
    return [reply[:-1] for reply in whole]


def test_the_script_is_the_law(client: redis.Redis) -> None:
    client.script_load(ACQUIRE.text)
    granted = refused = 0
    for start in range(0, HISTORIES, 250):
        histories = [History(number) for number in range(start, min(start + 250, HISTORIES))]
        said = answers(client, histories)
        assert len(said) == len(histories)
        for history, found in zip(histories, said, strict=True):
            model = Model()
            expected = [model.step(now, list(step)) for now, step in history.steps]
            assert found == expected, (history.steps, found, expected)
            granted += sum(answer[0] > 0 for answer in found)
            refused += sum(answer[4] > 0 for answer in found)
    assert granted > HISTORIES
    assert refused > HISTORIES


def run(client: redis.Redis, *words: Any) -> list[int]:  # noqa: ANN401
    answer: list[int] = do(client, *with_text(words))
    return answer


def test_the_clock_of_redis_counts(client: redis.Redis) -> None:
    key = window_key("test", "clock", DIGEST)
    before = int(client.time()[0]) * 1000
    first = Answer(*run(client, *acquire(key, 10, DAY, 3, 1, 1, 0, 0, 0)))
    after = (int(client.time()[0]) + 1) * 1000
    assert (first.granted, first.remaining, first.retry_ms) == (3, 7, 0)
    assert before <= first.bucket * DAY + (DAY - first.reset_ms) <= after


def test_what_is_given_back_can_be_acquired_again(client: redis.Redis) -> None:
    key = window_key("test", "returned", DIGEST)
    first = Answer(*run(client, *acquire(key, 10, DAY, 10, 1, 1, 0, 0, 0)))
    second = Answer(*run(client, *acquire(key, 10, DAY, 1, 1, 1, 0, 0, 0)))
    assert (first.granted, second.granted) == (10, 0)
    assert second.retry_ms > 0
    assert run(client, *give_back(key, 10, DAY, 4, first.bucket))[1] == 4
    assert run(client, *acquire(key, 10, DAY, 9, 1, 2, 0, 0, 0))[:2] == [2, 2]


def test_keys_live_for_two_windows_from_the_last_write(client: redis.Redis) -> None:
    key = window_key("test", "life", DIGEST)
    run(client, *acquire(key, 1, 60_000, 1, 1, 1, 0, 0, 0))
    assert 119_000 < client.pttl(key) <= 120_000
    client.pexpire(key, 1000)
    assert run(client, *acquire(key, 1, 60_000, 1, 1, 1, 0, 0, 0))[0] == 0
    assert client.pttl(key) <= 1000


def test_giving_back_to_a_window_that_is_gone_makes_none(client: redis.Redis) -> None:
    key = window_key("test", "gone", DIGEST)
    run(client, *give_back(key, 10, 60_000, 4, 12))
    assert not client.exists(key)


def at(client: redis.Redis, now: int, *words: Any) -> Answer:  # noqa: ANN401
    """Do it at a time; of a command that says no debt, that is the last of ten words."""
    padded = (*words, *(0,) * (13 - len(words)), now)
    return Answer(*run(client, *padded))


def test_a_clock_that_is_behind_waits_for_the_bucket_that_was_charged_too(
    client: redis.Redis,
) -> None:
    key = window_key("test", "behind", DIGEST)
    later = acquire(key, 10, 60_000, 10, 1, 1, 0, 0, 0)
    assert at(client, 60_000 * 1000, *later) == (10, 0, 1000, 60_000, 66_000)
    # A fail-over to a server whose clock is 90 seconds behind.
    found = at(client, 60_000 * 1000 - 90_000, *later)
    assert found == (0, 0, 1000, 150_000, 156_000)
    # The bucket before it counts as at that bucket's beginning.
    assert at(client, 60_000 * 1001, *later)[:2] == (0, 0)
    assert at(client, 60_000 * 1001 + 6_000, *later) == (1, 0, 1001, 54_000, 6_000)
    found = at(client, 60_000 * 1001 - 1, *later)
    assert found == (0, 0, 1001, 60_001, 12_001)


def test_what_a_clock_that_is_ahead_has_charged_counts_now(client: redis.Redis) -> None:
    for number, ahead in enumerate((1, 2, 7)):
        key = window_key("test", f"ahead{number}", DIGEST)
        debt = acquire(key, 10, 60_000, 1, 1, 1, 1000 + ahead, 2, 3)
        assert at(client, 60_000 * 1000, *debt)[:3] == (1, 4, 1000)
        returned = give_back(key, 10, 60_000, 4, 1000 + ahead)
        assert at(client, 60_000 * 1000, *returned)[:3] == (0, 8, 1000)


@pytest.mark.parametrize("value", ["", "x", "1:2", "1:2:-3", "1:2:3:4", "1e3:1:1"])
def test_what_cannot_be_read_counts_nothing(client: redis.Redis, value: str) -> None:
    key = window_key("test", "strange", DIGEST)
    client.set(key, value)
    assert run(client, *acquire(key, 10, DAY, 3, 1, 1, 0, 0, 0))[:2] == [3, 7]


def test_windows_of_one_key_share_a_slot_and_others_do_not() -> None:
    def slot(policy: str, digest: str) -> int:
        return key_slot(window_key("pygateway", policy, digest).encode())

    assert slot("per-user", DIGEST) == slot("per-ip", DIGEST) == key_slot(DIGEST.encode())
    assert len({slot("per-user", f"{number:032x}") for number in range(100)}) > 90


def test_the_heartbeat_counts_the_living(client: redis.Redis) -> None:
    first = do(client, *with_text(heartbeat("beat", "a", 7, 60_000)))
    again = do(client, *with_text(heartbeat("beat", "a", 8, 60_000)))
    other = do(client, *with_text(heartbeat("beat", "b", 9, 60_000)))
    assert [first, again, other] == [[1, b"7"], [1, b"7"], [2, b"7"]]
    assert client.pttl("{beat}:live") > 59_000
    assert client.pttl("{beat}:incarnation") > 172_000_000
    seconds, _ = client.time()
    client.zadd("{beat}:live", {"a": int(seconds) * 1000 - 60_001})
    assert do(client, *with_text(heartbeat("beat", "b", 9, 60_000)))[0] == 1


def test_a_script_is_named_by_what_it_says(client: redis.Redis) -> None:
    for script in (ACQUIRE, HEARTBEAT):
        assert client.script_load(script.text).encode() == script.digest
        assert b"--" not in script.text


@pytest.mark.parametrize("reply", [None, b"OK", 1, [], [1, 2, 3, 4], [1, 2, 3, 4, 5, 6], (1,) * 5])
def test_another_answer_is_none(reply: object) -> None:
    assert read(reply) is None
    assert read([1, 2, 3, 4, 5]) == Answer(1, 2, 3, 4, 5)
