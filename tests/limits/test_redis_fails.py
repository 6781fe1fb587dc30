"""Whole gateways while their Redis is killed, emptied, hung; and when it is back."""

from __future__ import annotations

import asyncio
import contextlib
import json
from pathlib import Path

import pytest
import uvloop

from tests.limits.callers import Caller, Crowd, Reply, problem, question, statuses
from tests.limits.chronicle import key_of_header
from tests.limits.fleet import Fleet, counting, eventually, long_window, policy, write
from tests.support.gateway import RunningGateway
from tests.support.redis import RedisServer
from tests.toys.program import Program

QUOTA = 100
RAW = question("/p/1", X_Tenant="a")


class Limited:
    """Gateways of their own machines, and the Redis that they share."""

    def __init__(
        self,
        stack: contextlib.ExitStack,
        directory: Path,
        *,
        mode: str = "strict",
        failing: str = "local",
        gateways: int = 1,
        timeout: str = "500ms",
    ) -> None:
        self.server = stack.enter_context(RedisServer(directory))
        self.window = long_window() * 1000
        policies = {"p": policy(QUOTA, f"{self.window}ms", mode, on_store_failure=failing)}
        document = counting(policies, self.server.url, costs=(1, 30), timeout=timeout)
        self.gateways = []
        for number in range(gateways):
            (folder := directory / str(number)).mkdir()
            self.gateways.append(stack.enter_context(RunningGateway(document, folder)))
        self.until_up()

    def ask(self, count: int, gateway: int = 0, raw: bytes = RAW) -> list[Reply]:
        """Ask so many times on some connections."""

        async def asking() -> list[Reply]:
            async with Crowd([self.address(gateway)], min(count, 8)) as crowd:
                return await crowd.each(count, raw)

        return uvloop.run(asking())

    def answers(self, count: int, gateway: int = 0, raw: bytes = RAW) -> dict[int, int]:
        """Ask so many times; how often which status was answered."""
        return statuses(self.ask(count, gateway, raw))

    def address(self, gateway: int = 0) -> tuple[str, int]:
        """Where a gateway listens."""
        address = self.gateways[gateway].address
        assert isinstance(address, tuple)
        return address

    def stores(self) -> list[dict[str, int]]:
        """How each gateway sees the store."""
        return [each.statistics()["rate_limits"]["store"] for each in self.gateways]

    def until_up(self) -> None:
        """Return when all can ask the store, and know of each other."""
        count = len(self.gateways)
        eventually(
            lambda: all(each["up"] and each["gateways"] == count for each in self.stores()),
            "meeting of the gateways",
        )

    def until_away(self) -> None:
        """Return when all know that the store is away."""
        eventually(lambda: not any(each["up"] for each in self.stores()), "end of the store")

    def current(self) -> int:
        """What Redis has charged."""
        held = self.server.command("GET", key_of_header("p", self.window, "a"))
        return int(held.rpartition(b":")[2]) if held else 0


@pytest.mark.parametrize("mode", ["strict", "leased"])
@pytest.mark.parametrize("emptied", [True, False], ids=["emptied", "kept"])
def test_a_quota_is_not_handed_out_twice(
    resources: contextlib.ExitStack, tmp_path: Path, mode: str, emptied: bool
) -> None:
    made = Limited(resources, tmp_path, mode=mode)
    assert made.answers(30) == {200: 30}
    saved = made.server.saved()
    made.server.kill()
    made.until_away()
    assert made.answers(20) == {200: 20}
    made.server.start(None if emptied else saved)
    made.until_up()
    assert made.answers(QUOTA)[200] + made.answers(20).get(200, 0) == QUOTA - 50
    assert made.answers(5) == {429: 5}


@pytest.mark.parametrize("mode", ["strict", "leased"])
def test_nothing_fails_when_redis_is_killed_among_requests(
    resources: contextlib.ExitStack, tmp_path: Path, mode: str
) -> None:
    made = Limited(resources, tmp_path, mode=mode)

    async def scenario() -> list[Reply]:
        replies: list[Reply] = []
        async with Crowd([made.address()], 16) as crowd:
            replies += await crowd.each(QUOTA // 2, RAW)
            made.server.hang()
            waiting = [asyncio.ensure_future(caller.ask(RAW)) for caller in crowd.callers]
            await asyncio.sleep(0)
            made.gateways[0].settle()
            made.server.kill()
            replies += await asyncio.gather(*waiting)
            replies += await crowd.each(QUOTA, RAW)
        return replies

    found = statuses(uvloop.run(scenario()))
    assert found == {200: QUOTA, 429: QUOTA // 2 + 16}
    made.server.start()
    made.until_up()
    assert made.answers(10) == {429: 10}


def test_shares_of_the_living_add_up(resources: contextlib.ExitStack, tmp_path: Path) -> None:
    made = Limited(resources, tmp_path, gateways=2)
    assert made.answers(30, 0) == {200: 30}
    assert made.answers(10, 1) == {200: 10}
    made.server.kill()
    made.until_away()
    # Each has half of the quota, with what it has had from the store.
    assert made.answers(QUOTA, 0) == {200: 20, 429: 80}
    assert made.answers(QUOTA, 1) == {200: 40, 429: 60}
    # Both tell what they have let in, and then nothing is left.
    made.server.start()
    made.until_up()
    first = [made.answers(1, 0), made.answers(1, 1)]
    assert first in ([{200: 1}, {200: 1}], [{200: 1}, {429: 1}])
    assert made.answers(5, 0) == made.answers(5, 1) == {429: 5}


@pytest.mark.parametrize("failing", ["local", "open", "closed"])
def test_redis_hangs(resources: contextlib.ExitStack, tmp_path: Path, failing: str) -> None:
    made = Limited(resources, tmp_path, failing=failing, timeout="200ms")
    assert made.answers(10) == {200: 10}
    made.server.hang()
    # Those that wait for an answer are answered, too.
    early = made.ask(8)
    made.until_away()
    later = made.ask(QUOTA)
    made.server.go_on()
    made.until_up()
    found = statuses([*early, *later])
    if failing == "local":
        assert found == {200: QUOTA - 10, 429: 18}
        assert made.answers(1) == {429: 1}
    elif failing == "open":
        assert found == {200: QUOTA + 8}
        assert made.answers(1)
    else:
        assert found == {503: QUOTA + 8}
        assert {problem(reply) for reply in [*early, *later]} == {"rate-limit-unavailable"}
        assert made.answers(1) == {200: 1}


@pytest.mark.parametrize("mode", ["strict", "leased"])
def test_what_a_client_does_not_wait_for_is_given_back(
    resources: contextlib.ExitStack, tmp_path: Path, mode: str
) -> None:
    made = Limited(resources, tmp_path, mode=mode, timeout="5s")
    (gateway,) = made.gateways
    assert made.answers(1, raw=question("/p/30", X_Tenant="a")) == {200: 1}
    made.server.hang()
    with gateway.client() as client:
        client.send(question("/p/30", X_Tenant="a"))
        gateway.settle()
        client.reset()
    eventually(lambda: gateway.statistics()["connections"] == 0, "end of the connection")
    made.server.go_on()
    eventually(lambda: gateway.statistics()["rate_limits"]["store"]["returned"] == 30, "return")
    eventually(lambda: made.current() == 30, "arrival of what was given back")


@pytest.mark.parametrize("mode", ["strict", "leased"])
def test_what_redis_grants_too_late_is_given_back(
    resources: contextlib.ExitStack, tmp_path: Path, mode: str
) -> None:
    made = Limited(resources, tmp_path, mode=mode, failing="open", timeout="50ms")
    assert made.answers(1) == {200: 1}
    charged = made.current()
    made.server.hang()
    made.answers(60)
    made.until_away()
    made.server.go_on()
    made.until_up()
    # Whatever Redis has granted to those who did not wait for it is there for others.
    eventually(lambda: made.current() == charged, "return of late grants")


def test_a_gateway_that_drains_leaves_no_lease_behind(
    resources: contextlib.ExitStack, tmp_path: Path
) -> None:
    made = Limited(resources, tmp_path, mode="leased")
    assert made.answers(12) == {200: 12}
    eventually(lambda: made.current() >= 12, "arrival of the leases")
    # Whatever rested may have been given back already, but then there is another lease.
    while made.current() == 12:
        assert made.answers(1) == {200: 1}
    (gateway,) = made.gateways
    policies = gateway.statistics()["rate_limits"]["policies"]
    gateway.drain(5)
    eventually(lambda: made.current() == policies["p"]["admitted"], "return of the leases")


def test_what_is_owed_outlives_a_request_that_gives_up(
    resources: contextlib.ExitStack, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    made = Limited(resources, tmp_path)
    assert made.answers(10) == {200: 10}
    saved = made.server.saved()
    made.server.kill()
    made.until_away()
    assert made.answers(20) == {200: 20}
    made.server.start(saved)
    made.until_up()
    with monkeypatch.context() as patience:
        patience.setattr("pygateway.proxy.MOST_ROUNDS", 0)
        assert made.answers(1) == {503: 1}
    assert made.answers(QUOTA) == {200: QUOTA - 30, 429: 30}


def test_the_state_of_redis_is_told_once_for_every_change(tmp_path: Path) -> None:
    with RedisServer(tmp_path) as server:
        policies = {"p": policy(QUOTA, "60s", "strict", on_store_failure="closed")}
        document = counting(policies, server.url, timeout="500ms", workers=1)
        with Program("run", "-c", write(tmp_path / "gateway.yaml", document)) as program:
            fleet = Fleet(program)

            def health() -> str:
                reply = uvloop.run(_ask_once(fleet.address, question("/health")))
                status: str = json.loads(reply.body)["redis"]["status"]
                return status

            eventually(lambda: health() == "up", "first connection")
            assert fleet.stores()[0]["up"]
            for number in (1, 2):
                server.kill()
                program.event("rate limit store is away", number)
                eventually(lambda: health() == "down", "end of the store")
                assert not fleet.stores()[0]["up"]
                assert uvloop.run(_ask_once(fleet.address, RAW)).status == 503
                server.start()
                program.event("rate limit store is back", number)
                eventually(lambda: health() == "up", "return of the store")
                assert uvloop.run(_ask_once(fleet.address, RAW)).status == 200
        told = [line["event"] for line in program.log if "rate limit store" in line["event"]]
        assert told == ["rate limit store is away", "rate limit store is back"] * 2


async def _ask_once(address: tuple[str, int], raw: bytes) -> Reply:
    caller = await Caller.connect(address)
    try:
        return await caller.ask(raw)
    finally:
        caller.close()
