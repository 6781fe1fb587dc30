"""Opens connections to one endpoint, over TCP, TLS or a unix socket."""

from __future__ import annotations

import asyncio
import ssl
from typing import TYPE_CHECKING

from pygateway.errors import ConnectFailed
from pygateway.upstream.connection import UpstreamConnection

if TYPE_CHECKING:
    from collections.abc import Callable

    from pygateway.config import Endpoint, UpstreamTls
    from pygateway.upstream.pool import Pool


def client_context(policy: UpstreamTls) -> ssl.SSLContext:
    """Build the TLS context for an https upstream: verification on, unless turned off.

    Raises:
        OSError: The file of certificate authorities cannot be read or used.
    """
    context = ssl.create_default_context(
        cafile=str(policy.ca_file) if policy.ca_file is not None else None
    )
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    context.set_alpn_protocols(["http/1.1"])
    if not policy.verify:
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
    return context


class Connector:
    """How one endpoint is connected to.

    Attributes:
        authority: The endpoint's name as a Host header gives it.
    """

    __slots__ = ("_context", "_endpoint", "_server_name", "authority")

    def __init__(self, endpoint: Endpoint, tls: UpstreamTls) -> None:
        self._endpoint = endpoint
        self.authority = endpoint.authority
        self._context = client_context(tls) if endpoint.scheme == "https" else None
        self._server_name = tls.server_name or endpoint.host

    async def connect(self, pool: Pool) -> UpstreamConnection:
        """Open a connection that belongs to `pool`.

        Raises:
            ConnectFailed: The endpoint cannot be reached, or its identity not be verified.
        """
        try:
            connection = await self._open(lambda: UpstreamConnection(pool))
        except ssl.SSLError as error:
            detail = "The upstream's TLS could not be verified."
            raise ConnectFailed(detail, retryable=True) from error
        except (OSError, UnicodeError) as error:
            detail = "The upstream could not be connected to."
            raise ConnectFailed(detail, retryable=True) from error
        return connection

    async def _open(self, factory: Callable[[], UpstreamConnection]) -> UpstreamConnection:
        loop = asyncio.get_running_loop()
        endpoint = self._endpoint
        if endpoint.path is not None:
            return (await loop.create_unix_connection(factory, endpoint.path))[1]
        if self._context is None:
            return (await loop.create_connection(factory, endpoint.host, endpoint.port))[1]
        return (
            await loop.create_connection(
                factory,
                endpoint.host,
                endpoint.port,
                ssl=self._context,
                server_hostname=self._server_name,
            )
        )[1]
