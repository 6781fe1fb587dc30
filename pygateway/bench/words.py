"""Figures as people read them."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable

    from pygateway.bench.report import Judgement, Report


def duration(seconds: float) -> str:
    """Write a latency: milliseconds to a microsecond, from a second on seconds."""
    return f"{seconds:.3f} s" if seconds >= 1 else f"{seconds * 1000:.3f} ms"


def share(value: float) -> str:
    """Write a share in percent, and no rounding to 0 of what is not."""
    return f"{value * 100:.3g} %"


def size(count: int) -> str:
    """Write bytes in decimal units."""
    if count < 1000:
        return f"{count} B"
    amount, units = float(count), iter(("kB", "MB", "GB", "TB"))
    unit = "B"
    while amount >= 999.5 and (larger := next(units, None)):
        amount, unit = amount / 1000, larger
    return f"{amount:.3g} {unit}"


def measured(judgement: Judgement) -> str:
    """Write what an objective was held against."""
    value = judgement.measured
    if value is None:
        return "nothing"
    if judgement.unit == "seconds":
        return duration(value)
    if judgement.unit == "share":
        return share(value)
    return f"{value:.0f}" if judgement.unit == "requests" else f"{value:.1f}/s"


def headline(report: Report) -> str:
    """Say in one line what was done."""
    setting = report.setting
    connections = f"{setting.connections} connection{'s' * (setting.connections != 1)}"
    if setting.rate is None:
        load = f"closed loop: {connections}, each asking again as soon as it is answered"
    else:
        times = "fixed" if setting.arrivals == "fixed" else "random (Poisson)"
        load = f"open loop: {setting.rate:g} requests a second at {times} times, {connections}"
    rounds = f"{setting.rounds} rounds of " if setting.rounds > 1 else ""
    warm_up = f" after {setting.warm_up:g} s of warm-up" if setting.warm_up else ""
    return f"{load}; {rounds}{setting.duration:g} s{warm_up}"


def ranges(statuses: Iterable[int]) -> str:
    """Write statuses, whole hundreds of them as `2xx`."""
    left = set(statuses)
    names = []
    for hundred in range(100, 600, 100):
        whole = set(range(hundred, hundred + 100))
        if whole <= left:
            names.append(f"{hundred // 100}xx")
            left -= whole
    return " ".join(sorted([*names, *map(str, left)]))
