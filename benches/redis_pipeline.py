"""What an acquire costs the gateway: our pipeline beside the one of the library.

    python -m benches.redis_pipeline [--commands 40000]

A real Redis on a unix socket runs the real script; the figure is user and system time of this
process for each command, so that the time of Redis itself is not in it. The ways take turns, and
the median of the rounds counts.
"""

from __future__ import annotations

import argparse
import asyncio
import resource
import statistics
import tempfile
from collections.abc import Awaitable, Callable
from pathlib import Path

import redis.asyncio
import uvloop

from pygateway.config import Redis
from pygateway.ratelimit import script
from pygateway.ratelimit.limiter import Limiter, StorePolicy
from pygateway.ratelimit.link import MOST_IN_FLIGHT
from tests.ratelimit.gates import FakeGate, Funding, Needs
from tests.support.loops import until
from tests.support.redis import RedisServer

BATCHES = (1, 32, 128)
ROUNDS = 5
POLICY = StorePolicy("per-user", 1 << 26, 60_000)
KEYS = [f"{number:032x}" for number in range(1000)]

Way = Callable[[int, int], Awaitable[None]]


class Limiting:
    """The whole way of the gateway: acquire, answer, fund."""

    def __init__(self, url: str) -> None:
        self.gate = FakeGate()
        self.limiter: Limiter[None, Needs, Funding] = Limiter(
            Redis(url=url, timeout=5), [POLICY], self.gate, "bench"
        )

    async def connected(self) -> None:
        self.limiter.start()
        await until(lambda: self.limiter.up)

    async def __call__(self, commands: int, batch: int) -> None:
        assert batch <= MOST_IN_FLIGHT
        done = asyncio.get_running_loop().create_future()
        left = commands

        def ask() -> None:
            for number in range(batch):
                digest = KEYS[(left + number) % len(KEYS)]
                needs = Needs([(0, digest, POLICY.quota, 1, 1, 0, 0, 0)])
                self.limiter.acquire(None, needs, answered)

        waiting = batch

        def answered(_exchange: None, funding: Funding) -> None:
            nonlocal left, waiting
            assert funding[0] is not None
            waiting -= 1
            if not waiting:
                left -= batch
                waiting = batch
                if left > 0:
                    ask()
                else:
                    done.set_result(None)

        ask()
        await done


class Library:
    """The library's pipeline, which is awaited once for each batch."""

    def __init__(self, url: str) -> None:
        self._client = redis.asyncio.Redis(
            unix_socket_path=url.removeprefix("unix://"), protocol=2, single_connection_client=True
        )

    async def __call__(self, commands: int, batch: int) -> None:
        for start in range(0, commands, batch):
            pipeline = self._client.pipeline(transaction=False)
            for number in range(batch):
                key = script.window_key("library", POLICY.name, KEYS[(start + number) % len(KEYS)])
                words = script.acquire(key, POLICY.quota, POLICY.window, 1, 1, 1, 0, 0, 0)
                pipeline.execute_command(*words)
            for answer in await pipeline.execute():
                assert answer[0] == 1

    async def close(self) -> None:
        await self._client.aclose()


def processor_time() -> float:
    """Seconds of user and system time of this process."""
    usage = resource.getrusage(resource.RUSAGE_SELF)
    return usage.ru_utime + usage.ru_stime


async def measure(way: Way, commands: int, batch: int) -> float:
    """Microseconds for a command."""
    before = processor_time()
    await way(commands, batch)
    return (processor_time() - before) / commands * 1e6


async def compare(url: str, commands: int) -> None:
    ours, library = Limiting(url), Library(url)
    await ours.connected()
    await library(1, 1)
    print(f"{'batch':>6} {'pygateway':>12} {'redis-py':>12}   us of CPU for an acquire")
    for batch in BATCHES:
        whole = max(1, min(commands, batch * 1000) // batch) * batch
        figures: tuple[list[float], list[float]] = ([], [])
        for _ in range(ROUNDS):
            figures[0].append(await measure(ours, whole, batch))
            figures[1].append(await measure(library, whole, batch))
        first, second = (statistics.median(each) for each in figures)
        print(f"{batch:>6} {first:>12.2f} {second:>12.2f}")
    await ours.limiter.close()
    await library.close()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--commands", type=int, default=40_000, help="for each round, at most")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as directory, RedisServer(Path(directory)) as server:
        client = redis.Redis(unix_socket_path=server.url.removeprefix("unix://"))
        client.execute_command("EVAL", script.ACQUIRE.text, 1, "x", 1, 100, 1, 1, 1, 0, 0, 0, 0)  # type: ignore[no-untyped-call]
        client.close()
        with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
            runner.run(compare(server.url, arguments.commands))


if __name__ == "__main__":
    main()
