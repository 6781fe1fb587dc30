"""What every client of Redis offers; importing it does not import the library."""

from __future__ import annotations

from collections.abc import Awaitable
from typing import Any, Protocol

from pygateway.errors import GatewayError


class StoreUnavailable(GatewayError):
    """Redis cannot be asked, or did not answer in time; the text says why."""


class Store(Protocol):
    """What every client offers, whether for one server, sentinels or a cluster."""

    def execute_command(self, *arguments: bytes | str | float) -> Awaitable[Any]:
        """Send one command; give its answer."""

    def get(self, name: str) -> Awaitable[bytes | str | None]:
        """Give the string at `name`."""

    def aclose(self) -> Awaitable[None]:
        """Close every connection."""
