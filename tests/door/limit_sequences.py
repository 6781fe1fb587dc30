"""A history of requests that come, wait, go on and end, while time passes and the store changes."""

from __future__ import annotations

from pygateway._core import Forward, Respond, Unfunded
from tests.door.comparison import NOW
from tests.door.limit_comparison import LimitDoor, Visit, Waiting
from tests.door.model.rate_limits.client import Key
from tests.door.model.rate_limits.limits import Admitted, Asking
from tests.door.model.specification import Specification


class History:
    """Steps that are taken with the native gate and its model alike."""

    def __init__(self, specification: Specification, clients: list[Visit]) -> None:
        self.door = LimitDoor(specification)
        self.now = int(NOW * 1000)
        self.waiting: list[Waiting] = []
        self.flying: list[tuple[Forward | Respond, list[Key]]] = []
        self.clients = clients

    def come(self, which: int, times: int) -> None:
        for _ in range(times):
            self.ask(self.clients[which % len(self.clients)])

    def ask(self, visit: Visit, again: Waiting | None = None, missing: int = 0) -> None:
        if again is None:
            native, held = self.door.visit(visit, self.now)
            funding, grants = None, []
        else:
            funding = self.door.answer(again, self.now, missing)
            grants = again.grants
            native, held = self.door.visit(visit, self.now, funding, grants)
        if isinstance(native, Unfunded):
            assert isinstance(held, Asking)
            self.waiting.append(Waiting(visit, native, held, self.now, funding, grants))
        elif funding is not None:
            self.door.give_back(funding, grants, self.now)
        if isinstance(native, (Forward, Respond)) and isinstance(held, Admitted):
            self.flying.append((native, held.entered))

    def answer(self, which: int, missing: int) -> None:
        """The store answers one of those that wait, perhaps not to everything."""
        if self.waiting:
            waiting = self.waiting.pop(which % len(self.waiting))
            self.ask(waiting.visit, waiting, missing)

    def abandon(self, which: int) -> None:
        """The client of one of those that wait has gone, but the store answers all the same."""
        if self.waiting:
            waiting = self.waiting.pop(which % len(self.waiting))
            funding = self.door.answer(waiting, self.now)
            self.door.give_back(funding, waiting.grants, self.now)

    def end(self, which: int) -> None:
        """One of those in flight ends, and says so twice."""
        if self.flying:
            native, entered = self.flying.pop(which % len(self.flying))
            native.release()
            native.release()
            self.door.limits.leave(entered)

    def drop(self, which: int) -> None:
        """One of those in flight is forgotten, which is as good as ending."""
        if self.flying:
            _, entered = self.flying.pop(which % len(self.flying))
            self.door.limits.leave(entered)

    def pass_time(self, milliseconds: int) -> None:
        self.now += milliseconds

    def set_store(self, up: bool, gateways: int) -> None:
        self.door.set_store(up, gateways)

    def finish(self) -> None:
        self.door.compare_counts()
