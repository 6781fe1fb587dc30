"""Makes single connections to the Redis that the configuration names, for who drives them alone.

The library connects, speaks TLS, presents user and password and selects the database. Its client
costs some ten microseconds for each command even in a batch, though, so `take_over` hands the
transport on to whoever reads and writes faster.
"""

from __future__ import annotations

import asyncio
import ssl
from typing import TYPE_CHECKING, Any, Protocol, cast

from redis.asyncio import Connection, SSLConnection, UnixDomainSocketConnection
from redis.asyncio.connection import AbstractConnection
from redis.asyncio.retry import Retry
from redis.asyncio.sentinel import Sentinel
from redis.backoff import NoBackoff

if TYPE_CHECKING:
    from pygateway.config import Redis as Settings

RESP_VERSION = 2
"""Answers have one form then, whichever of its versions the library is."""


class Connector(Protocol):
    """Knows where a server is."""

    async def connect(self) -> AbstractConnection:
        """Give a new connection; fails as the library does (see `redis.translated`)."""

    async def aclose(self) -> None:
        """Close what was opened to find out where the server is."""


class TlsConnection(SSLConnection):
    """Trusts what `trust` does, and nothing else."""

    def __init__(self, *, trust: ssl.SSLContext, **options: Any) -> None:  # noqa: ANN401
        super().__init__(**options)
        self.ssl_context.context = trust


def options_of(settings: Settings, patience: float) -> dict[str, Any]:
    """What every connection is told: one deadline for everything, and nothing is tried twice."""
    return {
        "username": settings.username,
        "password": settings.password and settings.password.get_secret_value(),
        "socket_timeout": patience,
        "socket_connect_timeout": patience,
        "retry": Retry(NoBackoff(), 0),
        "protocol": RESP_VERSION,
    }


def trust_of(settings: Settings) -> ssl.SSLContext:
    """Whom to trust for TLS.

    The library would trust the system's authorities beside those of the file.

    Raises:
        OSError: The file of certificates cannot be read.
    """
    return ssl.create_default_context(cafile=settings.ca_file)


def sentinels_of(settings: Settings, options: dict[str, Any]) -> Sentinel:
    """Those who know the primary; they are asked one after the other, with the same deadline."""
    quick = ("socket_timeout", "socket_connect_timeout", "protocol", "retry")
    return Sentinel(  # type: ignore[no-untyped-call]
        list(settings.location.hosts), sentinel_kwargs={name: options[name] for name in quick}
    )


async def close_sentinels(sentinels: Sentinel) -> None:
    """Close the connections to them."""
    for sentinel in sentinels.sentinels:
        await sentinel.aclose()


def connector(settings: Settings, patience: float) -> Connector:
    """Make the connector for one server, or for the primary that sentinels name.

    Args:
        settings: Where Redis is.
        patience: Seconds for each step until there is a connection.

    Raises:
        OSError: The file of certificates cannot be read.
    """
    location = settings.location
    options = options_of(settings, patience)
    if location.kind == "sentinel":
        return _Sentinels(settings, options)
    if location.kind == "socket":
        return _Fixed(
            UnixDomainSocketConnection, options | {"path": location.path, "db": location.database}
        )
    ((host, port),) = location.hosts
    options |= {"host": host, "port": port, "db": location.database}
    if location.tls:
        return _Fixed(TlsConnection, options | {"trust": trust_of(settings)})
    return _Fixed(Connection, options)


def node_connector(settings: Settings, patience: float, host: str, port: int) -> Connector:
    """Make the connector for one node of a cluster."""
    return _Fixed(Connection, options_of(settings, patience) | {"host": host, "port": port})


class _Fixed:
    """A server whose address does not change."""

    def __init__(self, kind: type[AbstractConnection], options: dict[str, Any]) -> None:
        self._kind = kind
        self._options = options

    async def connect(self) -> AbstractConnection:
        return await _connected(self._kind(**self._options))

    async def aclose(self) -> None:
        pass


class _Sentinels:
    """The primary of the moment: the sentinels are asked anew for every connection."""

    def __init__(self, settings: Settings, options: dict[str, Any]) -> None:
        self._service = settings.location.service
        self._options = options | {"db": settings.location.database}
        self._sentinels = sentinels_of(settings, options)

    async def connect(self) -> AbstractConnection:
        host, port = await self._sentinels.discover_master(self._service)
        return await _connected(Connection(host=host, port=port, **self._options))

    async def aclose(self) -> None:
        await close_sentinels(self._sentinels)


async def _connected(connection: AbstractConnection) -> AbstractConnection:
    try:
        await connection.connect()  # type: ignore[no-untyped-call]
    except BaseException:
        # Cancelled half-way, the library leaves it open.
        await connection.disconnect(nowait=True)
        raise
    return connection


def take_over(connection: AbstractConnection, protocol: asyncio.Protocol) -> asyncio.Transport:
    """Have `protocol` read what comes, and give what it writes to.

    The library's objects must live as long as the transport, since the writer would close it; so
    the protocol keeps `connection`, and calls `let_go` when it has closed the transport.
    """
    writer = connection._writer
    assert writer is not None  # noqa: S101 - it is connected
    # That of a stream is for both directions.
    transport = cast("asyncio.Transport", writer.transport)
    transport.set_protocol(protocol)
    protocol.connection_made(transport)
    return transport


def let_go(connection: AbstractConnection) -> None:
    """Have the library forget a transport that was taken over and is closed."""
    connection._reader = connection._writer = None
