from __future__ import annotations

import io

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pygateway.cli.output import Style
from pygateway.cli.top_screen import Size, duration, number, percent, screen, shares, size_of
from pygateway.cli.traffic_rates import Rates, compare
from tests.cli.traffic import busy, document, route

PLAIN = Style(io.StringIO())

EXPECTED = """\
a title
104 requests/s   5xx 9.6%   4xx 3.8%   p50 9.6ms   p99 98.1ms\
   overhead p50 52us p99 766us
3 under way   5 connections   in 1.0KiB/s   out 104.0KiB/s   known credentials 90.0%\
   access log loses 2.00 lines/s

ROUTE   REQ/S    5XX   4XX     P50     P99   IN/S     OUT/S
users     100  10.0%    0%  10.0ms  98.2ms  1000B  100.0KiB
(none)   4.00     0%  100%   5.0ms   9.9ms    40B    4.0KiB

UPSTREAM  REQ/S  ERRORS     P50     P99  ENDPOINTS  ACTIVE  QUEUED    EVENTS/S
app         100   10.0%  55.0ms  99.1ms        1/2       2       6  retry 2.00

LIMIT   ADMITTED/S  REFUSED/S  SHADOWED/S  UNCOUNTED/S  UNAVAILABLE/S
per-ip        60.0       20.0           0            0              0

WORKER  PID  STATE  CONNECTIONS  UNDER WAY
0        77  ready            5          3"""


def many(routes: int) -> Rates:
    counted = [route(f"route-{at}", {"200": 1}, 1, 0, 0, 0) for at in range(routes)]
    return compare(document(1.0), document(2.0, routes=counted))


def test_everything_is_shown_where_there_is_room() -> None:
    lines = screen(compare(busy(100.0, 3), busy(101.0, 4)), PLAIN, Size(), "a title")
    assert "\n".join(lines) == EXPECTED


@given(st.integers(1, 300), st.integers(1, 60), st.integers(0, 100))
def test_nothing_is_drawn_beyond_the_edges(columns: int, lines: int, routes: int) -> None:
    drawn = screen(many(routes), PLAIN, Size(columns, lines), "a title")
    assert len(drawn) <= lines
    assert all(len(line) <= columns for line in drawn)


def test_of_long_tables_the_first_rows_are_shown_and_the_rest_counted() -> None:
    drawn = screen(many(50), PLAIN, Size(80, 20), "a title")
    assert drawn[-1] == "... and 36 more"
    assert len(drawn) == 20


def test_text_from_elsewhere_cannot_steer_the_terminal() -> None:
    counted = [route("a\x1b[2J", {"200": 1}, 1, 0, 0, 0)]
    drawn = screen(compare(document(1.0), document(2.0, routes=counted)), PLAIN, Size(), "t\x1b")
    assert "\x1b" not in "".join(drawn)


@given(st.lists(st.integers(0, 40), max_size=5), st.integers(0, 60))
def test_room_is_shared_out_and_never_exceeded_where_it_suffices(
    wanted: list[int], room: int
) -> None:
    given_out = shares(wanted, room)
    assert all(got <= rows for got, rows in zip(given_out, wanted, strict=True))
    least = sum(min(3, rows) for rows in wanted)
    assert sum(given_out) == max(least, min(room, sum(wanted)))
    assert shares(wanted, None) == wanted


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (None, "-"),
        (0.0000853, "85us"),
        (0.0012, "1.2ms"),
        (0.32, "320ms"),
        (1.5, "1.5s"),
    ],
)
def test_durations(seconds: float | None, text: str) -> None:
    assert duration(seconds) == text


@pytest.mark.parametrize(
    ("share", "text"),
    [(None, "-"), (0.0, "0%"), (0.0005, "0.05%"), (0.123, "12.3%"), (1.0, "100%")],
)
def test_shares(share: float | None, text: str) -> None:
    assert percent(share) == text


@pytest.mark.parametrize(
    ("value", "text"), [(0.0, "0"), (0.42, "0.42"), (12.34, "12.3"), (1234.5, "1234")]
)
def test_numbers(value: float, text: str) -> None:
    assert number(value) == text


@pytest.mark.parametrize(
    ("count", "text"),
    [(0, "0B"), (1023, "1023B"), (1536, "1.5KiB"), (3 << 20, "3.0MiB"), (5 << 40, "5120.0GiB")],
)
def test_sizes(count: float, text: str) -> None:
    assert size_of(count) == text
