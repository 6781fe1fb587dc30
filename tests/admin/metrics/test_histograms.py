"""Histograms, written by us and by prometheus_client, and read by its parsers."""

from __future__ import annotations

from collections.abc import Iterator

from hypothesis import given
from hypothesis import strategies as st
from prometheus_client import CollectorRegistry, Metric
from prometheus_client.exposition import generate_latest as write_text
from prometheus_client.openmetrics.exposition import generate_latest as write_openmetrics
from prometheus_client.openmetrics.parser import text_string_to_metric_families as openmetrics
from prometheus_client.parser import text_string_to_metric_families as text

from pygateway.admin.catalogue import OVERHEAD, PHASES, REQUEST_SECONDS, UPSTREAM_SECONDS
from pygateway.admin.measurements import Distribution, Histogram, Measurements
from pygateway.admin.metrics.collector import MeasurementCollector
from pygateway.admin.metrics.histograms import write_histogram

# What a name can be in a configuration, and what it cannot.
LABELS = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\r\x85\u2028\u2029"))


@st.composite
def histograms(draw: st.DrawFn) -> Histogram:
    metric = draw(st.sampled_from([REQUEST_SECONDS, UPSTREAM_SECONDS, OVERHEAD, PHASES]))
    bounds = draw(st.lists(st.floats(1e-6, 1e5), min_size=1, max_size=5, unique=True).map(sorted))
    counts = st.lists(st.integers(0, 2**50), min_size=len(bounds) + 1, max_size=len(bounds) + 1)
    exemplars = st.lists(
        st.tuples(
            st.integers(0, len(bounds)),
            st.text("0123456789abcdef", min_size=32, max_size=32),
            st.floats(0, 1e5),
            st.integers(0, 2**41).map(lambda milliseconds: milliseconds / 1000),
        ),
        unique_by=lambda each: each[0],
    )
    labels = st.tuples(*([LABELS] * len(metric.labels)))
    series = draw(
        st.lists(
            st.builds(Distribution, labels, counts, st.floats(0, 1e12), exemplars),
            min_size=1,
            max_size=3,
            unique_by=lambda each: each.labels,
        )
    )
    return Histogram(metric, bounds, series)


class Alone:
    """Only the histogram, without the process that tests run in."""

    def __init__(self, histogram: Histogram) -> None:
        self.whole = MeasurementCollector(Measurements(histograms=[histogram]))

    def collect(self) -> Iterator[Metric]:
        yield next(iter(self.whole.collect()))


def library(histogram: Histogram) -> CollectorRegistry:
    registry = CollectorRegistry()
    registry.register(Alone(histogram))
    return registry


@given(histograms())
def test_prometheus_reads_what_it_would_read_of_the_library(histogram: Histogram) -> None:
    ours = write_histogram(histogram, exemplars=False)
    assert list(text(ours)) == list(text(write_text(library(histogram)).decode()))


@given(histograms())
def test_openmetrics_is_read_as_that_of_the_library(histogram: Histogram) -> None:
    ours = write_histogram(histogram, exemplars=True) + "# EOF\n"
    theirs = write_openmetrics(library(histogram)).decode()  # type: ignore[no-untyped-call]
    read = list(openmetrics(ours))  # type: ignore[no-untyped-call]
    assert read == list(openmetrics(theirs))  # type: ignore[no-untyped-call]
    found = sum(sample.exemplar is not None for family in read for sample in family.samples)
    assert found == sum(len(each.exemplars) for each in histogram.distributions)
