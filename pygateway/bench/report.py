"""The document of a run: what `--json` prints, and all that text and JUnit show.

Its schema is docs/examples/bench-report.schema.json. Times are seconds.
"""

from __future__ import annotations

import statistics
from datetime import datetime
from fractions import Fraction
from typing import TYPE_CHECKING, Final, Literal

from pydantic import BaseModel, ConfigDict, Field

from pygateway.bench.comparison import Comparison, compare
from pygateway.bench.machine import Machine, describe_machine
from pygateway.bench.notes import lag_of, make_notes
from pygateway.bench.objectives import DEFAULT, Unit
from pygateway.bench.tally import Tally

if TYPE_CHECKING:
    from collections.abc import Sequence

    from pygateway.bench.histogram import Histogram
    from pygateway.bench.objectives import Objective
    from pygateway.bench.plan import Plan

SCHEMA_VERSION: Final = 1

PERCENTILES: Final = {
    "p50": Fraction(50),
    "p90": Fraction(90),
    "p99": Fraction(99),
    "p99.9": Fraction("99.9"),
}


class _Part(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, populate_by_name=True)


class Times(_Part):
    """How times are distributed, in seconds; percentiles to a thousandth of themselves."""

    mean: float
    p50: float
    p90: float
    p99: float
    p99_9: float = Field(alias="p99.9")
    max: float


class Figures(_Part):
    """What was measured, in one round or in all."""

    seconds: float = Field(description="from the start to the last response")
    requests: int = Field(description="that were due; those of an interrupted end left out")
    answered: int = Field(description="that got a response, of whatever status")
    unexpected: int = Field(description="responses with a status that was not expected")
    unfinished: int = Field(description="whose end was left open by an interruption")
    errors: dict[str, int] = Field(description="requests without a response, by reason")
    error_share: float = Field(
        description="of the requests: without a response, or with one that was not expected"
    )
    statuses: dict[str, int] = Field(description="responses by status")
    rate: float = Field(description="responses a second")
    bytes_received: int
    bytes_sent: int
    reconnects: int = Field(description="connections that were opened in place of lost ones")
    latency: Times | None = Field(
        description="from when a request was due to the end of its response; one without a"
        " response counts as the whole timeout; null without requests"
    )
    service: Times | None = Field(
        description="the same from when the request was written: what a closed loop would have seen"
    )
    lag: Times | None = Field(
        description="from when a request was due to when the load had noticed; null in a closed"
        " loop"
    )
    processor: float = Field(description="share of one core that the load itself took")

    def get(self, name: str) -> float | None:
        """Give a figure by its name: `rate`, or a percentile of the latency if there is one."""
        if name == "rate":
            return self.rate
        if self.latency is None:
            return None
        value: float = getattr(self.latency, name.replace(".", "_"))
        return value


class Setting(_Part):
    """What was asked for."""

    url: str = Field(description="without its query")
    loop: Literal["open", "closed"]
    rate: float | None = Field(description="requests a second; null in a closed loop")
    arrivals: Literal["fixed", "poisson"] | None
    seed: int | None
    method: str
    targets: int
    tokens: int
    body_bytes: int
    connections: int
    duration: float = Field(description="of each round")
    warm_up: float
    rounds: int
    timeout: float
    expected: str


class Judgement(_Part):
    """An objective, and whether it holds."""

    objective: str
    figure: str
    unit: Unit
    bound: float
    measured: float | None
    holds: bool
    default: bool = Field(description="whether it holds because none about errors was given")


class Spread(_Part):
    """A figure over the rounds."""

    least: float
    median: float
    greatest: float


class Report(_Part):
    """A run of `pygateway bench`."""

    schema_version: Literal[1] = SCHEMA_VERSION
    pygateway: str = Field(description="its version")
    began: datetime
    machine: Machine
    setting: Setting
    interrupted: bool
    valid: bool = Field(description="whether the load kept its own time")
    notes: list[str] = Field(description="what has to be known to read the figures")
    total: Figures
    rounds: list[Figures]
    spread: dict[str, Spread] = Field(description="p50, p90, p99, p99.9 and rate over the rounds")
    objectives: list[Judgement]
    comparison: Comparison | None = None

    @property
    def passed(self) -> bool:
        """Whether the run may be called good."""
        return (
            self.valid
            and not self.interrupted
            and self.total.answered > 0
            and all(each.holds for each in self.objectives)
            and not (self.comparison and self.comparison.regressed)
        )


def make_times(histogram: Histogram) -> Times | None:
    """Read a histogram; None if it is empty."""
    if not histogram.count:
        return None
    percentiles = {
        name: histogram.percentile(percent) / 1e9 for name, percent in PERCENTILES.items()
    }
    return Times.model_validate(
        {"mean": histogram.mean() / 1e9, "max": histogram.highest / 1e9, **percentiles}
    )


def make_figures(tally: Tally) -> Figures:
    """Read a tally."""
    return Figures(
        seconds=tally.seconds,
        requests=tally.requests,
        answered=tally.answered,
        unexpected=tally.unexpected,
        unfinished=tally.unfinished,
        errors={str(failure): count for failure, count in sorted(tally.failures.items())},
        error_share=tally.errors / tally.requests if tally.requests else 0.0,
        statuses={str(status): count for status, count in sorted(tally.statuses.items())},
        rate=tally.rate,
        bytes_received=tally.received,
        bytes_sent=tally.sent,
        reconnects=tally.opened,
        latency=make_times(tally.latency),
        service=make_times(tally.service),
        lag=make_times(tally.lag),
        processor=tally.processor / tally.seconds if tally.seconds else 0.0,
    )


def total_of(rounds: Sequence[Tally]) -> Tally:
    """Add rounds up."""
    total = Tally()
    for each in rounds:
        total.add(each)
    return total


def make_spread(rounds: Sequence[Figures]) -> dict[str, Spread]:
    """Give each figure over the rounds, as far as every round has it."""
    spreads = {}
    for name in (*PERCENTILES, "rate"):
        values = [value for each in rounds if (value := each.get(name)) is not None]
        if values and len(values) == len(rounds):
            spreads[name] = Spread(
                least=min(values), median=statistics.median(values), greatest=max(values)
            )
    return spreads


def judge(objectives: Sequence[Objective], total: Tally) -> list[Judgement]:
    """Hold what was measured against objectives, and the default one if none is about errors."""
    about_errors = any(each.figure == DEFAULT.figure for each in objectives)
    extra = [DEFAULT] if objectives and not about_errors else []
    judgements = []
    for objective in (*objectives, *extra):
        measured = objective.measure(total)
        judgements.append(
            Judgement(
                objective=objective.text,
                figure=objective.figure,
                unit=objective.unit,
                bound=float(objective.bound),
                measured=None if measured is None else float(measured),
                holds=objective.holds(measured),
                default=objective is DEFAULT,
            )
        )
    return judgements


def make_report(
    plan: Plan,
    setting: Setting,
    began: datetime,
    rounds: Sequence[Tally],
    objectives: Sequence[Objective],
    *,
    max_lag: float,
    version: str,
    baseline: Report | None = None,
    max_regression: float = 0.0,
    interrupted: bool = False,
) -> Report:
    """Write the document.

    Args:
        plan: What was done.
        setting: The same as it is written down.
        began: When.
        rounds: What was measured.
        objectives: What is to hold.
        max_lag: Seconds at p99 by which the load itself may have been late.
        version: Of this program.
        baseline: An earlier report to compare with; has to be comparable.
        max_regression: Share by which its medians may be exceeded.
        interrupted: Whether the run was ended early.
    """
    total = total_of(rounds)
    notes = make_notes(plan, total, objectives, max_lag, interrupted=interrupted)
    machine = describe_machine()
    if baseline is not None and baseline.machine != machine:
        notes.append("the baseline is of another machine or of other versions")
    figures = [make_figures(each) for each in rounds]
    report = Report(
        pygateway=version,
        began=began,
        machine=machine,
        setting=setting,
        interrupted=interrupted,
        valid=lag_of(total) <= max_lag,
        notes=notes,
        total=make_figures(total),
        rounds=figures,
        spread=make_spread(figures),
        objectives=judge(objectives, total),
    )
    if baseline is None or interrupted:
        return report
    return report.model_copy(update={"comparison": compare(baseline, report, max_regression)})
