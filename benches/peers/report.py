"""What was found: as tables to read, and as JSON to keep."""

from __future__ import annotations

import os
import platform
import time
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from statistics import median
from typing import TYPE_CHECKING, Any

from benches.peers.checks import Findings
from benches.peers.contest import STAND_IN, Field
from benches.peers.figures import (
    QUANTILES,
    SATURATED,
    Spread,
    Turn,
    added,
    maximum,
    ratios,
    slope,
)
from benches.peers.gateways import REFERENCE
from benches.peers.job import Job
from benches.peers.latency import DIRECT, AtRate
from benches.peers.memory import STEPS, Memory
from benches.peers.scenarios import EXTRA_HEADERS, Scenario

if TYPE_CHECKING:
    from benches.peers.run import Extent

Document = dict[str, Any]

ALL_LOGGED = 0.999
"""From this share on, a log counts as complete."""


@dataclass
class Outcome:
    """What a scenario came to.

    Attributes:
        left_out: Why somebody was not measured.
        lacks: Parts of the job that somebody leaves out.
        turns: By gateway; each has as many.
        logged: Lines in the access log for each request.
        memory: By gateway, for each of `STEPS`.
    """

    scenario: Scenario
    left_out: dict[str, str]
    lacks: dict[str, tuple[str, ...]] = field(default_factory=dict)
    turns: Mapping[str, Sequence[Turn]] = field(default_factory=dict)
    logged: Mapping[str, float] = field(default_factory=dict)
    latencies: list[AtRate] = field(default_factory=list)
    memory: dict[str, list[Memory]] = field(default_factory=dict)

    def reference(self) -> Sequence[Turn] | None:
        """The turns that ratios are to."""
        return self.turns.get(REFERENCE) or self.turns.get(STAND_IN)


@dataclass
class Results:
    """Everything."""

    versions: dict[str, str]
    extent: Extent
    began: float
    seconds: float = 0.0
    findings: dict[str, dict[str, Findings]] = field(default_factory=dict)
    outcomes: list[Outcome] = field(default_factory=list)

    def document(self) -> Document:
        """What is written."""
        return {
            "began": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(self.began)),
            "seconds": round(self.seconds, 1),
            "machine": machine(),
            "extent": asdict(self.extent),
            "versions": self.versions,
            "checks": {
                job: {name: asdict(each) for name, each in findings.items()}
                for job, findings in self.findings.items()
            },
            "scenarios": [_document(each) for each in self.outcomes],
            "slopes": slopes(self.outcomes),
        }


def machine() -> Document:
    """What it was measured on, and how busy that was."""
    text = Path("/proc/cpuinfo").read_text()
    models = [line.partition(":")[2].strip() for line in text.splitlines() if "model name" in line]
    return {
        "processor": models[0] if models else platform.machine(),
        "cores": os.cpu_count(),
        "kernel": platform.release(),
        "python": platform.python_version(),
        "load_average": os.getloadavg(),
    }


def slopes(outcomes: Sequence[Outcome]) -> dict[str, Spread]:
    """Microseconds of each further header, by gateway."""
    by_name = {outcome.scenario.name: outcome for outcome in outcomes}
    few, many = by_name.get("bare-1k"), by_name.get("headers-60")
    if few is None or many is None:
        return {}
    return {
        name: slope(few.turns[name], turns, EXTRA_HEADERS)
        for name, turns in many.turns.items()
        if name in few.turns
    }


def slope_table(outcomes: Sequence[Outcome]) -> str:
    """The slopes; nothing where they were not measured."""
    found = slopes(outcomes)
    if not found:
        return ""
    lines = ["", "each further request header, us: median (least to most)"]
    lines += [f"  {name:<16}{each.median:6.2f} ({_range(each, 2)})" for name, each in found.items()]
    return "\n".join(lines)


def head(results: Results) -> str:
    """What is going to be measured, and on what."""
    found = machine()
    lines = [
        f"{found['processor']}, {found['cores']} cores, Linux {found['kernel']},"
        f" Python {found['python']}; load average {found['load_average'][0]:.1f}",
        f"{results.extent.rounds} rounds of {results.extent.seconds} s, in turns (A B B A ...)",
        *(f"  {name:<16}{version}" for name, version in results.versions.items()),
    ]
    return "\n".join(lines)


def checks(job: Job, field: Field) -> str:
    """What the checks of a job found; who failed is in the tables, with the reason."""
    lines = ["", f"checks of the job: {job}"]
    for name, findings in field.findings.items():
        found = f"{len(findings.passed)} passed"
        if findings.failed:
            found += f", failed: {', '.join(sorted(findings.failed))}"
        lines.append(f"  {name:<16}{found}")
        for what, headers in (
            ("requests get", findings.request_headers),
            ("answers get", findings.response_headers),
        ):
            if headers:
                lines.append(f"{'':18}{what}: {', '.join(headers)}")
    return "\n".join(lines)


def table(outcome: Outcome) -> str:
    """A scenario's tables."""
    lines = ["", f"{outcome.scenario.name}: {outcome.scenario.title}"]
    if outcome.memory:
        lines += _memory_lines(outcome)
    if outcome.turns:
        lines += _cost_lines(outcome)
    for each in outcome.latencies:
        lines += _latency_lines(each)
    lines += [f"  {name:<16}- {reason}" for name, reason in outcome.left_out.items()]
    return "\n".join(lines)


def _cost_lines(outcome: Outcome) -> list[str]:
    payload = outcome.scenario.payload
    lines = [
        f"  {'gateway':<16}{'us/request':>11} {'least to most':>17}{'user':>8}"
        f"{'x nginx':>9} {'least to most':>15}{'per second':>12}{'busy':>6}"
        + (f"{'MB/cpu s':>10}" if payload else "")
    ]
    reference = outcome.reference()
    for name, turns in outcome.turns.items():
        cost = Spread.of([turn.cost for turn in turns])
        busy = median(turn.busy for turn in turns)
        # Where the gateway waited for the load, its maximum is more than was seen.
        rate = f"{'' if busy >= SATURATED else '> '}{maximum(turns):.0f}"
        ratio = ratios(turns, reference) if reference else None
        line = (
            f"  {name:<16}{cost.median:>11.1f} {_range(cost, 1):>17}"
            f"{median(turn.user_cost for turn in turns):>8.1f}"
        )
        line += f"{ratio.median:>9.2f} {_range(ratio, 2):>15}" if ratio else " " * 25
        line += f"{rate:>12}{busy:>6.0%}"
        if payload:
            line += f"{payload / cost.median:>10.0f}"
        if outcome.lacks.get(name):
            line += f"  without: {', '.join(outcome.lacks[name])}"
        logged = outcome.logged.get(name, 1.0)
        if logged < ALL_LOGGED:
            line += f"  only {logged:.1%} of the requests are in its log"
        lines.append(line)
    return lines


def _range(spread: Spread, digits: int) -> str:
    return f"{spread.least:.{digits}f} to {spread.most:.{digits}f}"


def _latency_lines(at: AtRate) -> list[str]:
    lines = [
        f"  at {at.rate:.0f} per second ({at.share} % of the slowest's maximum), ms added,"
        " median (least to most):"
    ]
    direct = at.times.get(DIRECT)
    if not direct:
        return [*lines, "    nothing: the upstream itself gave wrong answers"]
    for name, times in at.times.items():
        if name == DIRECT:
            values = "  ".join(
                f"{quantile.removesuffix('_ms')} {median(each[quantile] for each in times):6.2f}"
                for quantile in QUANTILES
            )
            lines.append(f"    {name:<16}{values}  (itself)")
            continue
        spreads = added(times, direct)
        values = "  ".join(
            f"{quantile.removesuffix('_ms')} {spread.median:6.2f} ({_range(spread, 2)})"
            for quantile, spread in spreads.items()
        )
        lines.append(f"    {name:<16}{values}")
    return lines


def _memory_lines(outcome: Outcome) -> list[str]:
    columns = "".join(f"{step:>18,}" for step in STEPS)
    lines = [f"  {'PSS (RSS), MB':<16}{columns}{'KB a connection':>18}"]
    for name, found in outcome.memory.items():
        values = "".join(
            f"{each.proportional / 1e6:>10.1f} ({each.resident / 1e6:5.1f})" for each in found
        )
        each = (found[-1].proportional - found[0].proportional) / STEPS[-1] / 1000
        lines.append(f"  {name:<16}{values}{each:>18.2f}")
    return lines


def _document(outcome: Outcome) -> Document:
    reference = outcome.reference()
    gateways: Document = {}
    for name, turns in outcome.turns.items():
        gateways[name] = {
            "cost_us": Spread.of([turn.cost for turn in turns])._asdict(),
            "user_us": median(turn.user_cost for turn in turns),
            "ratio": ratios(turns, reference)._asdict() if reference else None,
            "per_second": maximum(turns),
            "busy": median(turn.busy for turn in turns),
            "lacks": list(outcome.lacks.get(name, ())),
            "logged": outcome.logged.get(name),
            "turns": [asdict(turn) for turn in turns],
        }
    return {
        "name": outcome.scenario.name,
        "title": outcome.scenario.title,
        "job": str(outcome.scenario.job),
        "left_out": outcome.left_out,
        "gateways": gateways,
        "latencies": [asdict(each) for each in outcome.latencies],
        "memory": {
            name: [
                {"connections": step, **each._asdict()}
                for step, each in zip(STEPS, found, strict=True)
            ]
            for name, found in outcome.memory.items()
        },
    }
