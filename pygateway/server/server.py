"""Accepts clients, within bounds, and lets them go."""

from __future__ import annotations

import asyncio
import contextlib
import socket
import sys
from typing import TYPE_CHECKING, Any, Protocol

from pygateway.server.connection import ClientConnection

if TYPE_CHECKING:
    from collections.abc import Sequence

    from pygateway._core import Gate, Peer
    from pygateway.config import Limits, Timeouts
    from pygateway.proxy import Proxy
    from pygateway.sweep import Sweep

# Connections that the kernel holds until they are accepted. A burst of a few thousand new clients
# within one turn of the loop is common after a reload elsewhere; the kernel's own bound
# (net.core.somaxconn, 4096 by default) holds beyond.
BACKLOG = 4096

# Bytes that the kernel holds for a client beyond what is on its way (tcp(7), TCP_NOTSENT_LOWAT).
# Without a bound it takes megabytes at once, tells nothing of how a slow client gets on meanwhile,
# and a steady download would look stalled.
UNSENT_BYTES = 128 * 1024

# While draining, a connection that has been silent this long, in seconds, is closed. Clients that
# are about to reuse a connection usually do so within a moment; they get their answer together
# with `Connection: close`, which no client can mistake.
DRAIN_IDLE_SECONDS = 1.0

# Clients that are told at the end of the drain that they get no answer have this long, in seconds,
# to read that and to close. What the worker still has to do has half a second in all.
CUT_OFF_SECONDS = 0.1


# From Python 3.13 on the file of a unix socket is removed with its server, unless told otherwise;
# it belongs to the supervisor, for other workers go on listening on it.
KEEP_SOCKET_FILE: dict[str, Any] = {"cleanup_socket": False} if sys.version_info >= (3, 13) else {}


class Closeable(Protocol):
    """What the server needs of an asyncio server."""

    def close(self) -> None:
        """Accept no more."""


class Server:
    """All client connections of a worker.

    Attributes:
        proxy: Takes their requests.
        sweep: Keeps their deadlines.
        timeouts: Durations in seconds, as configured.
        largest_head: Bytes at which a request head is refused unread.
        largest_target: Bytes at which a request target is refused unread.
        idle: Seconds for which a connection may be silent between two requests.
    """

    def __init__(self, proxy: Proxy, sweep: Sweep, limits: Limits, timeouts: Timeouts) -> None:
        self.proxy = proxy
        self.sweep = sweep
        self.timeouts = timeouts
        self.largest_target = limits.target_bytes
        # The request line stands in front of the headers; method, version and spaces need little.
        self.largest_head = limits.header_bytes + limits.target_bytes + 64
        self.idle = timeouts.idle
        self.connections: set[ClientConnection] = set()
        self._most_connections = limits.connections
        self._listening: list[Closeable] = []
        self._empty = asyncio.Event()
        self._empty.set()

    async def listen(self, sockets: Sequence[socket.socket]) -> None:
        """Accept clients on `sockets`, which are bound and not yet in use by this process."""
        loop = asyncio.get_running_loop()
        for listening in sockets:
            listening.setblocking(False)
            if listening.family == socket.AF_UNIX:
                self._listening.append(
                    await loop.create_unix_server(
                        lambda: ClientConnection(self),
                        sock=listening,
                        backlog=BACKLOG,
                        **KEEP_SOCKET_FILE,
                    )
                )
            else:
                # Connections inherit it.
                listening.setsockopt(socket.IPPROTO_TCP, socket.TCP_NOTSENT_LOWAT, UNSENT_BYTES)
                self._listening.append(
                    await loop.create_server(
                        lambda: ClientConnection(self), sock=listening, backlog=BACKLOG
                    )
                )

    def identify(self, transport: asyncio.Transport) -> Peer | None:
        """Tell the gate who has connected; None where the client has gone before it was accepted.

        Its socket has no address any more, but what it has sent can still be read. It must not be
        taken for the peer of a unix socket, which has no address either and is trusted.
        """
        name = transport.get_extra_info("peername")
        if isinstance(name, tuple):
            address = name[0].partition("%")[0]
        elif transport.get_extra_info("socket").family == socket.AF_UNIX:
            address = ""
        else:
            return None
        secure = transport.get_extra_info("ssl_object") is not None
        return self._gate.peer(address, secure)

    def admit(self, connection: ClientConnection) -> bool:
        """Count `connection`; whether it is one of those that may be served."""
        self.connections.add(connection)
        self.sweep.waiters.add(connection)
        self._empty.clear()
        return len(self.connections) <= self._most_connections

    def dismiss(self, connection: ClientConnection) -> None:
        """A connection has closed."""
        self.connections.discard(connection)
        self.sweep.waiters.discard(connection)
        if not self.connections:
            self._empty.set()

    def stop_listening(self) -> None:
        """Accept no more clients."""
        for server in self._listening:
            server.close()
        self._listening.clear()

    async def drain(self, timeout: float) -> None:
        """Let every request under way finish, for at most `timeout` seconds; then close all.

        Whoever has no answer by then is told so, and gets a moment to read that.
        """
        self.stop_listening()
        # A client that was accepted in this turn of the loop is heard of in the next one.
        await asyncio.sleep(0)
        self.idle = min(self.idle, DRAIN_IDLE_SECONDS)
        now = asyncio.get_running_loop().time()
        for connection in tuple(self.connections):
            connection.drain(now)
        try:
            await asyncio.wait_for(self._empty.wait(), timeout)
        except TimeoutError:
            for connection in tuple(self.connections):
                connection.cut_off()
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self._empty.wait(), CUT_OFF_SECONDS)
            self.abort()

    def abort(self) -> None:
        """Close every connection at once."""
        for connection in tuple(self.connections):
            connection.abort()

    @property
    def _gate(self) -> Gate:
        return self.proxy.gate
