"""One worker process: start, readiness, end."""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
import socket
import subprocess
import sys
import threading
from collections.abc import Sequence

from pygateway.channel import Channel, ChannelClosed, Failed, Launch
from pygateway.errors import GatewayError

# -P: a file in the working directory must not stand in for a module of the same name.
COMMAND = (sys.executable, "-P", "-m", "pygateway.worker")

START_DEADLINE = 30.0
"""Seconds until a worker has to listen. It takes half a second; a loaded machine may take ten."""

STOP_DEADLINE = 1.0
"""Seconds that a worker gets to say that it accepts no more; usually it takes a millisecond."""


class WorkerFailed(GatewayError):
    """A worker could not start to serve: why, and what the program's exit code becomes by that."""

    def __init__(self, reason: str, exit_code: int = 1) -> None:
        super().__init__(reason)
        self.exit_code = exit_code


class WorkerProcess:
    """A worker that listens.

    Attributes:
        slot: Which of the workers it is, from 0.
        pid: Its process.
        started_at: The loop's time in seconds at which it was started.
    """

    def __init__(self, slot: int, process: subprocess.Popen[bytes], channel: Channel) -> None:
        self.slot = slot
        self.pid = process.pid
        self.started_at = asyncio.get_running_loop().time()
        self._process = process
        self._channel = channel
        self._end = _watch(process)

    @classmethod
    async def start(
        cls,
        slot: int,
        configuration: str,
        sockets: Sequence[socket.socket],
        command: Sequence[str] = COMMAND,
        deadline: float = START_DEADLINE,
    ) -> WorkerProcess:
        """Start a worker and wait until it listens. Cancellation ends it.

        Args:
            slot: Which of the workers it is.
            configuration: As `Config.to_json` writes it.
            sockets: Listening sockets for it.
            command: Program to run.
            deadline: Seconds that it has.

        Raises:
            WorkerFailed: It does not listen, and has ended.
        """
        descriptors = [each.fileno() for each in sockets]
        try:
            ours, theirs = socket.socketpair()
        except OSError as error:
            raise _cannot_start(error) from None
        with theirs:
            channel = await Channel.over(ours)
            try:
                # In a session of its own it hears of a terminal's Ctrl-C from us alone.
                process = subprocess.Popen(  # noqa: ASYNC220, S603 - returns after exec; own command
                    list(command),
                    stdin=theirs.fileno(),
                    pass_fds=descriptors,
                    start_new_session=True,
                )
            except OSError as error:
                await channel.close()
                raise _cannot_start(error) from None
        worker = cls(slot, process, channel)
        try:
            async with asyncio.timeout(deadline):
                await worker._launch(Launch(slot, configuration, descriptors))
        except TimeoutError:
            await worker.end_now()
            raise WorkerFailed(f"the worker was not ready within {deadline:g} s") from None
        except BaseException:
            await worker.end_now()
            raise
        return worker

    async def _launch(self, launch: Launch) -> None:
        try:
            await self._channel.send(launch)
            answer = await self._channel.receive()
        except ChannelClosed:
            how = describe_end(await self.ended())
            raise WorkerFailed(f"the worker {how} before it was ready") from None
        if isinstance(answer, Failed):
            await self.ended()
            raise WorkerFailed(answer.reason, answer.exit_code)

    async def ended(self) -> int:
        """Wait until the process has ended; give its exit code, or minus its signal."""
        code = await asyncio.shield(self._end)
        await self._channel.close()
        return code

    async def stop_accepting(self) -> None:
        """Tell it to drain, and wait until it accepts no more connections."""
        self._process.terminate()
        with contextlib.suppress(ChannelClosed, TimeoutError):
            async with asyncio.timeout(STOP_DEADLINE):
                await self._channel.receive()

    async def drained(self, until: float) -> bool:
        """Wait while it drains, and end it when the loop's time is `until`; give if it was done."""
        try:
            async with asyncio.timeout_at(until):
                await self.ended()
        except TimeoutError:
            await self.end_now()
            return False
        return True

    async def end_now(self) -> None:
        """End it, whatever it does, and wait until it is gone."""
        self._process.kill()
        await self.ended()


def _cannot_start(error: OSError) -> WorkerFailed:
    return WorkerFailed(f"cannot start a worker: {error.strerror}")


def _watch(process: subprocess.Popen[bytes]) -> asyncio.Future[int]:
    """Give the exit code to come; the process is reaped when it is there."""
    loop = asyncio.get_running_loop()
    end: asyncio.Future[int] = loop.create_future()

    def reap() -> None:
        code = process.wait()
        if not end.done():
            end.set_result(code)

    try:
        descriptor = os.pidfd_open(process.pid)
    except OSError:
        # Kernels before 5.3, and sandboxes that know no pidfd.
        def wait() -> None:
            process.wait()
            loop.call_soon_threadsafe(reap)

        threading.Thread(target=wait, daemon=True).start()
        return end

    def ended() -> None:
        loop.remove_reader(descriptor)
        os.close(descriptor)
        reap()

    loop.add_reader(descriptor, ended)
    return end


def describe_end(code: int) -> str:
    """Say how a process ended: `exited with 1`, `was ended by SIGKILL`."""
    if code >= 0:
        return f"exited with {code}"
    try:
        return f"was ended by {signal.Signals(-code).name}"
    except ValueError:
        return f"was ended by signal {-code}"
