"""What a store hands out ahead: over machines, workers and whatever happens, nothing comes twice.

How much is asked for ahead is the gate's own business. What must hold is the sum: the store has
been charged for exactly what was admitted, and what was not spent has come back.
"""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from itertools import product

from hypothesis import given, settings
from hypothesis import strategies as st

from pygateway._core import Arena, Forward, Funding, Gate, Reject, Unfunded
from tests.door.comparison import NOW, SEED
from tests.door.model.rate_limits.specification import Applied, ByHeader, ByRoute, Policy, Size
from tests.door.model.rate_limits.store import Answer, Store
from tests.door.model.rate_limits.window import Law
from tests.door.model.specification import Route, Specification

HOST = (b"Host", b"a.example")
LENGTH = 3_600_000
QUOTAS = (40, 7)
POLICIES = (
    Policy("own", (ByHeader("X-Key"),), Size(QUOTAS[0], LENGTH), mode="leased"),
    Policy("all", (ByRoute(),), Size(QUOTAS[1], LENGTH), mode="leased"),
    Policy("here", (ByHeader("X-Key"),), Size(9, LENGTH)),
    Policy("crowd", (ByHeader("X-Key"),), None, concurrency=3),
)
SPECIFICATION = Specification(
    routes=(
        Route("one", paths=("/one",), rate_limits=(Applied(0),)),
        Route("dear", paths=("/dear",), rate_limits=(Applied(0, 5),)),
        Route("many", paths=("/many",), rate_limits=(Applied(2), Applied(0, 2), Applied(1))),
        Route("crowd", paths=("/crowd",), rate_limits=(Applied(3), Applied(0))),
    ),
    rate_limits=tuple(
        Policy(**{**vars(policy), "on_store_failure": "closed"}) for policy in POLICIES
    ),
)
COSTS = {b"/one": {0: 1}, b"/dear": {0: 5}, b"/many": {0: 2, 1: 1}, b"/crowd": {0: 1}}


@dataclass
class Waiting:
    """A request that waits for the store."""

    gate: Gate
    target: bytes
    key: bytes
    unfunded: Unfunded
    funding: Funding | None


class Machines:
    """Two machines with two workers each, and the store that they share."""

    def __init__(self) -> None:
        self.store = Store()
        self.charged: Counter[int] = Counter()
        self.now = int(NOW * 1000) // LENGTH * LENGTH + 1000
        self.waiting: list[Waiting] = []
        self.flying: list[Forward] = []
        self.gates = [gate for _ in range(2) for gate in self.machine()]

    def machine(self) -> list[Gate]:
        descriptor = os.memfd_create("arena")
        arena = Arena.create(descriptor, 1024)
        os.close(descriptor)
        gates = [Gate(SPECIFICATION.to_json(), SEED, arena, lane) for lane in range(2)]
        for lane, gate in enumerate(gates):
            arena.occupy_lane(lane)
            gate.set_store(True, 2, 1)
        return gates

    def come(self, gate: int, target: bytes, key: bytes, times: int) -> None:
        for _ in range(times):
            self.ask(self.gates[gate], target, key, None)

    def ask(self, gate: Gate, target: bytes, key: bytes, funding: Funding | None) -> None:
        peer = gate.peer("198.51.100.7", False)
        fields = [HOST, (b"X-Key", key)]
        now = self.now / 1000
        decision = gate.decide(b"GET", target, fields, peer, now, 11, None, funding)
        if isinstance(decision, Unfunded):
            self.waiting.append(Waiting(gate, target, key, decision, funding))
            return
        if funding is not None:
            self.give_back(funding.refunds(now))
        if isinstance(decision, Forward):
            self.charged.update(COSTS[target])
            self.flying.append(decision)
        else:
            assert isinstance(decision, Reject)

    def answer(self, which: int, missing: int) -> None:
        if self.waiting:
            one = self.waiting.pop(which % len(self.waiting))
            funding = self.fund(one, missing)
            self.ask(one.gate, one.target, one.key, funding)

    def fund(self, one: Waiting, missing: int) -> Funding:
        answers: list[Answer | None] = []
        for place, (policy, digest, quota, cost, want, *debt) in enumerate(one.unfunded.acquires):
            assert quota == QUOTAS[policy]
            assert cost <= want
            assert debt[1:] == [0, 0]
            name, law = (policy, digest), Law(quota, LENGTH)
            answer = self.store.acquire(name, law, want, cost, (0, 0, 0), self.now)
            assert self.store.windows[name].current <= quota
            if missing >> place & 1:
                # It came too late: whoever asked gives it back.
                self.store.give_back(name, law, answer[0], answer[2], self.now)
            answers.append(None if missing >> place & 1 else answer)
        now = self.now / 1000
        return one.gate.fund(one.unfunded, answers, now, now, one.funding)

    def abandon(self, which: int) -> None:
        """The client has gone, and the answer comes all the same."""
        if self.waiting:
            funding = self.fund(self.waiting.pop(which % len(self.waiting)), 0)
            self.give_back(funding.refunds(self.now / 1000))

    def end(self, which: int) -> None:
        if self.flying:
            self.flying.pop(which % len(self.flying)).release()

    def rest(self, gate: int) -> None:
        self.give_back(self.gates[gate].unused_leases(self.now / 1000))

    def pass_time(self, milliseconds: int) -> None:
        self.now += milliseconds

    def give_back(self, refunds: list[tuple[int, str, int, int]]) -> None:
        for policy, digest, amount, bucket in refunds:
            name, law = (policy, digest), Law(QUOTAS[policy], LENGTH)
            assert 0 < amount <= self.store.windows[name].current
            self.store.give_back(name, law, amount, bucket, self.now)

    def held(self) -> Counter[int]:
        """What the store was charged, by policy."""
        total: Counter[int] = Counter()
        for name, window in self.store.windows.items():
            assert isinstance(name, tuple)
            total[name[0]] += window.current
        return total

    def settle(self) -> None:
        while self.waiting:
            self.abandon(0)
        for gate in [*range(4), *range(4)]:
            self.rest(gate)


@dataclass(frozen=True)
class Step:
    """Something that happens."""

    does: str
    arguments: tuple[object, ...]

    def __call__(self, machines: Machines) -> None:
        getattr(machines, self.does)(*self.arguments)


def step(does: str, *arguments: Iterable[object]) -> list[Step]:
    return [Step(does, chosen) for chosen in product(*arguments)]


COMING = step("come", range(4), COSTS, (b"a", b"a", b"b"), (1, 2, 5))
STEPS = (
    COMING
    + step("answer", range(4), (0, 0, 0, 0, 1, 2)) * 12
    + step("abandon", range(4)) * 4
    + step("rest", range(4)) * 4
    + step("end", range(4)) * 6
    + step("pass_time", (1, 10, 500, -2)) * 6
)


@settings(max_examples=250)
@given(st.lists(st.sampled_from(STEPS), min_size=10, max_size=60))
def test_the_store_was_charged_for_what_was_admitted(steps: list[Step]) -> None:
    machines = Machines()
    for one in steps:
        one(machines)
        charged, held = machines.charged, machines.held()
        assert all(charged[policy] <= held[policy] for policy in charged)
    machines.settle()
    assert +machines.charged == +machines.held()
