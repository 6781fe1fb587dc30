"""One server, real wherever it can be: what is asked of it, and how it fails and comes back."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import structlog
from redis.asyncio.connection import AbstractConnection

from pygateway.ratelimit import script
from pygateway.ratelimit.link import AWAY, MOST_IN_FLIGHT, TOO_MANY
from pygateway.store.store import StoreUnavailable
from tests.ratelimit.askers import DIGEST, Asked, asking
from tests.support.certificates import Authority
from tests.support.loops import in_thread, run, until
from tests.support.redis import RedisServer, free_port
from tests.support.resp import GRANTED, HEARTBEAT, Command, RespServer


@pytest.fixture
def server(tmp_path: Path) -> Iterator[RedisServer]:
    with RedisServer(tmp_path) as running:
        yield running


def reads_of(server: RedisServer) -> int:
    """How often the server has read something, but for the question itself."""
    count: int = server.command("INFO", "stats")["total_reads_processed"]
    return count


class TestAnswers:
    def test_an_acquire_is_answered(self, server: RedisServer) -> None:
        async def scenario() -> None:
            async with asking(server.url) as asked:
                before = time.time()
                first = await asked.told(want=4)
                assert before <= first.sent <= time.time()
                assert first.answer[:2] == (4, 6)
                assert (await asked.told(want=9, least=9)).answer.granted == 0

        run(scenario())

    def test_answers_belong_to_their_questions(self, server: RedisServer) -> None:
        async def scenario() -> None:
            async with asking(server.url) as asked:
                turns = []
                for turn in range(20):
                    for number in range(turn):
                        quota = 1 + turn * 100 + number
                        turns.append((quota, asked.ask(f"{quota:032x}", quota=quota)))
                    await asyncio.sleep(0)
                await until(lambda: all(each.told for _, each in turns))
                assert all(each.answer[:2] == (1, quota - 1) for quota, each in turns)

        run(scenario())

    def test_what_is_asked_in_one_turn_is_one_write(self, server: RedisServer) -> None:
        async def scenario() -> None:
            async with asking(server.url) as asked:
                await asked.told()
                writes, reads = asked.link.statistics()["writes"], reads_of(server)
                many = [asked.ask(f"{number:032x}") for number in range(100)]
                await until(lambda: all(each.told for each in many))
                assert asked.link.statistics()["writes"] == writes + 1
                # 100 commands are more than the server reads at once, which is 16 KiB.
                assert reads_of(server) - reads < 10

        run(scenario())

    def test_an_answer_in_pieces_is_put_together(self) -> None:
        async def scenario() -> None:
            async with RespServer(lambda _: HEARTBEAT) as fake, asking(fake.url) as asked:
                fake.reply = lambda _: None
                first, second = asked.ask(), asked.ask()
                await until(lambda: len(fake.commands) >= 3)
                for position in range(2 * len(GRANTED)):
                    fake.send((2 * GRANTED)[position : position + 1])
                    await asyncio.sleep(0)
                await until(lambda: second.told)
                assert first.answer == second.answer == (1, 9, 28_000_000, 60_000, 0)

        run(scenario())

    def test_an_asker_that_fails_keeps_no_other_from_its_answer(self, server: RedisServer) -> None:
        class Broken(Asked):
            def answered(self, reply: Any, sent: float) -> None:  # noqa: ANN401
                raise KeyError(reply)

        async def scenario() -> None:
            loop = asyncio.get_running_loop()
            complaints: list[dict[str, Any]] = []
            loop.set_exception_handler(lambda _, context: complaints.append(context))
            async with asking(server.url) as asked:
                asked.link.submit((b"PING",), Broken())
                assert (await asked.told()).answer.granted == 1
            (complaint,) = complaints
            assert isinstance(complaint["exception"], KeyError)

        run(scenario())


class TestScripts:
    def test_a_script_that_redis_has_forgotten_is_sent(self, server: RedisServer) -> None:
        async def scenario() -> None:
            async with asking(server.url) as asked:
                await asked.told()
                await in_thread(server.command, "SCRIPT", "FLUSH")
                many = [asked.ask() for _ in range(5)]
                await until(lambda: all(each.told for each in many))
                assert [each.answer.granted for each in many] == [1] * 5
                assert asked.link.up
                repeated = asked.link.statistics()["repeated"]
                await asked.told()
                assert asked.link.statistics()["repeated"] == repeated

        run(scenario())

    def test_a_user_needs_no_right_to_load_scripts(self, server: RedisServer) -> None:
        rights = "+evalsha +eval +time +get +set +zadd +zremrangebyscore +zcard +pexpire"
        keys = "~pygateway:window:* ~{pygateway:gateways*"
        server.command("ACL", "SETUSER", "ann", "on", ">secret", *keys.split(), *rights.split())
        server.command("ACL", "SETUSER", "default", "-@all", "+ping")

        async def scenario() -> None:
            async with asking(server.url, username="ann", password="secret") as asked:  # noqa: S106
                assert (await asked.told()).answer.granted == 1

        run(scenario())

    def test_a_server_that_never_learns_the_script(self) -> None:
        def forgetful(command: Command) -> bytes:
            known = command[0] == b"EVALSHA" and command[1] == script.HEARTBEAT.digest
            return HEARTBEAT if known else b"-NOSCRIPT No matching script.\r\n"

        async def scenario() -> None:
            async with RespServer(forgetful) as fake, asking(fake.url) as asked:
                first = await asked.told()
                assert first.error == "NOSCRIPT No matching script."
                assert [command[0] for command in fake.commands[-2:]] == [b"EVALSHA", b"EVAL"]
                assert asked.link.statistics()["errors"] == {"NOSCRIPT": 1}

        run(scenario())


class TestDeadline:
    def test_a_hung_server_costs_the_deadline_and_then_nothing(self, server: RedisServer) -> None:
        async def scenario() -> None:
            async with asking(server.url, timeout=0.05) as asked:
                await asked.told()
                server.hang()
                begun = time.perf_counter()
                first = await asked.told()
                waited = time.perf_counter() - begun
                assert first.error == "no answer in time"
                assert waited >= 0.05
                await until(lambda: not asked.up)
                assert asked.link.statistics()["problem"] == "no answer in time"
                begun = time.perf_counter()
                refused = await asked.told()
                assert refused.errors == [AWAY]
                server.go_on()
                await until(lambda: asked.up)
                # What it was asked while it hung is done by then.
                assert first.late_replies[0][0] == 1
                assert (await asked.told()).answer.remaining == 7

        run(scenario())

    def test_the_breaker_opens_within_a_second_without_further_requests(
        self, server: RedisServer
    ) -> None:
        async def scenario() -> float:
            async with asking(server.url, timeout=0.05) as asked:
                server.hang()
                begun = time.perf_counter()
                asked.ask()
                await until(lambda: not asked.up)
                opened = time.perf_counter() - begun
                server.go_on()
                return opened

        with structlog.testing.capture_logs() as logs:
            assert run(scenario()) < 1.0
        (line,) = logs
        assert line["event"] == "rate limit store is away"
        assert line["detail"] == "no answer in time"

    def test_a_process_that_was_kept_from_running_blames_nobody(self, server: RedisServer) -> None:
        async def scenario() -> None:
            async with asking(server.url, timeout=0.05) as asked:
                # The script is known from here on.
                await asked.told("f" * 32)
                first = asked.ask()
                # One turn to write it, before anything is read.
                await asyncio.sleep(0)
                end = time.monotonic() + 0.1
                key = script.window_key("pygateway", "policy", DIGEST)
                # The loop stands still until the deadline has passed and the answer has come.
                while not server.command("EXISTS", key) or time.monotonic() < end:
                    pass
                await until(lambda: first.told)
                assert first.answer.granted == 1

        run(scenario())

    def test_one_late_batch_is_no_reason_to_leave(self) -> None:
        async def scenario() -> None:
            async with (
                RespServer(lambda _: HEARTBEAT) as fake,
                asking(fake.url, timeout=0.1) as asked,
            ):
                # The answer comes only with that of the heartbeat that asks what is the matter.
                answers = iter((None, GRANTED + HEARTBEAT))
                fake.reply = lambda _: next(answers, HEARTBEAT)
                first = await asked.told()
                await until(lambda: first.late_replies)
                await until(lambda: asked.link.statistics()["in_flight"] == 0)
                assert asked.up
                assert (await asked.told()).replies
                assert fake.connections == 1

        run(scenario())

    def test_a_deaf_connection_is_replaced(self) -> None:
        async def scenario() -> None:
            async with (
                RespServer(lambda _: HEARTBEAT) as fake,
                asking(fake.url, timeout=0.02) as asked,
            ):
                fake.reply = lambda _: HEARTBEAT if fake.connections > 1 else None
                first = await asked.told()
                await until(lambda: not asked.up)
                await until(lambda: asked.up)
                assert fake.connections == 2
                assert not first.late_replies

        run(scenario())

    def test_no_more_are_under_way_than_may_be(self) -> None:
        async def scenario() -> None:
            async with RespServer(lambda _: HEARTBEAT) as fake, asking(fake.url) as asked:
                fake.reply = lambda _: None
                many = [asked.ask() for _ in range(MOST_IN_FLIGHT + 5)]
                await asyncio.sleep(0)
                await asyncio.sleep(0)
                assert [each.errors for each in many[-6:]] == [[]] + 5 * [[TOO_MANY]]
                another = await asked.told()
                assert another.errors == [TOO_MANY]
                assert asked.up

        run(scenario())


class TestConnection:
    def test_a_connection_that_is_cut_fails_what_is_under_way(self) -> None:
        async def scenario() -> None:
            async with RespServer(lambda _: HEARTBEAT) as fake, asking(fake.url) as asked:
                fake.reply = lambda _: None
                many = [asked.ask() for _ in range(10)]
                await until(lambda: len(fake.commands) >= 10)
                fake.reply = lambda _: HEARTBEAT
                fake.send(3 * GRANTED)
                fake.drop()
                await until(lambda: all(each.told for each in many))
                assert [len(each.replies) for each in many] in ([1] * 3 + [0] * 7, [0] * 10)
                assert not asked.up
                await until(lambda: asked.up)
                assert (await asked.told()).replies

        run(scenario())

    def test_whoever_asks_again_when_it_is_cut_is_told_again(self) -> None:
        async def scenario() -> None:
            async with RespServer(lambda _: HEARTBEAT) as fake, asking(fake.url) as asked:
                again: list[Asked] = []

                class Stubborn(Asked):
                    def unanswered(self, error: StoreUnavailable) -> None:
                        super().unanswered(error)
                        again.append(asked.ask())

                fake.reply = lambda _: None
                asked.link.submit((b"PING",), Stubborn())
                await until(lambda: [b"PING"] in fake.commands)
                fake.drop()
                await until(lambda: again and again[0].told)
                assert again[0].errors == [AWAY]

        run(scenario())

    def test_a_mistake_of_ours_is_no_reason_to_stay_away(
        self, server: RedisServer, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        connect = AbstractConnection.connect
        failures = [KeyError("x")]

        async def mistaken(self: AbstractConnection) -> None:
            if failures:
                raise failures.pop()
            await connect(self)  # type: ignore[no-untyped-call]

        monkeypatch.setattr(AbstractConnection, "connect", mistaken)

        async def scenario() -> None:
            async with asking(server.url) as asked:
                assert (await asked.told()).answer.granted == 1

        with structlog.testing.capture_logs() as logs:
            run(scenario())
        assert [line["event"] for line in logs] == [
            "internal error",
            "rate limit store is away",
            "rate limit store is back",
        ]

    def test_a_restart_is_noticed_at_once_and_forgotten_soon(self, server: RedisServer) -> None:
        async def scenario() -> None:
            async with asking(server.url) as asked:
                await asked.told(want=7)
                incarnation = asked.link.heartbeat.incarnation
                server.kill()
                await until(lambda: not asked.up)
                assert (await asked.told()).errors == [AWAY]
                await in_thread(server.start)
                await until(lambda: asked.up)
                assert asked.link.heartbeat.incarnation != incarnation
                assert (await asked.told()).answer.remaining == 9
                assert asked.link.problem is None

        with structlog.testing.capture_logs() as logs:
            run(scenario())
        events = [line["event"] for line in logs]
        assert events == ["rate limit store is away", "rate limit store is back"]

    def test_one_that_is_not_there_yet(self, tmp_path: Path) -> None:
        server = RedisServer(tmp_path)

        async def scenario() -> None:
            async with asking(server.url, wait=False) as asked:
                assert (await asked.told()).errors == [AWAY]
                await until(lambda: asked.link.problem != "not connected yet")
                await in_thread(server.start)
                await until(lambda: asked.up)

        with structlog.testing.capture_logs() as logs:
            try:
                run(scenario())
            finally:
                server.kill()
        assert len(logs) == 2

    def test_a_server_that_is_connected_and_closed_while_it_connects(self) -> None:
        async def scenario() -> None:
            async with RespServer(lambda _: None) as silent:
                async with asking(silent.url, wait=False) as asked:
                    await until(lambda: silent.connections)
                assert not asked.up

        run(scenario())

    def test_whoever_waits_when_it_closes_is_told(self) -> None:
        async def scenario() -> None:
            async with RespServer(lambda _: HEARTBEAT) as fake:
                async with asking(fake.url) as asked:
                    fake.reply = lambda _: None
                    first = asked.ask()
                    await until(lambda: len(fake.commands) >= 2)
                await until(lambda: first.told)
                assert first.error == "the gateway closes"

        run(scenario())

    @pytest.mark.parametrize("data", [b"?what\r\n", 5 * GRANTED])
    def test_one_that_speaks_no_sense_is_left(self, data: bytes) -> None:
        async def scenario() -> None:
            async with RespServer(lambda _: HEARTBEAT) as fake, asking(fake.url) as asked:
                fake.send(data)
                await until(lambda: not asked.up)
                assert asked.link.problem is not None
                assert asked.link.problem.startswith("not what Redis says")
                await until(lambda: asked.up)
                assert fake.connections == 2

        run(scenario())

    def test_tcp_a_user_and_a_database(self, tmp_path: Path) -> None:
        with RedisServer(tmp_path, port=free_port()) as server:
            server.command("ACL", "SETUSER", "ann", "on", ">secret", "+@all", "~*")

            async def scenario() -> None:
                url = f"redis://ann:secret@127.0.0.1:{server.port}/3"
                async with asking(url) as asked:
                    assert (await asked.told()).answer.granted == 1
                wrong = url.replace("secret", "other")
                async with asking(wrong, wait=False) as asked:
                    await until(lambda: "username-password" in (asked.link.problem or ""))

            run(scenario())
            assert set(server.command("INFO", "keyspace")) == {"db3"}

    def test_tls_trusts_the_given_authority_alone(
        self, server: RedisServer, tmp_path: Path
    ) -> None:
        from tests.store.test_redis import Relay

        authority = Authority(tmp_path)

        async def scenario() -> None:
            relay = Relay(server.url.removeprefix("unix://"))
            context = authority.server("127.0.0.1")
            listener = await asyncio.start_server(relay.serve, "127.0.0.1", 0, ssl=context)
            url = f"rediss://127.0.0.1:{listener.sockets[0].getsockname()[1]}/0"
            async with asking(url, ca_file=str(authority.file)) as asked:
                assert (await asked.told()).answer.granted == 1
                many = [asked.ask() for _ in range(50)]
                await until(lambda: all(each.replies for each in many))
            async with asking(url, wait=False) as asked:
                await until(lambda: "certificate" in (asked.link.problem or ""))
            listener.close()
            await until(lambda: len(asyncio.all_tasks()) == 1)

        run(scenario())


def refusing(text: bytes) -> Callable[[Command], bytes]:
    return lambda _: b"-" + text + b"\r\n"


class TestRefusals:
    @pytest.mark.parametrize(
        "text",
        [
            b"LOADING Redis is loading the dataset in memory",
            b"MASTERDOWN Link with MASTER is down",
            b"BUSY Redis is busy running a script",
            b"NOPERM this user has no permissions",
            b"MISCONF Redis is configured to save RDB snapshots",
            b"READONLY You can't write against a read only replica.",
            b"NOAUTH Authentication required.",
        ],
    )
    def test_a_server_that_cannot_do_its_work_is_away(self, text: bytes) -> None:
        async def scenario() -> None:
            async with RespServer(lambda _: HEARTBEAT) as fake, asking(fake.url) as asked:
                fake.reply = refusing(text)
                first = await asked.told()
                assert first.error == text.decode()
                while asked.up:
                    await asked.told()
                statistics = asked.link.statistics()
                assert statistics["problem"] == text.decode()
                assert statistics["errors"][text.split()[0].decode()] >= 1
                fake.reply = lambda _: HEARTBEAT
                await until(lambda: asked.up)
                assert (fake.connections > 1) == text.startswith((b"READONLY", b"NOAUTH"))

        run(scenario())

    def test_a_full_redis_is_away_until_there_is_room(self, server: RedisServer) -> None:
        async def scenario() -> None:
            async with asking(server.url) as asked:
                await asked.told()
                server.command("CONFIG", "SET", "maxmemory", "1")
                assert (await asked.told()).error.startswith("OOM ")
                while asked.up:
                    await asked.told()
                server.command("CONFIG", "SET", "maxmemory", "0")
                await until(lambda: asked.up)
                assert (await asked.told()).answer.remaining == 8

        run(scenario())

    def test_a_key_of_another_kind_is_its_own_problem(self, server: RedisServer) -> None:
        key = script.window_key("pygateway", "policy", DIGEST)
        server.command("LPUSH", key, "x")

        async def scenario() -> None:
            async with asking(server.url) as asked:
                for _ in range(10):
                    assert (await asked.told()).error.startswith("WRONGTYPE ")
                assert asked.up
                assert (await asked.told("f" * 32)).answer.granted == 1

        run(scenario())

    def test_kinds_of_errors_are_bounded(self) -> None:
        async def scenario() -> None:
            async with RespServer(lambda _: HEARTBEAT) as fake, asking(fake.url) as asked:
                answers = iter(range(1000))
                fake.reply = lambda _: b"-KIND%s x\r\n" % (b"A" * next(answers))
                many = [asked.ask() for _ in range(100)]
                await until(lambda: all(each.told for each in many))
                errors = asked.link.statistics()["errors"]
                assert len(errors) == 33
                assert sum(errors.values()) >= 100

        run(scenario())

    def test_what_has_expired_is_not_sent_again(self) -> None:
        async def scenario() -> None:
            async with (
                RespServer(lambda _: HEARTBEAT) as fake,
                asking(fake.url, timeout=0.05) as asked,
            ):
                fake.reply = lambda _: None
                first = await asked.told()
                fake.send(b"-NOSCRIPT No matching script.\r\n")
                fake.reply = lambda _: HEARTBEAT
                await until(lambda: asked.link.statistics()["errors"])
                assert first.error == "no answer in time"
                assert asked.link.statistics()["repeated"] == 0

        run(scenario())
