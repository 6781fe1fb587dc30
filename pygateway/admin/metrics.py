"""Writes measurements in the forms that Prometheus and others read."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final, NamedTuple

from prometheus_client import CollectorRegistry
from prometheus_client.exposition import choose_encoder
from prometheus_client.metrics_core import (
    CounterMetricFamily,
    GaugeMetricFamily,
    InfoMetricFamily,
    Metric,
)

from pygateway import __version__
from pygateway.admin.measurements import (
    COMMANDS,
    CROWDED,
    DECISIONS,
    ERRORS,
    MISSED,
    Measurements,
    Series,
)

OPENMETRICS: Final = "application/openmetrics-text"

VERSION: Final = "1.0.0"
"""Of OpenMetrics: the one that is written."""


class _Counter(NamedTuple):
    """A metric that only grows.

    Attributes:
        name: Its name, without `_total`.
        help: What it counts, in which unit.
        labels: Names of its labels.
    """

    name: str
    help: str
    labels: tuple[str, ...] = ()


COUNTERS: Final = (
    _Counter(
        DECISIONS,
        "Requests, by what a policy has decided: admitted; refused (429); shadowed, which would"
        " have been refused but for `shadow: true`; uncounted, which passed because the store is"
        " away; unavailable, which did not (503).",
        ("policy", "outcome"),
    ),
    _Counter(
        CROWDED,
        "Requests whose key found no place in the full table (limits.rate_limit_keys), and was"
        " counted with all others of the policy that found none.",
        ("policy",),
    ),
    _Counter(COMMANDS, "Commands sent to the store of rate limits."),
    _Counter(
        ERRORS,
        "Commands that the store of rate limits has answered with an error, by its first word.",
        ("kind",),
    ),
    _Counter(
        MISSED,
        "Batches of commands, sent to the store of rate limits at once, whose answers missed the"
        " deadline (redis.timeout).",
    ),
)


def render(measurements: Measurements, accept: str) -> tuple[bytes, str]:
    """Write measurements in the form that suits whoever asks.

    Args:
        measurements: What is written.
        accept: The request's Accept header fields, joined by commas; or nothing.

    Returns:
        The text, and its media type: OpenMetrics where that is accepted, else Prometheus' own.
    """
    registry = CollectorRegistry()
    registry.register(_Collector(measurements))
    # The library would believe any version that the request names, or fail at it.
    form = f"{OPENMETRICS}; version={VERSION}" if _takes_openmetrics(accept) else "text/plain"
    write, media_type = choose_encoder(form)
    return write(registry), media_type


def _takes_openmetrics(accept: str) -> bool:
    """Whether the form is named, in the version that is written here, and not excluded by `q=0`."""
    for each in accept.lower().split(","):
        media_type, *pairs = (part.strip() for part in each.split(";"))
        parameters = dict(pair.split("=", 1) for pair in pairs if "=" in pair)
        version = parameters.get("version", VERSION).strip('"')
        excluded = parameters.get("q", "1").rstrip("0") in {"", "0."}
        if media_type == OPENMETRICS and version == VERSION and not excluded:
            return True
    return False


class _Collector:
    """Gives measurements to the library, metric by metric."""

    def __init__(self, measurements: Measurements) -> None:
        self._measurements = measurements

    def collect(self) -> Iterator[Metric]:
        """Give every metric of which there is something to say."""
        yield from self._counters()
        yield from self._store()
        yield GaugeMetricFamily(
            "pygateway_config_last_reload_successful",
            "Whether the configuration that was last loaded runs (1), or was refused (0).",
            value=float(self._measurements.last_reload_successful),
        )
        yield InfoMetricFamily(
            "pygateway_build", "The program that runs.", value={"version": __version__}
        )

    def _counters(self) -> Iterator[Metric]:
        counts: dict[str, list[tuple[Series, int]]] = {}
        for series, count in sorted(self._measurements.counts.items()):
            counts.setdefault(series.metric, []).append((series, count))
        for counter in COUNTERS:
            if counter.name not in counts:
                continue
            family = CounterMetricFamily(counter.name, counter.help, labels=counter.labels)
            for series, count in counts[counter.name]:
                family.add_metric(series.labels, count)
            yield family

    def _store(self) -> Iterator[Metric]:
        store = self._measurements.store
        if store is None:
            return
        yield GaugeMetricFamily(
            "pygateway_store_up",
            "Whether the store of rate limits is up (1) for every worker that is ready and answers,"
            " or not (0).",
            value=float(store.up),
        )
        if store.gateways is not None:
            yield GaugeMetricFamily(
                "pygateway_store_gateways",
                "Gateways that count in the store of rate limits, this one included.",
                value=float(store.gateways),
            )
