"""The supervisor's life: start, reload and end, as signals ask for them.

TERM, INT   stop accepting, let requests in flight finish, exit; a second one ends them
HUP         load the configuration again; workers are replaced without losing a connection.
Where there is nothing to load again, as in `pygateway proxy`, it stops too
USR1        open the file of the access log again, because it was renamed
USR2        nothing yet (this version cannot be replaced in place)
"""

from __future__ import annotations

import asyncio
import resource
import signal
from collections.abc import Callable, Coroutine, Sequence
from time import time
from typing import Any

from pygateway.admin.control import Reloaded
from pygateway.config import Config
from pygateway.errors import ConfigurationError, ConfigurationProblem, GatewayError
from pygateway.revocation.journal import JournalFailed
from pygateway.revocation.ledger import LedgerFull
from pygateway.supervisor.access_log import AccessLog, CannotLog
from pygateway.supervisor.counting import Counting
from pygateway.supervisor.generation import Generation
from pygateway.supervisor.listening import CannotListen, Listening
from pygateway.supervisor.operations import Operations, Preparation
from pygateway.supervisor.process import COMMAND, WorkerFailed
from pygateway.supervisor.status import loaded_now
from pygateway.telemetry import get_logger

RETIRING_LIMIT = 4
"""Generations that may drain at the same time. A reload beyond that waits, so that a storm of
reloads with a long `timeouts.drain` cannot fill the machine with workers."""

REFUSALS = (
    ConfigurationError,
    CannotListen,
    CannotLog,
    JournalFailed,
    LedgerFull,
    WorkerFailed,
)
"""Why a reload changes nothing."""


class Supervisor:
    """Runs workers for a configuration until it is told to stop.

    Args:
        config: What to run.
        reload: Loads the configuration again; None if there is nothing to load.
        announce: Called once with the addresses, and those of the admin server, when all workers
            listen.
        command: Program of a worker.
    """

    def __init__(
        self,
        config: Config,
        *,
        reload: Callable[[], Config] | None = None,
        announce: Callable[[list[str], list[str]], None] | None = None,
        command: Sequence[str] = COMMAND,
    ) -> None:
        self._config = config
        self._reload = reload
        self._announce = announce
        self._command = command
        self._listening = Listening()
        self._current: Generation | None = None
        self._retiring: dict[asyncio.Task[None], Generation] = {}
        self._stop = asyncio.Event()
        self._force = asyncio.Event()
        self._reload_wanted = asyncio.Event()
        self._reload_askers: list[asyncio.Future[Reloaded]] = []
        self.configuration = loaded_now()
        self._access_log = AccessLog()
        # Its size stays: what has been counted could not be moved to another one.
        self._counting = Counting(config.limits.rate_limit_keys, config.limits.metric_series)
        self._operations = Operations(self, config, self._counting, self._access_log)

    @property
    def draining(self) -> bool:
        """Whether it is about to end."""
        return self._stop.is_set()

    @property
    def listeners(self) -> list[str]:
        """Addresses that it listens on."""
        return [] if self._current is None else self._current.plan.names()

    @property
    def has_all_workers(self) -> bool:
        """Whether every worker listens."""
        return self._current is not None and self._current.is_complete

    def drain(self) -> None:
        """Stop as TERM would; asked again, this changes nothing."""
        if not self._stop.is_set():
            self._asked_to_stop("admin")

    async def reload(self) -> Reloaded:
        """Load the configuration again, after a reload that is under way."""
        if self._reload is None:
            return Reloaded("There is nothing to load again.")
        if self._stop.is_set():
            return Reloaded("The gateway is draining.")
        outcome: asyncio.Future[Reloaded] = asyncio.get_running_loop().create_future()
        self._reload_askers.append(outcome)
        self._reload_wanted.set()
        return await outcome

    async def run(self) -> int:
        """Serve until a signal ends it; give the exit code: 0, or 1 if requests were cut off.

        Raises:
            CannotListen: An address cannot be listened on.
            CannotLog: The access log cannot be opened.
            JournalFailed: The file of revocations cannot be used.
            LedgerFull: It holds more than the configuration allows.
            WorkerFailed: A worker could not start at first.
        """
        self._take_signals()
        raise_descriptor_limit()
        try:
            if await self._unless(self._stop, self._start()):
                await self._serve()
            self._answer_askers(Reloaded("The gateway is draining."))
            self._listening.close()
            drained = await self._unless(self._force, self._retire_all())
            get_logger().info("stopped")
            return 0 if drained else 1
        finally:
            self._listening.close()
            await self._end_all()
            await self._operations.close()
            await self._access_log.close()
            self._counting.close()

    def _take_signals(self) -> None:
        loop = asyncio.get_running_loop()
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(number, self._asked_to_stop, number.name)
        # nohup(1) has HUP ignored; where it would only stop us, it stays so.
        if self._reload is not None or signal.getsignal(signal.SIGHUP) is not signal.SIG_IGN:
            loop.add_signal_handler(signal.SIGHUP, self._asked_to_reload)
        loop.add_signal_handler(signal.SIGUSR1, self._asked_to_reopen)
        loop.add_signal_handler(signal.SIGUSR2, self._asked_in_vain, signal.SIGUSR2)

    def _asked_to_stop(self, signal: str) -> None:
        if self._stop.is_set():
            get_logger().warning("stopping at once", signal=signal)
            self._force.set()
        else:
            get_logger().info("draining", signal=signal, timeout=self._config.timeouts.drain)
            self._stop.set()

    def _asked_to_reload(self) -> None:
        if self._reload is None:
            self._asked_to_stop(signal.SIGHUP.name)
        else:
            self._reload_wanted.set()

    def _asked_to_reopen(self) -> None:
        if not self._access_log.reopen():
            self._asked_in_vain(signal.SIGUSR1)

    def _asked_in_vain(self, number: signal.Signals) -> None:
        get_logger().warning("signal ignored", signal=number.name)

    async def _unless(self, event: asyncio.Event, work: Coroutine[Any, Any, None]) -> bool:
        """Do `work` unless `event` comes first, which cancels it; give whether it was done."""
        working = asyncio.create_task(work)
        waiting = asyncio.create_task(event.wait())
        try:
            await asyncio.wait({working, waiting}, return_when=asyncio.FIRST_COMPLETED)
        finally:
            finished = working.done()
            for task in (working, waiting):
                task.cancel()
            await asyncio.gather(working, waiting, return_exceptions=True)
        if finished:
            working.result()
        return finished

    async def _start(self) -> None:
        config = self._config
        preparation = await self._operations.prepare(config)
        try:
            await self._operations.keep(preparation)
            self._current = await self._begin(config)
        except BaseException:
            self._operations.abandon(preparation)
            raise
        self._announce_start(self._current, await self._operations.offer(preparation))

    def _announce_start(self, generation: Generation, admin: list[str]) -> None:
        names = generation.plan.names()
        said = {"addresses": names, "workers": generation.plan.workers}
        get_logger().info("listening", **said, **({"admin": admin} if admin else {}))
        if self._announce is not None:
            self._announce(names, admin)

    async def _begin(self, config: Config) -> Generation:
        addresses = [listener.address for listener in config.listeners]
        lines = self._access_log.prepare(config)
        plan = self._listening.prepare(addresses, config.worker_count())
        generation = Generation(
            config, plan, self._command, self._operations.assembly, self._counting, lines
        )
        try:
            await generation.start()
        except BaseException:
            self._listening.abandon(plan)
            raise
        self._listening.adopt(plan)
        self._access_log.adopt(lines)
        return generation

    async def _serve(self) -> None:
        """Reload as often as asked, until it is time to stop."""
        while await self._unless(self._stop, self._next_reload()):
            pass

    async def _next_reload(self) -> None:
        await self._reload_wanted.wait()
        self._reload_wanted.clear()
        if len(self._retiring) >= RETIRING_LIMIT:
            get_logger().warning("reload delayed", detail="too many old workers still drain")
            await asyncio.wait(self._retiring, return_when=asyncio.FIRST_COMPLETED)
        # Whoever asks from here on means what the file says then.
        askers, self._reload_askers = self._reload_askers, []
        outcome = Reloaded("The gateway is draining.")
        try:
            outcome = await self._reload_now()
        finally:
            _answer(askers, outcome)

    async def _reload_now(self) -> Reloaded:
        assert self._reload is not None  # noqa: S101 - else the signal would have stopped us
        log = get_logger()
        log.info("reloading")
        try:
            config = self._reload()
            preparation = await self._operations.prepare(config)
            generation = await self._begin_prepared(preparation)
        except REFUSALS as error:
            return self._refused(error)
        retired, self._current, self._config = self._current, generation, config
        await self._operations.keep(preparation)
        admin = await self._operations.offer(preparation)
        self.configuration = loaded_now()
        if retired is not None:
            self._retire(retired)
            await retired.accepts_no_more.wait()
        said = {"addresses": generation.plan.names(), "workers": generation.plan.workers}
        log.info("reloaded", **said, **({"admin": admin} if admin else {}))
        return Reloaded()

    async def _begin_prepared(self, preparation: Preparation) -> Generation:
        try:
            return await self._begin(preparation.config)
        except BaseException:
            self._operations.abandon(preparation)
            raise

    def _refused(self, error: GatewayError) -> Reloaded:
        problems = error.problems if isinstance(error, ConfigurationError) else ()
        reason = f"problems in the configuration: {len(problems)}" if problems else str(error)
        _log_refusal(reason, problems)
        self.configuration.refused_at, self.configuration.refusal = time(), reason
        return Reloaded(reason, problems)

    def _answer_askers(self, outcome: Reloaded) -> None:
        askers, self._reload_askers = self._reload_askers, []
        _answer(askers, outcome)

    def _retire(self, generation: Generation) -> None:
        task = asyncio.create_task(generation.retire())
        self._retiring[task] = generation
        task.add_done_callback(self._retired)

    def _retired(self, task: asyncio.Task[None]) -> None:
        del self._retiring[task]
        if not task.cancelled() and task.exception() is None and not self._stop.is_set():
            get_logger().info("old workers ended")

    async def _retire_all(self) -> None:
        if self._current is not None:
            self._retire(self._current)
            self._current = None
        if self._retiring:
            await asyncio.wait(self._retiring)

    async def _end_all(self) -> None:
        """End what is still there, by force."""
        leftovers = dict(self._retiring)
        for task in leftovers:
            task.cancel()
        await asyncio.gather(*leftovers, return_exceptions=True)
        for generation in leftovers.values():
            await generation.end_soon()
        if self._current is not None:
            await self._current.end_soon()


def _answer(askers: list[asyncio.Future[Reloaded]], outcome: Reloaded) -> None:
    for asker in askers:
        if not asker.done():
            asker.set_result(outcome)


def _log_refusal(reason: str, problems: Sequence[ConfigurationProblem]) -> None:
    log = get_logger()
    for problem in problems:
        place = (problem.file, problem.line, problem.column)
        log.error(
            "configuration problem",
            code=problem.code,
            place=":".join(str(part) for part in place if part is not None),
            detail=problem.message,
        )
    log.error("reload refused", detail=f"{reason}; the last good configuration stays")


def raise_descriptor_limit() -> None:
    """Let this process and its workers open as many descriptors as the system allows them."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft != hard:
        resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
