"""One worker: a process that serves a configuration on sockets that it was given.

    python -m pygateway.worker

The supervisor starts it with a channel (`pygateway.channel`) as standard input. The worker takes
its configuration from there, builds the gateway, says that it is ready and serves until it is told
to stop: by TERM or INT, or by the end of the channel, which means that the supervisor is gone. Then
it drains; a second signal ends it at once. HUP, USR1 and USR2 are for the supervisor. Meanwhile it
takes revocations, from the channel and, where there is one, from Redis. Its lines of the access log
are the supervisor's to write; when that is gone, it writes what is left of them itself.
"""

from __future__ import annotations

import asyncio
import contextlib
import gc
import json
import os
import signal
import socket
import sys
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any, Protocol

import uvloop

from pygateway._core import Arena, LineRing, SpecError
from pygateway.channel import (
    UNASKED,
    Applied,
    AskReport,
    Channel,
    ChannelClosed,
    Draining,
    Explain,
    Explained,
    Failed,
    Launch,
    Message,
    Ready,
    Report,
    Revoke,
    SetLogLevel,
)
from pygateway.config import Config
from pygateway.errors import ConfigurationError, GatewayError
from pygateway.gateway import Gateway
from pygateway.telemetry import adjust_logging, configure_logging, get_logger, log_loop_errors
from pygateway.telemetry.log_writer import LogWriter

if TYPE_CHECKING:
    from pygateway.revocation.follower import Follower

LAUNCH_DEADLINE = 30.0
"""Seconds until the supervisor has to have sent the configuration."""

LOOK_DEADLINE = 0.25
"""Seconds that a start waits for what other gateways have revoked lately; what was known a moment
ago comes with `Launch`. A Redis that hangs must not keep workers from coming back."""

DRAIN_GRACE = 0.5
"""Seconds beyond `timeouts.drain` that the gateway gets to notice by itself that time is up."""

LOG_DEADLINE = 3.0
"""Seconds for lines of the access log that the supervisor has left behind."""

LAST_WORDS_DEADLINE = 1.0
"""Seconds in which the supervisor has to take the last report. One that hangs must not keep the
worker from ending; what was counted since it last asked is lost then."""


class Serving(Protocol):
    """What a worker runs; see `pygateway.gateway.Gateway`."""

    async def start(self, sockets: Sequence[socket.socket]) -> None:
        """Listen on every one of `sockets`."""

    async def drain(self, timeout: float) -> None:
        """Accept nothing more and finish what was begun, within `timeout` seconds."""

    def close(self) -> None:
        """Drop what is left."""

    def apply_revocations(self, entries: bytes) -> int:
        """Refuse what is revoked; raises OverflowError when there is no room, and ValueError."""

    def set_fresh_until(self, until: float) -> None:
        """Take note until when the revocations are known to be complete."""

    def statistics(self) -> dict[str, Any]:
        """Describe what runs."""

    def explain(self, request: dict[str, Any]) -> dict[str, Any]:
        """Say what would become of a request; raises ValueError if it is none."""


Build = Callable[[Config, Arena | None, int, LineRing | None], Serving]
"""Makes what serves, from a configuration, the table in which workers count together, the worker's
lane there, and the ring for lines of the access log."""


def main(build: Build = Gateway) -> int:
    """Run a worker; give the exit code."""
    _ignore_signals()
    connection = _take_channel()
    if connection is None:
        print("pygateway.worker is started by `pygateway run`, not by hand", file=sys.stderr)
        return 2
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        return runner.run(_work(connection, build))


def _ignore_signals() -> None:
    """Leave alone what is for the supervisor.

    Who asks all processes of a service to load or to open something again (`systemctl kill
    --signal=USR1`, pkill) does not mean to end this one.
    """
    for number in (signal.SIGHUP, signal.SIGUSR1, signal.SIGUSR2):
        signal.signal(number, signal.SIG_IGN)


def _take_channel() -> socket.socket | None:
    """Take the channel from standard input, and leave nothing there for others to read."""
    standard_input = 0
    try:
        with socket.socket(fileno=standard_input) as inherited:
            if inherited.family != socket.AF_UNIX:
                inherited.detach()
                return None
            connection = inherited.dup()
    except OSError:
        return None
    # The number is free now, and the next descriptor that is opened takes it.
    os.open(os.devnull, os.O_RDONLY)
    return connection


async def _work(connection: socket.socket, build: Build) -> int:
    channel = await Channel.over(connection)
    try:
        async with asyncio.timeout(LAUNCH_DEADLINE):
            launch = await channel.receive()
    except (ChannelClosed, TimeoutError):
        return 1
    assert isinstance(launch, Launch)  # noqa: S101 - it is the first message by definition
    configure_logging(os.environ, worker=launch.slot)
    log_loop_errors(asyncio.get_running_loop())
    stop, force = _take_signals()
    try:
        config = Config.from_json(launch.configuration)
        adjust_logging(level=launch.log_level or config.log.level, form=config.log.format)
        log = _take_log(launch)
        gateway = build(config, _take_table(launch), launch.lane, log)
        _take_revocations(gateway, launch)
        inheritance = Inheritance(config, log, launch.slot)
        conversation = Conversation(channel, gateway, stop, inheritance)
        feed = conversation.feed = await _follow(config, gateway)
        await gateway.start([socket.socket(fileno=number) for number in launch.sockets])
    except Exception as error:
        return await _give_up(channel, error)
    # What exists now lives as long as the worker: the collector need not look at it again.
    gc.collect()
    gc.freeze()
    with contextlib.suppress(ChannelClosed):
        await channel.send(Ready())
    await stop.wait()
    await _drain(gateway, config.timeouts.drain, force, channel)
    await conversation.close()
    with contextlib.suppress(ChannelClosed, TimeoutError):
        # What was counted since the supervisor last asked would be lost.
        async with asyncio.timeout(LAST_WORDS_DEADLINE):
            await channel.send(Report(UNASKED, conversation.report()))
    if feed is not None:
        await feed.close()
    gateway.close()
    await inheritance.settle(is_orphan=channel.is_closed)
    return 1 if force.is_set() else 0


def _take_table(launch: Launch) -> Arena | None:
    """Attach to the table in which workers count together."""
    if launch.table is None:
        return None
    arena = Arena.attach(launch.table)
    os.close(launch.table)
    return arena


def _take_log(launch: Launch) -> LineRing | None:
    """Attach to the ring for lines of the access log."""
    if launch.log is None:
        return None
    ring = LineRing.attach(launch.log)
    os.close(launch.log)
    return ring


def _take_revocations(gateway: Serving, launch: Launch) -> None:
    """Begin with what is known; an empty list is not worth a call."""
    if launch.fresh_until is not None:
        gateway.set_fresh_until(launch.fresh_until)
    if not launch.revocations:
        return
    try:
        gateway.apply_revocations(json.dumps(launch.revocations).encode("ascii"))
    except OverflowError as error:
        raise GatewayError(str(error)) from None


async def _follow(config: Config, gateway: Serving) -> Follower | None:
    """Follow what other gateways revoke, where the configuration asks for it."""
    if config.redis is None:
        return None
    from pygateway.revocation.feed import make_feed  # noqa: PLC0415 - the client takes its time

    feed = make_feed(config, gateway)
    if feed is not None:
        feed.start()
        await feed.looked(LOOK_DEADLINE)
    return feed


class Inheritance:
    """The worker's lines of the access log, when there is nobody else any more to write them.

    Args:
        config: Says where they go.
        log: The ring in which they lie; None if there are none.
        slot: Which of the workers this is.
    """

    def __init__(self, config: Config, log: LineRing | None, slot: int) -> None:
        self._settings = config.access_log
        self._log = log
        self._slot = slot
        self._writer: LogWriter | None = None

    def accept(self) -> None:
        """Write from now on."""
        if self._writer is None and self._log is not None and self._settings is not None:
            self._writer = LogWriter()
            self._writer.add(self._log, self._settings.path, self._slot)

    async def settle(self, *, is_orphan: bool) -> None:
        """Write what is left, if that is for the worker to do."""
        if is_orphan:
            self.accept()
        if self._writer is not None:
            await asyncio.to_thread(self._writer.finish, LOG_DEADLINE)


class Conversation:
    """Answers what the supervisor says, until it is gone.

    Attributes:
        feed: What follows Redis, once there is one.
    """

    def __init__(
        self, channel: Channel, gateway: Serving, stop: asyncio.Event, inheritance: Inheritance
    ) -> None:
        self.feed: Follower | None = None
        self._channel = channel
        self._gateway = gateway
        self._stop = stop
        self._inheritance = inheritance
        self._task = asyncio.create_task(self._converse())

    async def close(self) -> None:
        """Answer no more."""
        self._task.cancel()
        await asyncio.gather(self._task, return_exceptions=True)

    async def _converse(self) -> None:
        with contextlib.suppress(ChannelClosed):
            while True:
                answer = self._answer(await self._channel.receive())
                if answer is not None:
                    await self._channel.send(answer)
        self._inheritance.accept()
        if not self._stop.is_set():
            get_logger().warning("draining", detail="the supervisor is gone")
            self._stop.set()

    def _answer(self, message: Message) -> Message | None:
        """Whatever fails in here must not make the worker deaf."""
        match message:
            case Revoke(number, entries):
                return Applied(number, self._revoke(entries))
            case AskReport(number):
                return Report(number, self.report())
            case Explain(number, request):
                return Explained(number, self._explain(request))
            case SetLogLevel(level):
                adjust_logging(level=level)
        return None

    def _explain(self, request: dict[str, Any]) -> dict[str, Any]:
        try:
            return self._gateway.explain(request)
        except ValueError as error:
            return {"problem": str(error)}
        except Exception:
            get_logger().exception("internal error")
            return {"failed": True}

    def _revoke(self, entries: list[dict[str, Any]]) -> str | None:
        try:
            self._gateway.apply_revocations(json.dumps(entries).encode("ascii"))
        except OverflowError as error:
            return str(error)
        except Exception as error:
            get_logger().exception("internal error")
            return f"internal error: {type(error).__name__}"
        return None

    def report(self) -> dict[str, Any]:
        """Describe the worker; a mistake in there is a part of it."""
        feed = None if self.feed is None else self.feed.statistics()
        try:
            statistics = self._gateway.statistics()
        except Exception as error:
            get_logger().exception("internal error")
            statistics = {"problem": f"internal error: {type(error).__name__}"}
        return {**statistics, "feed": feed}


def _take_signals() -> tuple[asyncio.Event, asyncio.Event]:
    """Give the events that the first and the second TERM or INT set."""
    loop = asyncio.get_running_loop()
    stop, force = asyncio.Event(), asyncio.Event()

    def asked() -> None:
        (force if stop.is_set() else stop).set()

    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, asked)
    return stop, force


async def _give_up(channel: Channel, error: Exception) -> int:
    """Tell the supervisor why there is nothing to serve."""
    exit_code = 78 if isinstance(error, ConfigurationError | SpecError) else 1
    reason = str(error)
    if not isinstance(error, GatewayError | SpecError | OSError):
        reason = f"internal error: {type(error).__name__}: {error}"
        get_logger().error("internal error", exc_info=error)
    with contextlib.suppress(ChannelClosed):
        await channel.send(Failed(exit_code, reason))
    return exit_code


async def _drain(gateway: Serving, deadline: float, force: asyncio.Event, channel: Channel) -> None:
    """Drain until done, forced, or out of time."""
    draining = asyncio.create_task(gateway.drain(deadline))
    forced = asyncio.create_task(force.wait())
    # Draining begins by accepting no more, before it waits for anything.
    await asyncio.sleep(0)
    with contextlib.suppress(ChannelClosed):
        await channel.send(Draining())
    await asyncio.wait(
        {draining, forced}, timeout=deadline + DRAIN_GRACE, return_when=asyncio.FIRST_COMPLETED
    )
    for task in (draining, forced):
        task.cancel()
    for outcome in await asyncio.gather(draining, forced, return_exceptions=True):
        if isinstance(outcome, Exception):
            get_logger().error("internal error", exc_info=outcome)


if __name__ == "__main__":
    sys.exit(main())
