"""One Redis server: connects to it, sends what is asked, notices when it fails and comes back.

What is submitted in one turn of the event loop is written at once. What cannot be sent is refused,
never kept: no request waits for a connection, and none longer than the deadline. The link comes
back by itself: when the breaker says so it connects, if it must, and sends one heartbeat, whose
answer opens the way for everything else.
"""

from __future__ import annotations

import asyncio
from time import time
from typing import TYPE_CHECKING, Any, Final, Protocol

from pygateway.ratelimit.breaker import Breaker, State
from pygateway.ratelimit.connection import Batch, PipelinedConnection
from pygateway.ratelimit.refusals import ALIVE, ASK, MOVED, NO_SCRIPT, RECONNECT, kind_of
from pygateway.ratelimit.script import with_text
from pygateway.store.redis import translated
from pygateway.store.store import StoreUnavailable
from pygateway.telemetry import get_logger

if TYPE_CHECKING:
    from collections.abc import Callable

    from pygateway.ratelimit.connection import Asker
    from pygateway.ratelimit.heartbeat import Heartbeat
    from pygateway.ratelimit.script import Words
    from pygateway.store.connections import Connector

MOST_IN_FLIGHT: Final = 4096
"""Commands that are not answered yet. Redis runs some 100,000 of our scripts in a second, so that
it could not answer more than these within the default deadline; and they take some megabytes at
most."""

CONNECT_PATIENCE: Final = 3.0
"""Seconds until there is a connection, with all its steps. No request waits for it."""

DEAF_AFTER: Final = 1.0
"""Seconds without a byte from a server that owes answers, after which its connection is given up.
Not sooner, because a Redis that was busy for a moment answers late, and what it granted can then be
given back; and not later, because what a broken network has swallowed is sent again only after
seconds."""

KINDS: Final = 32
"""Kinds of errors that are counted apart."""

AWAY: Final = StoreUnavailable("the store is away")
TOO_MANY: Final = StoreUnavailable("too many commands are under way")


class Redirect(Protocol):
    """Where to send what a node of a cluster refuses because another one has the key."""

    def __call__(
        self, link: Link, error: Exception, words: Words, asker: Asker, deadline: float
    ) -> bool:
        """Send it there; False if that is not possible."""


class Nobody:
    """Asks, and does not care for the answer."""

    def answered(self, reply: Any, sent: float) -> None:  # noqa: ANN401 - whatever Redis says
        """Nothing to do."""

    def unanswered(self, error: StoreUnavailable) -> None:
        """Nothing to do."""

    def late(self, reply: Any) -> None:  # noqa: ANN401 - as above
        """Nothing to do."""


NOBODY: Final = Nobody()


class Link:
    """The way to one server.

    Args:
        name: What the log calls the server.
        connector: Knows where it is.
        timeout: Seconds for an answer.
        heartbeat: What is asked to find out whether it does its work.
        changed: Called soon after `up` has changed.
        redirect: Who knows the other nodes, in a cluster.

    Attributes:
        name: As above.
        heartbeat: As above.
        problem: Why it is not up.
    """

    def __init__(
        self,
        name: str,
        connector: Connector,
        timeout: float,
        heartbeat: Heartbeat,
        changed: Callable[[], None],
        redirect: Redirect | None = None,
    ) -> None:
        self.name = name
        self.heartbeat = heartbeat
        self.problem: str | None = "not connected yet"
        self._connector = connector
        self._timeout = timeout
        self._changed = changed
        self._redirect = redirect
        self._loop = asyncio.get_running_loop()
        self._breaker = Breaker()
        self._connection: PipelinedConnection | None = None
        self._connecting: asyncio.Task[None] | None = None
        self._retry: asyncio.TimerHandle | None = None
        self._pending: list[tuple[Words, Asker]] = []
        self._again: list[tuple[Words, Asker]] = []
        self._again_until = 0.0
        self._flushing = self._closed = False
        self._up = False
        self._told: bool | None = None
        self._counts = dict.fromkeys(
            ("commands", "writes", "refused", "missed", "repeated", "connections"), 0
        )
        self._errors: dict[str, int] = {}

    @property
    def up(self) -> bool:
        """Whether commands are sent."""
        return self._up

    def start(self) -> None:
        """Begin to connect."""
        self._try()

    async def close(self) -> None:
        """Close the connection; whoever waits for an answer is told."""
        self._closed = True
        if self._retry is not None:
            self._retry.cancel()
        if self._connecting is not None:
            self._connecting.cancel()
            await asyncio.gather(self._connecting, return_exceptions=True)
        if self._connection is not None:
            self._connection.abort("the gateway closes")
        await self._connector.aclose()

    def submit(self, words: Words, asker: Asker) -> None:
        """Send a command with the others of this turn; the asker is told later, never at once."""
        connection = self._connection
        if not self._up or connection is None:
            self._refuse(asker, AWAY)
        elif connection.in_flight + len(self._pending) >= MOST_IN_FLIGHT:
            self._refuse(asker, TOO_MANY)
        else:
            self._pending.append((words, asker))
            if not self._flushing:
                self._flushing = True
                self._loop.call_soon(self._flush)

    def repeat(self, words: Words, asker: Asker, deadline: float, *, asking: bool = False) -> None:
        """Send once more what was refused for a reason that is no failure.

        Args:
            words: The command.
            asker: Who asked.
            deadline: The loop's time until which an answer is of use, as of the first try.
            asking: Whether to have the server take a key that is about to become its own.
        """
        self._counts["repeated"] += 1
        if asking:
            self._again.append(((b"ASKING",), NOBODY))
        self._again.append((words, asker))
        self._again_until = min(self._again_until or deadline, deadline)
        if not self._flushing:
            self._flushing = True
            self._loop.call_soon(self._flush)

    def beat(self) -> None:
        """Send the heartbeat, if the breaker does not do so in its own time."""
        if self._up:
            self.submit(self.heartbeat.words(), self.heartbeat)

    def statistics(self) -> dict[str, Any]:
        """Describe the link, for reports and metrics."""
        return {
            "node": self.name,
            "state": self._breaker.state.value,
            "problem": self.problem,
            "in_flight": 0 if self._connection is None else self._connection.in_flight,
            **self._counts,
            "errors": dict(self._errors),
        }

    # What the connection tells.

    def refused(self, batch: Batch, words: Words, asker: Asker, error: Exception) -> None:
        """Redis has answered with an error."""
        kind = kind_of(error)
        again = not batch.expired and not batch.second
        if again and self._sent_again(kind, batch, words, asker, error):
            return
        counted = kind if kind in self._errors or len(self._errors) < KINDS else "others"
        self._errors[counted] = self._errors.get(counted, 0) + 1
        if not batch.expired:
            asker.unanswered(StoreUnavailable(str(error)))
        if kind in ALIVE:
            batch.useful = True
        else:
            batch.useless = True
            self.problem = str(error)
        if kind in RECONNECT and self._connection is not None:
            self._connection.abort(str(error))

    def finished(self, batch: Batch) -> None:
        """A batch was answered in time."""
        if batch.useful:
            self._breaker.answered()
        elif batch.useless:
            self._breaker.failed(batch.begun, self._loop.time())
        self._follow_breaker()

    def missed(self, batch: Batch) -> None:
        """A batch was not answered in time."""
        self._counts["missed"] += 1
        self.problem = "no answer in time"
        self._breaker.failed(batch.begun, self._loop.time())
        # Whether it was bad luck is found out now, not with the next request, which would wait.
        if self._breaker.state is State.CLOSED and not self._pending:
            self.beat()
        self._follow_breaker()

    def lost(self, reason: str) -> None:
        """The connection is gone."""
        self._connection = None
        self._give_up(reason)

    # From here on, what is done about it.

    def _sent_again(
        self, kind: str, batch: Batch, words: Words, asker: Asker, error: Exception
    ) -> bool:
        if kind == NO_SCRIPT:
            self.repeat(with_text(words), asker, batch.deadline)
            return True
        if kind in {MOVED, ASK} and self._redirect is not None:
            batch.useful = True
            return self._redirect(self, error, words, asker, batch.deadline)
        return False

    def _refuse(self, asker: Asker, error: StoreUnavailable) -> None:
        self._counts["refused"] += 1
        self._loop.call_soon(asker.unanswered, error)

    def _flush(self) -> None:
        self._flushing = False
        pending, self._pending = self._pending, []
        again, self._again = self._again, []
        until, self._again_until = self._again_until, 0.0
        connection = self._connection
        if connection is None or self._breaker.state is State.OPEN:
            for _, asker in pending + again:
                self._refuse(asker, AWAY)
            return
        now, sent = self._loop.time(), time()
        batches = []
        if again:
            batches.append(Batch(again, now, until, sent, second=True))
        if pending:
            batches.append(Batch(pending, now, now + self._timeout, sent))
        self._counts["commands"] += len(pending) + len(again)
        self._counts["writes"] += 1
        connection.send(batches)

    def _try(self) -> None:
        """Connect, or ask whether the server does its work again."""
        self._retry = None
        if self._closed or self._connecting is not None:
            return
        connection, now = self._connection, self._loop.time()
        if connection is None:
            self._connecting = self._loop.create_task(self._connect())
        elif now - max(connection.heard_at, connection.waits_since()) >= DEAF_AFTER:
            connection.abort("it has said nothing for too long")
        else:
            self._ask(connection)

    def _ask(self, connection: PipelinedConnection) -> None:
        now = self._loop.time()
        self._breaker.probe(now)
        question = Batch(
            [(self.heartbeat.words(), self.heartbeat)], now, now + self._timeout, time()
        )
        self._counts["commands"] += 1
        self._counts["writes"] += 1
        connection.send([question])

    async def _connect(self) -> None:
        try:
            async with translated(), asyncio.timeout(CONNECT_PATIENCE):
                connection = await self._connector.connect()
        except StoreUnavailable as error:
            self._give_up(str(error))
        except Exception as error:
            get_logger().exception("internal error")
            self._give_up(f"internal error: {type(error).__name__}")
        else:
            self._counts["connections"] += 1
            self._connection = PipelinedConnection(connection, self, self._loop)
            if self._closed:
                # The library can lose a cancellation (in Python 3.11); the flag cannot be lost.
                self._connection.abort("the gateway closes")
            else:
                self._ask(self._connection)
        finally:
            self._connecting = None

    def _give_up(self, reason: str) -> None:
        self.problem = reason
        self._breaker.broke(self._loop.time())
        self._follow_breaker()

    def _follow_breaker(self) -> None:
        """See to it that what the breaker says is done, and told to those whom it concerns."""
        state = self._breaker.state
        if state is State.OPEN and self._retry is None and not self._closed:
            pause = self._breaker.retry_at - self._loop.time()
            self._retry = self._loop.call_later(max(0.0, pause), self._try)
        if state is State.PROBING:
            return
        self._up = state is State.CLOSED
        if self._up:
            self.problem = None
        if self._told is not self._up and not self._closed:
            self._report()
            self._loop.call_soon(self._changed)

    def _report(self) -> None:
        """Tell the log, once for every change."""
        if not self._up:
            get_logger().warning("rate limit store is away", node=self.name, detail=self.problem)
        elif self._told is not None:
            get_logger().info("rate limit store is back", node=self.name)
        self._told = self._up
