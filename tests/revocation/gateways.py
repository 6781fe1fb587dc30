"""One gateway's revocations as the supervisor has them, with what tests wait for."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable, Iterable
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any

from pygateway.config import load_text
from pygateway.revocation.entry import Revocation
from pygateway.revocation.register import Register
from tests.support.patience import PATIENCE

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from pathlib import Path

    from pygateway.config import Config

FAR = time.time() + 86400.0


def jti(name: str, issuer: str | None = None, expires: float = FAR) -> Revocation:
    return Revocation("jti", name, issuer, 0.0, expires)


def sub(name: str, before: float, expires: float = FAR) -> Revocation:
    return Revocation("sub", name, None, before, expires)


def config(url: str | None = None, file: Path | None = None, entries: int = 1000) -> Config:
    redis = f"redis: {{url: '{url}'}}" if url else ""
    kept = f"file: {file}, " if file else ""
    return load_text(f"""
        {redis}
        auth:
          revocation: {{{kept} entries: {entries}}}
          providers:
            main: {{secrets: [{{id: a, value: 0123456789abcdef0123456789abcdef}}]}}
        routes: [{{name: r, respond: {{}}}}]
    """)


@asynccontextmanager
async def register(settings: Config) -> AsyncIterator[Register]:
    made = Register()
    await made.adopt(await made.prepare(settings))
    try:
        yield made
    finally:
        await made.close()


async def eventually(condition: Callable[[], bool], what: Callable[[], Any]) -> None:
    """Wait for what another process brings about."""
    deadline = time.monotonic() + PATIENCE
    while not condition():
        assert time.monotonic() < deadline, what()
        await asyncio.sleep(0.002)


def union(entries: Iterable[Revocation]) -> dict[object, Revocation]:
    """Merge entries by their law."""
    merged: dict[object, Revocation] = {}
    for entry in entries:
        held = merged.get(entry.target)
        merged[entry.target] = entry if held is None else held.merged(entry)
    return merged


def run(scenario: Callable[[], Awaitable[None]]) -> None:
    async def bounded() -> None:
        async with asyncio.timeout(5 * PATIENCE):
            await scenario()

    asyncio.run(bounded())
