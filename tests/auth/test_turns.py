from __future__ import annotations

import asyncio

import pytest

from pygateway.auth.outcome import Unavailable
from pygateway.auth.turns import Turns
from tests.support.loops import run


def test_so_many_ask_at_a_time_and_the_next_in_line_follows() -> None:
    async def body() -> None:
        turns = Turns(2, 60.0)
        asking = most = 0

        async def ask() -> None:
            nonlocal asking, most
            async with turns.turn():
                asking += 1
                most = max(most, asking)
                await asyncio.sleep(0)
                asking -= 1

        await asyncio.gather(*(ask() for _ in range(10)))
        assert (asking, most) == (0, 2)

    run(body())


def test_who_waits_too_long_gives_up_and_nobody_is_let_in_for_it() -> None:
    async def body() -> None:
        turns = Turns(1, 0.01)
        async with turns.turn():
            with pytest.raises(Unavailable) as failure:
                async with turns.turn():
                    raise AssertionError
            assert failure.value.doubtful
        async with turns.turn():
            pass

    run(body())


def test_a_failure_gives_the_place_back() -> None:
    async def body() -> None:
        turns = Turns(1, 0.01)
        with pytest.raises(ZeroDivisionError):
            async with turns.turn():
                raise ZeroDivisionError
        async with turns.turn():
            pass

    run(body())
