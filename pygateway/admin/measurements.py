"""The numbers of a running gateway: what has been counted, and how things are now.

They are plain values; `pygateway.admin.catalogue` says what there is to be measured, and
`pygateway.admin.metrics` gives the values their form.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

from pygateway.admin.catalogue import Metric
from pygateway.admin.counted import Exemplar


class Series(NamedTuple):
    """One series of a metric.

    Attributes:
        metric: The metric.
        labels: Values of its labels, in their order.
    """

    metric: Metric
    labels: tuple[str, ...] = ()


class Distribution(NamedTuple):
    """One series of a histogram.

    Attributes:
        labels: Values of its labels, in their order.
        buckets: How many fell into each bucket, not cumulative; the last is above all bounds.
        sum: Of the values.
        exemplars: Some of them.
    """

    labels: tuple[str, ...]
    buckets: Sequence[int]
    sum: float
    exemplars: Sequence[Exemplar] = ()


class Histogram(NamedTuple):
    """A metric of which it is told how often which values came.

    Attributes:
        metric: The metric.
        bounds: Upper bounds of the buckets.
        distributions: Its series.
    """

    metric: Metric
    bounds: Sequence[float]
    distributions: Sequence[Distribution]


@dataclass(frozen=True)
class StoreState:
    """How the store of rate limits is for the workers that are ready.

    Attributes:
        up: Whether there are any, and every one of them can ask it.
        gateways: How many gateways count there, as far as any of them knows.
        problem: Why it is not up.
    """

    up: bool
    gateways: int | None
    problem: str | None


@dataclass(frozen=True)
class Measurements:
    """Everything that is measured.

    Attributes:
        counts: Counts since the gateway started; they never go down.
        gauges: How things are.
        histograms: How long things took.
    """

    counts: Mapping[Series, float] = field(default_factory=dict)
    gauges: Mapping[Series, float] = field(default_factory=dict)
    histograms: Sequence[Histogram] = ()
