"""What the admin server offers, done with the supervisor's parts; the parts that it needs."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine, Sequence
from dataclasses import dataclass
from functools import partial
from time import monotonic, time
from typing import Any, Protocol

from pygateway.admin.control import Check, NoWorker, Reloaded, Revoked
from pygateway.admin.counted import Counted
from pygateway.admin.measurements import Measurements, Series
from pygateway.admin.shared import Shared
from pygateway.config import Config, LogLevel
from pygateway.revocation.entry import Revocation
from pygateway.revocation.lifetime import needed_life
from pygateway.revocation.register import Prepared, Register
from pygateway.supervisor.access_log import AccessLog
from pygateway.supervisor.administration import Administration
from pygateway.supervisor.assembly import Assembly
from pygateway.supervisor.counting import Counting
from pygateway.supervisor.health import Circumstances, check, failures
from pygateway.supervisor.limits import Reports, describe_limits
from pygateway.supervisor.listening import Plan
from pygateway.supervisor.measuring import Observed, config_hash, measure
from pygateway.supervisor.processes import Processes
from pygateway.supervisor.sampling import Sampling
from pygateway.supervisor.status import ConfigurationState, describe
from pygateway.supervisor.traffic_report import describe_traffic, summarize_traffic
from pygateway.supervisor.upstream_overview import describe_upstreams
from pygateway.telemetry import adjust_logging, get_logger

PROBE_DEADLINE = 0.5
"""Seconds for workers to say whether they have their store. Who asks for readiness gives up after a
second, unless told otherwise."""


PROBE_LASTS = 1.0
"""Seconds for which what workers have said of themselves counts for probes, so that a flood of
those costs next to nothing. What the supervisor knows itself counts at once."""


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
        self._log_level: LogLevel = config.log.level
        self._register = Register()
        self._administration = Administration(self)
        self.assembly = Assembly(self._known)
        self._probed = Shared(partial(self.assembly.reports, PROBE_DEADLINE), PROBE_LASTS)

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

    async def offer(self, preparation: Preparation) -> list[str]:
        """Run admin server and log as the configuration says; give the server's addresses."""
        self._config, self._hash = preparation.config, config_hash(preparation.config)
        log = preparation.config.log
        adjust_logging(form=log.format)
        await self._adjust_log(log.level, lasts=False)
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
            unreadiness=failures(self._check(workers)),
            workers=workers,
            revocations=self._register.statistics(),
            rate_limits=describe_limits(
                self._config, counted, self.assembly.tally.totals(), workers
            ),
            access_log=self._access_log.statistics(),
            traffic=summarize_traffic(
                self._config, self._sampling.traffic, monotonic(), counted, workers
            ),
            upstreams=describe_upstreams(self._config, workers),
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

    async def checks(self) -> list[Check]:
        """Say how everything is that the gateway needs."""
        return self._check(await self._probed.get())

    def _check(self, workers: Reports) -> list[Check]:
        return check(
            Circumstances(
                config=self._config,
                configuration=self._supervisor.configuration,
                workers=workers,
                draining=self._supervisor.draining,
                has_all_workers=self._supervisor.has_all_workers,
                revocations=self._register.statistics(),
                fresh_until=self._register.fresh_until,
                access_log=self._access_log.statistics(),
                now=time(),
            )
        )

    def config(self) -> Config:
        """Give the configuration that runs."""
        return self._config

    async def upstreams(self) -> list[dict[str, Any]]:
        """Describe the upstreams, as all workers together see them."""
        return describe_upstreams(self._config, await self.assembly.reports())

    def log_level(self) -> LogLevel:
        """Say how serious lines of the log have to be now."""
        return self._log_level

    async def set_log_level(self, level: LogLevel) -> None:
        """Say how serious they have to be from now on, until the next reload."""
        await self._adjust_log(level, lasts=True)
        get_logger().info("log level set", to=level)

    async def _adjust_log(self, level: LogLevel, *, lasts: bool) -> None:
        self._log_level = level
        adjust_logging(level=level)
        await self.assembly.set_log_level(level, lasts=lasts)

    async def explain(self, request: dict[str, Any]) -> dict[str, Any]:
        """Say what would become of a request.

        Raises:
            NoWorker: There is none that could say.
            ValueError: It is no request.
        """
        try:
            told = await self.assembly.explain(request)
        except TimeoutError:
            raise NoWorker("the worker that was asked has not answered in time") from None
        if told is None:
            raise NoWorker("no worker is ready")
        worker, document = told
        if "failed" in document:
            raise NoWorker("the worker that was asked has failed; its log says more")
        if "problem" in document:
            raise ValueError(document["problem"])
        return {"worker": worker.slot, **document}
