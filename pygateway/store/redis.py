"""Makes clients of the Redis that the configuration names.

The library's defaults are patient: five seconds for an answer, and ten tries. A gateway would
rather know soon, so here everything has the configured deadline, and nothing is tried twice;
whoever asks decides what a failure means.
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any, cast

from redis.asyncio import ConnectionPool, Redis, RedisCluster
from redis.asyncio.cluster import ClusterNode
from redis.exceptions import RedisError

from pygateway.config import Redis as Settings
from pygateway.store.connections import (
    TlsConnection,
    close_sentinels,
    options_of,
    sentinels_of,
    trust_of,
)
from pygateway.store.store import Store, StoreUnavailable

if TYPE_CHECKING:
    from redis.asyncio.sentinel import Sentinel

__all__ = ["Store", "StoreUnavailable", "connect", "translated"]

MOST_CONNECTIONS = 64
"""Connections of one client; whoever finds all of them busy is told at once."""


def connect(settings: Settings, *, timeout: float | None = None) -> Store:
    """Make a client, which connects when it is first asked.

    Args:
        settings: Where Redis is.
        timeout: Seconds for an answer, instead of `redis.timeout`; for commands that block.

    Raises:
        OSError: The file of certificates cannot be read.
    """
    patience = settings.timeout if timeout is None else timeout
    options = options_of(settings, patience) | {"max_connections": MOST_CONNECTIONS}
    location = settings.location
    match location.kind:
        case "socket":
            client: Any = Redis(unix_socket_path=location.path, db=location.database, **options)
        case "sentinel":
            client = _through_sentinels(settings, options)
        case "cluster":
            nodes = [ClusterNode(host, port) for host, port in location.hosts]
            client = RedisCluster(startup_nodes=nodes, **options)
        case "server":
            client = _of_one_server(settings, options)
    return cast("Store", client)


def _of_one_server(settings: Settings, options: dict[str, Any]) -> Redis:
    location = settings.location
    ((host, port),) = location.hosts
    options |= {"host": host, "port": port, "db": location.database}
    if location.tls:
        options |= {"connection_class": TlsConnection, "trust": trust_of(settings)}
    return Redis.from_pool(ConnectionPool(**options))


def _through_sentinels(settings: Settings, options: dict[str, Any]) -> _BehindSentinels:
    location = settings.location
    sentinels = sentinels_of(settings, options)
    return _BehindSentinels(
        sentinels, sentinels.master_for(location.service, db=location.database, **options)
    )


class _BehindSentinels:
    """The primary that sentinels name; closes the connections to them, too, as it should."""

    def __init__(self, sentinels: Sentinel, primary: Redis) -> None:
        self._sentinels = sentinels
        self._primary = primary
        self.execute_command = primary.execute_command
        self.get = primary.get

    async def aclose(self) -> None:
        await self._primary.aclose()
        await close_sentinels(self._sentinels)


@asynccontextmanager
async def translated() -> AsyncIterator[None]:
    """Turn every way in which Redis can fail into `StoreUnavailable`."""
    try:
        yield
    except TimeoutError:
        raise StoreUnavailable("no answer in time") from None
    except (RedisError, OSError) as error:
        raise StoreUnavailable(str(error) or type(error).__name__) from error
