"""Writes measurements in the forms that Prometheus and others read."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from enum import Enum
from typing import Final

from prometheus_client import CollectorRegistry
from prometheus_client.exposition import generate_latest as write_text
from prometheus_client.openmetrics.exposition import generate_latest as write_openmetrics

from pygateway.admin.measurements import Measurements
from pygateway.admin.metrics.collector import MeasurementCollector, SmallCollector
from pygateway.admin.metrics.histograms import write_histogram

OPENMETRICS: Final = "application/openmetrics-text"

VERSION: Final = "1.0.0"
"""Of OpenMetrics: the one that is written."""


class Form(Enum):
    """How measurements can be written."""

    TEXT = "text/plain; version=0.0.4; charset=utf-8"
    OPENMETRICS = f"{OPENMETRICS}; version={VERSION}; charset=utf-8"

    @property
    def media_type(self) -> str:
        """What the reply says of it."""
        return self.value


_WRITERS: Final[Mapping[Form, Callable[[CollectorRegistry], bytes]]] = {
    Form.TEXT: write_text,
    Form.OPENMETRICS: write_openmetrics,
}


def write(measurements: Measurements, form: Form) -> bytes:
    """Write measurements."""
    registry = CollectorRegistry()
    registry.register(SmallCollector(MeasurementCollector(measurements)))
    exemplars = form is Form.OPENMETRICS
    histograms = "".join(
        write_histogram(each, exemplars=exemplars) for each in measurements.histograms
    )
    return histograms.encode() + _WRITERS[form](registry)


def form_of(accept: str) -> Form:
    """Give the form that suits: OpenMetrics where that is accepted, else Prometheus' own.

    OpenMetrics is accepted where it is named in the version that is written here, and not excluded
    by `q=0`.
    """
    for each in accept.lower().split(","):
        media_type, *pairs = (part.strip() for part in each.split(";"))
        parameters = dict(pair.split("=", 1) for pair in pairs if "=" in pair)
        version = parameters.get("version", VERSION).strip('"')
        excluded = parameters.get("q", "1").rstrip("0") in {"", "0."}
        if media_type == OPENMETRICS and version == VERSION and not excluded:
            return Form.OPENMETRICS
    return Form.TEXT
