"""How much anybody may ask for: the gate keeps the same books as its model."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from itertools import product

from hypothesis import given, settings
from hypothesis import strategies as st

from tests.door.keys import PAIRS
from tests.door.limit_comparison import Visit
from tests.door.limit_sequences import History
from tests.door.model.specification import Specification
from tests.door.strategies.rate_limits import (
    API_KEY_SET,
    CROWDS,
    POLICIES,
    STRICT,
    clients,
    specifications,
)

TIMES = (0, 1, 3, 50, 99, 100, 250, 500, 999, 1000, 1001, 2500, 7001, 60_000, 200_000, -1, -3)


@dataclass(frozen=True)
class Step:
    """Something that happens."""

    does: str
    arguments: tuple[object, ...]

    def __call__(self, history: History) -> None:
        getattr(history, self.does)(*self.arguments)


def step(does: str, *arguments: Iterable[object]) -> list[Step]:
    return [Step(does, chosen) for chosen in product(*arguments)]


NUMBERS = range(4)
COMING = step("come", NUMBERS, (1, 1, 2, 3, 4))
PASSING = step("pass_time", TIMES)
ENDING = step("end", NUMBERS) + step("drop", NUMBERS)
ANSWERING = step("answer", NUMBERS, (0, 0, 0, 0, 1, 2, 7))
STORE = step("set_store", (True, True, False), (1, 2, 5)) + step("abandon", NUMBERS)
LOCAL_STEPS = COMING * 3 + PASSING * 2 + ENDING
STORE_STEPS = COMING * 2 + PASSING * 2 + ENDING + ANSWERING * 2 + STORE


def many(steps: list[Step]) -> st.SearchStrategy[list[Step]]:
    return st.lists(st.sampled_from(steps), min_size=8, max_size=30)


def history(specification: Specification, clients: list[Visit]) -> History:
    taken = History(specification, clients)
    for provider in range(2):
        taken.door.set_keys(provider, [PAIRS["secret-a"].key(None)])
    taken.door.set_api_keys(2, *API_KEY_SET)
    return taken


@settings(max_examples=250)
@given(specifications(POLICIES, POLICIES, CROWDS), clients(), many(LOCAL_STEPS))
def test_a_machine_counts_by_itself_as_its_model(
    specification: Specification, some: list[Visit], steps: list[Step]
) -> None:
    taken = history(specification, some)
    for one in steps:
        one(taken)
    taken.finish()


@settings(max_examples=250)
@given(specifications(STRICT, STRICT, POLICIES), clients(), many(STORE_STEPS))
def test_a_machine_counts_with_a_store_as_its_model(
    specification: Specification, some: list[Visit], steps: list[Step]
) -> None:
    taken = history(specification, some)
    taken.set_store(True, 1)
    for one in steps:
        one(taken)
    taken.finish()
