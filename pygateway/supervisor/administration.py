"""The admin server's place in the supervisor: its socket, and when it starts, moves and ends."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from pygateway.config import Admin, Config
from pygateway.supervisor.listening import Listening, Plan

if TYPE_CHECKING:
    from pygateway.admin.control import Control
    from pygateway.admin.server import AdminServer


class Administration:
    """Runs the admin server where and while the configuration says so.

    Args:
        control: What it offers.
    """

    def __init__(self, control: Control) -> None:
        self._control = control
        self._listening = Listening()
        self._settings: Admin | None = None
        self._server: AdminServer | None = None
        self._closing: set[asyncio.Task[None]] = set()

    def prepare(self, config: Config) -> Plan:
        """Bind the address. `adopt` or `abandon` has to follow.

        Raises:
            CannotListen: It cannot be bound; nothing has changed.
        """
        return self._listening.prepare([] if config.admin is None else [config.admin.address], 1)

    def abandon(self, plan: Plan) -> None:
        """Close what `plan` has brought."""
        self._listening.abandon(plan)

    def adopt(self, config: Config, plan: Plan) -> None:
        """Serve on `plan`. A server that stays where it is goes on, with the new token."""
        settings, before = config.admin, self._settings
        self._listening.adopt(plan)
        if settings is not None:
            self._settings = settings
        stays = settings is not None and before is not None and settings.address == before.address
        if stays and self._server is not None:
            return
        if self._server is not None:
            # It may be answering who has asked for this reload, and is not waited for.
            closing = asyncio.create_task(self._server.close())
            self._closing.add(closing)
            closing.add_done_callback(self._closing.discard)
            self._server = None
        if settings is not None:
            self._server = self._start(plan)

    def _start(self, plan: Plan) -> AdminServer:
        # What it is made of takes most of a second to import, and many gateways have none.
        from pygateway.admin.server import AdminServer  # noqa: PLC0415

        server = AdminServer(self._control, self._current)
        server.start(plan.for_slot(0))
        return server

    def _current(self) -> Admin:
        assert self._settings is not None  # noqa: S101 - while the server runs, it has settings
        return self._settings

    async def close(self) -> None:
        """End the server."""
        server, self._server = self._server, None
        if server is not None:
            await server.close()
        await asyncio.gather(*self._closing, return_exceptions=True)
        self._listening.close()
