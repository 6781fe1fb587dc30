"""The page's arithmetic, in a browser, against Python's."""

from __future__ import annotations

import bisect
import json
import random
from collections.abc import Iterator
from itertools import accumulate, pairwise
from typing import Any

import pytest

from pygateway.supervisor.traffic import percentile
from tests.admin.dashboard.telling import Document, TellingServer, route, traffic, upstream
from tests.support.chromium import Chromium, Page

CASES = 200

BOUNDS = [0.0005, 0.001, 0.0025, 0.005, 0.01, 0.1, 1.0]

NAMES = ["users", "constructor", "toString", "hasOwnProperty", "", "_other"]
"""Some of which every JavaScript object has as well."""

STATUSES = ["200", "204", "301", "404", "429", "499", "500", "503"]


@pytest.fixture(scope="module")
def page(browser: Chromium) -> Iterator[Page]:
    with TellingServer() as server, browser.page(f"{server.url}/dashboard") as page:
        yield page


def call(page: Page, module: str, function: str, cases: list[Any]) -> list[Any]:
    """Call a function of a script of the page with each of the lists of arguments."""
    result: list[Any] = page.evaluate(
        f"import('/dashboard/{module}.js').then((module) =>"
        f" {json.dumps(cases)}.map((arguments) => module.{function}(...arguments)))"
    )
    return result


def counts(generator: random.Random) -> list[int]:
    """Buckets, many of which are empty."""
    return [generator.choice([0, 0, 1, generator.randrange(1000)]) for _ in range(len(BOUNDS) + 1)]


def estimate(buckets: list[int], share: float) -> float | None:
    """The percentile, by another way than the page's: looked up on the cumulative curve."""
    heights = [0, *accumulate(buckets[:-1])]
    total = heights[-1] + buckets[-1]
    if total == 0:
        return None
    rank = share * total
    if rank > heights[-1]:
        return BOUNDS[-1]
    edges = [0.0, *BOUNDS]
    place = bisect.bisect_left(heights, rank)
    below, above = heights[place - 1], heights[place]
    return edges[place - 1] + (edges[place] - edges[place - 1]) * (rank - below) / (above - below)


def test_percentiles(page: Page) -> None:
    generator = random.Random(1)  # noqa: S311
    cases = [
        (counts(generator), generator.choice([0.01, 0.5, 0.9, 0.99, 1.0])) for _ in range(CASES)
    ]
    given = call(page, "measure", "quantile", [[BOUNDS, *case] for case in cases])
    for (buckets, share), value in zip(cases, given, strict=True):
        assert value == pytest.approx(estimate(buckets, share))
        # The curves' history is the gateway's estimate, and their last point the page's.
        assert value == pytest.approx(percentile(BOUNDS, buckets, share))


def grown(generator: random.Random, document: Document) -> Document:
    """The document some seconds later."""
    known = {each["route"]: each for each in document["routes"]}
    routes = []
    for name in NAMES:
        before = known.get(name)
        if before is None and generator.random() < 0.5:
            continue
        buckets = [
            old + new
            for old, new in zip(
                before["buckets"] if before else [0] * (len(BOUNDS) + 1),
                counts(generator),
                strict=True,
            )
        ]
        added = sum(buckets) - sum(before["buckets"] if before else [])
        statuses = dict(before["statuses"]) if before else {}
        for _ in range(added):
            status = generator.choice(STATUSES)
            statuses[status] = statuses.get(status, 0) + 1
        bytes_before = before["request_bytes"] if before else 0
        routes.append(
            route(name, statuses, bytes_before + generator.randrange(10**9))
            | {"buckets": buckets, "sum": sum(buckets) * 0.1}
        )
    return traffic(
        *routes,
        bounds=dict.fromkeys(("requests", "overhead", "phases", "upstreams"), BOUNDS),
        time=document["time"] + generator.uniform(0.1, 60),
        started=0.0,
    )


def test_what_happened_between_two_documents(page: Page) -> None:
    generator = random.Random(2)  # noqa: S311
    documents = [traffic(time=1.0, started=0.0)]
    while len(documents) < CASES // 4:
        documents.append(grown(generator, documents[-1]))
    pairs = list(pairwise(documents))
    given = call(page, "measure", "between", [[newer, older] for older, newer in pairs])
    for (older, newer), happened in zip(pairs, given, strict=True):
        seconds = newer["time"] - older["time"]
        assert happened["seconds"] == pytest.approx(seconds)
        known = {each["route"]: each for each in older["routes"]}
        assert [each["name"] for each in happened["routes"]] == [
            each["route"] for each in newer["routes"]
        ]
        for each, shown in zip(newer["routes"], happened["routes"], strict=True):
            check_route(known.get(each["route"]), each, shown, seconds)
        everything = sum(shown["requests"] for shown in happened["routes"])
        assert happened["all"]["rate"] == pytest.approx(everything / seconds)
        assert happened["all"]["latency"]["count"] == everything


def check_route(before: Document | None, now: Document, shown: Document, seconds: float) -> None:
    """What is shown of a route is what Python computes."""
    old = before or {"statuses": {}, "buckets": [0] * (len(BOUNDS) + 1), "request_bytes": 0}
    statuses = {
        status: count - old["statuses"].get(status, 0) for status, count in now["statuses"].items()
    }
    requests = sum(statuses.values())
    assert shown["requests"] == requests
    assert shown["rate"] == pytest.approx(requests / seconds)
    for key, first in (("clientErrorShare", "4"), ("serverErrorShare", "5")):
        errors = sum(count for status, count in statuses.items() if status[0] == first)
        assert shown[key] == (pytest.approx(errors / requests) if requests else None)
    buckets = [
        count - earlier for count, earlier in zip(now["buckets"], old["buckets"], strict=True)
    ]
    for name, share in (("p50", 0.5), ("p90", 0.9), ("p99", 0.99)):
        assert shown["latency"][name] == pytest.approx(estimate(buckets, share))
    assert shown["bytesIn"] == pytest.approx(
        (now["request_bytes"] - old["request_bytes"]) / seconds
    )


def test_since_the_start(page: Page) -> None:
    document = traffic(route("users", {"200": 90, "503": 10}), time=150.0, started=100.0)
    (happened,) = call(page, "measure", "between", [[document, None]])
    assert happened["all"]["rate"] == pytest.approx(2.0)
    assert happened["all"]["serverErrorShare"] == pytest.approx(0.1)


def test_an_upstream_that_never_answered_has_failed(page: Page) -> None:
    document = traffic(time=10.0, started=0.0, upstreams=[upstream("app", {"200": 3, "": 1})])
    (happened,) = call(page, "measure", "between", [[document, None]])
    assert happened["upstreams"][0]["serverErrorShare"] == pytest.approx(0.25)


def test_counts_that_go_down_are_nothing_that_happened(page: Page) -> None:
    more, fewer = (
        traffic(route("users", {"200": 5 + more}), time=10.0 + 5 * more, started=0.0)
        for more in (1, 0)
    )
    up, down, still = call(
        page,
        "measure",
        "between",
        [[more, fewer], [fewer | {"time": 20.0}, more], [more, more]],
    )
    assert up["all"]["requests"] == 1
    assert down is None
    assert still is None


def test_what_is_remembered_may_become_less(page: Page) -> None:
    older, newer = (
        traffic(time=time, started=0.0, token_cache={"tokens": cache})
        for time, cache in (
            (1.0, {"hits": 5, "misses": 1, "evictions": 0, "entries": 9, "bytes": 900}),
            (2.0, {"hits": 6, "misses": 1, "evictions": 9, "entries": 0, "bytes": 0}),
        )
    )
    (happened,) = call(page, "measure", "between", [[newer, older]])
    assert happened["tokenCache"]["tokens"] == {"hits": 1, "misses": 0, "evictions": 9}


def test_curves_reach_up_to_now(page: Page) -> None:
    history = [[10.0, 0.0, 0.0, 0.0, None, None, None, None]]
    history += [[15.0, 8.0, 2.0, 4.0, 0.1, 0.2, 0.01, 0.02]]
    document = traffic(time=18.0, started=0.0, history=history)
    recent = traffic(route("users", {"200": 20}), time=18.0, started=8.0)
    (happened,) = call(page, "measure", "between", [[recent, None]])
    fresh, old = call(page, "measure", "pointsOf", [[document, happened], [document, None]])
    assert [point["time"] for point in fresh] == [10.0, 15.0, 18.0]
    assert old == fresh[:2]
    # Shares of no requests are none at all.
    assert (fresh[0]["rate"], fresh[0]["serverErrorShare"], fresh[0]["p50"]) == (0, None, None)
    assert (fresh[1]["serverErrorShare"], fresh[1]["clientErrorShare"]) == (0.25, 0.5)
    assert fresh[2]["rate"] == 2.0


def test_courses_of_routes(page: Page) -> None:
    documents = [
        traffic(*(route(name, {"200": count}) for name, count in counted.items()), time=float(at))
        for at, counted in ((0, {"a": 5}), (2, {"a": 7}), (4, {"a": 9}), (10, {"a": 9, "b": 12}))
    ]
    (courses,) = page_courses(page, documents)
    assert courses["a"] == [{"ago": 6, "rate": 1}, {"ago": 0, "rate": 0}]
    assert courses["b"] == [{"ago": 6, "rate": 0}, {"ago": 0, "rate": 2}]


def page_courses(page: Page, documents: list[Document]) -> list[Document]:
    courses: list[Document] = page.evaluate(
        "import('/dashboard/measure.js').then(({ coursesOf }) =>"
        f" [Object.fromEntries(coursesOf({json.dumps(documents)}, 4))])"
    )
    return courses


@pytest.mark.parametrize(
    ("function", "value", "text"),
    [
        ("rate", 0, "0 /s"),
        ("rate", 0.004, "<0.01 /s"),
        ("rate", 0.5, "0.50 /s"),
        ("rate", 9.996, "10.0 /s"),
        ("rate", 1234.5, "1,235 /s"),
        ("rate", 123456, "123 k/s"),
        ("rate", None, "\u2013"),
        ("share", 0.12345, "12.3 %"),
        ("share", 1, "100 %"),
        ("share", 0.99999, ">99.99 %"),
        ("span", 0.00005, "50.0 µs"),
        ("span", 0.0009999, "1.00 ms"),
        ("span", 0.9999, "1.00 s"),
        ("span", 0.25, "250 ms"),
        ("throughput", 0, "0 B/s"),
        ("throughput", 999.6, "1.00 kB/s"),
        ("throughput", 12_345_678, "12.3 MB/s"),
        ("count", 1_234_567, "1,234,567"),
    ],
)
def test_numbers_have_about_three_digits_and_a_unit(
    page: Page, function: str, value: float | None, text: str
) -> None:
    (given,) = call(page, "format", function, [[value]])
    assert " ".join(filter(None, given)) == text


def test_outside_of_the_bounds_nothing_is_known(page: Page) -> None:
    limits = {"first": 0.0005, "last": 10}
    given = call(page, "format", "span", [[value, limits] for value in (0, 0.0005, 1, 9.9, 10)])
    assert [" ".join(each) for each in given] == ["≤500 µs", "≤500 µs", "1.00 s", "9.90 s", "≥10 s"]


@pytest.mark.parametrize("kind", ["linear", "logarithmic"])
def test_scales_hold_every_value(page: Page, kind: str) -> None:
    generator = random.Random(3)  # noqa: S311
    cases = [
        [10 ** generator.uniform(-6, 4) for _ in range(generator.randrange(1, 9))]
        for _ in range(CASES)
    ]
    scales = page.evaluate(
        f"import('/dashboard/scale.js').then((module) => {json.dumps(cases)}.map((values) => {{"
        f" const scale = module.{kind}(values, 0.01);"
        " return [scale.ticks, [...values, ...scale.ticks].map(scale.place)]; }))"
    )
    for ticks, places in scales:
        assert 2 <= len(ticks) <= 12
        assert ticks == sorted(ticks)
        assert all(-1e-9 <= place <= 1 + 1e-9 for place in places)
