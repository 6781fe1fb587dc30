"""What the admin server offers, done with the supervisor's parts; the parts that it needs."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine, Sequence
from dataclasses import dataclass
from time import monotonic, time
from typing import Any, Protocol

from pygateway.admin.control import Reloaded, Revoked
from pygateway.admin.counted import Counted
from pygateway.admin.measurements import Measurements, Series
from pygateway.config import Config
from pygateway.revocation.entry import Revocation
from pygateway.revocation.lifetime import needed_life
from pygateway.revocation.register import Prepared, Register
from pygateway.supervisor.access_log import AccessLog
from pygateway.supervisor.administration import Administration
from pygateway.supervisor.assembly import Assembly
from pygateway.supervisor.counting import Counting
from pygateway.supervisor.limits import (
    Reports,
    closed_policies,
    describe_limits,
    store_problems,
)
from pygateway.supervisor.listening import Plan
from pygateway.supervisor.measuring import Observed, config_hash, measure
from pygateway.supervisor.processes import Processes
from pygateway.supervisor.sampling import Sampling
from pygateway.supervisor.status import ConfigurationState, describe
from pygateway.supervisor.traffic_report import describe_traffic, summarize_traffic

PROBE_DEADLINE = 0.5
"""Seconds for workers to say whether they have their store. Who asks for readiness gives up after a
second, unless told otherwise."""


class Operated(Protocol):
    """What a supervisor says of itself, and lets be asked of it."""

    configuration: ConfigurationState

    @property
    def draining(self) -> bool:
        """Whether it is about to end."""

    @property
    def listeners(self) -> list[str]:
        """Addresses that it listens on."""

    @property
    def has_all_workers(self) -> bool:
        """Whether every worker listens."""

    def reload(self) -> Coroutine[Any, Any, Reloaded]:
        """Load the configuration again."""

    def drain(self) -> None:
        """Stop as TERM would."""


@dataclass(frozen=True)
class Preparation:
    """What a configuration needs beside its workers, opened but not yet in use."""

    config: Config
    register: Prepared
    admin: Plan


class Operations:
    """Keeps revocations, tells workers of them, and runs the admin server.

    Args:
        supervisor: Whose operations they are.
        config: The configuration that it starts with.
        counting: Where workers count.
        access_log: Its access log.
    """

    def __init__(
        self, supervisor: Operated, config: Config, counting: Counting, access_log: AccessLog
    ) -> None:
        self._supervisor = supervisor
        self._config, self._hash = config, config_hash(config)
        self._counting, self._started = counting, time()
        self._access_log = access_log
        self._processes = Processes()
        self._sampling = Sampling(self._counted)
        self._register = Register()
        self._administration = Administration(self)
        self.assembly = Assembly(self._known)

    def _known(self) -> tuple[list[dict[str, Any]], float | None]:
        return [entry.to_json() for entry in self._register.held()], self._register.fresh_until

    async def prepare(self, config: Config) -> Preparation:
        """Open what a configuration needs. `adopt` or `abandon` has to follow.

        Raises:
            CannotListen: The admin server's address cannot be bound.
            JournalFailed: The file of revocations cannot be opened.
            LedgerFull: More is revoked than the configuration allows.
        """
        register = await self._register.prepare(config)
        try:
            return Preparation(config, register, self._administration.prepare(config))
        except BaseException:
            self._register.abandon(register)
            raise

    def abandon(self, preparation: Preparation) -> None:
        """Leave everything as it was."""
        self._register.abandon(preparation.register)
        self._administration.abandon(preparation.admin)

    async def keep(self, preparation: Preparation) -> None:
        """Keep revocations as the configuration says."""
        await self._register.adopt(preparation.register)

    def offer(self, preparation: Preparation) -> list[str]:
        """Run the admin server as the configuration says; give its addresses."""
        self._config, self._hash = preparation.config, config_hash(preparation.config)
        self._administration.adopt(preparation.config, preparation.admin)
        if preparation.config.admin is not None:
            self._sampling.start()
        return preparation.admin.names()

    async def close(self) -> None:
        """End everything."""
        await self._administration.close()
        await self._sampling.close()
        await self.assembly.close()
        await self._register.close()

    # What follows is `pygateway.admin.control.Control`.

    async def revoke(self, entries: Sequence[Revocation]) -> Revoked:
        """Refuse tokens from now on.

        Raises:
            LedgerFull: They do not all fit; none was taken.
            JournalFailed: They cannot be kept; none was taken.
        """
        changes = await self._register.take(entries)
        # Everything is said, not the changes alone: somebody who asks again wants to be sure.
        document = [entry.to_json() for entry in entries]
        unheard, problem = await asyncio.gather(
            self.assembly.tell(document), self._register.publish(entries)
        )
        return Revoked(len(changes), unheard, self._register.is_shared, problem)

    def revocations(self) -> list[Revocation]:
        """Give what is revoked now."""
        return self._register.held()

    def needed_life(self, issuer: str | None) -> float:
        """Give the seconds for which tokens of an issuer can be valid at most."""
        return needed_life(self._config, issuer)

    async def status(self) -> dict[str, Any]:
        """Describe everything."""
        workers = await self.assembly.reports()
        counted = await self._counted()
        return describe(
            draining=self._supervisor.draining,
            configuration=self._supervisor.configuration,
            listeners=self._supervisor.listeners,
            unreadiness=self._unreadiness(workers),
            workers=workers,
            revocations=self._register.statistics(),
            rate_limits=describe_limits(
                self._config, counted, self.assembly.tally.totals(), workers
            ),
            access_log=self._access_log.statistics(),
            traffic=summarize_traffic(
                self._config, self._sampling.traffic, monotonic(), counted, workers
            ),
        )

    async def measurements(self) -> Measurements:
        """Give every number, as new as workers answer in time."""
        workers = await self.assembly.reports()
        return await asyncio.to_thread(self._measure, workers, self.assembly.tally.totals())

    def _measure(self, workers: Reports, totals: dict[Series, int]) -> Measurements:
        """Measure, in a thread: with thousands of series it takes a moment."""
        configuration = self._supervisor.configuration
        observed = Observed(
            self._config,
            self._hash,
            configuration.loaded_at,
            configuration.refusal is None,
            workers,
            totals,
            self._processes.look((worker["worker"], worker["pid"]) for worker in workers),
            self.assembly.restarts,
            self._access_log.statistics(),
        )
        return measure(self._counting.counted(), observed)

    async def traffic(self) -> dict[str, Any]:
        """Describe traffic: counts, states and the last quarter of an hour."""
        workers = await self.assembly.reports()
        counted = await self._counted()
        now = time()
        history = self._sampling.traffic.history()
        return describe_traffic(
            self._config, counted, workers, history, now, self._started, now - monotonic()
        )

    async def _counted(self) -> Counted:
        """Give what workers have counted."""
        return await asyncio.to_thread(self._counting.counted)

    async def reload(self) -> Reloaded:
        """Load the configuration again."""
        return await self._supervisor.reload()

    def drain(self) -> None:
        """Stop as TERM would."""
        self._supervisor.drain()

    async def unreadiness(self) -> list[str]:
        """Give what keeps the gateway from serving; nothing when it is ready."""
        asked = bool(closed_policies(self._config))
        return self._unreadiness(await self.assembly.reports(PROBE_DEADLINE) if asked else [])

    def _unreadiness(self, workers: Reports) -> list[str]:
        reasons = []
        if self._supervisor.draining:
            reasons.append("the gateway is draining")
        elif not self._supervisor.has_all_workers:
            reasons.append("workers are missing")
        fresh_until = self._register.fresh_until
        denies = self._config.auth.revocation.when_stale == "deny"
        if denies and fresh_until is not None and time() > fresh_until:
            reasons.append("revocations of other gateways may be missing")
        closed = closed_policies(self._config)
        if closed and store_problems(workers):
            names = ", ".join(closed)
            reasons.append(f"the rate limit store is away, and requests are refused by: {names}")
        return reasons
