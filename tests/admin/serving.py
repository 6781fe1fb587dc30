"""An admin server in a thread, and a control that notes what it was asked."""

from __future__ import annotations

import asyncio
import http.client
import json
import socket
import threading
from collections.abc import Sequence
from dataclasses import dataclass
from types import TracebackType
from typing import Any, Self

import uvloop

from pygateway.admin.control import Check, NoWorker, Reloaded, Revoked
from pygateway.admin.measurements import Measurements
from pygateway.admin.server import AdminServer
from pygateway.config import Admin, Config, LogLevel
from pygateway.revocation.entry import Revocation
from tests.support.patience import PATIENCE, wait


class NotingControl:
    """Revokes nothing and notes everything."""

    def __init__(self) -> None:
        self.taken: list[Revocation] = []
        self.revoked = Revoked(1, [], shared=True, problem=None)
        self.reloaded = Reloaded()
        self.failure: Exception | None = None
        self.drains = 0
        self.measured = Measurements()
        self.seen: dict[str, Any] = {}
        self.failing: list[Check] = []
        self.checked = 0
        self.configuration = Config()
        self.level: LogLevel = "info"
        self.asked: list[dict[str, Any]] = []
        self.explained: dict[str, Any] | Exception = NoWorker("no worker is ready")
        self.described: list[dict[str, Any]] = []

    async def revoke(self, entries: Sequence[Revocation]) -> Revoked:
        if self.failure is not None:
            raise self.failure
        self.taken += entries
        return self.revoked

    def revocations(self) -> list[Revocation]:
        return self.taken

    def needed_life(self, issuer: str | None) -> float:
        return 100.0 if issuer is None else 200.0

    async def status(self) -> dict[str, Any]:
        parts: dict[str, Any] = {"configuration": {}, "workers": [], "revocations": {}}
        limits: dict[str, Any] = {"policies": {}, "store": None}
        parts["traffic"] = {"requests": 0, "active": 0, "rates": {}, "routes": {}}
        return {"version": "1", "status": "ok", "problems": [], "rate_limits": limits, **parts}

    async def reload(self) -> Reloaded:
        return self.reloaded

    def drain(self) -> None:
        self.drains += 1

    async def checks(self) -> list[Check]:
        self.checked += 1
        return [Check("workers", "ok"), *self.failing]

    def config(self) -> Config:
        return self.configuration

    async def upstreams(self) -> list[dict[str, Any]]:
        return self.described

    def log_level(self) -> LogLevel:
        return self.level

    async def set_log_level(self, level: LogLevel) -> None:
        self.level = level

    async def explain(self, request: dict[str, Any]) -> dict[str, Any]:
        self.asked.append(request)
        if isinstance(self.explained, Exception):
            raise self.explained
        return self.explained

    async def measurements(self) -> Measurements:
        return self.measured

    async def traffic(self) -> dict[str, Any]:
        return self.seen


@dataclass(frozen=True)
class Reply:
    """What was answered; the document is JSON if it says so, else text."""

    status: int
    headers: dict[str, str]
    document: Any


class Serving:
    """Runs the server; leaving the context closes it."""

    def __init__(self, settings: Admin, listener: socket.socket | None = None) -> None:
        self.settings = settings
        self.control = NotingControl()
        self.listener = listener or socket.create_server(("127.0.0.1", 0))
        self.address = self.listener.getsockname()
        self._started = threading.Event()
        self._thread = threading.Thread(target=self._run, daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        wait(self._started, "the start of the admin server")
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._loop.call_soon_threadsafe(self._stop.set)
        self._thread.join(PATIENCE)
        assert not self._thread.is_alive()
        self.listener.close()

    def _run(self) -> None:
        with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
            runner.run(self._serve())

    async def _serve(self) -> None:
        self._loop = asyncio.get_running_loop()
        self._stop = asyncio.Event()
        server = AdminServer(self.control, lambda: self.settings)
        server.start([self.listener])
        self._started.set()
        await self._stop.wait()
        await server.close()

    def ask(
        self, method: str, path: str, body: object = None, headers: dict[str, str] | None = None
    ) -> Reply:
        """Send one request; a body that is no text is sent as JSON."""
        host, port = self.address
        connection = http.client.HTTPConnection(host, port, timeout=PATIENCE)
        sent = dict(headers or {})
        if body is not None and not isinstance(body, bytes):
            body = json.dumps(body).encode()
        if body is not None:
            sent.setdefault("Content-Type", "application/json")
        try:
            connection.request(method, path, body, sent)
            response = connection.getresponse()
            text = response.read()
            fields = {name.lower(): value for name, value in response.getheaders()}
            if fields.get("content-type", "").partition(";")[0].endswith("json"):
                return Reply(response.status, fields, json.loads(text))
            return Reply(response.status, fields, text.decode() if text else None)
        finally:
            connection.close()
