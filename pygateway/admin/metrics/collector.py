"""Gives measurements to prometheus-client through its collector interface."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from itertools import accumulate
from typing import Final

from prometheus_client import Metric as Family
from prometheus_client.metrics_core import (
    CounterMetricFamily,
    GaugeMetricFamily,
    HistogramMetricFamily,
    InfoMetricFamily,
)
from prometheus_client.process_collector import ProcessCollector
from prometheus_client.samples import Exemplar

from pygateway.admin.catalogue import CATALOGUE, Metric
from pygateway.admin.measurements import Histogram, Measurements, Series

Values = Iterable[tuple[tuple[str, ...], float]]
"""Labels and values of the series of one metric."""

PROCESS: Final = ProcessCollector(registry=None)
"""The process that answers: the supervisor."""


class MeasurementCollector:
    """Everything that is measured.

    Args:
        measurements: The values.
    """

    def __init__(self, measurements: Measurements) -> None:
        self._measurements = measurements

    def collect(self) -> Iterator[Family]:
        """Give every metric of which there is something to say."""
        for histogram in self._measurements.histograms:
            yield _histogram(histogram)
        yield from self.without_histograms()

    def without_histograms(self) -> Iterator[Family]:
        """Give every metric that is not a histogram."""
        values = _by_metric({**self._measurements.counts, **self._measurements.gauges})
        for metric in CATALOGUE:
            if metric in values:
                yield _family(metric, values[metric])
        yield from PROCESS.collect()


class SmallCollector:
    """Everything but histograms.

    Args:
        whole: Gives it.
    """

    def __init__(self, whole: MeasurementCollector) -> None:
        self._whole = whole

    def collect(self) -> Iterator[Family]:
        """Give every metric that is not a histogram."""
        return self._whole.without_histograms()


def bucket_names(histogram: Histogram) -> list[str]:
    """Give the values of `le`."""
    return [*(repr(float(bound)) for bound in histogram.bounds), "+Inf"]


def _by_metric(values: Mapping[Series, float]) -> dict[Metric, list[tuple[tuple[str, ...], float]]]:
    found: dict[Metric, list[tuple[tuple[str, ...], float]]] = {}
    for series, value in sorted(values.items()):
        found.setdefault(series.metric, []).append((series.labels, value))
    return found


def _family(metric: Metric, values: Values) -> Family:
    match metric.type:
        case "info":
            info = InfoMetricFamily(metric.name, metric.help)
            for labels, _ in values:
                info.add_metric((), dict(zip(metric.labels, labels, strict=True)))
            return info
        case "counter":
            counter = CounterMetricFamily(metric.name, metric.help, labels=metric.labels)
            for labels, value in values:
                counter.add_metric(labels, value)
            return counter
        case _:
            gauge = GaugeMetricFamily(metric.name, metric.help, labels=metric.labels)
            for labels, value in values:
                gauge.add_metric(labels, value)
            return gauge


def _histogram(histogram: Histogram) -> Family:
    metric, names = histogram.metric, bucket_names(histogram)
    family = HistogramMetricFamily(metric.name, metric.help, labels=metric.labels)
    for each in histogram.distributions:
        exemplars = {
            bucket: Exemplar({"trace_id": trace_id}, value, at)
            for bucket, trace_id, value, at in each.exemplars
        }
        family.add_metric(
            each.labels,
            [
                (name, count, exemplars[index]) if index in exemplars else (name, count)
                for index, (name, count) in enumerate(
                    zip(names, accumulate(each.buckets), strict=True)
                )
            ],
            each.sum,
        )
    return family
