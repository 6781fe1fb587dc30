"""One worker: a process that serves a configuration on sockets that it was given.

    python -m pygateway.worker

The supervisor starts it with a channel (`pygateway.channel`) as standard input. The worker takes
its configuration from there, builds the gateway, says that it is ready and serves until it is
told to stop: by TERM or INT, or by the end of the channel, which means that the supervisor is
gone. Then it drains; a second signal ends it at once.
"""

from __future__ import annotations

import asyncio
import contextlib
import gc
import os
import signal
import socket
import sys
from collections.abc import Callable, Sequence
from typing import Protocol

import uvloop

from pygateway._core import SpecError
from pygateway.channel import Channel, ChannelClosed, Draining, Failed, Launch, Ready
from pygateway.config import Config
from pygateway.errors import ConfigurationError, GatewayError
from pygateway.gateway import Gateway
from pygateway.telemetry import configure_logging, get_logger, log_loop_errors

LAUNCH_DEADLINE = 30.0
"""Seconds until the supervisor has to have sent the configuration."""

DRAIN_GRACE = 0.5
"""Seconds beyond `timeouts.drain` that the gateway gets to notice by itself that time is up."""


class Serving(Protocol):
    """What a worker runs; see `pygateway.gateway.Gateway`."""

    async def start(self, sockets: Sequence[socket.socket]) -> None:
        """Listen on every one of `sockets`."""

    async def drain(self, timeout: float) -> None:
        """Accept nothing more and finish what was begun, within `timeout` seconds."""

    def close(self) -> None:
        """Drop what is left."""


Build = Callable[[Config], Serving]


def main(build: Build = Gateway) -> int:
    """Run a worker; give the exit code."""
    connection = _take_channel()
    if connection is None:
        print("pygateway.worker is started by `pygateway run`, not by hand", file=sys.stderr)
        return 2
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        return runner.run(_work(connection, build))


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
        gateway = build(config)
        await gateway.start([socket.socket(fileno=number) for number in launch.sockets])
    except Exception as error:
        return await _give_up(channel, error)
    # What exists now lives as long as the worker: the collector need not look at it again.
    gc.collect()
    gc.freeze()
    orphaned = asyncio.create_task(_until_orphaned(channel, stop))
    with contextlib.suppress(ChannelClosed):
        await channel.send(Ready())
    await stop.wait()
    orphaned.cancel()
    await _drain(gateway, config.timeouts.drain, force, channel)
    gateway.close()
    return 1 if force.is_set() else 0


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


async def _until_orphaned(channel: Channel, stop: asyncio.Event) -> None:
    with contextlib.suppress(ChannelClosed):
        await channel.receive()
    if not stop.is_set():
        get_logger().warning("draining", detail="the supervisor is gone")
        stop.set()


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
