"""Is this slower than an earlier report?

Two runs never measure the same. A figure counts as a regression if its median over the rounds is
worse by more than what is allowed, and the rounds themselves are told apart: if before and now were
the same, they would fall into an order like this one in at most one of twenty cases (one-sided
rank test, H. B. Mann and D. R. Whitney 1947, its distribution counted out). One bad round is then
no regression, and slightly worse ones within what is allowed are none either.
"""

from __future__ import annotations

import statistics
from typing import TYPE_CHECKING, Final

from pydantic import BaseModel, ConfigDict, Field

if TYPE_CHECKING:
    from collections.abc import Sequence

    from pygateway.bench.report import Report, Setting

LEAST_ROUNDS: Final = 3
"""With three rounds each, the clearest of orders has a chance of one in twenty."""

SIGNIFICANT: Final = 0.05

_MUST_EQUAL: Final = (
    *("loop", "rate", "arrivals", "method", "targets", "tokens", "body_bytes", "connections"),
)


class NotComparable(ValueError):
    """The two reports are of different things; the message says which."""


class Change(BaseModel):
    """A figure, before and now."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    figure: str
    before: list[float] = Field(description="of each round, ascending")
    now: list[float] = Field(description="likewise")
    worse: float = Field(description="by which share the median is worse; negative: better")
    chance: float = Field(description="of rounds that are at least as much apart, were all equal")
    regressed: bool


class Comparison(BaseModel):
    """A report beside an earlier one."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    allowed: float = Field(description="the share by which a median may be worse")
    changes: list[Change]
    regressed: bool


def check_comparable(before: Report, now: Setting) -> None:
    """Refuse a baseline that says nothing about what is going to be measured.

    Raises:
        NotComparable: See there.
    """
    if before.interrupted or not before.valid:
        raise NotComparable("it was interrupted" if before.interrupted else "it is not valid")
    for name, rounds in (("it", len(before.rounds)), ("--rounds", now.rounds)):
        if rounds < LEAST_ROUNDS:
            verb = "has" if name == "it" else "gives"
            raise NotComparable(
                f"{name} {verb} {rounds} round{'s' * (rounds != 1)}; without at least"
                f" {LEAST_ROUNDS} each, chance cannot be told from change"
            )
    for name in _MUST_EQUAL:
        earlier, later = getattr(before.setting, name), getattr(now, name)
        if earlier != later:
            raise NotComparable(f"its {name.replace('_', ' ')} was {earlier} and is {later} now")


def compare(before: Report, now: Report, allowed: float) -> Comparison:
    """Compare percentiles, and in a closed loop the rate."""
    names = ["p50", "p90", "p99"]
    if now.setting.loop == "closed":
        names.append("rate")
    changes = []
    for name in names:
        earlier = [value for each in before.rounds if (value := each.get(name)) is not None]
        later = [value for each in now.rounds if (value := each.get(name)) is not None]
        if earlier and later:
            changes.append(change(name, earlier, later, allowed))
    return Comparison(
        allowed=allowed, changes=changes, regressed=any(each.regressed for each in changes)
    )


def change(name: str, before: Sequence[float], now: Sequence[float], allowed: float) -> Change:
    """Compare one figure; less is better, except of a rate."""
    was, is_now = statistics.median(before), statistics.median(now)
    if name == "rate":
        worse = 1 - is_now / was if was else 0.0
        likelihood = chance(now, before)
    else:
        worse = is_now / was - 1 if was else 0.0
        likelihood = chance(before, now)
    return Change(
        figure=name,
        before=sorted(before),
        now=sorted(now),
        worse=worse,
        chance=likelihood,
        regressed=worse > allowed and likelihood <= SIGNIFICANT,
    )


def chance(low: Sequence[float], high: Sequence[float]) -> float:
    """Give the chance that `high` is at least this much above `low` if both are alike.

    Each pair in which the one of `high` is greater counts 1, each tie a half, rounded down.
    """
    pairs = sum((above > below) + (above == below) / 2 for below in low for above in high)
    ways = _orders(len(low), len(high))
    return sum(ways[int(pairs) :]) / sum(ways)


def _orders(some: int, others: int) -> list[int]:
    """Count the orders of `some` and `others` by the number of pairs that are upside down.

    They are the coefficients of the Gaussian binomial: the product of (1 - q^(others + i)) / (1 -
    q^i) for i from 1 to `some`.
    """
    size = some * others + 1
    ways = [1] + [0] * (size - 1)
    for each in range(1, some + 1):
        for at in range(size - 1, others + each - 1, -1):
            ways[at] -= ways[at - others - each]
        for at in range(each, size):
            ways[at] += ways[at - each]
    return ways
