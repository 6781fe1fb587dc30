"""Commands and answers on one connection to Redis.

Redis answers in the order in which it was asked, so a connection is a queue: of batches, which were
written at once and share a deadline, and in them of whoever asked. There is no task, future or
timer for a command; each costs its packing, its parsing and one call.

When a deadline passes, those who asked are told so at once, but their places in the queue stay:
the answers still come, late, and what they granted has to be given back. So what is under way is
counted until it is answered, and that count is what bounds the memory that a hung Redis can take.
"""

from __future__ import annotations

import asyncio
from collections import deque
from typing import TYPE_CHECKING, Any, Final, Protocol

import hiredis

from pygateway.store.connections import let_go, take_over
from pygateway.store.store import StoreUnavailable

if TYPE_CHECKING:
    from collections.abc import Sequence

    from redis.asyncio.connection import AbstractConnection

    from pygateway.ratelimit.script import Words

GRACE: Final = 0.001
"""Seconds from a deadline until it counts. A loop's timers run before its sockets are read: if this
process was kept from running, the answers may be there, and are not Redis' fault."""

IN_TIME: Final = StoreUnavailable("no answer in time")
NOTHING: Final = object()


class Asker(Protocol):
    """Who asked; is told one of the first two, once, and perhaps `late` after `unanswered`."""

    def answered(self, reply: Any, sent: float) -> None:  # noqa: ANN401 - whatever Redis says
        """The answer is there; `sent` is the Unix time in seconds at which it was asked for."""

    def unanswered(self, error: StoreUnavailable) -> None:
        """There will be no answer that is of use."""

    def late(self, reply: Any) -> None:  # noqa: ANN401 - as above
        """The answer came after all."""


class Batch:
    """What was written at once.

    Args:
        commands: The commands, and who asked.
        begun: The loop's time at which it was written.
        deadline: The loop's time after which answers are late.
        sent: Unix seconds at which it was written.
        second: Whether these commands have been sent before, so that nobody sends them again.

    Attributes:
        position: The command that is answered next.
        expired: Whether the deadline has passed.
        useful: Whether the server has done something that it was asked for.
        useless: Whether it has refused something for a reason that is true of everything.
    """

    __slots__ = (
        "begun",
        "commands",
        "deadline",
        "expired",
        "position",
        "second",
        "sent",
        "useful",
        "useless",
    )

    def __init__(
        self,
        commands: Sequence[tuple[Words, Asker]],
        begun: float,
        deadline: float,
        sent: float,
        *,
        second: bool = False,
    ) -> None:
        self.commands = commands
        self.begun = begun
        self.deadline = deadline
        self.sent = sent
        self.second = second
        self.position = 0
        self.expired = self.useful = self.useless = False


class Owner(Protocol):
    """Who drives the connection."""

    def refused(self, batch: Batch, words: Words, asker: Asker, error: Exception) -> None:
        """Redis has answered with an error; the owner tells the asker."""

    def finished(self, batch: Batch) -> None:
        """A batch was answered before its deadline."""

    def missed(self, batch: Batch) -> None:
        """The deadline of a batch has passed, and whoever asked knows."""

    def lost(self, reason: str) -> None:
        """The connection is gone, and whoever asked knows."""


class PipelinedConnection(asyncio.Protocol):
    """A connection to Redis, taken over from the library.

    Attributes:
        in_flight: Commands that are not answered yet.
        heard_at: The loop's time at which the server last said something.
    """

    def __init__(
        self, connection: AbstractConnection, owner: Owner, loop: asyncio.AbstractEventLoop
    ) -> None:
        self._connection = connection
        self._owner = owner
        self._loop = loop
        self._reader = hiredis.Reader(notEnoughData=NOTHING)
        self._batches: deque[Batch] = deque()
        self._timer: asyncio.TimerHandle | None = None
        self._reason = "the connection was closed"
        self._closed = False
        self.in_flight = 0
        self.heard_at = loop.time()
        self._transport = take_over(connection, self)

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Nothing to do: it was made before it was taken over."""

    def send(self, batches: Sequence[Batch]) -> None:
        """Write batches, all at once."""
        packed: list[bytes] = []
        for batch in batches:
            packed += [hiredis.pack_command(words) for words, _ in batch.commands]  # type: ignore[arg-type]
            self.in_flight += len(batch.commands)
            self._batches.append(batch)
        self._transport.write(b"".join(packed))
        if self._timer is None:
            self._arm()

    def waits_since(self) -> float:
        """The loop's time since when the oldest question waits; infinite if none does."""
        return self._batches[0].begun if self._batches else float("inf")

    def abort(self, reason: str) -> None:
        """Close it without waiting."""
        self._reason = reason
        self._transport.abort()

    def data_received(self, data: bytes) -> None:
        """Hand out the answers."""
        self.heard_at = self._loop.time()
        reader, batches = self._reader, self._batches
        try:
            reader.feed(data)
            while (reply := reader.gets()) is not NOTHING:
                if not batches:
                    raise hiredis.ProtocolError("an answer to no question")
                batch = batches[0]
                words, asker = batch.commands[batch.position]
                batch.position += 1
                self.in_flight -= 1
                if batch.position == len(batch.commands):
                    batches.popleft()
                try:
                    if isinstance(reply, Exception):
                        self._owner.refused(batch, words, asker, reply)
                    elif batch.expired:
                        asker.late(reply)
                    else:
                        batch.useful = True
                        asker.answered(reply, batch.sent)
                except BaseException as error:
                    self._complain(error)
                if batch.position == len(batch.commands) and not batch.expired:
                    self._owner.finished(batch)
        except hiredis.HiredisError as error:
            self.abort(f"not what Redis says: {error}")

    def connection_lost(self, exc: Exception | None) -> None:
        """Tell everybody who waits."""
        self._closed = True
        let_go(self._connection)
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        reason = str(exc) if exc else self._reason
        error = StoreUnavailable(reason)
        while self._batches:
            batch = self._batches.popleft()
            if not batch.expired:
                self._tell(batch, error)
        self.in_flight = 0
        self._owner.lost(reason)

    def _arm(self) -> None:
        """Wait for the earliest deadline; one timer serves all batches."""
        waiting = [batch.deadline for batch in self._batches if not batch.expired]
        self._timer = self._loop.call_at(min(waiting), self._due) if waiting else None

    def _due(self) -> None:
        self._timer = self._loop.call_later(GRACE, self._expire, self._loop.time() + GRACE / 2)

    def _expire(self, due: float) -> None:
        for batch in list(self._batches):
            if batch.deadline <= due and not batch.expired:
                batch.expired = True
                self._tell(batch, IN_TIME)
                self._owner.missed(batch)
        self._timer = None
        if not self._closed:
            self._arm()

    def _tell(self, batch: Batch, error: StoreUnavailable) -> None:
        for _, asker in batch.commands[batch.position :]:
            try:
                asker.unanswered(error)
            except BaseException as failure:
                self._complain(failure)

    def _complain(self, error: BaseException) -> None:
        self._loop.call_exception_handler({"message": "an answer was not used", "exception": error})
