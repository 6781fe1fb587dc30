"""Stands in for the native gate: keeps what it is told, and answers are all that it makes."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TypeAlias

from pygateway.ratelimit.limiter import Acquire, Refund
from pygateway.ratelimit.script import Answer

Funding: TypeAlias = list[Answer | None]


class Needs:
    """What an `Unfunded` of the gate is to the limiter."""

    def __init__(self, acquires: list[Acquire]) -> None:
        self.acquires = acquires


class FakeGate:
    """A gate without policies of its own."""

    def __init__(self) -> None:
        self.stores: list[tuple[bool, int, int]] = []
        self.unused: list[Refund] = []
        self.asked_for_leases = 0
        self.times: list[tuple[float, float]] = []
        self.picky = False

    def fund(
        self,
        unfunded: Needs,
        answers: Sequence[Answer | None],
        sent: float,
        now: float,
        earlier: Funding | None = None,
    ) -> Funding:
        if self.picky and any(answers):
            raise TypeError("not an answer")
        self.times.append((sent, now))
        assert len(answers) == len(unfunded.acquires)
        return list(answers)

    def set_store(self, up: bool, gateways: int, incarnation: int) -> None:
        self.stores.append((up, gateways, incarnation))

    def unused_leases(self, now: float, most: int) -> list[Refund]:
        self.asked_for_leases += 1
        taken, self.unused = self.unused[:most], self.unused[most:]
        return taken

    @property
    def up(self) -> bool:
        """What it was told last."""
        return self.stores[-1][0]
