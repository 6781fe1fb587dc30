"""One worker's gateway: builds everything that a configuration asks for, and joins it."""

from __future__ import annotations

import asyncio
import json
import os
from time import time
from typing import TYPE_CHECKING, Any

from pygateway import __version__
from pygateway._core import Arena, Gate, LineRing
from pygateway.auth.authenticator import Authenticator
from pygateway.config.gate_specification import gate_specification
from pygateway.explanation import Explainer
from pygateway.proxy import Proxy
from pygateway.server.server import Server
from pygateway.sweep import Sweep
from pygateway.telemetry.tracing import Tracer
from pygateway.upstream.plan import Destination, Plan, Timeouts
from pygateway.upstream.upstream import UpstreamState

if TYPE_CHECKING:
    import socket
    from collections.abc import Sequence

    from pygateway._core import Funding, Unfunded
    from pygateway.config import Config, Route
    from pygateway.exchange import Exchange
    from pygateway.ratelimit.limiter import Limiter
    from pygateway.store.store import Store


SPANS_DEADLINE = 2.0
"""Seconds for the spans that wait when everything else has come to its end."""

STORE_DEADLINE = 0.25
"""Seconds that a start waits for the store that counts. A request that comes before it has answered
is counted as if the store were away."""


HEALTH_LASTS = 1.0
"""Seconds for which what was said of the gateway's health is said again."""


class Gateway:
    """A gateway that runs on the current event loop.

    Args:
        config: What to do; it has been validated.
        arena: Where it counts together with others; None to count by itself.
        lane: Which of those it is.
        log: Where the lines of the access log go; None for nowhere.

    Raises:
        SpecError: The routes cannot be built.
        ValueError: A key of a provider cannot be used.
        OSError: A file, such as a certificate authority's, cannot be read.
    """

    def __init__(
        self,
        config: Config,
        arena: Arena | None = None,
        lane: int = 0,
        log: LineRing | None = None,
    ) -> None:
        self._config = config
        self._sweep = Sweep(asyncio.get_running_loop())
        self._upstreams = {
            name: UpstreamState(index, name, upstream, config.limits, self._sweep)
            for index, (name, upstream) in enumerate(config.upstreams.items())
        }
        self._gate = Gate(gate_specification(config), os.urandom(32), arena, lane, log)
        self._authenticator = Authenticator(config, self._gate, _store(config))
        self._limiter = _limiter(config, self._gate, arena)
        self._tracer = None if config.tracing is None else Tracer(config.tracing)
        plans = {
            index: Plan([self._destination(route, *share) for share in route.upstream])
            for index, route in enumerate(config.routes)
            if route.upstream
        }
        self._explainer = Explainer(config, self._gate, plans)
        self._proxy = Proxy(
            self._gate,
            self._authenticator,
            self._limiter,
            plans,
            self._sweep,
            self._health,
            config.limits.minimum_rate,
            server_timing=config.server_timing,
            tracer=self._tracer,
        )
        self._health_until, self._health_draining, self._health_said = 0.0, False, b""
        self._server = Server(self._proxy, self._sweep, config.limits, config.timeouts)

    async def start(self, sockets: Sequence[socket.socket]) -> None:
        """Serve on `sockets`, which are bound; they are closed when the gateway drains."""
        self._sweep.start()
        self._authenticator.start()
        if self._tracer is not None:
            self._tracer.start()
        if self._limiter is not None:
            self._limiter.start()
            await self._limiter.ready(STORE_DEADLINE)
        await self._server.listen(sockets)

    async def drain(self, timeout: float) -> None:
        """Accept no more, finish what is under way within `timeout` seconds, and close.

        What was leased of quotas and not spent is given back then, which may take a second, and
        spans that wait are exported, which may take two.
        """
        self._proxy.drain()
        await self._server.drain(timeout)
        if self._limiter is not None:
            await self._limiter.settle()
        if self._tracer is not None:
            await self._tracer.drain(SPANS_DEADLINE)
        self.close()

    def close(self) -> None:
        """Close everything at once."""
        self._server.stop_listening()
        self._server.abort()
        self._authenticator.close()
        if self._limiter is not None:
            self._closing = asyncio.ensure_future(self._limiter.close())
        if self._tracer is not None:
            self._tracer.close()
        for upstream in self._upstreams.values():
            upstream.close()
        self._sweep.stop()

    def apply_revocations(self, entries: bytes) -> int:
        """Take revocations, as `Gate.revoke` has them; how many of them changed anything.

        Raises:
            ValueError: The entries are malformed.
            OverflowError: There is no room for all of them. None was taken.
        """
        return self._gate.revoke(entries, time())

    def revocations(self) -> bytes:
        """The revocations that are held, as `apply_revocations` takes them."""
        return self._gate.revocations(time())

    def set_fresh_until(self, until: float) -> None:
        """Say until when, in Unix seconds, the revocations are known to be complete."""
        self._gate.set_fresh_until(until)

    def statistics(self) -> dict[str, Any]:
        """Describe what runs, for reports: counts since the start, and states."""
        return {
            "connections": len(self._server.connections),
            "active_requests": sum(connection.busy for connection in self._server.connections),
            "upstreams": {name: each.statistics() for name, each in self._upstreams.items()},
            "draining": self._proxy.draining,
            "tracing": None if self._tracer is None else self._tracer.statistics(),
            "auth": self._authenticator.statistics(),
            "rate_limits": {
                "policies": json.loads(self._gate.limit_statistics()),
                "store": None if self._limiter is None else self._limiter.statistics(),
            },
        }

    def explain(self, request: dict[str, Any]) -> dict[str, Any]:
        """Say what would become of a request, as `Explainer.explain` does; nothing comes of it.

        Raises:
            ValueError: It is no request.
        """
        return self._explainer.explain(request)

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
        """Say how the gateway is: 200 while it serves, 503 once it drains.

        It is looked at once in `HEALTH_LASTS` seconds, so that a flood of questions costs little.
        """
        draining, now = self._proxy.draining, self._sweep.now
        if now >= self._health_until or draining is not self._health_draining:
            self._health_until, self._health_draining = now + HEALTH_LASTS, draining
            text = json.dumps(self._describe_health(draining=draining))
            self._health_said = text.encode("ascii") + b"\n"
        return (503 if draining else 200), self._health_said

    def _describe_health(self, *, draining: bool) -> dict[str, Any]:
        """Describe it without addresses: whoever reaches the gateway may ask."""
        report: dict[str, Any] = {
            "status": "draining" if draining else "ok",
            "version": __version__,
            "upstreams": {name: each.health() for name, each in self._upstreams.items()},
        }
        if self._limiter is not None:
            report["redis"] = self._limiter.health()
        return report


def _store(config: Config) -> Store | None:
    """Connect to Redis, lazily, where a provider keeps its keys there."""
    providers = config.auth.providers.values()
    if config.redis is None or not any(
        provider.api_keys is not None and provider.api_keys.redis for provider in providers
    ):
        return None
    from pygateway.store.redis import connect  # noqa: PLC0415 - takes its time, and is rarely used

    return connect(config.redis)


def _limiter(
    config: Config, gate: Gate, arena: Arena | None
) -> Limiter[Exchange, Unfunded, Funding] | None:
    """Ask Redis for quotas, where a policy counts there."""
    if config.redis is None or not config.counts_in_redis():
        return None
    from pygateway.ratelimit.limiter import (  # noqa: PLC0415 - takes its time to import
        Limiter,
        StorePolicy,
    )

    machine = os.urandom(16).hex() if arena is None else arena.machine
    policies = [
        StorePolicy(name, policy.quota or 0, round((policy.window or 0) * 1000))
        for name, policy in config.rate_limits.items()
    ]
    return Limiter(config.redis, policies, gate, machine)
