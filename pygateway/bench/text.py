"""The report for people."""

from __future__ import annotations

import statistics
from typing import TYPE_CHECKING

from pygateway.bench import words

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from pygateway.bench.report import Figures, Report, Times

_COLUMNS = ("p50", "p90", "p99", "p99.9", "max", "mean")


def as_text(report: Report) -> str:
    """Render a report: what was done, what was measured, what holds."""
    blocks = [
        [f"{report.setting.method} {report.setting.url}", words.headline(report)],
        list(_counts(report.total, report)),
        _latencies(report.total),
    ]
    if len(report.rounds) > 1:
        blocks.append(_rounds(report))
    if report.objectives:
        blocks.append(_objectives(report))
    if report.comparison is not None:
        blocks.append(_comparison(report))
    if report.notes:
        blocks.append([f"note: {note}" for note in report.notes])
    return "\n\n".join("\n".join(block) for block in blocks) + "\n"


def _counts(total: Figures, report: Report) -> Iterator[str]:
    failed = sum(total.errors.values())
    requests = f"{total.requests} due, {total.answered} answered, {failed} failed"
    if total.unfinished:
        requests += f"; {total.unfinished} more were not finished"
    yield f"requests  {requests}"
    yield f"rate      {total.rate:.1f}/s"
    yield f"statuses  {_listed(total.statuses) or 'none'}"
    if total.unexpected or failed:
        errors = {**total.errors}
        if total.unexpected:
            errors[f"status other than {report.setting.expected}"] = total.unexpected
        yield f"errors    {words.share(total.error_share)} ({_listed(errors)})"
    else:
        yield "errors    none"
    yield f"bytes     {words.size(total.bytes_received)} in, {words.size(total.bytes_sent)} out"
    if total.reconnects:
        yield f"reopened  {total.reconnects} connections"
    yield f"load      {words.share(total.processor)} of a core"


def _listed(counts: dict[str, int]) -> str:
    return ", ".join(f"{name}: {count}" for name, count in counts.items())


def _latencies(total: Figures) -> list[str]:
    rows = [("latency", total.latency)]
    if total.lag is not None:
        rows += [("from when sent", total.service), ("lag of the load", total.lag)]
    return _table(
        ("", *_COLUMNS), [(name, *_times(times)) for name, times in rows if times is not None]
    )


def _times(times: Times) -> Iterator[str]:
    for name in _COLUMNS:
        yield words.duration(getattr(times, name.replace(".", "_")))


def _rounds(report: Report) -> list[str]:
    rows = []
    for name, spread in report.spread.items():
        write = words.duration if name != "rate" else _rate
        rows.append((name, *map(write, (spread.least, spread.median, spread.greatest))))
    return _table((f"{len(report.rounds)} ROUNDS", "LEAST", "MEDIAN", "GREATEST"), rows)


def _rate(value: float) -> str:
    return f"{value:.1f}/s"


def _objectives(report: Report) -> list[str]:
    rows = [
        (
            judgement.objective + (" (default)" if judgement.default else ""),
            words.measured(judgement),
            "holds" if judgement.holds else "MISSED",
        )
        for judgement in report.objectives
    ]
    return _table(("OBJECTIVE", "MEASURED", ""), rows)


def _comparison(report: Report) -> list[str]:
    if report.comparison is None:
        return []
    rows = []
    for change in report.comparison.changes:
        write = words.duration if change.figure != "rate" else _rate
        rows.append(
            (
                change.figure,
                _range(change.before, write),
                _range(change.now, write),
                f"{change.worse * 100:+.1f} %",
                f"{change.chance:.3f}",
                "REGRESSED" if change.regressed else "holds",
            )
        )
    allowed = words.share(report.comparison.allowed)
    headings = ("MEDIAN OF ROUNDS", "BEFORE", "NOW", "WORSE BY", "BY CHANCE", f"ALLOWED {allowed}")
    return _table(headings, rows)


def _range(values: Sequence[float], write: Callable[[float], str]) -> str:
    middle = statistics.median(values)
    return f"{write(middle)} ({write(values[0])} to {write(values[-1])})"


def _table(headings: Sequence[str], rows: Sequence[Sequence[str]]) -> list[str]:
    """Align: the first column to the left, figures to the right."""
    lines = [tuple(headings), *map(tuple, rows)]
    widths = [max(map(len, column)) for column in zip(*lines, strict=True)]
    return [
        "  ".join(
            cell.rjust(width) if number else cell.ljust(width)
            for number, (cell, width) in enumerate(zip(line, widths, strict=True))
        ).rstrip()
        for line in lines
    ]
