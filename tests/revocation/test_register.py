from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from pygateway.revocation.journal import JournalFailed
from pygateway.revocation.ledger import LedgerFull
from pygateway.revocation.lifetime import ENDLESS, OF_A_SERVICE, needed_life
from pygateway.revocation.register import Register
from tests.revocation.gateways import config, eventually, jti, register, run
from tests.support.redis import RedisServer

DAY = 86400.0


def test_what_was_taken_outlives_the_program(tmp_path: Path) -> None:
    settings = config(file=tmp_path / "kept")

    async def scenario() -> None:
        async with register(settings) as one:
            assert await one.take([jti("a")]) == [jti("a")]
            assert await one.take([jti("a")]) == []
            assert await one.publish([jti("a")]) is None
            assert one.fresh_until is None
        async with register(settings) as again:
            assert again.held() == [jti("a")]

    run(scenario)


def test_a_reload_moves_everything_to_the_new_file(tmp_path: Path) -> None:
    async def scenario() -> None:
        async with register(config(file=tmp_path / "second")) as one:
            await one.take([jti("second")])
        async with register(config(file=tmp_path / "first")) as one:
            await one.take([jti("first")])
            await one.adopt(await one.prepare(config(file=tmp_path / "second")))
            await one.take([jti("third")])
        async with register(config(file=tmp_path / "second")) as one:
            assert {entry.name for entry in one.held()} == {"first", "second", "third"}

    run(scenario)


def test_a_refused_reload_keeps_the_old_file_and_frees_the_new_one(tmp_path: Path) -> None:
    async def scenario() -> None:
        async with register(config(file=tmp_path / "first")) as one:
            one.abandon(await one.prepare(config(file=tmp_path / "second")))
            await one.take([jti("a")])
            assert one.statistics()["file"] == str(tmp_path / "first")
            async with register(config(file=tmp_path / "second")):
                pass
            (tmp_path / "other").write_text("of something else")
            with pytest.raises(JournalFailed):
                await one.prepare(config(file=tmp_path / "other"))

    run(scenario)


def test_more_than_the_configuration_allows_is_an_error(tmp_path: Path) -> None:
    async def scenario() -> None:
        async with register(config(file=tmp_path / "kept")) as one:
            await one.take([jti("a"), jti("b")])
            with pytest.raises(LedgerFull):
                await one.prepare(config(file=tmp_path / "kept", entries=1))
            await one.take([jti("c")])
        with pytest.raises(LedgerFull):
            await Register().prepare(config(file=tmp_path / "kept", entries=1))
        async with register(config(file=tmp_path / "kept")) as one:
            assert len(one) == 3

    run(scenario)


def test_what_cannot_be_kept_is_not_held(tmp_path: Path) -> None:
    directory = tmp_path / "directory"
    directory.mkdir()

    async def scenario() -> None:
        async with register(config(file=directory / "kept", entries=10_000)) as one:
            # Grown long, the file is to be replaced, and there is no place for the new one.
            for number in range(4):
                expiring = [jti(f"{number}-{each}", expires=2e9) for each in range(600)]
                await one.take(expiring)
            one._ledger._entries.clear()
            shutil.rmtree(directory)
            with pytest.raises(JournalFailed, match="cannot write"):
                await one.take([jti("lost")])
            assert one.held() == []
            directory.mkdir()
            await one.take([jti("kept")])
        async with register(config(file=directory / "kept")) as one:
            assert one.held() == [jti("kept")]

    run(scenario)


def test_a_reload_may_bring_redis_and_take_it_away(tmp_path: Path) -> None:
    async def scenario() -> None:
        async with register(config(server.url)) as other, register(config()) as one:
            await one.take([jti("a")])
            assert one.fresh_until is None
            await one.adopt(await one.prepare(config(server.url)))
            assert one.is_shared
            await eventually(lambda: other.held() == [jti("a")], other.statistics)
            await one.adopt(await one.prepare(config()))
            assert one.fresh_until is None
            assert await one.publish([jti("b")]) is None
            assert one.held() == [jti("a")]

    with RedisServer(tmp_path) as server:
        run(scenario)


def test_a_redis_that_refuses_does_not_keep_the_gateway_from_starting(tmp_path: Path) -> None:
    async def scenario() -> None:
        async with register(config(f"unix://{tmp_path}/nowhere")) as one:
            assert one.fresh_until == 0.0
            assert await one.publish([jti("a")]) is not None

    run(scenario)


def test_entries_live_as_long_as_the_longest_token() -> None:
    jwt = config()
    assert needed_life(jwt, None) == needed_life(jwt, "anybody") == 30 * DAY + 60
    mixed = jwt.model_copy(update={"auth": jwt.auth.model_copy(update={"providers": {}})})
    assert needed_life(mixed, None) == OF_A_SERVICE


def test_api_keys_that_never_expire_stay_revoked() -> None:
    from pygateway.config import load_text

    keys = "api_keys: {pepper: 0123456789abcdef0123456789abcdef, keys: []}"
    verified = "secrets: [{id: a, value: 0123456789abcdef0123456789abcdef}]"
    settings = load_text(f"""
        auth:
          providers:
            main: {{issuer: 'https://a.example', longest_life: 1h, leeway: 0s, {verified}}}
            partners: {{{keys}}}
        routes: [{{name: r, respond: {{}}}}]
    """)
    assert needed_life(settings, None) == ENDLESS
    assert needed_life(settings, "partners") == ENDLESS
    assert needed_life(settings, "https://a.example") == 3600.0
    assert needed_life(settings, "https://nobody.example") == OF_A_SERVICE
