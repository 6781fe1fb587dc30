"""Keeps what one process holds, and what Redis has for all, at one.

The follower knows the head (see `shared.py`) up to which it holds everything. That it always does,
whatever is lost or cut in between, rests on these invariants:

1. What is held only grows, entry by entry, by the law of `entry.py`. So everything may be taken
   twice and in any order, and nothing that was taken is lost by taking more.
2. The entries in Redis hold every change that led to its head, except what has expired: the
   script changes both in one step.
3. A look at Redis reads the head first and the entries afterwards. What the head names was all
   there when the reading of the entries began, and so is in it.
4. A message is passed over or taken only if it follows our head; then its head becomes ours.
   Anything else (a message that was trimmed away, a Redis that was emptied, restored from an
   older copy, or replaced by a replica that lagged behind) breaks the chain, and we look again.
5. Silence proves nothing: whenever none has come for a while, the head in Redis is compared with
   ours. If it differs, and the messages since ours do not lead past it, we look again.
6. After every look, whoever has a `share` writes back what it holds and Redis does not. So what
   Redis has lost returns to it, as long as one gateway still holds it; and as that is published
   like anything else, all the others learn of it by 4 and 5.
7. Whoever writes back never rests at the empty head, but begins a history. A Redis that was emptied
   twice has the empty head twice, and what was written in between would be missed by nobody.
   Whoever only reads may rest there: it reads all that follows, and 6 sees to what was before.
8. What was to be published, and may not have arrived, calls for a look, too (`look_again`).

We are fresh as of the moment at which a question was asked whose answer showed that we had missed
nothing. A Redis that is cut off from the others but not from us cannot be told from a good one.
"""

from __future__ import annotations

import asyncio
import random
from collections.abc import Awaitable, Callable, Iterable, Sequence
from time import time
from typing import TYPE_CHECKING, Any, Protocol, TypeVar

from pygateway.revocation.entry import Revocation, Target
from pygateway.revocation.journal import JournalFailed
from pygateway.revocation.ledger import LedgerFull
from pygateway.store.store import StoreUnavailable
from pygateway.telemetry import get_logger

if TYPE_CHECKING:
    from pygateway.revocation.shared import Message, SharedRevocations

SILENCE = 0.5
"""Seconds without a message after which the head is compared: how long a lost Redis that still
answers, and a hung one, may go unnoticed."""

PATIENCE = 1.0
"""Seconds for an answer. No request waits for it; a Redis that needs longer is as good as gone."""

FIRST_PAUSE, LONGEST_PAUSE = 0.02, 0.25
"""Seconds between tries while Redis is away: short, because a revocation elsewhere is to be known
here within a second of its return. A try that is refused costs half a millisecond."""

FULL_PAUSE = 5.0
"""Seconds between tries while there is no room: reading everything again and again is dear."""

LOOK_EVERY = 3600.0
"""Seconds between looks where nothing seems amiss, which also clear away what has expired."""


Answer = TypeVar("Answer")


class Taker(Protocol):
    """Who holds entries."""

    async def take(self, entries: Sequence[Revocation]) -> object:
        """Take entries; raises LedgerFull or JournalFailed when that fails."""


class Follower:
    """Follows Redis for one process.

    Args:
        shared: The entries in Redis.
        taker: Who holds them here.
        fresh: Called with the Unix seconds as of which everything was known.
        share: Gives what is held here and may have to be written back; None only reads.
    """

    def __init__(
        self,
        shared: SharedRevocations,
        taker: Taker,
        fresh: Callable[[float], None],
        share: Callable[[], Iterable[Revocation]] | None = None,
    ) -> None:
        self._shared = shared
        self._taker = taker
        self._fresh = fresh
        self._share = share
        self._head: str | None = None
        self._looked_at = 0.0
        self._task: asyncio.Task[None] | None = None
        self._closed = False
        self._first_look = asyncio.Event()
        self._pause = FIRST_PAUSE
        self._problem: str | None = "not connected yet"
        self._fresh_at: float | None = None
        self._counts = {"looks": 0, "messages": 0, "failures": 0}

    def start(self) -> None:
        """Begin to follow."""
        self._task = asyncio.create_task(self._run())

    async def looked(self, timeout: float) -> bool:
        """Wait until there was a first look, or a first failure; give whether it is fresh."""
        try:
            async with asyncio.timeout(timeout):
                await self._first_look.wait()
        except TimeoutError:
            return False
        return self._problem is None

    def look_again(self) -> None:
        """Compare everything once more, soon."""
        self._head = None

    async def close(self) -> None:
        """Follow no more."""
        # The library's `wait_for` can lose a cancellation (in Python 3.11): the flag cannot be.
        self._closed = True
        if self._task is not None:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)
        try:
            async with asyncio.timeout(PATIENCE):
                await self._shared.close()
        except (StoreUnavailable, TimeoutError):
            pass

    def statistics(self) -> dict[str, Any]:
        """Describe the feed: whether it is connected, how old what it knows is, and what it did."""
        age = None if self._fresh_at is None else max(0.0, time() - self._fresh_at)
        return {
            "connected": self._problem is None,
            "problem": self._problem,
            "age_seconds": age if age is None else round(age, 3),
            **self._counts,
        }

    async def _run(self) -> None:
        while not self._closed:
            try:
                await self._turn()
            except (StoreUnavailable, TimeoutError) as error:
                await self._rest(str(error) or "no answer in time", self._longer_pause())
            except (LedgerFull, JournalFailed) as error:
                await self._rest(str(error), FULL_PAUSE)
            except Exception as error:
                get_logger().exception("internal error")
                await self._rest(f"internal error: {type(error).__name__}", FULL_PAUSE)

    async def _turn(self) -> None:
        """Look, or follow for a moment."""
        due = asyncio.get_running_loop().time() >= self._looked_at + LOOK_EVERY
        if self._head is None or due:
            await self._look()
        else:
            await self._follow(self._head)

    async def _look(self) -> None:
        """Read everything, and write back what is missing there (invariants 3 and 6)."""
        self._counts["looks"] += 1
        asked_at = time()
        # A call of `look_again` from here on unsets it.
        head = self._shared.head() if self._share is None else self._shared.begin()
        self._head = await _asked(head)
        there: dict[Target, Revocation] = {}
        async for batch in self._shared.batches():
            await self._taker.take(batch)
            if self._share is not None:
                there.update((entry.target, entry) for entry in batch)
            # A worker that reads many still answers its clients in between.
            await asyncio.sleep(0)
        if self._share is not None:
            await self._write_back(there)
        self._looked_at = asyncio.get_running_loop().time()
        if self._head is not None:
            self._succeeded(asked_at)

    async def _write_back(self, there: dict[Target, Revocation]) -> None:
        assert self._share is not None  # noqa: S101 - only then is this called
        now = time()
        missing = [
            entry
            for entry in self._share()
            if (found := there.get(entry.target)) is None or found.merged(entry) is not found
        ]
        await self._shared.publish(missing)
        await self._shared.forget([entry for entry in there.values() if entry.expires <= now])

    async def _follow(self, head: str) -> None:
        """Take the messages that follow our head, or make sure that there are none."""
        asked_at = time()
        messages = await _asked(self._shared.messages(head, SILENCE), SILENCE)
        if not messages:
            asked_at = time()
            current = await _asked(self._shared.head())
            if current != head:
                # It may just have come. If the messages do not lead there, something is lost.
                messages = await _asked(self._shared.messages(head, 0))
                if current not in {message.head for message in messages}:
                    self._lost("the history is another one")
                    return
        await self._take(head, messages, asked_at)

    async def _take(self, head: str, messages: list[Message], asked_at: float) -> None:
        for message in messages:
            if message.after != head:
                self._lost("messages are missing")
                return
            await self._taker.take(message.entries)
            self._counts["messages"] += 1
            head = message.head
        if self._head is not None:
            self._head = head
            self._succeeded(asked_at)

    def _lost(self, why: str) -> None:
        get_logger().warning("revocations are read again", detail=why)
        self._head = None

    def _succeeded(self, asked_at: float) -> None:
        if self._problem is not None:
            get_logger().info("revocations are followed")
        self._problem = None
        self._pause = FIRST_PAUSE
        self._fresh_at = asked_at
        self._fresh(asked_at)
        self._first_look.set()

    def _longer_pause(self) -> float:
        pause, self._pause = self._pause, min(2 * self._pause, LONGEST_PAUSE)
        return pause

    async def _rest(self, problem: str, pause: float) -> None:
        """Wait before the next try; everybody at once would not help a Redis that comes back."""
        self._counts["failures"] += 1
        if self._problem is None or not self._first_look.is_set():
            get_logger().warning("revocations are not followed", detail=problem)
        self._problem = problem
        self._head = None
        self._first_look.set()
        await asyncio.sleep(pause * random.uniform(0.5, 1.0))  # noqa: S311 - no secret


async def _asked(question: Awaitable[Answer], extra: float = 0.0) -> Answer:
    async with asyncio.timeout(PATIENCE + extra):
        return await question
