"""Runs the admin server in the supervisor's event loop, on sockets that it was given."""

from __future__ import annotations

import asyncio
import contextlib
import socket
from collections.abc import Callable, Iterator, Sequence
from typing import Any

from uvicorn import Config as UvicornConfig
from uvicorn import Server
from uvicorn.protocols.http.h11_impl import H11Protocol

from pygateway.admin.application import make_application
from pygateway.admin.control import Control
from pygateway.admin.guard import Guard
from pygateway.config import Admin
from pygateway.telemetry import get_logger

MOST_CONNECTIONS = 64
"""Connections at a time: an operator, a scraper and a probe need three."""

MOST_HEAD = 16 * 1024
"""Bytes of a request's head."""

CONNECTION_LIFE = 30.0
"""Seconds after which a connection is closed, unless a request is being answered: whoever sends
nothing, or a head byte by byte, does not keep one of the few for long."""

CLOSE_DEADLINE = 2
"""Seconds for replies under way when the server closes."""


class AdminServer:
    """The admin server on one address.

    Args:
        control: What it offers.
        settings: Gives the admin server's configuration as it is now.
    """

    def __init__(self, control: Control, settings: Callable[[], Admin]) -> None:
        application = Guard(make_application(control), settings)
        self._server = _QuietServer(
            UvicornConfig(
                application,
                http=_BoundedProtocol,
                loop="none",
                ws="none",
                lifespan="off",
                log_config=None,
                access_log=False,
                proxy_headers=False,
                server_header=False,
                h11_max_incomplete_event_size=MOST_HEAD,
                timeout_graceful_shutdown=CLOSE_DEADLINE,
            )
        )
        self._task: asyncio.Task[None] | None = None

    def start(self, sockets: Sequence[socket.socket]) -> None:
        """Answer on duplicates of `sockets`, which listen."""
        own = [each.dup() for each in sockets]
        self._task = asyncio.create_task(self._serve(own))

    async def _serve(self, sockets: list[socket.socket]) -> None:
        try:
            await self._server.serve(sockets)
        except Exception:
            # The gateway serves on without it.
            get_logger().exception("internal error")

    async def close(self) -> None:
        """Finish what is being answered, and answer no more."""
        if self._task is None:
            return
        self._server.should_exit = True
        await asyncio.wait({self._task}, timeout=2 * CLOSE_DEADLINE)
        self._task.cancel()
        await asyncio.gather(self._task, return_exceptions=True)


class _QuietServer(Server):
    """Leaves signals to the supervisor."""

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        yield


class _BoundedProtocol(H11Protocol):
    """One connection, of few, and not for long."""

    def __init__(self, *arguments: Any, **options: Any) -> None:  # noqa: ANN401
        super().__init__(*arguments, **options)
        self._life: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        if len(self.connections) >= MOST_CONNECTIONS:
            self.transport = transport
            transport.abort()
            return
        super().connection_made(transport)
        self._life = self.loop.call_later(CONNECTION_LIFE, self._outlived)

    def _outlived(self) -> None:
        # The annotation of the library knows no None.
        cycle: Any = self.cycle
        if cycle is not None and not cycle.response_complete:
            self._life = self.loop.call_later(CONNECTION_LIFE, self._outlived)
        else:
            self.transport.abort()

    def connection_lost(self, exc: Exception | None) -> None:
        if self._life is not None:
            self._life.cancel()
        super().connection_lost(exc)
