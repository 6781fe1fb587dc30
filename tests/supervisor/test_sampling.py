from __future__ import annotations

import asyncio

from pygateway.admin.counted import Counted
from pygateway.supervisor.sampling import Sampling
from tests.support.counted import counted, requests
from tests.support.patience import PATIENCE


def test_it_samples_until_it_is_closed_whatever_happens() -> None:
    async def scenario() -> None:
        reads = 0
        enough = asyncio.Event()

        async def read() -> Counted:
            nonlocal reads
            reads += 1
            if reads == 2:
                raise RuntimeError("this once")
            if reads == 4:
                enough.set()
            return counted(requests("a", reads, 0, 0, 0))

        sampling = Sampling(read, interval=0.001)
        sampling.start()
        sampling.start()
        async with asyncio.timeout(PATIENCE):
            await enough.wait()
        await sampling.close()
        last = reads
        assert len(sampling.traffic.history()) >= 2
        await asyncio.sleep(0.01)
        assert reads == last

    asyncio.run(scenario())


def test_what_never_began_ends() -> None:
    async def scenario() -> None:
        async def read() -> Counted:
            raise AssertionError("nobody has asked")

        await Sampling(read).close()

    asyncio.run(scenario())
