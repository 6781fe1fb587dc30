from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any

import pytest

from pygateway.config import Redis
from pygateway.ratelimit import heartbeat, limiter
from pygateway.ratelimit.limiter import Acquire, Limiter, StorePolicy
from pygateway.ratelimit.script import Answer, window_key
from tests.ratelimit.gates import FakeGate, Funding, Needs
from tests.support.loops import in_thread, run, until
from tests.support.redis import RedisServer
from tests.support.resp import HEARTBEAT, RespServer, array

HOUR = 3_600_000
POLICIES = [StorePolicy("per-user", 100, HOUR), StorePolicy("per-ip", 10, HOUR)]
DIGEST = "0123456789abcdef" * 2


@pytest.fixture
def server(tmp_path: Path) -> Iterator[RedisServer]:
    with RedisServer(tmp_path) as running:
        yield running


def need(
    policy: int = 0,
    digest: str = DIGEST,
    *,
    quota: int | None = None,
    least: int = 1,
    want: int = 1,
    debt: tuple[int, int, int] = (0, 0, 0),
) -> Acquire:
    return (policy, digest, quota or POLICIES[policy].quota, least, want, *debt)


class Limiting:
    """A limiter, and how to ask it."""

    def __init__(self, settings: Redis, machine: str) -> None:
        self.gate = FakeGate()
        self.limiter: Limiter[str, Needs, Funding] = Limiter(settings, POLICIES, self.gate, machine)

    def ask(self, *acquires: Acquire) -> list[Funding]:
        """Ask; what comes is put into what is given."""
        found: list[Funding] = []
        needs = Needs(list(acquires))

        def callback(exchange: str, funding: Funding) -> None:
            assert exchange == "exchange"
            found.append(funding)

        self.limiter.acquire("exchange", needs, callback)
        assert not found
        return found

    async def answers(self, *acquires: Acquire) -> Funding:
        """Ask, and wait."""
        found = self.ask(*acquires)
        await until(lambda: found)
        await asyncio.sleep(0)
        (funding,) = found
        return funding

    async def answer(self, acquire: Acquire) -> Answer:
        """Ask for one, and wait; the store must answer."""
        (answer,) = await self.answers(acquire)
        assert answer is not None
        return answer


@contextlib.asynccontextmanager
async def limiting(
    url: str, machine: str = "a", *, timeout: float = 2.0, wait: bool = True
) -> AsyncIterator[Limiting]:
    made = Limiting(Redis(url=url, timeout=timeout), machine)
    made.limiter.start()
    try:
        if wait:
            await until(lambda: made.limiter.up)
        yield made
    finally:
        await made.limiter.close()


def test_everything_that_a_request_needs_is_asked_at_once(server: RedisServer) -> None:
    async def scenario() -> None:
        async with limiting(server.url) as made:
            before = time.time()
            first, second = await made.answers(need(0, least=2, want=2), need(1))
            assert first is not None
            assert second is not None
            assert (first.granted, first.remaining) == (2, 98)
            assert (second.granted, second.remaining) == (1, 9)
            ((sent, now),) = made.gate.times
            assert before <= sent <= now <= time.time()

    run(scenario())
    policies = {POLICIES[0].name, POLICIES[1].name}
    assert {
        bool(server.command("EXISTS", window_key("pygateway", each, DIGEST))) for each in policies
    } == {True}


def test_the_quota_is_that_of_the_key(server: RedisServer) -> None:
    async def scenario() -> None:
        async with limiting(server.url) as made:
            assert (await made.answer(need(0, quota=1000))).remaining == 999
            assert (await made.answer(need(0, quota=5, want=9))).granted == 2

    run(scenario())


def test_a_lease_leaves_something_for_every_gateway(server: RedisServer) -> None:
    async def scenario() -> None:
        async with limiting(server.url) as first:
            assert (await first.answer(need(want=90))).granted == 50
            async with limiting(server.url, "b") as second:
                assert second.gate.stores[-1][:2] == (True, 2)
                assert (await second.answer(need(want=90))).granted == 12
                # What must be had is not a lease.
                assert (await second.answer(need(least=20, want=20))).granted == 20
                await until(lambda: first.gate.stores[-1][1] == 2)

    run(scenario())


def test_what_was_admitted_without_the_store_is_charged(server: RedisServer) -> None:
    async def scenario() -> None:
        async with limiting(server.url) as made:
            bucket = (await made.answer(need())).bucket
            assert (await made.answer(need(debt=(bucket, 0, 39)))).remaining == 59

    run(scenario())


def test_what_is_given_back_is_there_again(server: RedisServer) -> None:
    async def scenario() -> None:
        async with limiting(server.url) as made:
            first = await made.answer(need(least=30, want=30))
            made.limiter.give_back([(0, DIGEST, 20, first.bucket), (0, DIGEST, 0, first.bucket)])
            assert (await made.answer(need())).remaining == 89
            assert made.limiter.statistics()["returned"] == 20

    run(scenario())


def test_leases_that_rested_are_given_back(
    server: RedisServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(limiter, "BEAT", 0.01)

    async def scenario() -> None:
        async with limiting(server.url) as made:
            first = await made.answer(need(least=30, want=30))
            made.gate.unused = [(0, DIGEST, 10, first.bucket)]
            await until(lambda: not made.gate.unused)
            assert (await made.answer(need())).remaining == 79
            server.kill()
            await until(lambda: not made.limiter.up)
            asked = made.gate.asked_for_leases
            await asyncio.sleep(0.05)
            assert made.gate.asked_for_leases == asked

    run(scenario())


def digests(count: int) -> list[str]:
    return [f"{number:032x}" for number in range(count)]


def test_what_is_given_back_leaves_room_for_those_who_ask(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(limiter, "BEAT", 0.01)

    async def scenario() -> None:
        async with RespServer(lambda _: HEARTBEAT) as fake, limiting(fake.url) as made:
            fake.reply = lambda _: None
            made.gate.unused = [(0, each, 1, 1) for each in digests(5000)]
            made.limiter.give_back([(1, each, 1, 1) for each in digests(5000)])
            before = made.gate.asked_for_leases
            made.ask(need())
            beats = 5
            await until(lambda: len(fake.commands) > limiter.MOST_AT_ONCE + beats)
            statistics = made.limiter.statistics()
            (node,) = statistics["nodes"]
            assert node["in_flight"] < limiter.MOST_AT_ONCE + 10 * beats
            assert node["refused"] == 0
            assert (statistics["returned"], statistics["lost"]) == (0, 0)
            assert made.gate.asked_for_leases == before

    run(scenario())


def test_much_is_given_back_beat_by_beat(
    server: RedisServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(limiter, "BEAT", 0.01)

    async def scenario() -> None:
        async with limiting(server.url) as made:
            made.gate.unused = [(0, each, 1, 1) for each in digests(5000)]
            made.limiter.give_back([(1, each, 1, 1) for each in digests(5000)])
            await until(lambda: made.limiter.statistics()["returned"] == 10_000)
            statistics = made.limiter.statistics()
            assert statistics["lost"] == statistics["nodes"][0]["refused"] == 0

    run(scenario())


def test_what_could_not_be_given_back_is_when_the_store_is_there_again(
    server: RedisServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(limiter, "MOST_OWED", 3)

    async def scenario() -> None:
        async with limiting(server.url) as made:
            bucket = (await made.answer(need(least=50, want=50))).bucket
            saved = await in_thread(server.saved)
            server.kill()
            await until(lambda: not made.limiter.up)
            made.limiter.give_back([(0, DIGEST, 0, bucket)] * 3)
            made.limiter.give_back([(0, DIGEST, 10, bucket)] * 4)
            assert made.limiter.statistics()["lost"] == 1
            await in_thread(server.start, saved)
            await until(lambda: made.limiter.up)
            assert (await made.answer(need())).remaining == 79

    run(scenario())


def charged(server: RedisServer, count: int) -> int:
    """What is charged for so many keys."""
    keys = [window_key("pygateway", POLICIES[0].name, each) for each in digests(count)]
    return sum(int(held.rpartition(b":")[2]) for held in server.command("MGET", *keys) if held)


def test_at_the_end_everything_is_given_back(server: RedisServer) -> None:
    count = 2500

    async def scenario() -> None:
        async with limiting(server.url) as made:
            needs = [need(digest=each, least=3, want=3) for each in digests(count)]
            answers = [answer for answer in await made.answers(*needs) if answer is not None]
            assert len(answers) == count
            refunds = [
                (0, digest, 2, answer.bucket)
                for digest, answer in zip(digests(count), answers, strict=True)
            ]
            # Some wait for their turn already when it ends.
            made.limiter.give_back(refunds[:1200])
            made.gate.unused = refunds[1200:]
            await made.limiter.settle()
            assert not made.gate.unused
            assert charged(server, count) == count
            await made.limiter.close()

    run(scenario())


def test_at_the_end_every_lease_is_looked_at_twice(server: RedisServer) -> None:
    async def scenario() -> None:
        async with limiting(server.url) as made:
            await made.limiter.settle()
            assert made.gate.asked_for_leases == 2
            await made.limiter.settle()

    run(scenario())


def test_at_the_end_a_store_that_hangs_is_not_waited_for(server: RedisServer) -> None:
    async def scenario() -> None:
        async with limiting(server.url, timeout=0.05) as made:
            server.hang()
            found = made.ask(need())
            made.gate.unused = [(0, each, 1, 1) for each in digests(5000)]
            before = time.monotonic()
            await made.limiter.settle()
            assert time.monotonic() - before < limiter.SETTLING
            # Who waited was told in time for its debt to be kept.
            assert found == [[None]]
            assert len(made.gate.unused) >= 4000

    run(scenario())


def test_who_waits_is_told_before_it_is_closed(server: RedisServer) -> None:
    async def scenario() -> None:
        async with limiting(server.url, timeout=10) as made:
            server.hang()
            found = made.ask(need(debt=(1, 2, 3)))
            unsent = made.ask(need(1), need(0))
            await asyncio.sleep(0)
            at_the_last_moment = made.ask(need(0))
            await made.limiter.close()
            assert found == at_the_last_moment == [[None]]
            assert unsent == [[None, None]]

    run(scenario())


def test_who_gives_up_is_told_what_the_gate_makes_of_nothing(server: RedisServer) -> None:
    async def scenario() -> None:
        async with limiting(server.url) as made:
            found: list[Funding] = []
            made.limiter.give_up(
                "exchange", Needs([need(0), need(1)]), lambda _, funding: found.append(funding)
            )
            assert not found
            await asyncio.sleep(0)
            assert found == [[None, None]]
            ((sent, now),) = made.gate.times
            assert sent == now
            assert made.limiter.statistics()["acquired"] == 0

    run(scenario())


def test_the_gate_knows_whether_the_store_is_there(server: RedisServer) -> None:
    async def scenario() -> None:
        async with limiting(server.url, wait=False) as made:
            assert made.gate.stores == [(False, 1, 0)]
            assert made.limiter.health() == {"status": "down", "detail": "not connected yet"}
            await until(lambda: made.gate.up)
            incarnation = made.gate.stores[-1][2]
            assert incarnation > 0
            assert made.limiter.health() == {"status": "up"}
            server.kill()
            await until(lambda: not made.gate.up)
            # How many there were, and which store it was, stays true until it is back.
            assert made.gate.stores[-1] == (False, 1, incarnation)
            health = made.limiter.health()
            assert health["status"] == "down"
            assert health["detail"]
            await in_thread(server.start)
            await until(lambda: made.gate.up)
            assert made.gate.stores[-1][2] != incarnation

    run(scenario())


def test_without_the_store_answers_are_none_at_once(server: RedisServer) -> None:
    async def scenario() -> None:
        async with limiting(server.url) as made:
            server.kill()
            await until(lambda: not made.limiter.up)
            assert await made.answers(need(0), need(1)) == [None, None]
            made.limiter.give_back([(0, DIGEST, 1, 1), (0, DIGEST, 0, 1)])
            statistics = made.limiter.statistics()
            assert (statistics["acquired"], statistics["unanswered"]) == (2, 2)
            assert statistics["returned"] == 0
            ((sent, now),) = made.gate.times
            assert sent == now

    run(scenario())


def test_a_decision_that_needs_nothing_is_made_again(server: RedisServer) -> None:
    async def scenario() -> None:
        async with limiting(server.url) as made:
            assert await made.answers() == []

    run(scenario())


def test_a_late_answer_is_undone_with_its_debt(server: RedisServer) -> None:
    async def scenario() -> None:
        async with limiting(server.url, timeout=0.1) as made:
            bucket = (await made.answer(need())).bucket
            server.hang()
            assert await made.answers(need(least=30, want=30, debt=(bucket, 7, 8))) == [None]
            server.go_on()
            await until(lambda: made.limiter.statistics()["late"] and made.limiter.up)
            assert (await made.answer(need())).remaining == 98

    run(scenario())


def test_answers_that_the_gate_cannot_use_are_none() -> None:
    async def scenario() -> None:
        loop = asyncio.get_running_loop()
        complaints: list[Any] = []
        loop.set_exception_handler(lambda _, context: complaints.append(context["exception"]))
        async with RespServer(lambda _: HEARTBEAT) as fake, limiting(fake.url) as made:
            assert await made.answers(need()) == [None]
            fake.reply = lambda _: array(1, 2, 3, 4, 5)
            assert await made.answers(need()) == [Answer(1, 2, 3, 4, 5)]
            made.gate.picky = True
            assert await made.answers(need()) == [None]
        assert [type(each) for each in complaints] == [TypeError]

    run(scenario())


def test_a_late_answer_that_is_none_of_ours_is_nothing() -> None:
    async def scenario() -> None:
        async with (
            RespServer(lambda _: HEARTBEAT) as fake,
            limiting(fake.url, timeout=0.05) as made,
        ):
            fake.reply = lambda _: None
            assert await made.answers(need()) == [None]
            fake.send(b"+OK\r\n")
            await until(lambda: made.limiter.statistics()["nodes"][0]["in_flight"] == 0)
            assert made.limiter.statistics()["late"] == 0

    run(scenario())


def test_a_gateway_beats_often_enough_to_live() -> None:
    assert 2 * heartbeat.BEAT * 1.1 < heartbeat.PATIENCE
