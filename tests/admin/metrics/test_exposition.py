"""Measurements, written and read again by the parsers of prometheus_client."""

from __future__ import annotations

from collections.abc import Iterable

import pytest
from prometheus_client import Metric
from prometheus_client.openmetrics.parser import text_string_to_metric_families as openmetrics
from prometheus_client.parser import text_string_to_metric_families as text
from prometheus_client.samples import Exemplar, Timestamp

from pygateway import __version__
from pygateway.admin.catalogue import (
    BUILD,
    COMMANDS,
    CONFIG,
    CROWDED,
    DECISIONS,
    ERRORS,
    OVERHEAD,
    RELOAD_SUCCESSFUL,
    REQUEST_SECONDS,
    STORE_UP,
)
from pygateway.admin.measurements import Distribution, Histogram, Measurements, Series
from pygateway.admin.metrics.exposition import Form, form_of, write
from pygateway.config import Admin
from tests.admin.serving import Serving

OPENMETRICS = "application/openmetrics-text"
PROMETHEUS = (  # What a Prometheus of today sends.
    "application/openmetrics-text;version=1.0.0;escaping=allow-utf-8;q=0.6,"
    "application/openmetrics-text;version=0.0.1;q=0.5,"
    "text/plain;version=1.0.0;escaping=allow-utf-8;q=0.4,text/plain;version=0.0.4;q=0.3,*/*;q=0.2"
)
FULL = Measurements(
    {
        Series(DECISIONS, ("a", "admitted")): 2**53,
        Series(DECISIONS, ("a", "refused")): 0,
        Series(CROWDED, ("a",)): 3,
        Series(COMMANDS): 7,
        Series(ERRORS, ("OOM",)): 2,
    },
    {
        Series(STORE_UP): True,
        Series(RELOAD_SUCCESSFUL): False,
        Series(CONFIG, ("abc",)): 1,
        Series(BUILD, (__version__,)): 1,
    },
    (
        Histogram(
            REQUEST_SECONDS,
            [0.5, 1],
            [
                Distribution(
                    ("GET", "r", "200"), [1, 2, 3], 7.5, [(1, "ab" * 16, 0.75, 1e9 + 0.5)]
                ),
                Distribution(("GET", "", "404"), [0, 0, 0], 0.0),
            ],
        ),
        Histogram(OVERHEAD, [0.00005], [Distribution((), [10**7, 1], 2.5)]),
    ),
)
NUMBERS = {
    ("pygateway_rate_limit_decisions_total", "admitted", "a"): 2**53,
    ("pygateway_rate_limit_decisions_total", "refused", "a"): 0,
    ("pygateway_rate_limit_crowded_total", "a"): 3,
    ("pygateway_store_commands_total",): 7,
    ("pygateway_store_errors_total", "OOM"): 2,
    ("pygateway_store_up",): 1,
    ("pygateway_config_last_reload_successful",): 0,
    ("pygateway_config_info", "abc"): 1,
    ("pygateway_build_info", __version__): 1,
    ("http_server_request_duration_seconds_bucket", "GET", "200", "r", "0.5"): 1,
    ("http_server_request_duration_seconds_bucket", "GET", "200", "r", "1.0"): 3,
    ("http_server_request_duration_seconds_bucket", "GET", "200", "r", "+Inf"): 6,
    ("http_server_request_duration_seconds_count", "GET", "200", "r"): 6,
    ("http_server_request_duration_seconds_sum", "GET", "200", "r"): 7.5,
    ("http_server_request_duration_seconds_bucket", "GET", "404", "", "0.5"): 0,
    ("http_server_request_duration_seconds_bucket", "GET", "404", "", "1.0"): 0,
    ("http_server_request_duration_seconds_bucket", "GET", "404", "", "+Inf"): 0,
    ("http_server_request_duration_seconds_count", "GET", "404", ""): 0,
    ("http_server_request_duration_seconds_sum", "GET", "404", ""): 0,
    ("pygateway_overhead_seconds_bucket", "5e-05"): 10**7,
    ("pygateway_overhead_seconds_bucket", "+Inf"): 10**7 + 1,
    ("pygateway_overhead_seconds_count",): 10**7 + 1,
    ("pygateway_overhead_seconds_sum",): 2.5,
}


def samples(families: Iterable[Metric]) -> dict[tuple[str, ...], float]:
    """Every sample by its name and the values of its labels; those of the process apart."""
    return {
        (sample.name, *(value for _, value in sorted(sample.labels.items()))): sample.value
        for family in families
        for sample in family.samples
        if not sample.name.startswith("process_")
    }


@pytest.mark.parametrize(("form", "parse"), [(Form.TEXT, text), (Form.OPENMETRICS, openmetrics)])
def test_everything_is_read_as_it_was_written(form: Form, parse: type) -> None:
    families = list(parse(write(FULL, form).decode()))
    assert samples(families) == NUMBERS
    assert all(
        family.documentation.endswith((".", ")")) or family.name.startswith("process_")
        for family in families
    )


def test_exemplars_name_traces_where_the_form_has_them() -> None:
    families = openmetrics(write(FULL, Form.OPENMETRICS).decode())  # type: ignore[no-untyped-call]
    (found,) = [
        (sample.labels["le"], sample.exemplar)
        for family in families
        for sample in family.samples
        if sample.exemplar is not None
    ]
    exemplar = Exemplar({"trace_id": "ab" * 16}, 0.75, Timestamp(10**9, 5 * 10**8))
    assert found == ("1.0", exemplar)
    assert b"trace_id" not in write(FULL, Form.TEXT)


def test_the_process_that_answers_is_told_of() -> None:
    names = {family.name for family in text(write(Measurements(), Form.TEXT).decode())}
    assert {
        "process_cpu_seconds",
        "process_resident_memory_bytes",
        "process_open_fds",
        "process_start_time_seconds",
    } <= names


def test_what_is_not_there_is_not_said() -> None:
    assert samples(text(write(Measurements(), Form.TEXT).decode())) == {}


@pytest.mark.parametrize(
    ("accept", "taken"),
    [
        (PROMETHEUS, True),
        (OPENMETRICS, True),
        (f"{OPENMETRICS}; version=1.0.0", True),
        ('text/plain, Application/OpenMetrics-Text; version="1.0.0"; q=0.100', True),
        ("", False),
        ("*/*", False),
        ("text/plain;version=0.0.4", False),
        ("text/html,application/xhtml+xml,*/*;q=0.8", False),
        (f"{OPENMETRICS};q=0", False),
        (f"{OPENMETRICS};q=0.000,text/plain", False),
        (f"{OPENMETRICS};version=99", False),
        (f"{OPENMETRICS};version=\xff;;=;q", False),
        ("text/plain;version=x", False),
    ],
)
def test_the_form_that_is_accepted(accept: str, taken: bool) -> None:
    assert form_of(accept) is (Form.OPENMETRICS if taken else Form.TEXT)


def test_the_admin_server_serves_them() -> None:
    with Serving(Admin()) as admin:
        admin.control.measured = FULL
        reply = admin.ask("GET", "/metrics")
        assert reply.headers["content-type"] == "text/plain; version=0.0.4; charset=utf-8"
        assert samples(text(reply.document)) == NUMBERS
        reply = admin.ask("GET", "/metrics", headers={"Accept": PROMETHEUS})
        assert (
            reply.headers["content-type"]
            == "application/openmetrics-text; version=1.0.0; charset=utf-8"
        )
        assert reply.document.endswith("# EOF\n")
        families = openmetrics(reply.document)  # type: ignore[no-untyped-call]
        assert samples(families) == NUMBERS


def test_they_need_the_token() -> None:
    token = "sixteen-letters-or-more"  # noqa: S105 - of this test
    with Serving(Admin.model_validate({"token": token})) as admin:
        assert admin.ask("GET", "/metrics").status == 401
        headers = {"Authorization": f"Bearer {token}"}
        assert admin.ask("GET", "/metrics", headers=headers).status == 200
