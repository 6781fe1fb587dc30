"""Fetched keys: against an issuer that rotates, hangs, breaks and recovers."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterator
from dataclasses import dataclass
from typing import Any

import pytest
import structlog

from pygateway.auth.jwks import FetchedKeys
from pygateway.config.keys import KeyMaterial, read_jwks
from tests.support.issuer import (
    DESCRIPTION,
    KEY_SET,
    Holding,
    Issuer,
    SigningKey,
    document,
    saying,
)
from tests.support.loops import in_thread, run, until

Test = Callable[[FetchedKeys, list[list[str | None]]], Awaitable[None]]

BROKEN = saying(document({}, status="500 Broken"))


@dataclass(frozen=True)
class Policy:
    """As in the configuration; times that no test should reach, unless it says so."""

    refresh: float = 300.0
    minimum_refresh: float = 30.0
    maximum_refresh: float = 3600.0
    cooldown: float = 10.0
    timeout: float = 5.0
    stale: float = 3600.0
    size: int = 65536
    allow_http: bool = True
    redirects: int = 0
    ca_file: str | None = None


@pytest.fixture
def issuer() -> Iterator[Issuer]:
    with Issuer() as made:
        yield made


def fetching(issuer: Issuer, test: Test, *, discover: bool = False, **policy: Any) -> list[Any]:  # noqa: ANN401
    """Run `test` with keys that are not started, and what is installed; gives the log."""
    installed: list[list[str | None]] = []

    def install(keys: list[KeyMaterial]) -> list[KeyMaterial]:
        installed.append([key.id for key in keys])
        return keys

    async def body() -> None:
        keys = FetchedKeys(
            "main",
            address=None if discover else issuer.keys_url,
            issuer=issuer.url,
            policy=Policy(**policy),
            parse=lambda text: read_jwks(text, ("ES256",), 100),
            install=install,
        )
        try:
            await test(keys, installed)
        finally:
            keys.close()

    with structlog.testing.capture_logs() as logs:
        run(body())
    return logs


def test_the_keys_are_fetched_at_the_start_and_nobody_waits_for_it(issuer: Issuer) -> None:
    holding = issuer.answers[KEY_SET] = Holding(document(issuer.key_set))

    async def test(keys: FetchedKeys, installed: list[list[str | None]]) -> None:
        keys.start()
        await in_thread(issuer.await_asked, 1)
        assert (keys.keys, keys.fetched_at, keys.current) == ([], None, False)
        holding.released.set()
        await until(lambda: keys.current)
        assert installed == [["first"]]

    logs = fetching(issuer, test)
    assert [(line["event"], line["keys"]) for line in logs] == [("keys changed", ["first"])]


def test_all_who_need_a_key_wait_for_the_same_fetch(issuer: Issuer) -> None:
    holding = issuer.answers[KEY_SET] = Holding(document(issuer.key_set))

    async def test(keys: FetchedKeys, _: object) -> None:
        waiting = [asyncio.create_task(keys.renew()) for _ in range(50)]
        await in_thread(issuer.await_asked, 1)
        waiting[0].cancel()
        await asyncio.sleep(0)
        holding.released.set()
        outcomes = await asyncio.gather(*waiting, return_exceptions=True)
        assert isinstance(outcomes[0], asyncio.CancelledError)
        assert outcomes[1:] == [None] * 49
        assert keys.has_key_for("first", "ES256")

    fetching(issuer, test)
    assert issuer.asked == [KEY_SET]


def test_an_unknown_key_is_asked_for_once_in_a_while(issuer: Issuer) -> None:
    async def test(keys: FetchedKeys, _: object) -> None:
        keys.start()
        await until(lambda: keys.current)
        # The first fetch was due anyway: the issuer may have changed its keys since.
        assert not keys.resting
        issuer.rotate("second")
        await keys.renew()
        assert keys.has_key_for("second", "ES256")
        assert keys.resting

    fetching(issuer, test)
    assert issuer.asked == [KEY_SET] * 2


def test_after_the_cooldown_it_may_be_asked_for_again(issuer: Issuer) -> None:
    async def test(keys: FetchedKeys, _: object) -> None:
        await keys.renew()
        await until(lambda: not keys.resting)

    fetching(issuer, test, cooldown=0.01)


def test_a_look_for_changes_ends_with_the_first_one(issuer: Issuer) -> None:
    async def test(keys: FetchedKeys, _: object) -> None:
        keys.start()
        await until(lambda: keys.current)
        issuer.keys = [SigningKey("first")]
        assert await asyncio.gather(*(keys.renew_until_changed() for _ in range(5))) == [True] * 5
        assert keys.resting

    fetching(issuer, test)
    assert issuer.asked == [KEY_SET] * 2


def test_who_looks_for_changes_trusts_no_fetch_that_began_before(issuer: Issuer) -> None:
    async def test(keys: FetchedKeys, _: object) -> None:
        keys.start()
        await until(lambda: keys.current)
        holding = issuer.answers[KEY_SET] = Holding(document(issuer.key_set))
        keys.start()
        await in_thread(issuer.await_asked, 2)
        looking = [asyncio.create_task(keys.renew_until_changed()) for _ in range(5)]
        await asyncio.sleep(0)
        issuer.keys = [SigningKey("first")]
        del issuer.answers[KEY_SET]
        holding.released.set()
        assert await asyncio.gather(*looking) == [True] * 5

    fetching(issuer, test)
    assert issuer.asked == [KEY_SET] * 3


def test_a_key_is_for_its_id_and_its_algorithm(issuer: Issuer) -> None:
    async def test(keys: FetchedKeys, _: object) -> None:
        await keys.renew()
        assert keys.has_key_for("first", "ES256")
        assert keys.has_key_for(None, "ES256")
        assert not keys.has_key_for("other", "ES256")
        assert not keys.has_key_for("first", "RS256")

    fetching(issuer, test)


def test_keys_are_fetched_again_without_being_asked_for(issuer: Issuer) -> None:
    async def test(keys: FetchedKeys, installed: list[list[str | None]]) -> None:
        keys.start()
        await until(lambda: keys.refreshes == 3)
        issuer.rotate("second", keep=False)
        await until(lambda: len(installed) == 2)
        assert installed == [["first"], ["second"]]

    fetching(issuer, test, refresh=0.02, minimum_refresh=0.01)


def test_cache_headers_say_when(issuer: Issuer) -> None:
    issuer.lines = ["Cache-Control: max-age=0"]

    async def test(keys: FetchedKeys, _: object) -> None:
        keys.start()
        await until(lambda: keys.refreshes == 3)

    fetching(issuer, test, refresh=300.0, minimum_refresh=0.01)


def test_what_has_not_changed_is_neither_installed_nor_logged_again(issuer: Issuer) -> None:
    async def test(keys: FetchedKeys, installed: list[list[str | None]]) -> None:
        await keys.renew()
        await keys.renew()
        assert keys.refreshes == 2
        assert installed == [["first"]]

    assert len(fetching(issuer, test)) == 1


def test_an_unchanged_set_need_not_be_sent(issuer: Issuer) -> None:
    issuer.lines = ['ETag: "one"']

    async def test(keys: FetchedKeys, installed: list[list[str | None]]) -> None:
        await keys.renew()
        issuer.answers[KEY_SET] = saying(b"HTTP/1.1 304 Not Modified\r\n\r\n")
        await keys.renew()
        assert keys.current
        assert installed == [["first"]]

    fetching(issuer, test)
    assert [received.header("If-None-Match") for received in issuer.requests] == [None, '"one"']


@pytest.mark.parametrize(
    "answer",
    [
        BROKEN,
        saying(document(b"<html>")),
        saying(document({"keys": "none"})),
        saying(document({"keys": []})),
        saying(document({"keys": [{"kty": "oct", "k": "AAAA"}]})),
        saying(document(b'{"keys": [], "keys": []}')),
        saying(document(b"[" * 60_000)),
        saying(document({"keys": [{}] * 101})),
        saying(document(b" " * 65537)),
        saying(document(b"", f"Location: {DESCRIPTION}", status="302 Found")),
    ],
    ids=[
        "status",
        "html",
        "type",
        "empty",
        "useless",
        "twice",
        "deep",
        "many",
        "large",
        "redirect",
    ],
)
def test_known_keys_serve_on_while_none_can_be_fetched(issuer: Issuer, answer: Any) -> None:  # noqa: ANN401
    async def test(keys: FetchedKeys, installed: list[list[str | None]]) -> None:
        await keys.renew()
        issuer.answers[KEY_SET] = answer
        await keys.renew()
        await keys.renew()
        assert not keys.current
        assert keys.failures == 2
        assert keys.has_key_for("first", "ES256")
        del issuer.answers[KEY_SET]
        await keys.renew()
        assert not keys.failing
        assert installed == [["first"]]

    logs = fetching(issuer, test)
    assert [line["event"] for line in logs] == [
        "keys changed",
        "keys cannot be fetched",
        "keys can be fetched again",
    ]
    assert logs[1]["detail"]


def test_an_issuer_that_hangs_is_given_up(issuer: Issuer) -> None:
    holding = issuer.answers[KEY_SET] = Holding()

    async def test(keys: FetchedKeys, _: object) -> None:
        await keys.renew()
        assert keys.failing
        holding.released.set()

    fetching(issuer, test, timeout=0.05)


def test_keys_that_are_too_old_serve_no_more(issuer: Issuer) -> None:
    async def test(keys: FetchedKeys, installed: list[list[str | None]]) -> None:
        await keys.renew()
        issuer.answers[KEY_SET] = BROKEN
        await until(lambda: installed == [["first"], []])
        assert keys.keys == []
        assert keys.failing

    logs = fetching(issuer, test, refresh=0.02, minimum_refresh=0.01, stale=0.0)
    assert "keys are too old to be used" in [line["event"] for line in logs]


def test_an_issuer_that_was_away_at_the_start_is_asked_again(issuer: Issuer) -> None:
    issuer.answers[KEY_SET] = BROKEN

    async def test(keys: FetchedKeys, _: object) -> None:
        keys.start()
        await until(lambda: keys.failures == 2)
        del issuer.answers[KEY_SET]
        await until(lambda: keys.current)

    fetching(issuer, test, minimum_refresh=0.01)


def test_nothing_is_fetched_after_the_end(issuer: Issuer) -> None:
    holding = issuer.answers[KEY_SET] = Holding(document(issuer.key_set))

    async def test(keys: FetchedKeys, installed: list[list[str | None]]) -> None:
        keys.start()
        await in_thread(issuer.await_asked, 1)
        keys.close()
        holding.released.set()
        await asyncio.sleep(0)
        assert installed == []

    fetching(issuer, test)


def test_the_state_can_be_told(issuer: Issuer) -> None:
    async def test(keys: FetchedKeys, _: object) -> None:
        before = keys.statistics()
        assert (before["keys"], before["fetched_at"], before["age"]) == (0, None, None)
        assert before["stale"]
        await keys.renew()
        told = keys.statistics()
        assert (told["keys"], told["refreshes"], told["failures"]) == (1, 1, 0)
        assert (told["stale"], told["failing"]) == (False, False)
        assert isinstance(told["age"], float)

    fetching(issuer, test)


def test_what_cannot_be_installed_changes_nothing(issuer: Issuer) -> None:
    refused: list[str] = []

    def install(keys: list[KeyMaterial]) -> list[KeyMaterial]:
        if any(key.id in refused for key in keys):
            raise ValueError("the gate wants none of it")
        return keys

    async def body() -> None:
        keys = FetchedKeys(
            "main",
            address=issuer.keys_url,
            issuer=issuer.url,
            policy=Policy(),
            parse=lambda text: read_jwks(text, ("ES256",), 100),
            install=install,
        )
        await keys.renew()
        refused.append("second")
        issuer.rotate("second")
        await keys.renew()
        assert [key.id for key in keys.keys] == ["first"]
        assert keys.failing
        keys.close()

    run(body())


class TestDiscovery:
    def test_the_issuer_says_where_its_keys_are(self, issuer: Issuer) -> None:
        async def test(keys: FetchedKeys, installed: list[list[str | None]]) -> None:
            await keys.renew()
            await keys.renew()
            assert installed == [["first"]]

        fetching(issuer, test, discover=True)
        assert issuer.asked == [DESCRIPTION, KEY_SET, KEY_SET]

    def test_after_a_failure_it_is_asked_anew(self, issuer: Issuer) -> None:
        async def test(keys: FetchedKeys, _: object) -> None:
            await keys.renew()
            moved = document({"issuer": issuer.url, "jwks_uri": f"{issuer.url}/moved"})
            issuer.answers |= {KEY_SET: BROKEN, DESCRIPTION: saying(moved)}
            issuer.answers["/moved"] = saying(document(issuer.key_set))
            await keys.renew()
            assert keys.failing
            await keys.renew()
            assert keys.current

        fetching(issuer, test, discover=True)
        assert issuer.asked[-2:] == [DESCRIPTION, "/moved"]

    @pytest.mark.parametrize(
        ("members", "reason"),
        [
            ({"issuer": "https://another.example"}, "another issuer"),
            ({"jwks_uri": "ftp://127.0.0.1/"}, "https is required"),
            ({"jwks_uri": "/keys"}, "https is required"),
            ({"jwks_uri": None}, "no jwks_uri"),
        ],
    )
    def test_only_a_description_of_this_issuer_is_followed(
        self, issuer: Issuer, members: dict[str, object], reason: str
    ) -> None:
        told = {"issuer": issuer.url, "jwks_uri": issuer.keys_url} | members
        issuer.answers[DESCRIPTION] = saying(document(told))

        async def test(keys: FetchedKeys, installed: list[list[str | None]]) -> None:
            await keys.renew()
            assert installed == []

        logs = fetching(issuer, test, discover=True)
        assert reason in logs[0]["detail"]
        assert issuer.asked == [DESCRIPTION]

    def test_plain_http_is_refused_for_the_description_too(self, issuer: Issuer) -> None:
        async def test(keys: FetchedKeys, _: object) -> None:
            await keys.renew()
            assert keys.failing

        fetching(issuer, test, discover=True, allow_http=False)
        assert issuer.asked == []
