"""A gateway in a thread of the test process, on a loop of its own.

The whole of it runs, from configuration text to sockets; only the processes around it are
left out (`tests.support.process` has those).
"""

from __future__ import annotations

import asyncio
import json
import os
import threading
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Any, Self, TypeVar

import uvloop

from pygateway._core import Arena, LineRing
from pygateway.config import load
from pygateway.gateway import Gateway
from tests.support.client import Address, Client, reset
from tests.support.messages import Response
from tests.support.patience import PATIENCE, wait
from tests.support.upstream import listening

if TYPE_CHECKING:
    import socket

    from pygateway.config import Config

Result = TypeVar("Result")

Document = dict[str, Any]
"""A configuration as YAML reads it."""


def configuration(upstreams: Mapping[str, str | list[str] | Document], **keys: Any) -> Document:  # noqa: ANN401
    """A whole configuration: upstreams by URL, and one open route to the first of them.

    Args:
        upstreams: Name to URL, list of URLs, or the upstream's whole section.
        keys: Further top-level keys; `routes` replaces the default route.
    """
    sections = {
        name: value
        if isinstance(value, dict)
        else {"endpoints": [value] if isinstance(value, str) else value}
        for name, value in upstreams.items()
    }
    first = next(iter(sections), None)
    document: Document = {"version": 1, "listen": "127.0.0.1:0", "upstreams": sections}
    if "routes" not in keys:
        document["routes"] = [route("all", upstream=first)]
    return document | keys


def route(name: str, *paths: str, **keys: Any) -> Document:  # noqa: ANN401
    """A route without authentication; `match` may be given whole instead of paths."""
    match = keys.pop("match", {})
    if paths:
        match = {"paths": list(paths)} | match
    document: Document = {"name": name, "auth": "none"}
    if match:
        document["match"] = match
    return document | keys


class RunningGateway:
    """A started gateway; leaving the context stops it and raises what its loop complained of.

    Attributes:
        address: Where the first listener listens.
    """

    def __init__(
        self,
        document: Document | str,
        directory: Path,
        listeners: list[socket.socket] | None = None,
        environment: Mapping[str, str] | None = None,
    ) -> None:
        # JSON is YAML too, and quickly written.
        text = document if isinstance(document, str) else json.dumps(document)
        file = directory / "gateway.yaml"
        file.write_text(text)
        self.config: Config = load(file, dict(environment or {}))
        self.listeners = listeners or [listening()]
        name = self.listeners[0].getsockname()
        self.address: Address = name if isinstance(name, str) else (name[0], name[1])
        self._descriptors: list[int] = []
        # As the supervisor makes them for a worker.
        self._arena = Arena.create(self._memory("arena"), self.config.limits.rate_limit_keys)
        self._ring = LineRing.create(self._memory("ring"), 1 << 20)
        self._started = threading.Event()
        self._complaints: list[BaseException | str] = []
        self._thread = threading.Thread(target=self._run, name="gateway", daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        wait(self._started, "the start of the gateway")
        self.raise_complaints()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        value: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.stop()

    def stop(self) -> None:
        """Close everything at once; the second call does nothing."""
        if self._thread.is_alive():
            self._loop.call_soon_threadsafe(self._stopping.set)
            self._thread.join(PATIENCE)
            assert not self._thread.is_alive(), "the gateway does not stop"
        for listener in self.listeners:
            listener.close()
        while self._descriptors:
            os.close(self._descriptors.pop())
        self.raise_complaints()

    def raise_complaints(self) -> None:
        """Fail for what the gateway's loop reported: exceptions that nobody handled."""
        if self._complaints:
            complaint = self._complaints[0]
            raise AssertionError("the gateway's loop complained") from (
                complaint if isinstance(complaint, BaseException) else RuntimeError(complaint)
            )

    def client(self, receive_buffer: int | None = None) -> Client:
        """A new connection to the first listener."""
        return Client(self.address, receive_buffer)

    def fetch(self, raw: bytes) -> Response:
        """Send one request on a connection of its own and read the response."""
        with self.client() as client:
            return client.exchange(raw)

    def settle(self) -> None:
        """Return once the gateway has handled all bytes sent to it until now.

        On the loopback, bytes have arrived when `send` returns; a loop that has polled since
        and run what it found ready has therefore seen them.
        """
        asyncio.run_coroutine_threadsafe(self._turns(), self._loop).result(PATIENCE)

    def tasks(self) -> int:
        """How many tasks the gateway's loop has, this question's included."""

        async def count() -> int:
            return len(asyncio.all_tasks())

        return asyncio.run_coroutine_threadsafe(count(), self._loop).result(PATIENCE)

    def call(self, function: Callable[[], Result]) -> Result:
        """Have the gateway's loop call something, and give what it gives."""

        async def within() -> Result:
            return function()

        return asyncio.run_coroutine_threadsafe(within(), self._loop).result(PATIENCE)

    def _memory(self, name: str) -> int:
        """Memory to share."""
        descriptor = os.memfd_create(f"test-{name}")
        self._descriptors.append(descriptor)
        return descriptor

    def measurements(self) -> dict[str, Any]:
        """What the gateway has counted."""
        document: dict[str, Any] = json.loads(self._arena.measurements())
        return document

    def lines(self) -> list[dict[str, Any]]:
        """What the gateway has logged since this was last asked, of requests."""
        return [json.loads(line) for line in self._ring.take(1 << 20).splitlines()]

    def statistics(self) -> dict[str, Any]:
        """What the gateway says of itself."""
        return self.call(self.gateway.statistics)

    def revoke(self, *entries: Document) -> int:
        """Tell the gateway of revocations, which by default need not be kept for long."""
        kept = [{"issuer": None, "expires": time.time() + 3600} | entry for entry in entries]
        return self.call(lambda: self.gateway.apply_revocations(json.dumps(kept).encode()))

    def drain(self, timeout: float) -> None:
        """Begin to drain; the gateway finishes what it has in the background."""
        asyncio.run_coroutine_threadsafe(self.gateway.drain(timeout), self._loop)
        self.settle()

    @staticmethod
    async def _turns() -> None:
        for _ in range(4):
            await asyncio.sleep(0)

    def _run(self) -> None:
        try:
            with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
                runner.run(self._serve())
        except BaseException as error:
            self._complaints.append(error)
        finally:
            self._started.set()

    async def _serve(self) -> None:
        self._loop = asyncio.get_running_loop()
        self._loop.set_exception_handler(self._complain)
        self._stopping = asyncio.Event()
        self.gateway = Gateway(self.config, self._arena, 0, self._ring)
        await self.gateway.start(self.listeners)
        self._started.set()
        await self._stopping.wait()
        self.gateway.close()
        await self._turns()

    def _complain(self, _: asyncio.AbstractEventLoop, context: dict[str, Any]) -> None:
        self._complaints.append(context.get("exception") or str(context))


__all__ = ["Document", "RunningGateway", "configuration", "reset", "route"]
