"""What has to be known to read the figures, beside the figures."""

from __future__ import annotations

from fractions import Fraction
from typing import TYPE_CHECKING, Final

from pygateway.bench import words
from pygateway.bench.tally import Failure

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from pygateway.bench.objectives import Objective
    from pygateway.bench.plan import Plan
    from pygateway.bench.tally import Tally

BUSY: Final = 0.9
"""Share of a core from which on the load itself may be what limits."""

SHORT: Final = 0.99
"""Share of the rate that was asked for, below which it counts as not reached."""


def lag_of(total: Tally) -> float:
    """Give by how much the load itself was late, in seconds at p99; 0 in a closed loop."""
    return total.lag.percentile(Fraction(99)) / 1e9


def make_notes(
    plan: Plan, total: Tally, objectives: Sequence[Objective], max_lag: float, *, interrupted: bool
) -> list[str]:
    """Say what a reader would otherwise not know."""
    notes = ["interrupted: this is what there was so far"] if interrupted else []
    if not total.requests:
        return [*notes, "nothing was measured"]
    if plan.rate is None:
        notes.append(
            "a closed loop finds the maximum: while the gateway stalls, it is asked less, so that"
            " the latencies are too good; --rate measures those"
        )
    notes += _of_the_load(plan, total, max_lag)
    notes += _of_the_gateway(plan, total)
    for objective in objectives:
        if objective.percent and total.requests * (100 - objective.percent) < 100:
            notes.append(
                f"{objective.figure} of {total.requests} requests is their greatest: it takes"
                " more of them"
            )
    return notes


def _of_the_load(plan: Plan, total: Tally, max_lag: float) -> Iterator[str]:
    lag = lag_of(total)
    if lag > max_lag:
        yield (
            f"not valid: the load itself was late by {words.duration(lag)} at p99, and more than"
            f" {words.duration(max_lag)} (--max-lag) says more about it than about the gateway"
        )
    busy = total.processor / total.seconds if total.seconds else 0.0
    if busy > BUSY:
        consequence = (
            "the gateway may be able to do more" if plan.rate is None else "it may be the limit"
        )
        yield f"the load took {words.share(busy)} of a core: {consequence}"


def _of_the_gateway(plan: Plan, total: Tally) -> Iterator[str]:
    if plan.rate is not None and not plan.poisson and total.rate < plan.rate * SHORT:
        yield f"{plan.rate:g} requests a second were asked for and {total.rate:.1f} answered"
    failed = total.failures.total()
    if failed:
        yield (
            f"{failed} request{'s' * (failed != 1)} got no response and"
            f" count{'s' * (failed == 1)} as the whole timeout, {plan.timeout:g} s"
        )
    if total.failures[Failure.UNSENT]:
        yield "unsent: every connection was busy for all of that time"
