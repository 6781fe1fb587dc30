from __future__ import annotations

from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pygateway.bench.objectives import DEFAULT, InvalidObjective, parse_objective
from pygateway.bench.tally import Failure, Tally
from tests.bench.properties import patient


@pytest.mark.parametrize(
    ("text", "figure", "operator", "bound"),
    [
        ("p99<5ms", "p99", "<", Fraction(5, 1000)),
        ("p99.9<=20ms", "p99.9", "<=", Fraction(20, 1000)),
        (" p50 < 1.5 ms ", "p50", "<", Fraction(15, 10_000)),
        ("p99.999<250us", "p99.999", "<", Fraction(250, 10**6)),
        ("max<=1s", "max", "<=", Fraction(1)),
        ("mean<0.2s", "mean", "<", Fraction(1, 5)),
        ("errors<0.1%", "errors", "<", Fraction(1, 1000)),
        ("errors<=0", "errors", "<=", Fraction(0)),
        ("rate>=990/s", "rate", ">=", Fraction(990)),
        ("rate > 0.5 /s", "rate", ">", Fraction(1, 2)),
    ],
)
def test_objectives(text: str, figure: str, operator: str, bound: Fraction) -> None:
    objective = parse_objective(text)
    assert (objective.figure, objective.operator, objective.bound) == (figure, operator, bound)
    assert objective.text == text.strip()


@pytest.mark.parametrize(
    ("text", "at", "message"),
    [
        ("", 0, "a figure is expected"),
        ("99<5ms", 0, "a figure is expected"),
        ("q99<5ms", 0, "no figure is called 'q'"),
        ("P99<5ms", 0, "no figure is called 'P'"),
        ("latency<5ms", 0, "no figure is called 'latency'"),
        ("p<5ms", 1, "a percentile is expected"),
        ("p 99<5ms", 1, "a percentile is expected"),
        ("p0<5ms", 0, "above 0 and below 100"),
        ("p100<5ms", 0, "above 0 and below 100"),
        ("p99", 3, "one of < <= > >= is expected"),
        ("p99=5ms", 3, "one of < <= > >= is expected"),
        ("p99=<5ms", 3, "one of < <= > >= is expected"),
        ("p99<>5ms", 4, "a number is expected"),
        ("p99>5ms", 3, "p99 can only be bounded by < or <="),
        ("errors>=1%", 6, "errors can only be bounded by < or <="),
        ("rate<5/s", 4, "rate can only be bounded by > or >="),
        ("p99<", 4, "a number is expected"),
        ("p99<-5ms", 4, "a number is expected"),
        ("p99<.5ms", 4, "a number is expected"),
        ("p99<nan", 4, "a number is expected"),
        ("p99<\u0665ms", 4, "a number is expected"),
        ("p99<5", 5, "a unit is expected: us, ms, s"),
        ("p99<5min", 5, "'min' is no unit here: us, ms, s"),
        ("p99<5MS", 5, "'MS' is no unit here"),
        ("p99<5e3ms", 5, "'e' is no unit here"),
        ("p99<5%", 5, "'%' is no unit here"),
        ("errors<5ms", 8, "'ms' is no unit here: %"),
        ("errors<0.5", 7, "a number of errors is a whole one"),
        ("rate>=5", 7, "a unit is expected: /s"),
        ("p99<5ms p50<1ms", 8, "nothing may follow"),
        ("p99<5ms,", 7, "nothing may follow"),
        ("p99<5ms\n", 7, "nothing may follow"),
    ],
)
def test_slips_are_refused_with_their_place(text: str, at: int, message: str) -> None:
    with pytest.raises(InvalidObjective) as caught:
        parse_objective(text)
    assert message in str(caught.value)
    assert (caught.value.at, caught.value.text) == (at, text)


@patient
@given(st.text(alphabet="p9.<>=ms%/erao s5\t-", max_size=14) | st.text(max_size=8))
def test_whatever_is_given_is_an_objective_or_a_place_in_it(text: str) -> None:
    at = 0
    try:
        objective = parse_objective(text)
    except InvalidObjective as error:
        at = error.at
    else:
        assert parse_objective(objective.text) == objective
    assert 0 <= at <= len(text)


def tally(latencies: list[int], seconds: float = 1.0) -> Tally:
    made = Tally(seconds=seconds, requests=len(latencies))
    for latency in latencies:
        made.latency.record(latency)
        made.statuses[200] += 1
    return made


@pytest.mark.parametrize(
    ("text", "holds"),
    [
        ("max<1ms", False),
        ("max<=1ms", True),
        ("p50<=1us", True),
        ("p50<1us", False),
        ("p75<1ms", True),
        ("p75.1<1ms", False),
        ("mean<251us", True),
        ("mean<250us", False),
        ("errors<=0", True),
        ("errors<0.0001%", True),
        ("rate>=2/s", True),
        ("rate>2/s", False),
    ],
)
def test_bounds_are_exact(text: str, holds: bool) -> None:
    measured = tally([1000, 1000, 1000, 10**6], seconds=2.0)
    objective = parse_objective(text)
    assert objective.holds(objective.measure(measured)) is holds


def test_errors_are_requests_without_a_response_and_statuses_that_were_not_expected() -> None:
    measured = tally([1] * 200)
    measured.unexpected = 1
    measured.failures[Failure.TIMEOUT] = 1
    for text, holds in (
        ("errors<1%", False),
        ("errors<=1%", True),
        ("errors<=2", True),
        ("errors<2", False),
    ):
        objective = parse_objective(text)
        assert objective.holds(objective.measure(measured)) is holds, text


def test_the_default_is_what_it_says() -> None:
    assert parse_objective(DEFAULT.text) == DEFAULT


@pytest.mark.parametrize("text", ["p99<5ms", "errors<1%", "errors<=0", "rate>=0/s"])
def test_nothing_holds_of_nothing(text: str) -> None:
    objective = parse_objective(text)
    assert objective.measure(Tally()) is None
    assert not objective.holds(None)
