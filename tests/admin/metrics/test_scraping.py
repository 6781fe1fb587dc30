from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable

import pytest

from pygateway.admin.catalogue import COMMANDS
from pygateway.admin.measurements import Measurements, Series
from pygateway.admin.metrics import Scraping
from tests.support.patience import PATIENCE

OPENMETRICS = "application/openmetrics-text"


class Gauge:
    """Measures how often it has measured, each time when it may."""

    def __init__(self) -> None:
        self.measured = 0
        self.asked = asyncio.Semaphore(0)
        self.may = asyncio.Semaphore(0)
        self.failure: Exception | None = None

    async def measure(self) -> Measurements:
        self.asked.release()
        await self.may.acquire()
        if self.failure is not None:
            raise self.failure
        self.measured += 1
        return Measurements({Series(COMMANDS): self.measured})


def run(scenario: Callable[[Gauge, Scraping], Awaitable[None]]) -> None:
    async def bounded() -> None:
        gauge = Gauge()
        async with asyncio.timeout(PATIENCE):
            await scenario(gauge, Scraping(gauge.measure))

    asyncio.run(bounded())


def value(answer: tuple[bytes, str]) -> float:
    (line,) = [line for line in answer[0].splitlines() if line.startswith(b"pygateway_store_comm")]
    return float(line.split()[1])


def test_who_asks_meanwhile_gets_what_is_measured_next() -> None:
    async def scenario(gauge: Gauge, scraping: Scraping) -> None:
        first = asyncio.create_task(scraping.answer(""))
        await gauge.asked.acquire()
        later = [asyncio.create_task(scraping.answer(each)) for each in ("", OPENMETRICS, "")]
        await asyncio.sleep(0)
        gauge.may.release()
        assert value(await first) == 1
        await gauge.asked.acquire()
        gauge.may.release()
        answers = await asyncio.gather(*later)
        assert [value(answer) for answer in answers] == [2, 2, 2]
        assert [answer[1].split(";")[0] for answer in answers] == [
            "text/plain",
            OPENMETRICS,
            "text/plain",
        ]
        assert gauge.measured == 2

    run(scenario)


def test_who_asks_later_gets_what_is_measured_then() -> None:
    async def scenario(gauge: Gauge, scraping: Scraping) -> None:
        for number in (1, 2):
            gauge.may.release()
            assert value(await scraping.answer("")) == number

    run(scenario)


def test_a_failure_is_told_to_who_has_asked_and_to_nobody_else() -> None:
    async def scenario(gauge: Gauge, scraping: Scraping) -> None:
        gauge.failure = RuntimeError("it is broken")
        gauge.may.release()
        with pytest.raises(RuntimeError, match="it is broken"):
            await scraping.answer("")
        gauge.failure = None
        gauge.may.release()
        assert value(await scraping.answer("")) == 1

    run(scenario)


def test_who_has_gone_is_not_waited_for() -> None:
    async def scenario(gauge: Gauge, scraping: Scraping) -> None:
        gone, stays = (asyncio.create_task(scraping.answer("")) for _ in range(2))
        await gauge.asked.acquire()
        gone.cancel()
        await asyncio.gather(gone, return_exceptions=True)
        gauge.may.release()
        assert value(await stays) == 1

    run(scenario)
