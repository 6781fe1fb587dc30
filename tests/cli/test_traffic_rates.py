from __future__ import annotations

import pytest

from pygateway.cli.traffic_rates import Restarted, Times, compare
from tests.cli.traffic import busy, document, route, times, upstream


def test_what_happened_is_told_for_a_second() -> None:
    rates = compare(busy(100.0, 3), busy(102.0, 5))
    assert rates.seconds == 2.0
    users, none = rates.routes
    assert (users.route, users.requests, users.errors, users.client_errors) == (
        "users",
        100.0,
        0.1,
        0.0,
    )
    assert (users.times.p50, users.times.p99) == pytest.approx((0.01, 0.0982))
    assert (users.request_bytes, users.response_bytes) == (1000.0, 102400.0)
    assert (none.route, none.requests, none.client_errors) == ("", 4.0, 1.0)
    assert rates.total.requests == 104.0
    assert rates.total.errors == pytest.approx(10 / 104)
    (app,) = rates.upstreams
    assert (app.requests, app.errors, app.events["retry"]) == (100.0, 0.1, 2.0)
    assert (app.reachable, app.endpoints, app.active, app.queued) == (1, 2, 2, 6)
    assert rates.policies["per-ip"]["refused"] == 20.0
    assert rates.cache_hits == 0.9
    assert (rates.auth["accepted"], rates.log_dropped) == (8.0, 2.0)
    assert (rates.active_requests, rates.connections) == (3, 5)


def test_without_requests_there_are_no_shares_and_no_times() -> None:
    rates = compare(busy(100.0, 3), replace_time(busy(0.0, 3), 101.0))
    assert rates.total.requests == 0.0
    assert rates.total.errors is rates.total.client_errors is rates.cache_hits is None
    assert rates.total.times == rates.overhead == Times(None, None)
    assert compare(document(1.0), document(2.0)).total.times == Times()


def replace_time(made: dict[str, object], at: float) -> dict[str, object]:
    return {**made, "time": at}


def test_what_was_not_there_before_counts_from_nothing() -> None:
    later = document(
        101.0,
        routes=[route("new", {"200": 7}, 7, 0, 0, 0)],
        upstreams=[upstream("new", {"200": 7}, 7, 0, 0, 0, events={"retry": 3})],
        policies={"new": {"admitted": 5}},
    )
    rates = compare(document(100.0), later)
    assert rates.routes[0].requests == rates.upstreams[0].requests == 7.0
    assert (rates.upstreams[0].events, rates.policies["new"]) == ({"retry": 3.0}, {"admitted": 5.0})


def test_the_busiest_route_comes_first() -> None:
    later = document(
        101.0,
        routes=[route(name, {"200": n}, n, 0, 0, 0) for name, n in (("a", 1), ("b", 3), ("c", 3))],
    )
    assert [each.route for each in compare(document(100.0), later).routes] == ["b", "c", "a"]


@pytest.mark.parametrize(
    ("earlier", "later"),
    [
        (busy(100.0, 3), busy(101.0, 2)),
        (busy(100.0, 3), busy(100.0, 3)),
        (busy(100.0, 3), busy(99.0, 4)),
        (document(1.0, overhead=times(5, 0, 0)), document(2.0)),
    ],
)
def test_a_gateway_that_was_started_anew_is_noticed(
    earlier: dict[str, object], later: dict[str, object]
) -> None:
    with pytest.raises(Restarted):
        compare(earlier, later)
