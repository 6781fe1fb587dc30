"""A request held against the policies of its route: all of them are charged, or none.

Everything is looked at before anything is changed. So it cannot matter in which order policies
stand, but for what a refusal says.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field

from tests.door.model.rate_limits.client import Client, Key
from tests.door.model.rate_limits.fields import Standing
from tests.door.model.rate_limits.specification import Applied, Policy
from tests.door.model.rate_limits.store import Answer
from tests.door.model.rate_limits.window import Law, Window, charged

TICK = 64
"""Milliseconds by which it is known when the store is to be asked again."""

ASKED_AGAIN = 1000
"""Milliseconds after which the store is asked again about what it has refused."""

CROWDED = 1000
"""Milliseconds after which somebody may try again who has too many requests in flight."""

Debt = tuple[int, int, int]


@dataclass
class Grant:
    """What the store said to one request: nothing, until when it refuses, or what it charged."""

    policy: int
    key: Key
    cost: int
    law: Law
    until: int | None = None
    answer: Answer | None = None
    is_open: bool = False


@dataclass
class Acquire:
    """What the store has to be asked."""

    policy: int
    key: Key
    law: Law
    cost: int
    debt: Debt


@dataclass
class Measure:
    """A request at one policy, and what is found there.

    Attributes:
        wait: Milliseconds after which it may be tried again, where it is refused.
        left: What remains, and for how long; None where nobody knows.
        book: Where it is charged, if on this machine.
        asks: Whether the store has to be asked.
        nobody: Whether nobody can say.
        counts: Whether it is counted at all.
    """

    number: int
    policy: Policy
    key: Key
    law: Law | None = None
    cost: int = 0
    wait: int | None = None
    left: tuple[int, int] | None = None
    book: dict[Key, Window] | None = None
    grant: Grant | None = None
    asks: bool = False
    nobody: bool = False
    counts: bool = True
    crowded: bool = False

    @property
    def waits(self) -> list[int]:
        return [wait for wait in (self.wait, CROWDED if self.crowded else None) if wait is not None]

    @property
    def refuses(self) -> bool:
        return (self.wait is not None or self.crowded) and not self.policy.shadow


@dataclass
class Admitted:
    """It goes on; `entered` is given back in the end."""

    standings: list[Standing]
    entered: list[Key]


@dataclass
class Refused:
    """Nothing was charged.

    Attributes:
        standings: What may be said of each policy; of several, a refusal looks at one first.
        waits: Milliseconds, of every policy that refuses: for its window, and for its crowd.
        unknown: Policies that refuse because nobody can say.
    """

    standings: list[list[Standing]]
    waits: dict[str, list[int]]
    unknown: set[str]


@dataclass
class Asking:
    """Nothing was charged yet."""

    acquires: list[Acquire]


@dataclass
class Limits:
    """One machine: what it has counted, and what it knows of the store.

    Attributes:
        windows: Of policies that count here.
        used: Of other policies: what the store has granted, or was admitted without it.
        told: What of that the store knows.
        exhausted: By key, quota and cost, until when the store refuses, and is not asked.
        said: By key and quota, what it said was left when it refused, and until when it would.
    """

    policies: Sequence[Policy]
    up: bool = False
    gateways: int = 1
    windows: dict[Key, Window] = field(default_factory=dict)
    used: dict[Key, Window] = field(default_factory=dict)
    told: dict[Key, Window] = field(default_factory=dict)
    exhausted: dict[tuple[Key, int, int], tuple[int, int]] = field(default_factory=dict)
    said: dict[tuple[Key, int], tuple[int, int]] = field(default_factory=dict)
    in_flight: Counter[Key] = field(default_factory=Counter)
    counts: Counter[tuple[str, str]] = field(default_factory=Counter)

    def hold(
        self, client: Client, applied: Sequence[Applied], now: int, grants: Sequence[Grant] = ()
    ) -> Admitted | Refused | Asking | None:
        """None where no policy concerns the client."""
        measures = [
            self.measure(client, limit, now, grants)
            for limit in applied
            if not client.is_exempt(self.policies[limit.policy])
        ]
        if not measures:
            return None
        if any(measure.refuses for measure in measures):
            self.look_at_shares(measures, now)
            self.look_at_those_who_ask(measures, now)
            return self.refuse(measures)
        asking = [one for one in measures if one.asks and one.wait is None and not one.crowded]
        if asking:
            return Asking([self.acquire(measure, now) for measure in asking])
        self.look_at_shares(measures, now)
        if any(measure.refuses for measure in measures):
            return self.refuse(measures)
        return self.charge(measures, now)

    def measure(
        self, client: Client, applied: Applied, now: int, grants: Sequence[Grant]
    ) -> Measure:
        policy = self.policies[applied.policy]
        measure = Measure(applied.policy, policy, client.key(policy))
        if policy.concurrency is not None:
            measure.crowded = self.in_flight[measure.key] >= policy.concurrency
        if policy.window is None:
            return measure
        measure.law = Law(client.quota(policy), policy.window.length)
        measure.cost = client.cost(policy, applied.cost)
        if policy.mode == "local":
            measure.book = self.windows
            self.look(measure, now)
        elif measure.cost == 0:
            self.look_at_store(measure, now)
        else:
            self.ask_store(measure, now, grants)
        return measure

    def look(self, measure: Measure, now: int) -> None:
        """Whether it fits this machine's own window; and how things stand before it is charged."""
        assert measure.law is not None
        assert measure.book is not None
        law = self.own_law(measure)
        window = law.rolled(measure.book.get(measure.key, Window()), now)
        measure.left = standing(law, window, now)
        if not law.admits(window, now, measure.cost):
            measure.wait = law.retry(window, now, measure.cost)

    def look_at_shares(self, measures: list[Measure], now: int) -> None:
        """Policies that go on without the store are looked at last."""
        for measure in measures:
            if measure.book is self.used and measure.wait is None:
                self.look(measure, now)

    def look_at_those_who_ask(self, measures: list[Measure], now: int) -> None:
        """Where another policy refuses, the store is not asked, but what it said is told."""
        for measure in measures:
            if measure.asks and measure.left is None:
                self.look_at_store(measure, now)

    def own_law(self, measure: Measure) -> Law:
        """By which this machine counts alone; while the store is away it has a share."""
        assert measure.law is not None
        if measure.book is self.windows:
            return measure.law
        return Law(max(1, measure.law.quota // self.gateways), measure.law.length)

    def ask_store(self, measure: Measure, now: int, grants: Sequence[Grant]) -> None:
        """What it has said to this request, or to others like it; or what is done without it."""
        grant = next((one for one in grants if fits(one, measure)), None)
        if grant is not None and grant.until is not None:
            self.refused(measure, grant.until, now)
        elif grant is not None and grant.answer is not None and grant.is_open:
            granted, remaining, _, reset, _ = grant.answer
            measure.grant, measure.left = grant, (remaining + granted - grant.cost, reset)
        elif (refusal := self.refusal(measure, now)) is not None:
            remaining, until = refusal
            self.refused(measure, until, now, remaining)
        elif self.up and (grant is None or grant.answer is not None):
            measure.asks = True
        elif measure.policy.on_store_failure == "open":
            measure.counts = False
        elif measure.policy.on_store_failure == "closed":
            measure.wait, measure.nobody = 0, True
        else:
            measure.book = self.used

    def refusal(self, measure: Measure, now: int) -> tuple[int, int] | None:
        """What is left, and until when it is refused, as far as the store was asked lately."""
        assert measure.law is not None
        quota, cost = measure.law.quota, measure.cost
        until, asked_again = self.exhausted.get((measure.key, quota, cost), (0, 0))
        if until <= now or -(-asked_again // TICK) <= now // TICK:
            return None
        remaining, said_until = self.said[measure.key, quota]
        return min(remaining if said_until > now else 0, cost - 1), until

    def look_at_store(self, measure: Measure, now: int) -> None:
        """What it said last was left, as long as that can be true."""
        assert measure.law is not None
        remaining, until = self.said.get((measure.key, measure.law.quota), (0, 0))
        if until > now:
            measure.left = (remaining, until - now)

    def refused(self, measure: Measure, until: int, now: int, remaining: int = 0) -> None:
        measure.wait = max(0, until - now)
        measure.left = (remaining, measure.wait)

    def acquire(self, measure: Measure, now: int) -> Acquire:
        assert measure.law is not None
        used, told = (
            measure.law.rolled(book.get(measure.key, Window()), now)
            for book in (self.used, self.told)
        )
        previous, current = used.previous - told.previous, used.current - told.current
        self.told[measure.key] = used
        debt = (used.bucket, previous, current) if previous or current else (0, 0, 0)
        return Acquire(measure.number, measure.key, measure.law, measure.cost, debt)

    def fund(
        self,
        acquires: Sequence[Acquire],
        answers: Sequence[Answer | None],
        earlier: Sequence[Grant],
        now: int,
    ) -> list[Grant]:
        """Take in the store's answers."""
        pairs = zip(acquires, answers, strict=True)
        grants = [self.take(acquire, answer, now) for acquire, answer in pairs]
        return grants + [grant for grant in earlier if grant.is_open]

    def take(self, acquire: Acquire, answer: Answer | None, now: int) -> Grant:
        key, law, (bucket, previous, current) = acquire.key, acquire.law, acquire.debt
        grant = Grant(acquire.policy, key, acquire.cost, law)
        if answer is None:
            window = law.rolled(self.told.get(key, Window()), now)
            window = charged(charged(window, -previous, bucket - 1), -current, bucket)
            self.told[key] = window
        elif answer[0] < acquire.cost:
            grant.until = now + answer[4]
            self.said[key, law.quota] = (answer[1], grant.until)
            self.exhausted[key, law.quota, acquire.cost] = (grant.until, now + ASKED_AGAIN)
        else:
            grant.answer, grant.is_open = answer, True
            for book in (self.used, self.told):
                book[key] = charged(law.rolled(book.get(key, Window()), now), answer[0])
        return grant

    def give_back(self, grant: Grant, law: Law, now: int) -> None:
        """Take back what was granted; whoever was refused because of it need not stay so."""
        assert grant.answer is not None
        for book in (self.used, self.told):
            window = law.rolled(book.get(grant.key, Window()), now)
            book[grant.key] = charged(window, -grant.cost, grant.answer[2])
        self.exhausted.pop((grant.key, law.quota, grant.cost), None)

    def refuse(self, measures: list[Measure]) -> Refused:
        enforced = [measure for measure in measures if measure.refuses]
        shown = [measure for measure in measures if not measure.policy.shadow]
        said = [self.possible(one) for one in shown]
        return Refused(
            standings=[alternatives for alternatives in said if alternatives],
            waits={one.policy.name: one.waits for one in enforced},
            unknown={one.policy.name for one in enforced if one.nobody and not one.crowded},
        )

    def possible(self, measure: Measure) -> list[Standing]:
        """What a refusal can say: until when it would be refused, or how else the window stands."""
        policy, law = measure.policy, measure.law
        if law is None:
            assert policy.concurrency is not None
            free = policy.concurrency - self.in_flight[measure.key]
            return [Standing(policy.name, policy.concurrency, free)]
        if measure.left is None:
            return []
        remaining, reset = measure.left
        until = reset if measure.wait is None else measure.wait
        return [Standing(policy.name, law.quota, min(remaining, law.quota), law.length, until)]

    def charge(self, measures: list[Measure], now: int) -> Admitted:
        entered = []
        for measure in measures:
            if measure.policy.concurrency is not None and not measure.crowded:
                self.in_flight[measure.key] += 1
                entered.append(measure.key)
            if measure.wait is not None or measure.crowded:
                continue
            self.counts[measure.policy.name, "admitted" if measure.counts else "uncounted"] += 1
            if measure.grant is not None:
                measure.grant.is_open = False
            if measure.book is not None:
                self.put(measure, now)
        found = standings(measures, self.in_flight)
        return Admitted(found, entered)

    def put(self, measure: Measure, now: int) -> None:
        assert measure.law is not None
        assert measure.book is not None
        law = self.own_law(measure)
        window = law.rolled(measure.book.get(measure.key, Window()), now)
        window = charged(window, measure.cost)
        if measure.cost:
            measure.book[measure.key] = window
        measure.left = standing(law, window, now)

    def leave(self, entered: list[Key]) -> None:
        self.in_flight.subtract(entered)


def fits(grant: Grant, measure: Measure) -> bool:
    same = (grant.policy, grant.key) == (measure.number, measure.key)
    return same and grant.cost >= measure.cost


def standing(law: Law, window: Window, now: int) -> tuple[int, int]:
    """What remains, and how long until the bucket ends, or something can be had again."""
    remaining = law.remaining(window, now)
    return remaining, law.reset(window, now) if remaining else law.retry(window, now, 1)


def standings(measures: list[Measure], in_flight: Counter[Key]) -> list[Standing]:
    """Of every policy that is enforced and of which something is known."""
    found = []
    for measure in measures:
        policy, law = measure.policy, measure.law
        if policy.shadow:
            continue
        if law is None:
            assert policy.concurrency is not None
            free = policy.concurrency - in_flight[measure.key]
            found.append(Standing(policy.name, policy.concurrency, free))
        elif measure.left is not None:
            remaining, reset = measure.left
            found.append(
                Standing(policy.name, law.quota, min(remaining, law.quota), law.length, reset)
            )
    return found
