"""What `pygateway top` shows: rates as lines of text that fit a terminal."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import zip_longest

from pygateway.cli.output import Style, visible
from pygateway.cli.traffic_rates import Rates, RouteRates, Times, UpstreamRates

OUTCOMES = ("admitted", "refused", "shadowed", "uncounted", "unavailable")
"""Decisions of a policy, in the order in which they are shown."""

FEWEST_ROWS = 3
"""Rows of each table that are shown on the smallest terminal."""

NOTHING = "-"


@dataclass(frozen=True)
class Size:
    """Columns and lines of a terminal; None where there is no end to them."""

    columns: int | None = None
    lines: int | None = None


@dataclass(frozen=True)
class _Table:
    headings: Sequence[str]
    rows: Sequence[Sequence[str]]


def screen(rates: Rates, style: Style, size: Size, title: str) -> list[str]:
    """Lay everything out.

    Args:
        rates: What happened.
        style: Colours.
        size: What there is room for: of long tables the first rows are shown.
        title: Stands at the top.
    """
    lines = [_clip(visible(title), size.columns, style.bold), *_summary(rates, style, size.columns)]
    tables = [table for table in _tables(rates) if table.rows]
    room = None
    if size.lines is not None:
        # A line before each table, and one for its headings.
        room = size.lines - len(lines) - 2 * len(tables)
    for table, rows in zip(
        tables, shares([len(table.rows) for table in tables], room), strict=True
    ):
        lines.append("")
        lines += _laid_out(table, rows, style, size.columns)
    return lines if size.lines is None else lines[: size.lines]


def shares(wanted: Sequence[int], room: int | None) -> list[int]:
    """Divide lines among tables: each gets a few, and what is left goes to the first ones.

    Args:
        wanted: Rows of each.
        room: Lines for all of them; None for as many as there are.
    """
    if room is None:
        return list(wanted)
    given = [min(rows, FEWEST_ROWS) for rows in wanted]
    left = max(0, room - sum(given))
    for place, rows in enumerate(wanted):
        more = min(left, rows - given[place])
        given[place] += more
        left -= more
    return given


def _summary(rates: Rates, style: Style, columns: int | None) -> Iterator[str]:
    total = rates.total
    words = [
        f"{number(total.requests)} requests/s",
        f"5xx {percent(total.errors)}",
        f"4xx {percent(total.client_errors)}",
        f"p50 {duration(total.times.p50)}",
        f"p99 {duration(total.times.p99)}",
        f"overhead p50 {duration(rates.overhead.p50)} p99 {duration(rates.overhead.p99)}",
    ]
    yield _clip("   ".join(words), columns, style.red if total.errors else _plain)
    words = [
        f"{rates.active_requests} under way",
        f"{rates.connections} connections",
        f"in {size_of(total.request_bytes)}/s",
        f"out {size_of(total.response_bytes)}/s",
        f"known credentials {percent(rates.cache_hits)}",
    ]
    if rates.log_dropped:
        words.append(f"access log loses {number(rates.log_dropped)} lines/s")
    yield _clip("   ".join(words), columns)


def _tables(rates: Rates) -> Iterator[_Table]:
    yield _Table(
        ("ROUTE", "REQ/S", "5XX", "4XX", "P50", "P99", "IN/S", "OUT/S"),
        [_route(route) for route in rates.routes],
    )
    yield _Table(
        ("UPSTREAM", "REQ/S", "ERRORS", "P50", "P99", "ENDPOINTS", "ACTIVE", "QUEUED", "EVENTS/S"),
        [_upstream(upstream) for upstream in rates.upstreams],
    )
    yield _Table(
        ("LIMIT", *(f"{outcome.upper()}/S" for outcome in OUTCOMES)),
        [
            (name, *(number(counts.get(outcome, 0.0)) for outcome in OUTCOMES))
            for name, counts in rates.policies.items()
        ],
    )
    yield _Table(
        ("WORKER", "PID", "STATE", "CONNECTIONS", "UNDER WAY"),
        [
            (
                str(worker["worker"]),
                str(worker["pid"]),
                worker["state"],
                str(worker["connections"]),
                str(worker["active_requests"]),
            )
            for worker in rates.workers
        ],
    )


def _route(route: RouteRates) -> tuple[str, ...]:
    return (
        route.route or "(none)",
        number(route.requests),
        percent(route.errors),
        percent(route.client_errors),
        *_both(route.times),
        size_of(route.request_bytes),
        size_of(route.response_bytes),
    )


def _upstream(upstream: UpstreamRates) -> tuple[str, ...]:
    events = [f"{name} {number(rate)}" for name, rate in upstream.events.items() if rate]
    return (
        upstream.upstream,
        number(upstream.requests),
        percent(upstream.errors),
        *_both(upstream.times),
        f"{upstream.reachable}/{upstream.endpoints}",
        str(upstream.active),
        str(upstream.queued),
        ", ".join(events) or NOTHING,
    )


def _both(times: Times) -> tuple[str, str]:
    return duration(times.p50), duration(times.p99)


def _laid_out(table: _Table, rows: int, style: Style, columns: int | None) -> Iterator[str]:
    """Give a table's lines: names to the left, and numbers to the right."""
    # Where not all fit, the last line says how many there are.
    shown = rows if rows >= len(table.rows) else max(0, rows - 1)
    cells = [[visible(cell) for cell in row] for row in table.rows[:shown]]
    widths = [max(map(len, column)) for column in zip_longest(table.headings, *cells, fillvalue="")]
    yield _clip(_aligned(table.headings, widths), columns, style.bold)
    for row in cells:
        yield _clip(_aligned(row, widths), columns)
    if shown < len(table.rows):
        yield _clip(f"... and {len(table.rows) - shown} more", columns, style.faint)


def _aligned(cells: Iterable[str], widths: Sequence[int]) -> str:
    first, *others = zip(cells, widths, strict=True)
    parts = [first[0].ljust(first[1]), *(text.rjust(width) for text, width in others)]
    return "  ".join(parts).rstrip()


def _plain(text: str) -> str:
    return text


def _clip(text: str, columns: int | None, colour: Callable[[str], str] = _plain) -> str:
    """Cut a line off where the terminal ends, before it is coloured."""
    return colour(text if columns is None else text[:columns])


def number(value: float) -> str:
    """Write a rate: `0`, `0.42`, `12.3`, `1234`."""
    if not value:
        return "0"
    if value < 10:
        return f"{value:.2f}"
    return f"{value:.1f}" if value < 100 else f"{value:.0f}"


def percent(share: float | None) -> str:
    """Write a share: `-`, `0%`, `0.05%`, `12.3%`."""
    if share is None:
        return NOTHING
    if share in {0.0, 1.0}:
        return f"{share:.0%}"
    return f"{share:.2%}" if share < 0.01 else f"{share:.1%}"


def duration(seconds: float | None) -> str:
    """Write a time: `-`, `85us`, `1.2ms`, `320ms`, `1.5s`."""
    if seconds is None:
        return NOTHING
    if seconds < 0.001:
        return f"{seconds * 1e6:.0f}us"
    if seconds < 1:
        milliseconds = seconds * 1000
        return f"{milliseconds:.1f}ms" if milliseconds < 100 else f"{milliseconds:.0f}ms"
    return f"{seconds:.1f}s"


def size_of(count: float) -> str:
    """Write bytes: `0B`, `512B`, `1.5KiB`."""
    for unit in ("B", "KiB", "MiB"):
        if count < 1024:
            return f"{count:.0f}{unit}" if unit == "B" else f"{count:.1f}{unit}"
        count /= 1024
    return f"{count:.1f}GiB"
