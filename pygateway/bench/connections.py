"""The connections of a load: opened at the start, kept alive, opened again when lost."""

from __future__ import annotations

import asyncio
import contextlib
import socket
import ssl
from collections import deque
from functools import partial
from typing import TYPE_CHECKING, Final

from pygateway.bench.client import Client
from pygateway.bench.tally import Failure

if TYPE_CHECKING:
    from collections.abc import Callable

    from pygateway.bench.client import Owner
    from pygateway.bench.plan import Place

OPENED_AT_ONCE: Final = 64
"""Connections that are opened side by side at the start; a backlog of servers is 128 and more."""

CLOSE_GRACE: Final = 1.0
"""Seconds for connections to close by themselves at the end."""


class CannotConnect(Exception):
    """The connections that were asked for could not be opened; the message says why."""


class Connections:
    """At most `limit` connections.

    Args:
        place: Where they go.
        limit: How many there are at most, and at the start.
        timeout: Seconds for each to be opened.
        owner: Whom they report to; has to pass what it hears of lost ones on to `forget`.
        opened: Called when there is one more.
        not_opened: Called when one could not be opened; gives the seconds to wait until another
            is tried.

    Attributes:
        open: Every one.
        idle: Those without a request, the longest idle first. Some may have been lost since: they
            do not persist.
        count: How many have been opened since whoever counts them took them off.
    """

    def __init__(
        self,
        place: Place,
        limit: int,
        timeout: float,
        owner: Owner,
        *,
        opened: Callable[[], None],
        not_opened: Callable[[Failure], float],
    ) -> None:
        self._place = place
        self._limit = limit
        self._timeout = timeout
        self._owner = owner
        self._opened = opened
        self._not_opened = not_opened
        self._loop = asyncio.get_running_loop()
        self._addresses: list[str] = []
        self._openings: set[asyncio.Task[None]] = set()
        self._resting = False
        self._empty = asyncio.Event()
        self.open: set[Client] = set()
        self.idle: deque[Client] = deque()
        self.count = 0

    async def open_all(self) -> None:
        """Open every one, so that a load begins with what was asked for.

        Raises:
            CannotConnect: One could not be opened.
        """
        if self._place.unix is None:
            await self._resolve()
        done = 0
        while done < self._limit:
            # The first one goes alone, to find out whether there is anyone.
            number = min(OPENED_AT_ONCE, self._limit - done) if done else 1
            openings = [asyncio.create_task(self._connect()) for _ in range(number)]
            try:
                await asyncio.gather(*openings)
            except (OSError, TimeoutError) as error:
                opened = f" ({done} of {self._limit} were open)" if done else ""
                message = f"cannot connect to {self._place}{opened}: {reason(error)}"
                raise CannotConnect(message) from None
            finally:
                for opening in openings:
                    opening.cancel()
            done += number

    def open_more(self, waiting: int) -> None:
        """Open as many as requests wait for, as far as there is room."""
        room = self._limit - len(self.open) - len(self._openings)
        wanted = min(waiting - len(self._openings), room)
        if wanted <= 0 or self._resting:
            return
        for _ in range(wanted):
            task = self._loop.create_task(self._open())
            self._openings.add(task)
            task.add_done_callback(self._end_opening)

    def forget(self, client: Client) -> None:
        """Count one less."""
        self.open.discard(client)
        if not self.open:
            self._empty.set()

    async def close(self) -> None:
        """Close every one, after `CLOSE_GRACE` by force."""
        for task in self._openings:
            task.cancel()
        if self._openings:
            await asyncio.wait(self._openings)
        for client in tuple(self.open):
            client.due = 0
            client.close()
        if self.open:
            self._empty.clear()
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self._empty.wait(), CLOSE_GRACE)
        for client in tuple(self.open):
            client.abort()

    async def _open(self) -> None:
        try:
            await self._connect()
        except (OSError, TimeoutError) as error:
            pause = self._not_opened(kind(error))
            if pause:
                self._resting = True
                self._loop.call_later(pause, self._end_rest)

    def _end_opening(self, task: asyncio.Task[None]) -> None:
        self._openings.discard(task)
        if not task.cancelled():
            self._opened()

    def _end_rest(self) -> None:
        self._resting = False
        self._opened()

    async def _resolve(self) -> None:
        """Resolve once: what is measured is the gateway and not the resolver."""
        place = self._place
        try:
            async with asyncio.timeout(self._timeout):
                found = await self._loop.getaddrinfo(
                    place.host, place.port, type=socket.SOCK_STREAM
                )
        except (OSError, TimeoutError) as error:
            raise CannotConnect(f"cannot connect to {place}: {reason(error)}") from None
        self._addresses = list(dict.fromkeys(str(address[4][0]) for address in found))

    async def _connect(self) -> None:
        """Open one.

        Raises:
            OSError, TimeoutError: It could not be opened.
        """
        place = self._place
        make = partial(Client, self._owner)
        name = place.host if place.tls is not None else None
        async with asyncio.timeout(self._timeout):
            if place.unix is not None:
                _, client = await self._loop.create_unix_connection(
                    make, place.unix, ssl=place.tls, server_hostname=name
                )
            else:
                client = await self._connect_anywhere(make, name)
        self.count += 1
        if client.persists:
            self.open.add(client)
            self.idle.append(client)

    async def _connect_anywhere(self, make: Callable[[], Client], name: str | None) -> Client:
        """Try the addresses in turn, and stay with the one that answers."""
        place = self._place
        for address in tuple(self._addresses):
            try:
                _, client = await self._loop.create_connection(
                    make, address, place.port, ssl=place.tls, server_hostname=name
                )
            except OSError:
                if address == self._addresses[-1]:
                    raise
            else:
                self._addresses = [address]
                return client
        raise OSError("there is no address")


def kind(error: OSError | TimeoutError) -> Failure:
    """Say what a connection failed of."""
    if isinstance(error, ConnectionRefusedError):
        return Failure.REFUSED
    if isinstance(error, ssl.SSLError):
        return Failure.TLS
    return Failure.CONNECT


def reason(error: Exception) -> str:
    """Say for people what a connection failed of."""
    if isinstance(error, ssl.SSLCertVerificationError):
        return f"its certificate is not trusted: {error.verify_message} (--ca-file, --insecure)"
    if isinstance(error, ssl.SSLError):
        return f"no TLS session: {error.reason or error}"
    if isinstance(error, socket.gaierror):
        return str(error.strerror)
    if isinstance(error, ConnectionRefusedError):
        return "nobody listens there"
    if isinstance(error, OSError) and error.strerror:
        return error.strerror
    if isinstance(error, TimeoutError):
        return "no answer in time"
    return str(error) or type(error).__name__
