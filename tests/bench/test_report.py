"""The document, and what is rendered from it."""

from __future__ import annotations

import csv
import io
import json
import re
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from xml.etree import ElementTree as Tree

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pygateway.bench import words
from pygateway.bench.comparison import NotComparable, check_comparable
from pygateway.bench.export import as_csv
from pygateway.bench.junit import as_junit
from pygateway.bench.objectives import parse_objective
from pygateway.bench.plan import InvalidURL, Place, Plan, read_url
from pygateway.bench.report import Report, Setting, make_report, total_of
from pygateway.bench.requests import make_requests
from pygateway.bench.tally import Failure, Tally
from pygateway.bench.text import as_text
from tests.bench.properties import patient

SCHEMA = Path(__file__).parents[2] / "docs" / "examples" / "bench-report.schema.json"
MS = 10**6


def tally(latency: int = 2 * MS, lag: int = MS // 10, number: int = 1000) -> Tally:
    """A second in which every request took about as long."""
    made = Tally(requests=number, seconds=1.0, processor=0.1, received=5000, sent=400)
    for each in range(number):
        made.latency.record(latency + each)
        made.service.record(latency)
        made.lag.record(lag)
    made.statuses[200] = number
    return made


def setting(**changes: Any) -> Setting:  # noqa: ANN401 - whatever it has
    given: dict[str, Any] = {
        "url": "http://127.0.0.1:8000/",
        "loop": "open",
        "rate": 1000.0,
        "arrivals": "fixed",
        "seed": None,
        "method": "GET",
        "targets": 1,
        "tokens": 0,
        "body_bytes": 0,
        "connections": 4,
        "duration": 1.0,
        "warm_up": 0.0,
        "rounds": 1,
        "timeout": 10.0,
        "expected": "2xx 3xx",
    }
    return Setting(**given | changes)


def report(
    rounds: list[Tally],
    *objectives: str,
    asked: Setting | None = None,
    **options: Any,  # noqa: ANN401 - whatever it takes
) -> Report:
    asked = asked or setting(rounds=len(rounds))
    plan = Plan(
        Place("127.0.0.1", 8000),
        make_requests("GET", [(None, "/")], "h"),
        asked.rate,
        asked.connections,
        asked.duration,
        asked.warm_up,
        asked.rounds,
        asked.timeout,
    )
    return make_report(
        plan,
        asked,
        datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC),
        rounds,
        [parse_objective(each) for each in objectives],
        version="7",
        **{"max_lag": 0.005, **options},
    )


def test_the_document_says_what_was_measured() -> None:
    slow = tally()
    slow.failures[Failure.TIMEOUT] = 4
    slow.statuses[503] = slow.unexpected = 6
    slow.requests += 10
    slow.latency.record(10 * 10**9)
    document = json.loads(report([slow], "p99<5ms").model_dump_json(by_alias=True))
    total = document["total"]
    assert total["statuses"] == {"200": 1000, "503": 6}
    assert total["errors"] == {"timeout": 4}
    assert total["error_share"] == pytest.approx(10 / 1010)
    assert (total["requests"], total["answered"], total["rate"]) == (1010, 1006, 1006.0)
    assert total["latency"]["p50"] == pytest.approx(0.002, rel=0.002)
    assert total["latency"]["max"] == 10.0
    assert total["latency"]["p99.9"] == pytest.approx(0.002, rel=0.002)
    assert total["lag"]["p99"] == pytest.approx(0.0001, rel=0.002)
    assert document["objectives"][0]["holds"] is True
    assert document["rounds"] == [total]
    assert set(document["machine"]) == {"system", "processor", "cores", "python", "uvloop"}


def test_the_document_is_read_back() -> None:
    made = report([tally(), tally(), tally()], "p99<5ms", "rate>=1/s")
    assert Report.model_validate_json(made.model_dump_json(by_alias=True)) == made


def test_the_schema_in_the_documentation_is_that_of_the_document() -> None:
    def outline(schema: dict[str, Any]) -> dict[str, dict[str, str]]:
        """Names and descriptions; how types are written is pydantic's own."""
        return {
            name: {key: value.get("description", "") for key, value in part["properties"].items()}
            for name, part in (schema["$defs"] | {"": schema}).items()
        }

    documented = json.loads(SCHEMA.read_text())
    assert outline(documented) == outline(Report.model_json_schema(mode="serialization")), (
        "run: python -m tests.bench.schema > docs/examples/bench-report.schema.json"
    )


def test_errors_are_an_objective_unless_one_is_about_them() -> None:
    assert [each.objective for each in report([tally()]).objectives] == []
    assert [(each.objective, each.default) for each in report([tally()], "p50<1s").objectives] == [
        ("p50<1s", False),
        ("errors<1%", True),
    ]
    assert len(report([tally()], "errors<=5").objectives) == 1


def test_a_gateway_that_refuses_everything_quickly_is_no_fast_one() -> None:
    refused = tally(latency=1000)
    refused.statuses = type(refused.statuses)({401: 1000})
    refused.unexpected = 1000
    made = report([refused], "p99<5ms")
    assert made.objectives[0].holds
    assert not made.passed


def test_a_load_that_was_late_is_not_valid() -> None:
    made = report([tally(lag=6 * MS)], "p99<5s")
    assert (made.valid, made.passed) == (False, False)
    assert "not valid: the load itself was late by 6.00" in made.notes[0]
    assert report([tally(lag=6 * MS)], "p99<5s", max_lag=0.007).passed


def test_an_interrupted_run_is_no_pass() -> None:
    made = report([tally()], "p99<5s", interrupted=True)
    assert not made.passed
    assert made.notes[0].startswith("interrupted")


def test_a_closed_loop_says_what_it_is_good_for() -> None:
    made = tally()
    made.lag = type(made.lag)()
    closed = report([made], asked=setting(loop="closed", rate=None, arrivals=None))
    assert closed.total.lag is None
    assert closed.valid
    assert "finds the maximum" in closed.notes[0]
    assert "closed loop: 4 connections" in as_text(closed)


def test_what_has_to_be_known_is_noted() -> None:
    poor = tally(number=50)
    poor.seconds, poor.processor = 2.0, 1.9
    poor.failures[Failure.UNSENT] = 1
    notes = report([poor], "p99<5ms").notes
    assert notes == [
        "the load took 95 % of a core: it may be the limit",
        "1000 requests a second were asked for and 25.0 answered",
        "1 request got no response and counts as the whole timeout, 10 s",
        "unsent: every connection was busy for all of that time",
        "p99 of 50 requests is their greatest: it takes more of them",
    ]


def test_nothing_measured_is_no_pass_and_no_error() -> None:
    made = report([Tally()], "p99<5ms", "rate>=0/s", interrupted=True)
    assert (made.total.latency, made.passed) == (None, False)
    assert "nothing was measured" in made.notes
    assert "p99<5ms" in as_text(made)
    assert Tree.fromstring(as_junit(made, "x")).get("failures") == "4"  # noqa: S314 - our own


# --- comparison ---------------------------------------------------------------------------------


def rounds(*latencies: int) -> list[Tally]:
    return [tally(latency * MS // 10) for latency in latencies]


def test_slower_than_the_baseline() -> None:
    before = report(rounds(20, 21, 22))
    made = report(rounds(30, 31, 32), baseline=before, max_regression=0.1)
    assert made.comparison is not None
    assert [each.figure for each in made.comparison.changes] == ["p50", "p90", "p99"]
    assert made.comparison.regressed
    assert not made.passed
    text = as_text(made)
    assert "REGRESSED" in text
    assert "2.1" in text
    junit = Tree.fromstring(as_junit(made, text))  # noqa: S314 - our own
    assert [case.get("name") for case in junit.iter("testcase") if len(case)] == [
        "p50 beside the baseline",
        "p90 beside the baseline",
        "p99 beside the baseline",
    ]


def test_as_fast_as_the_baseline() -> None:
    before = report(rounds(20, 21, 22))
    made = report(rounds(21, 20, 22), baseline=before, max_regression=0.1)
    assert made.comparison is not None
    assert not made.comparison.regressed
    assert made.passed


def test_rounds_have_a_median_and_a_spread() -> None:
    made = report(rounds(20, 40, 30))
    spread = made.spread["p50"]
    assert [spread.least, spread.median, spread.greatest] == pytest.approx(
        [0.002, 0.003, 0.004], rel=0.002
    )
    assert "3 ROUNDS" in as_text(made)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"rate": 2000.0}, "its rate was 1000.0 and is 2000.0 now"),
        ({"connections": 5}, "its connections was 4 and is 5 now"),
        ({"loop": "closed"}, "its loop was open and is closed now"),
        ({"method": "POST"}, "its method"),
        ({"rounds": 2}, "--rounds gives 2 rounds"),
    ],
)
def test_other_loads_are_not_comparable(changes: dict[str, Any], message: str) -> None:
    before = report(rounds(20, 21, 22))
    with pytest.raises(NotComparable, match=re.escape(message)):
        check_comparable(before, setting(**{"rounds": 3} | changes))
    check_comparable(before, setting(rounds=3, url="http://elsewhere/"))


def test_a_poor_baseline_is_none() -> None:
    for poor, message in (
        (report(rounds(20)), "it has 1 round;"),
        (report(rounds(20, 21, 22), interrupted=True), "interrupted"),
        (report(rounds(20, 21, 22), max_lag=0.0), "not valid"),
    ):
        with pytest.raises(NotComparable, match=message):
            check_comparable(poor, setting(rounds=3))


# --- JUnit, CSV, words --------------------------------------------------------------------------


def test_junit_has_a_case_for_each_objective() -> None:
    made = report([tally()], "p99<1ms", "p50 <= 3ms", "errors<0.1%")
    text = as_text(made)
    root = Tree.fromstring(as_junit(made, text))  # noqa: S314 - our own
    assert root.tag == "testsuites"
    (suite,) = root
    for counted in (root, suite):
        assert (counted.get("tests"), counted.get("failures")) == ("4", "1")
        assert (counted.get("errors"), counted.get("skipped")) == ("0", "0")
    assert suite.get("timestamp") == "2026-01-02T03:04:05"
    cases = {case.get("name"): case for case in suite.iter("testcase")}
    assert list(cases) == ["p99<1ms", "p50 <= 3ms", "errors<0.1%", "the load kept its own time"]
    assert {case.get("classname") for case in cases.values()} == {"pygateway.bench"}
    failure = cases["p99<1ms"].find("failure")
    assert failure is not None
    assert re.fullmatch(r"p99 was 2\.\d{3} ms, which is not <1ms", failure.get("message") or "")
    assert text in (failure.text or "")
    assert [len(case) for case in cases.values()] == [1, 0, 0, 0]
    properties = {each.get("name"): each.get("value") for each in suite.iter("property")}
    assert properties["pygateway"] == "7"
    assert suite.findtext("system-out") == text


def test_junit_fails_a_run_that_is_not_valid() -> None:
    made = report([tally(lag=6 * MS)])
    root = Tree.fromstring(as_junit(made, "x"))  # noqa: S314 - our own
    failure = root.find(".//failure")
    assert failure is not None
    assert "late by 6.00" in (failure.get("message") or "")


@patient
@given(st.text(), st.text())
def test_junit_is_xml_whatever_it_is_told(url: str, text: str) -> None:
    made = report([tally(number=1)], asked=setting(url=url.encode("utf-8", "replace").decode()))
    root = Tree.fromstring(as_junit(made, text))  # noqa: S314 - our own
    assert root.find(".//property[@name='url']") is not None


def test_the_histogram_as_a_table() -> None:
    made = Tally()
    for value in (1000, 1000, 5000, 5 * MS):
        made.latency.record(value)
    rows = list(csv.DictReader(io.StringIO(as_csv(made.latency))))
    assert [row["count"] for row in rows] == ["2", "1", "1"]
    assert [float(row["share"]) for row in rows] == [0.5, 0.75, 1.0]
    assert float(rows[0]["seconds_from"]) == float(rows[0]["seconds_up_to"]) == 1e-6
    assert float(rows[2]["seconds_from"]) <= 0.005 <= float(rows[2]["seconds_up_to"])


def test_rounds_add_up() -> None:
    added = total_of([tally(), tally(3 * MS)])
    assert (added.requests, added.answered, added.seconds) == (2000, 2000, 2.0)
    assert (added.rate, added.received) == (1000.0, 10_000)
    assert added.latency.count == added.lag.count == 2000


@pytest.mark.parametrize(
    ("written", "expected"),
    [
        (words.duration(0.00012345), "0.123 ms"),
        (words.duration(0.9999), "999.900 ms"),
        (words.duration(12.5), "12.500 s"),
        (words.share(0.000123), "0.0123 %"),
        (words.share(1), "100 %"),
        (words.size(999), "999 B"),
        (words.size(1000), "1 kB"),
        (words.size(999_600), "1 MB"),
        (words.size(12_345_678), "12.3 MB"),
        (words.ranges(range(200, 400)), "2xx 3xx"),
        (words.ranges([401, 429]), "401 429"),
    ],
)
def test_words(written: str, expected: str) -> None:
    assert written == expected


# --- URLs ---------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("url", "host", "port", "authority", "target"),
    [
        ("http://a", "a", 80, "a", "/"),
        ("https://A.example:444/b/../c?d=%20", "a.example", 444, "A.example:444", "/b/../c?d=%20"),
        ("http://[::1]:8000/", "::1", 8000, "[::1]:8000", "/"),
        ("http://a?b", "a", 80, "a", "/?b"),
    ],
)
def test_urls(url: str, host: str, port: int, authority: str, target: str) -> None:
    found = read_url(url)
    assert (found.host, found.port, found.authority, found.target) == (
        host,
        port,
        authority,
        target,
    )


def test_a_query_is_not_shown() -> None:
    assert read_url("http://a:1/b?key=secret").shown == "http://a:1/b"


@pytest.mark.parametrize(
    ("url", "message"),
    [
        ("127.0.0.1:8000", "did you mean http://127.0.0.1:8000?"),
        ("ftp://a/", "not a URL of http or https"),
        ("http:///a", "not a URL of http or https"),
        ("http://user:secret@a/", "credentials do not belong into a URL"),
        ("http://a/#b", "a fragment is not sent"),
        ("http://a:99999/", "Port out of range"),
        ("http://a:0/", "no port 0"),
        ("http://a/b c", "visible ASCII"),
        ("http://a/\xe9", "visible ASCII"),
        ("http://a/\n", "visible ASCII"),
        ("http://[::1/", "Invalid IPv6 URL"),
    ],
)
def test_what_is_no_url(url: str, message: str) -> None:
    with pytest.raises(InvalidURL) as caught:
        read_url(url)
    assert message in str(caught.value)
    assert "secret" not in str(caught.value)
