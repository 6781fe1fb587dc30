"""One mishap at a time; `test_schedules.py` mixes them."""

from __future__ import annotations

import asyncio
import time
from pathlib import Path

import pytest

from pygateway.revocation import shared
from pygateway.revocation.entry import target_text
from pygateway.revocation.feed import make_feed
from pygateway.revocation.shared import LATEST, SharedRevocations
from pygateway.store.redis import connect
from tests.revocation.gateways import config, eventually, jti, register, run, sub, union
from tests.revocation.test_schedules import Reader
from tests.support.redis import RedisServer

HASH = "{pygateway:revocations}:entries"
STREAM = "{pygateway:revocations}:stream"


@pytest.fixture
def server(tmp_path: Path) -> RedisServer:
    return RedisServer(tmp_path)


def test_what_one_revokes_the_other_holds_by_a_message_alone(server: RedisServer) -> None:
    async def scenario() -> None:
        settings = config(server.url)
        async with register(settings) as one, register(settings) as other:
            looks = other.statistics()["redis"]["looks"]
            await one.take([jti("a")])
            assert await one.publish([jti("a")]) is None
            await eventually(lambda: other.held() == [jti("a")], other.statistics)
            assert other.statistics()["redis"]["looks"] == looks == 1

    with server:
        run(scenario)


def test_publishing_again_tells_nobody(server: RedisServer) -> None:
    async def scenario() -> None:
        async with register(config(server.url)) as one:
            for _ in range(3):
                await one.publish([jti("a"), sub("b", 5.0), sub("b", 4.0)])
            assert server.command("XLEN", STREAM) == 2
            await one.publish([sub("b", 5.5)])
            assert server.command("XLEN", STREAM) == 3

    with server:
        run(scenario)


def test_times_reach_the_others_unrounded(server: RedisServer) -> None:
    entry = sub("a", 1795475005.3266807, 1798067065.3266809)

    async def scenario() -> None:
        async with register(config(server.url)) as one, register(config(server.url)) as other:
            await one.publish([entry])
            await eventually(lambda: other.held() == [entry], other.statistics)

    with server:
        run(scenario)


def test_what_was_revoked_while_redis_was_away_is_told_on_its_return(server: RedisServer) -> None:
    async def scenario() -> None:
        settings = config(server.url)
        async with register(settings) as one, register(settings) as other:
            server.kill()
            await one.take([jti("a")])
            assert await one.publish([jti("a")]) is not None
            server.start()
            await eventually(lambda: other.held() == [jti("a")], other.statistics)

    with server:
        run(scenario)


def test_an_emptied_redis_is_filled_again(server: RedisServer) -> None:
    async def scenario() -> None:
        async with register(config(server.url)) as one:
            await one.take([jti("a")])
            await one.publish([jti("a")])
            server.command("FLUSHALL")
            await eventually(lambda: server.command("HLEN", HASH) == 2, one.statistics)

    with server:
        run(scenario)


def test_what_was_written_between_two_losses_returns(server: RedisServer) -> None:
    """Both losses leave the same empty place; whoever wrote in between has to notice."""

    async def scenario() -> None:
        async with register(config(server.url)) as one:
            server.command("FLUSHALL")
            await eventually(lambda: server.command("HLEN", HASH) == 1, one.statistics)
            await one.take([jti("a")])
            await one.publish([jti("a")])
            server.command("FLUSHALL")
            await eventually(lambda: server.command("HLEN", HASH) == 2, one.statistics)

    with server:
        run(scenario)


def test_whoever_was_away_for_more_than_the_stream_holds_reads_everything(
    server: RedisServer,
) -> None:
    async def scenario() -> None:
        async with register(config(server.url, entries=10_000)) as one:
            await one.publish([jti("before")])
            server.drop_clients()
            settings = config(server.url).redis
            assert settings is not None
            publisher = SharedRevocations(connect(settings), "pygateway")
            for number in range(50):
                await publisher.publish([jti(str(number))])
            server.command("XTRIM", STREAM, "MAXLEN", 1)
            await eventually(lambda: len(one) == 51, one.statistics)
            await publisher.close()

    with server:
        run(scenario)


# Two publications and a trimming in one step: the follower sees the second message alone.
LOSING = f"""
local function publish(KEYS, ARGV) {shared._PUBLISH} end
publish(KEYS, {{'n1', 1000, ARGV[1], '0.0', '9e9'}})
publish(KEYS, {{'n2', 1000, ARGV[2], '0.0', '9e9'}})
redis.call('XTRIM', KEYS[2], 'MAXLEN', 1)
"""


def test_a_message_that_was_trimmed_away_is_missed(server: RedisServer) -> None:
    async def scenario() -> None:
        async with register(config(server.url)) as one:
            server.command("EVAL", LOSING, 2, HASH, STREAM, *map(target_text, targets))
            await eventually(lambda: len(one) == 2, one.statistics)
            assert one.statistics()["redis"]["looks"] == 2

    targets = [jti("first").target, jti("second").target]
    with server:
        run(scenario)


def test_many_entries_are_read_and_written_in_batches(server: RedisServer) -> None:
    many = [jti(str(number)) for number in range(3 * LATEST)]

    async def scenario() -> None:
        settings = config(server.url, entries=10_000)
        async with register(settings) as one:
            await one.take(many)
            await one.publish(many)
            async with register(settings) as other:
                assert union(other.held()) == union(many)

    with server:
        run(scenario)


def test_what_has_expired_is_cleared_away(server: RedisServer) -> None:
    async def scenario() -> None:
        async with register(config(server.url)) as one:
            await one.publish([jti("old", expires=time.time() - 10), jti("new")])
        async with register(config(server.url)) as other:
            await eventually(lambda: server.command("HLEN", HASH) == 2, other.statistics)
            assert other.held() == [jti("new")]

    with server:
        run(scenario)


def test_a_hung_redis_makes_stale_and_its_return_fresh(server: RedisServer) -> None:
    async def scenario() -> None:
        settings = config(server.url)
        reader = Reader()
        feed = make_feed(settings, reader)
        assert feed is not None
        feed.start()
        assert await feed.looked(10.0)
        assert feed.statistics()["connected"]
        server.hang()
        await eventually(lambda: not feed.statistics()["connected"], feed.statistics)
        before = reader.fresh_until
        server.go_on()
        await eventually(lambda: feed.statistics()["connected"], feed.statistics)
        assert reader.fresh_until > before
        assert feed.statistics()["failures"] >= 1
        await feed.close()

    with server:
        run(scenario)


def test_silence_keeps_it_fresh(server: RedisServer) -> None:
    async def scenario() -> None:
        reader = Reader()
        feed = make_feed(config(server.url), reader)
        assert feed is not None
        feed.start()
        await feed.looked(10.0)
        before = reader.fresh_until
        await eventually(lambda: reader.fresh_until > before, feed.statistics)
        assert feed.statistics()["looks"] == 1
        await feed.close()

    with server:
        run(scenario)


@pytest.mark.parametrize(
    "commands",
    [
        [("HSET", HASH, "not a target", "1 2")],
        [("HSET", HASH, '["jti",null,"a"]', "ü")],
        [("HSET", HASH, "head", "ü")],
        [("SET", HASH, "of another type")],
        [("XADD", STREAM, "*", "changes", "[]"), ("HSET", HASH, "head", "1-1 x")],
    ],
)
def test_what_is_none_of_ours_is_a_problem_that_is_named(
    server: RedisServer, commands: list[tuple[str, ...]]
) -> None:
    async def scenario() -> None:
        async with register(config(server.url)) as one:
            for command in commands:
                server.command(*command)
            server.drop_clients()
            await eventually(lambda: not one.statistics()["redis"]["connected"], one.statistics)
            assert one.statistics()["redis"]["problem"]
            server.command("FLUSHALL")
            await eventually(lambda: one.statistics()["redis"]["connected"], one.statistics)

    with server:
        run(scenario)


def test_one_who_has_no_room_is_not_fresh_and_says_so(server: RedisServer) -> None:
    async def scenario() -> None:
        async with register(config(server.url, entries=10)) as one:
            many = [jti(str(number)) for number in range(5)]
            await one.take(many)
            await one.publish(many)
            async with register(config(server.url, entries=3)) as small:
                await asyncio.sleep(0)
                feed = small.statistics()["redis"]
                assert not feed["connected"]
                assert "no room for more than 3 revocations" in feed["problem"]
                assert small.fresh_until == 0.0

    with server:
        run(scenario)


def test_gateways_with_other_prefixes_share_nothing(server: RedisServer) -> None:
    async def scenario() -> None:
        async with register(config(server.url)) as one:
            settings = config(server.url).redis
            assert settings is not None
            other = SharedRevocations(connect(settings), "other")
            await other.publish([jti("theirs")])
            await one.publish([jti("ours")])
            await eventually(lambda: one.held() == [jti("ours")], one.statistics)
            await other.close()

    with server:
        run(scenario)


def test_without_providers_or_redis_nobody_is_followed() -> None:
    assert make_feed(config(), Reader()) is None
