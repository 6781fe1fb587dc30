"""How much a gateway takes from one side before it has given it to the other."""

from __future__ import annotations

import socket
from typing import TYPE_CHECKING

from tests.support.patience import PATIENCE

if TYPE_CHECKING:
    from tests.support.gateway import RunningGateway

MAXIMUM_IN_FLIGHT = 24 << 20
"""Bytes that the sockets' buffers on the way, and not the gateway, may hold at most."""


def push(gateway: RunningGateway, connection: socket.socket) -> int:
    """Send zeros until the gateway takes no more; the bytes that it took."""
    connection.setblocking(False)
    block = bytes(1 << 20)
    total = refusals = 0
    while refusals < 5 and total < 4 * MAXIMUM_IN_FLIGHT:
        try:
            total += connection.send(block)
            refusals = 0
        except BlockingIOError:
            refusals += 1
            gateway.settle()
    connection.settimeout(PATIENCE)
    return total
