"""One worker's gateway: builds everything that a configuration asks for, and joins it."""

from __future__ import annotations

import asyncio
import json
import os
from typing import TYPE_CHECKING

from pygateway import __version__
from pygateway._core import Gate
from pygateway.config.gate_specification import gate_specification
from pygateway.proxy import Proxy
from pygateway.server.server import Server
from pygateway.sweep import Sweep
from pygateway.upstream.plan import Destination, Plan, Timeouts
from pygateway.upstream.upstream import UpstreamState

if TYPE_CHECKING:
    import socket
    from collections.abc import Sequence

    from pygateway.config import Config, Route


class Gateway:
    """A gateway that runs on the current event loop.

    Args:
        config: What to do; it has been validated.

    Raises:
        SpecError: The routes cannot be built.
        OSError: A file, such as a certificate authority's, cannot be read.
    """

    def __init__(self, config: Config) -> None:
        self._config = config
        self._sweep = Sweep(asyncio.get_running_loop())
        self._upstreams = {
            name: UpstreamState(name, upstream, config.limits, self._sweep)
            for name, upstream in config.upstreams.items()
        }
        self._proxy = Proxy(
            Gate(gate_specification(config), os.urandom(32)),
            {
                index: Plan([self._destination(route, *share) for share in route.upstream])
                for index, route in enumerate(config.routes)
                if route.upstream
            },
            self._sweep,
            self._health,
            config.limits.minimum_rate,
        )
        self._server = Server(self._proxy, self._sweep, config.limits, config.timeouts)

    async def start(self, sockets: Sequence[socket.socket]) -> None:
        """Serve on `sockets`, which are bound; they are closed when the gateway drains."""
        self._sweep.start()
        await self._server.listen(sockets)

    async def drain(self, timeout: float) -> None:
        """Accept no more, finish what is under way within `timeout` seconds, and close."""
        self._proxy.drain()
        await self._server.drain(timeout)
        self.close()

    def close(self) -> None:
        """Close everything at once."""
        self._server.stop_listening()
        self._server.abort()
        for upstream in self._upstreams.values():
            upstream.close()
        self._sweep.stop()

    def _destination(self, route: Route, name: str, weight: int) -> Destination:
        """Join the timeouts: the route's own, else its upstream's, else the gateway's."""
        layers = (
            route.timeouts,
            self._config.upstreams[name].timeouts,
            self._config.timeouts,
        )

        def first(field: str) -> float:
            values = (getattr(layer, field, None) for layer in layers if layer is not None)
            return next(float(value) for value in values if value is not None)

        timeouts = Timeouts(
            connect=first("connect"),
            response=first("response"),
            body_stall=first("body_stall"),
            request=first("request"),
            tunnel=self._config.timeouts.tunnel,
        )
        return Destination(self._upstreams[name], weight, timeouts)

    def _health(self) -> tuple[int, bytes]:
        """Say how the gateway is: 200 while it serves, 503 once it drains."""
        draining = self._proxy.draining
        report = {
            "status": "draining" if draining else "ok",
            "version": __version__,
            "upstreams": {
                name: {"endpoints": len(upstream.endpoints)}
                for name, upstream in self._upstreams.items()
            },
        }
        return (503 if draining else 200), json.dumps(report).encode("ascii") + b"\n"
