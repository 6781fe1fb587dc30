import asyncio
import time

import pytest

from pygateway.sweep import NEVER, TICK, Sweep


class Waiter:
    def __init__(self, sweep: Sweep, deadline: float, final_deadline: float = NEVER) -> None:
        self.sweep = sweep
        self.deadline = deadline
        self.final_deadline = final_deadline
        self.expired = asyncio.get_running_loop().create_future()

    def expire(self, now: float) -> None:
        self.sweep.waiters.discard(self)
        self.expired.set_result(now)

    def abort(self) -> None:
        raise AssertionError("it did expire")


async def next_tick(sweep: Sweep) -> None:
    ticked = asyncio.get_running_loop().create_future()

    class Chore:
        def tidy(self, now: float) -> None:
            if not ticked.done():
                ticked.set_result(now)

    sweep.add_chore(Chore())
    await asyncio.wait_for(ticked, 5)


def test_a_waiter_is_expired_after_its_deadline_and_never_before() -> None:
    async def scenario() -> None:
        sweep = Sweep(asyncio.get_running_loop())
        sweep.start()
        asked = asyncio.get_running_loop().time() + 0.15
        waiter = Waiter(sweep, asked)
        sweep.waiters.add(waiter)
        assert await asyncio.wait_for(waiter.expired, 5) >= asked
        sweep.stop()

    asyncio.run(scenario())


def test_the_final_deadline_holds_however_far_the_other_is() -> None:
    async def scenario() -> None:
        sweep = Sweep(asyncio.get_running_loop())
        sweep.start()
        waiter = Waiter(sweep, NEVER, sweep.now)
        sweep.waiters.add(waiter)
        await asyncio.wait_for(waiter.expired, 5)
        sweep.stop()

    asyncio.run(scenario())


def test_a_deadline_counted_from_now_is_never_shorter_than_asked_for() -> None:
    async def scenario() -> None:
        loop = asyncio.get_running_loop()
        sweep = Sweep(loop)
        sweep.start()
        await next_tick(sweep)
        assert sweep.now >= loop.time() - TICK / 10
        sweep.stop()

    asyncio.run(scenario())


def test_stop_ends_the_visits() -> None:
    async def scenario() -> None:
        sweep = Sweep(asyncio.get_running_loop())
        sweep.start()
        sweep.stop()
        sweep.stop()
        waiter = Waiter(sweep, 0.0)
        sweep.waiters.add(waiter)
        done, pending = await asyncio.wait({waiter.expired}, timeout=3 * TICK)
        assert not done
        assert pending

    asyncio.run(scenario())


def test_one_whose_visit_fails_does_not_keep_the_others_from_theirs() -> None:
    async def scenario() -> None:
        loop = asyncio.get_running_loop()
        sweep = Sweep(loop)
        failures = []
        loop.set_exception_handler(lambda _, context: failures.append(context["exception"]))

        class Panic(BaseException):
            pass

        class Broken(Waiter):
            aborted = False

            def expire(self, now: float) -> None:
                raise Panic("broken")

            def abort(self) -> None:
                self.aborted = True

        first, waiter, last = Broken(sweep, 0.0), Waiter(sweep, 0.0), Broken(sweep, 0.0)
        sweep.waiters.update((first, waiter, last))
        sweep.start()
        await asyncio.wait_for(waiter.expired, 5)
        while sweep.waiters:
            await next_tick(sweep)
        sweep.stop()
        assert [str(failure) for failure in failures] == ["broken", "broken"]
        assert first.aborted
        assert last.aborted

    asyncio.run(scenario())


def test_the_epoch_follows_the_clock_that_is_set(monkeypatch: pytest.MonkeyPatch) -> None:
    async def run() -> None:
        sweep = Sweep(asyncio.get_running_loop())
        assert abs(sweep.epoch + time.monotonic() - time.time()) < 1
        monkeypatch.setattr("pygateway.sweep.time", lambda: time.time() + 3600)
        sweep.start()
        await next_tick(sweep)
        sweep.stop()
        assert abs(sweep.epoch + time.monotonic() - time.time() - 3600) < 1

    asyncio.run(run())
