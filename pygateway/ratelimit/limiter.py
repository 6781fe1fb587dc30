"""What the gateway uses: asks Redis for what a request costs, and gives back what was not spent.

The gate decides by itself as long as it can, from what this machine holds. When it cannot, it names
the windows that it needs something of; they are asked for here, all at once, and whatever comes of
it within `redis.timeout` is told to the gate, which then decides. A policy's `on_store_failure`
decides where nothing came.
"""

from __future__ import annotations

import asyncio
import random
from contextlib import suppress
from time import time
from typing import TYPE_CHECKING, Any, Final, Generic, NamedTuple, Protocol, TypeAlias, TypeVar

from pygateway.ratelimit import script
from pygateway.ratelimit.heartbeat import BEAT
from pygateway.ratelimit.link import NOBODY
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

MOST_LATE: Final = 4096
"""Late answers that are remembered until the store is back: as many as one server can owe."""

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

    def unused_leases(self, now: float) -> list[Refund]:
        """Take out what was acquired ahead and has rested since the last call."""


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
        self._late: list[Refund] = []
        self._counts = {"acquired": 0, "unanswered": 0, "returned": 0, "late": 0}

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
        """Close every connection; whoever waits for an answer is told."""
        self._closed = True
        if self._timer is not None:
            self._timer.cancel()
        await self._pipeline.close()

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

    def give_back(self, refunds: Iterable[Refund]) -> None:
        """Give back what was charged and not spent; nobody waits for it.

        It is lost when the store is away, and with it a part of one window at most.
        """
        for policy, digest, amount, bucket in refunds:
            if not self.up or amount <= 0:
                continue
            self._counts["returned"] += amount
            prefix, quota, window = self._policies[policy]
            key = f"{prefix}{digest}}}"
            words = script.give_back(key, quota, window, amount, bucket)
            self._pipeline.submit(key, words, NOBODY)

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
        refunds = (
            (policy, digest, answer.granted, answer.bucket),
            (policy, digest, current, bucket),
            (policy, digest, previous, bucket - 1),
        )
        if self.up:
            self.give_back(refunds)
        elif len(self._late) < 3 * MOST_LATE:
            # Who hung answers late, and counts as away until it has answered in time.
            self._late += refunds

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
                late, self._late = self._late, []
                if same:
                    # One that has lost what it held has charged none of it.
                    self.give_back(late)

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
            self.give_back(self._gate.unused_leases(time()))


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
