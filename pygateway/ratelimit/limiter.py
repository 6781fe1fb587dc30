"""What the gateway uses: asks Redis for what a request costs, and gives back what was not spent.

The gate decides by itself as long as it can, from what this machine holds. When it cannot, it names
the windows that it needs something of; they are asked for here, all at once, and whatever comes of
it within `redis.timeout` is told to the gate, which then decides. A policy's `on_store_failure`
decides where nothing came.
"""

from __future__ import annotations

import asyncio
import random
from collections import deque
from contextlib import suppress
from time import time
from typing import TYPE_CHECKING, Any, Final, Generic, NamedTuple, Protocol, TypeAlias, TypeVar

from pygateway.ratelimit import script
from pygateway.ratelimit.heartbeat import BEAT
from pygateway.ratelimit.link import AWAY, TOO_MANY
from pygateway.ratelimit.pipeline import pipeline

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

    from pygateway.config import Redis as Settings
    from pygateway.ratelimit.script import Answer
    from pygateway.store.store import StoreUnavailable

Acquire: TypeAlias = tuple[int, str, int, int, int, int, int, int]
"""Policy, digest of the key, quota, least, want, and the debt: its bucket, what was admitted
without the store in the bucket before it, and in it."""

Refund: TypeAlias = tuple[int, str, int, int]
"""Policy, digest of the key, how much, and the bucket in which it was charged."""

AHEAD: Final = 2
"""A lease is at most one part of this many, for each gateway, of what remains: should all of them
ask at the same moment, there is something left for the next to come."""

MOST_AT_ONCE: Final = 1000
"""What is given back in one beat, or in one go at the end. Of the commands that may be under way
to a server (`MOST_IN_FLIGHT`) that leaves three quarters to requests, and it costs the server some
hundredth of a second."""

MOST_OWED: Final = 3 * 4096
"""What is remembered until it can be given back: as much as one server can answer late, each with
what it granted and a debt in two buckets."""

SETTLING: Final = 1.0
"""Seconds that giving back may take at the end. What is left then is lost until its window ends."""

E = TypeVar("E")
U = TypeVar("U", bound="Unfunded")
F = TypeVar("F")
U_contra = TypeVar("U_contra", bound="Unfunded", contravariant=True)


class Unfunded(Protocol):
    """A decision that needs the store."""

    @property
    def acquires(self) -> Sequence[Acquire]:
        """What has to be asked for."""


class Funder(Protocol[U_contra, F]):
    """The gate, as far as the store is concerned."""

    def fund(
        self,
        unfunded: U_contra,
        answers: Sequence[Answer | None],
        sent: float,
        now: float,
        earlier: F | None = None,
    ) -> F:
        """Take the answers, one for each acquire; None where the store did not answer.

        Args:
            unfunded: What was asked for.
            answers: What came.
            sent: Unix seconds at which it was asked for.
            now: Unix seconds.
            earlier: What the same request was granted before.
        """

    def set_store(self, up: bool, gateways: int, incarnation: int) -> None:
        """Say whether the store can be asked, who else asks it, and which one it is."""

    def unused_leases(self, now: float, most: int) -> list[Refund]:
        """Take out what was acquired ahead and has rested since the last call, up to so many."""


class StorePolicy(NamedTuple):
    """What the store needs to know of a policy; in the order in which the gate numbers them.

    Attributes:
        name: Its name.
        quota: Its quota, without tiers.
        window: The length of its window in milliseconds.
    """

    name: str
    quota: int
    window: int


class Limiter(Generic[E, U, F]):
    """Asks the store for the gate.

    Args:
        settings: Where Redis is.
        policies: What is limited.
        gate: Who decides.
        machine: What this machine is called: the same for all of its workers, and for no other.

    Attributes:
        timeout: Seconds for an answer.

    Raises:
        OSError: The file of certificates cannot be read.
    """

    def __init__(
        self,
        settings: Settings,
        policies: Sequence[StorePolicy],
        gate: Funder[U, F],
        machine: str,
    ) -> None:
        self._loop = asyncio.get_running_loop()
        self._gate = gate
        self._answered = asyncio.Event()
        self.timeout = settings.timeout
        # A window's name up to the digest of its key, its quota and its length.
        self._policies = [
            (script.window_prefix(settings.key_prefix, each.name), each.quota, each.window)
            for each in policies
        ]
        self._pipeline = pipeline(settings, machine, self._follow)
        self._store = (False, 1, 0)
        self._incarnation = 0
        self._timer: asyncio.TimerHandle | None = None
        self._closed = False
        self._acquiring = _UnderWay()
        self._returning = _UnderWay()
        self._owed: deque[Refund] = deque()
        self._counts = {"acquired": 0, "unanswered": 0, "returned": 0, "lost": 0, "late": 0}

    def start(self) -> None:
        """Begin to connect; until then the store is away."""
        self._gate.set_store(*self._store)
        self._pipeline.start()
        self._beat_later()

    async def ready(self, patience: float) -> None:
        """Wait until the store can be asked, for so many seconds at most."""
        with suppress(TimeoutError):
            async with asyncio.timeout(patience):
                await self._answered.wait()

    async def close(self) -> None:
        """Close every connection; whoever waits for an answer has been told when this returns."""
        self._closed = True
        if self._timer is not None:
            self._timer.cancel()
        await self._pipeline.close()
        # The gate takes back the debts of those who are told; nothing would be left of them else.
        with suppress(TimeoutError):
            async with asyncio.timeout(SETTLING):
                await self._acquiring.ended()

    async def settle(self) -> None:
        """Give back whatever this process watches, and close: nobody is served any more.

        What cannot be given back within `redis.timeout`, or not all of it within `SETTLING`, is
        lost until its window ends.
        """
        if self._timer is not None:
            self._timer.cancel()
        try:
            with suppress(TimeoutError):
                async with asyncio.timeout(SETTLING):
                    # What is still granted to requests may have to be given back, too.
                    await self._acquiring.ended()
                    await self._return_all()
        finally:
            await self.close()

    @property
    def up(self) -> bool:
        """Whether the store can be asked."""
        return self._store[0]

    def acquire(
        self,
        exchange: E,
        unfunded: U,
        callback: Callable[[E, F], None],
        earlier: F | None = None,
    ) -> None:
        """Ask for everything that `unfunded` needs, with the others of this turn of the loop.

        Args:
            exchange: Handed back.
            unfunded: What the gate has answered.
            callback: Called once with the exchange and what the gate makes of the answers: when
                all are there or the deadline has passed, never before this returns.
            earlier: What the same request was granted before.
        """
        acquires = unfunded.acquires
        self._acquiring.begin()
        self._counts["acquired"] += len(acquires)
        acquisition = _Acquisition(self, exchange, unfunded, callback, earlier, len(acquires))
        gateways = self._store[1]
        submit = self._pipeline.submit
        for index, each in enumerate(acquires):
            policy, digest, quota, least, want, *debt = each
            prefix, _, window = self._policies[policy]
            key = f"{prefix}{digest}}}"
            divisor = AHEAD * gateways if want > least else 1
            words = script.acquire(key, quota, window, want, least, divisor, *debt)
            submit(key, words, _Asked(acquisition, index, each))
        if not acquires:
            self._loop.call_soon(self.fund, acquisition)

    def give_up(
        self,
        exchange: E,
        unfunded: U,
        callback: Callable[[E, F], None],
        earlier: F | None = None,
    ) -> None:
        """Let the gate decide as if the store did not answer, for a request that waits no longer.

        Args:
            exchange: Handed back.
            unfunded: What the gate has answered.
            callback: As for `acquire`.
            earlier: What the same request was granted before.
        """
        now = time()
        nothing = [None] * len(unfunded.acquires)
        funding = self._gate.fund(unfunded, nothing, now, now, earlier)
        self._loop.call_soon(callback, exchange, funding)

    def give_back(self, refunds: Iterable[Refund]) -> None:
        """Give back what was charged and not spent; nobody waits for it.

        While the store is away, or has much to take, it is remembered. What is lost all the same is
        a part of one window.
        """
        for refund in refunds:
            if self.up and self._returning.count < MOST_AT_ONCE:
                self._return(refund)
            else:
                self.owe(refund)

    def owe(self, refund: Refund) -> None:
        """Remember what could not be given back yet."""
        if refund[2] <= 0:
            return
        if self._closed or len(self._owed) >= MOST_OWED:
            self._counts["lost"] += 1
        else:
            self._owed.append(refund)

    def statistics(self) -> dict[str, Any]:
        """Describe the store as it is seen from here, for reports and metrics."""
        up, gateways, incarnation = self._store
        return {
            "up": up,
            "gateways": gateways,
            "incarnation": incarnation,
            **self._counts,
            "nodes": [link.statistics() for link in self._pipeline.links],
        }

    def health(self) -> dict[str, Any]:
        """Describe the store for `/health`: `up`, `degraded` when nodes are missing, or `down`."""
        links = self._pipeline.links
        away = [link for link in links if not link.up]
        status = "down" if not self.up else "degraded" if away else "up"
        problem = away[0].problem if away else None if links else "no node is known"
        return {"status": status} | ({"detail": problem} if problem else {})

    def fund(self, acquisition: _Acquisition[E, U, F]) -> None:
        """Tell the gate what came, and the proxy what the gate makes of it."""
        self._acquiring.end()
        now = time()
        answers, unfunded = acquisition.answers, acquisition.unfunded
        sent = min(acquisition.sent, now)
        try:
            funding = self._gate.fund(unfunded, answers, sent, now, acquisition.earlier)
        except BaseException as error:  # a native panic is no Exception
            # An answer that is none of our script's must not cost the request its own.
            self._loop.call_exception_handler({"message": "unusable answers", "exception": error})
            funding = self._gate.fund(
                unfunded, [None] * len(answers), sent, now, acquisition.earlier
            )
        acquisition.callback(acquisition.exchange, funding)

    def unanswered(self) -> None:
        """The store did not answer in time, or not at all."""
        self._counts["unanswered"] += 1

    def came_late(self, acquire: Acquire, reply: Any) -> None:  # noqa: ANN401 - whatever Redis says
        """Undo what nobody waits for any more: what it granted, and the debt, which is kept."""
        answer = script.read(reply)
        if answer is None:
            return
        self._counts["late"] += 1
        policy, digest, _, _, _, bucket, previous, current = acquire
        # Who hung answers late, and counts as away until it has answered in time.
        self.give_back(
            (
                (policy, digest, answer.granted, answer.bucket),
                (policy, digest, current, bucket),
                (policy, digest, previous, bucket - 1),
            )
        )

    def _follow(self) -> None:
        """Tell the gate what has changed."""
        links = self._pipeline.links
        up = any(link.up for link in links) and not self._closed
        known = [link.heartbeat for link in links if link.heartbeat.incarnation is not None]
        gateways = max((heartbeat.gateways for heartbeat in known), default=1)
        incarnation = 0
        # As long as a node has not said so, nobody knows whether the store is the same: 0.
        for heartbeat in known if len(known) == len(links) else ():
            # One number for all nodes, which is another one when that of any node is.
            incarnation ^= heartbeat.incarnation or 0
        store = (up, gateways, incarnation)
        if store != self._store:
            same = incarnation in {0, self._incarnation}
            self._store = store
            self._incarnation = incarnation or self._incarnation
            self._gate.set_store(*store)
            if up:
                self._answered.set()
                if not same:
                    # One that has lost what it held has charged none of it.
                    self._owed.clear()
                self._return_owed(MOST_AT_ONCE)

    def _beat_later(self) -> None:
        # Gateways that were started together need not ask together.
        pause = BEAT * random.uniform(0.9, 1.1)  # noqa: S311 - spreads load, hides nothing
        self._timer = self._loop.call_later(pause, self._beat)

    def _beat(self) -> None:
        """Say that we live, and give back what was acquired ahead and is not needed."""
        self._beat_later()
        for link in self._pipeline.links:
            link.beat()
        # While the store is away this machine may need them, and nobody else could have them.
        if self.up:
            self._return_some()

    def _return_some(self) -> int:
        """Give back what is owed and what has rested, up to `MOST_AT_ONCE`; how much that was."""
        most = MOST_AT_ONCE - self._returning.count
        if most <= 0:
            return 0
        # What a node that is missing is owed, again and again, must leave room for the rest.
        owed = self._return_owed((most + 1) // 2)
        rested = self._gate.unused_leases(time(), most - owed) if owed < most else []
        for refund in rested:
            self._return(refund)
        return owed + len(rested)

    def _return_owed(self, most: int) -> int:
        count = min(most, len(self._owed))
        for _ in range(count):
            self._return(self._owed.popleft())
        return count

    def _return(self, refund: Refund) -> None:
        policy, digest, amount, bucket = refund
        if amount <= 0:
            return
        self._returning.begin()
        prefix, quota, window = self._policies[policy]
        key = f"{prefix}{digest}}}"
        words = script.give_back(key, quota, window, amount, bucket)
        self._pipeline.submit(key, words, _Returned(self, refund))

    def returned(self, refund: Refund, error: StoreUnavailable | None) -> None:
        """Something was given back, or perhaps not."""
        self._returning.end()
        if error is None:
            self._counts["returned"] += refund[2]
        elif error is AWAY or error is TOO_MANY:
            # It was not sent.
            self.owe(refund)
        else:
            self._counts["lost"] += 1

    async def _return_all(self) -> None:
        """Give back everything, one part after the other, as long as it is taken."""
        empty = 0
        # The first look at a lease notes what is left of it, the second one takes it.
        while empty < 2 and self.up:
            await self._returning.ended()
            before = self._counts["returned"]
            given = self._return_some()
            await self._returning.ended()
            if given and self._counts["returned"] == before:
                return
            empty = 0 if given else empty + 1


class _UnderWay:
    """Counts what has begun and not ended.

    Attributes:
        count: How much that is.
    """

    __slots__ = ("_none", "count")

    def __init__(self) -> None:
        self.count = 0
        self._none: asyncio.Event | None = None

    def begin(self) -> None:
        """One more has begun."""
        self.count += 1

    def end(self) -> None:
        """One has ended."""
        self.count -= 1
        if self._none is not None and not self.count:
            self._none.set()
            self._none = None

    async def ended(self) -> None:
        """Wait until nothing is under way."""
        while self.count:
            if self._none is None:
                self._none = asyncio.Event()
            await self._none.wait()


class _Returned:
    """Something that is given back."""

    __slots__ = ("_limiter", "_refund")

    def __init__(self, limiter: Limiter[Any, Any, Any], refund: Refund) -> None:
        self._limiter = limiter
        self._refund = refund

    def answered(self, reply: Any, sent: float) -> None:  # noqa: ANN401 - whatever Redis says
        self._limiter.returned(self._refund, None)

    def unanswered(self, error: StoreUnavailable) -> None:
        self._limiter.returned(self._refund, error)

    def late(self, reply: Any) -> None:  # noqa: ANN401 - as above
        """It was given back after all."""


class _Acquisition(Generic[E, U, F]):
    """Everything that one request waits for."""

    __slots__ = (
        "_limiter",
        "_missing",
        "answers",
        "callback",
        "earlier",
        "exchange",
        "sent",
        "unfunded",
    )

    def __init__(
        self,
        limiter: Limiter[E, U, F],
        exchange: E,
        unfunded: U,
        callback: Callable[[E, F], None],
        earlier: F | None,
        count: int,
    ) -> None:
        self._limiter = limiter
        self._missing = count
        self.exchange = exchange
        self.unfunded = unfunded
        self.callback = callback
        self.earlier = earlier
        self.answers: list[Answer | None] = [None] * count
        self.sent = float("inf")

    def take(self, index: int, answer: Answer | None, sent: float) -> None:
        """Take one answer, or None for one that will not come."""
        self.answers[index] = answer
        self.sent = min(self.sent, sent)
        self._missing -= 1
        if not self._missing:
            self._limiter.fund(self)

    def late(self, acquire: Acquire, reply: Any) -> None:  # noqa: ANN401 - whatever Redis says
        """Pass on what came too late."""
        self._limiter.came_late(acquire, reply)

    def miss(self, index: int) -> None:
        """Take it that one answer will not come."""
        self._limiter.unanswered()
        self.take(index, None, self.sent)


class _Asked(Generic[E, U, F]):
    """One of the answers that a request waits for."""

    __slots__ = ("_acquire", "_acquisition", "_index")

    def __init__(self, acquisition: _Acquisition[E, U, F], index: int, acquire: Acquire) -> None:
        self._acquisition = acquisition
        self._index = index
        self._acquire = acquire

    def answered(self, reply: Any, sent: float) -> None:  # noqa: ANN401 - whatever Redis says
        self._acquisition.take(self._index, script.read(reply), sent)

    def unanswered(self, error: StoreUnavailable) -> None:
        self._acquisition.miss(self._index)

    def late(self, reply: Any) -> None:  # noqa: ANN401 - as above
        self._acquisition.late(self._acquire, reply)
