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
from typing import Any, Protocol

from pygateway.channel import (
    Answer,
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
    Question,
    Ready,
    Report,
    Revoke,
    SetLogLevel,
)
from pygateway.errors import GatewayError
from pygateway.supervisor.access_log import Lines, Ring
from pygateway.supervisor.counting import LANES, Counting, NoLaneLeft

# -P: a file in the working directory must not stand in for a module of the same name.
COMMAND = (sys.executable, "-P", "-m", "pygateway.worker")

START_DEADLINE = 30.0
"""Seconds until a worker has to listen. It takes half a second; a loaded machine may take ten."""

STOP_DEADLINE = 1.0
"""Seconds that a worker gets to say that it accepts no more; usually it takes a millisecond."""

FORCED_DEADLINE = 1.0
"""Seconds that a worker gets to end when it is told so for the second time; it takes a moment."""

LAST_WORDS = 1.0
"""Seconds for reading what an ended worker has left in the channel, which takes no time at all."""


class WorkerFailed(GatewayError):
    """A worker could not start to serve: why, and what the program's exit code becomes by that."""

    def __init__(self, reason: str, exit_code: int = 1) -> None:
        super().__init__(reason)
        self.exit_code = exit_code


class Audience(Protocol):
    """Who knows every worker there is: tells them of revocations, adds up what they count.

    Attributes:
        log_level: How serious lines of the log have to be, if that was changed at run time.
    """

    log_level: str | None

    def welcome(self, worker: WorkerProcess) -> tuple[list[dict[str, Any]], float | None]:
        """Tell `worker` from now on; give what was said before, and until when that is fresh."""

    def note(self, worker: WorkerProcess, report: dict[str, Any]) -> None:
        """Take note of how `worker` says that it is; its last report can come after `leave`."""

    def note_restart(self) -> None:
        """Take note that a worker was started in the place of one that had ended unasked."""

    def leave(self, worker: WorkerProcess) -> None:
        """Tell `worker` no more: it has ended."""


class WorkerProcess:
    """A worker that listens.

    Attributes:
        slot: Which of the workers it is, from 0.
        pid: Its process.
        started_at: The loop's time in seconds at which it was started.
        state: `starting`, `ready` or `draining`.
    """

    def __init__(
        self,
        slot: int,
        process: subprocess.Popen[bytes],
        channel: Channel,
        audience: Audience | None = None,
    ) -> None:
        self.slot = slot
        self.pid = process.pid
        self.started_at = asyncio.get_running_loop().time()
        self.state = "starting"
        self._process = process
        self._channel = channel
        self._audience = audience
        self._end = _watch(process)
        loop = asyncio.get_running_loop()
        self._launched: asyncio.Future[Ready | Failed] = loop.create_future()
        self._drains = asyncio.Event()
        self._questions: dict[int, asyncio.Future[Answer]] = {}
        self._asked = 0
        self._listening = asyncio.create_task(self._listen())

    @classmethod
    async def start(
        cls,
        slot: int,
        configuration: str,
        sockets: Sequence[socket.socket],
        command: Sequence[str] = COMMAND,
        deadline: float = START_DEADLINE,
        audience: Audience | None = None,
        counting: Counting | None = None,
        tells_apart: bool = True,
        lines: Lines | None = None,
    ) -> WorkerProcess:
        """Start a worker and wait until it listens. Cancellation ends it.

        Args:
            slot: Which of the workers it is.
            configuration: As `Config.to_json` writes it.
            sockets: Listening sockets for it.
            command: Program to run.
            deadline: Seconds that it has.
            audience: Who is told of the worker until it has ended.
            counting: The table in which it counts with others; None if it counts by itself.
            tells_apart: Whether what it has in flight is counted there, which takes a lane.
            lines: The access log that it writes to; None if there is none.

        Raises:
            WorkerFailed: It does not listen, and has ended.
        """
        descriptors = [each.fileno() for each in sockets]
        table = None if counting is None else counting.descriptor
        lane = _occupy(counting) if tells_apart else None
        ring = None
        try:
            ring = _begin(lines, slot)
            log = None if ring is None else ring.descriptor
            shared = [each for each in (table, log) if each is not None]
            process, channel = await _spawn(command, [*descriptors, *shared])
        except BaseException:
            if counting is not None and lane is not None:
                counting.release(lane)
            if ring is not None:
                ring.end()
            raise
        worker = cls(slot, process, channel, audience)
        if counting is not None and lane is not None:
            worker._end.add_done_callback(lambda _: counting.release(lane))
        if ring is not None:
            ring.given()
            worker._end.add_done_callback(lambda _: ring.end())
        known: tuple[list[dict[str, Any]], float | None] = ([], None)
        log_level = None
        if audience is not None:
            known, log_level = audience.welcome(worker), audience.log_level
            worker._end.add_done_callback(lambda _: audience.leave(worker))
        try:
            async with asyncio.timeout(deadline):
                # Nothing is awaited between the welcome and the sending: what is revoked after
                # the one arrives after the other.
                # Where nothing is told apart by lanes, they only keep workers from counting in the
                # same memory, which costs time, and may be shared.
                place = slot % LANES if lane is None else lane
                await worker._launch(
                    Launch(slot, configuration, descriptors, *known, table, place, log, log_level)
                )
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
            answer = await asyncio.shield(self._launched)
        except ChannelClosed:
            how = describe_end(await self.ended())
            raise WorkerFailed(f"the worker {how} before it was ready") from None
        if isinstance(answer, Failed):
            await self.ended()
            raise WorkerFailed(answer.reason, answer.exit_code)
        self.state = "ready"

    async def _listen(self) -> None:
        """Pass on what the worker says, until it says no more."""
        try:
            with contextlib.suppress(ChannelClosed):
                while True:
                    self._heard(await self._channel.receive())
        finally:
            self._drains.set()
            questions: list[asyncio.Future[Any]] = [self._launched, *self._questions.values()]
            for question in questions:
                if not question.done():
                    question.set_exception(ChannelClosed())
                    # Nobody may be waiting any more, which is no reason to complain.
                    question.exception()

    def _heard(self, message: Message) -> None:
        match message:
            case Ready() | Failed():
                if not self._launched.done():
                    self._launched.set_result(message)
            case Draining():
                self._drains.set()
            case Applied(number) | Report(number) | Explained(number):
                if isinstance(message, Report) and self._audience is not None:
                    self._audience.note(self, message.document)
                question = self._questions.pop(number, None)
                if question is not None and not question.done():
                    question.set_result(message)

    async def _ask(self, question: Question) -> Answer:
        answer: asyncio.Future[Answer] = asyncio.get_running_loop().create_future()
        self._questions[question.number] = answer
        try:
            if self._listening.done():
                raise ChannelClosed
            await self._channel.send(question)
            return await answer
        finally:
            self._questions.pop(question.number, None)

    def _number(self) -> int:
        self._asked += 1
        return self._asked

    async def revoke(self, entries: list[dict[str, Any]]) -> str | None:
        """Have it refuse what is revoked; give why it does not, if so. Waits for its answer.

        Raises:
            ChannelClosed: It is gone.
        """
        answer = await self._ask(Revoke(self._number(), entries))
        assert isinstance(answer, Applied)  # noqa: S101 - by its number it answers this
        return answer.problem

    async def report(self) -> dict[str, Any]:
        """Ask how it is. Waits for its answer.

        Raises:
            ChannelClosed: It is gone.
        """
        answer = await self._ask(AskReport(self._number()))
        assert isinstance(answer, Report)  # noqa: S101 - by its number it answers this
        return answer.document

    async def explain(self, request: dict[str, Any]) -> dict[str, Any]:
        """Ask what would become of a request. Waits for its answer.

        Raises:
            ChannelClosed: It is gone.
        """
        answer = await self._ask(Explain(self._number(), request))
        assert isinstance(answer, Explained)  # noqa: S101 - by its number it answers this
        return answer.document

    async def set_log_level(self, level: str) -> None:
        """Say how serious lines of its log have to be from now on.

        Raises:
            ChannelClosed: It is gone.
        """
        await self._channel.send(SetLogLevel(level))

    async def ended(self) -> int:
        """Wait until the process has ended; give its exit code, or minus its signal."""
        code = await asyncio.shield(self._end)
        # It may have said something last.
        await asyncio.wait({self._listening}, timeout=LAST_WORDS)
        self._listening.cancel()
        await self._channel.close()
        return code

    async def stop_accepting(self) -> None:
        """Tell it to drain, and wait until it accepts no more connections."""
        if self.state != "draining":
            self.state = "draining"
            self._process.terminate()
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(STOP_DEADLINE):
                await self._drains.wait()

    async def drained(self, until: float) -> bool:
        """Wait while it drains, and end it when the loop's time is `until`; give if it was done."""
        try:
            async with asyncio.timeout_at(until):
                await self.ended()
        except TimeoutError:
            await self.end_now()
            return False
        return True

    async def end_soon(self) -> None:
        """End it without patience for its clients; what they asked is still counted and logged."""
        if self.state != "starting":
            await self.stop_accepting()
            # It has heard that it is to stop, so that this is a second signal and no echo.
            self._process.terminate()
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(FORCED_DEADLINE):
                    await self.ended()
                return
        await self.end_now()

    async def end_now(self) -> None:
        """End it, whatever it does, and wait until it is gone."""
        self._process.kill()
        await self.ended()


def _occupy(counting: Counting | None) -> int | None:
    try:
        return None if counting is None else counting.occupy()
    except NoLaneLeft as error:
        raise WorkerFailed(str(error)) from None


def _begin(lines: Lines | None, slot: int) -> Ring | None:
    try:
        return None if lines is None else lines.begin(slot)
    except OSError as error:
        raise _cannot_start(error) from None


async def _spawn(
    command: Sequence[str], descriptors: Sequence[int]
) -> tuple[subprocess.Popen[bytes], Channel]:
    """Start a program that inherits `descriptors`; give it with our end of its channel."""
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
    return process, channel


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
