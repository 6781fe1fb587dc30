"""Measurements, written and read again by the parsers of prometheus_client."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

import pytest
from prometheus_client import Metric
from prometheus_client.openmetrics.parser import text_string_to_metric_families as openmetrics
from prometheus_client.parser import text_string_to_metric_families as text

from pygateway import __version__
from pygateway.admin.measurements import (
    COMMANDS,
    CROWDED,
    DECISIONS,
    ERRORS,
    MISSED,
    Measurements,
    Series,
    StoreState,
)
from pygateway.admin.metrics import COUNTERS, render
from pygateway.config import Admin
from tests.admin.serving import Serving

OPENMETRICS = "application/openmetrics-text"
PROMETHEUS = (  # What a Prometheus of today sends.
    "application/openmetrics-text;version=1.0.0;escaping=allow-utf-8;q=0.6,"
    "application/openmetrics-text;version=0.0.1;q=0.5,"
    "text/plain;version=1.0.0;escaping=allow-utf-8;q=0.4,text/plain;version=0.0.4;q=0.3,*/*;q=0.2"
)
ORDER = ("policy", "outcome", "kind", "version")
FULL = Measurements(
    {
        Series(DECISIONS, ("a", "admitted")): 2**53,
        Series(DECISIONS, ("a", "refused")): 0,
        Series(CROWDED, ("a",)): 3,
        Series(COMMANDS): 7,
        Series(ERRORS, ("OOM",)): 2,
        Series(MISSED): 1,
    },
    StoreState(up=True, gateways=3, problem=None),
    last_reload_successful=True,
)
EMPTY = Measurements({}, None, last_reload_successful=False)


def samples(families: Iterable[Metric]) -> dict[tuple[str, ...], float]:
    """Every sample by its name and the values of its labels."""
    return {
        (
            sample.name,
            *(sample.labels[name] for name in ORDER if name in sample.labels),
        ): sample.value
        for family in families
        for sample in family.samples
    }


@pytest.mark.parametrize(("accept", "parse"), [("", text), (OPENMETRICS, openmetrics)])
def test_everything_is_read_as_it_was_written(accept: str, parse: type) -> None:
    written, _ = render(FULL, accept)
    families = list(parse(written.decode()))
    assert samples(families) == {
        ("pygateway_rate_limit_decisions_total", "a", "admitted"): 2**53,
        ("pygateway_rate_limit_decisions_total", "a", "refused"): 0,
        ("pygateway_rate_limit_crowded_total", "a"): 3,
        ("pygateway_store_commands_total",): 7,
        ("pygateway_store_errors_total", "OOM"): 2,
        ("pygateway_store_missed_total",): 1,
        ("pygateway_store_up",): 1,
        ("pygateway_store_gateways",): 3,
        ("pygateway_config_last_reload_successful",): 1,
        ("pygateway_build_info", __version__): 1,
    }
    assert all(
        family.documentation.endswith(".") or "(" in family.documentation for family in families
    )


def test_what_is_not_there_is_not_said() -> None:
    written, _ = render(EMPTY, "")
    assert samples(text(written.decode())) == {
        ("pygateway_config_last_reload_successful",): 0,
        ("pygateway_build_info", __version__): 1,
    }


def test_a_store_that_is_away() -> None:
    away = Measurements({}, StoreState(up=False, gateways=None, problem="x"), True)
    read = samples(text(render(away, "")[0].decode()))
    assert read["pygateway_store_up",] == 0
    assert ("pygateway_store_gateways",) not in read


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
    written, media_type = render(FULL, accept)
    assert media_type.startswith(
        "application/openmetrics-text; version=1.0.0; charset=utf-8"
        if taken
        else "text/plain; version=0.0.4; charset=utf-8"
    )
    assert written.endswith(b"# EOF\n") is taken


def test_the_admin_server_serves_them() -> None:
    with Serving(Admin()) as admin:
        admin.control.measured = FULL
        reply = admin.ask("GET", "/metrics")
        assert reply.headers["content-type"] == "text/plain; version=0.0.4; charset=utf-8"
        assert samples(text(reply.document))["pygateway_store_up",] == 1
        reply = admin.ask("GET", "/metrics", headers={"Accept": PROMETHEUS})
        assert reply.headers["content-type"].startswith("application/openmetrics-text; version=1.0")
        families = openmetrics(reply.document)  # type: ignore[no-untyped-call]
        assert samples(families)["pygateway_store_up",] == 1


def test_they_need_the_token() -> None:
    token = "sixteen-letters-or-more"  # noqa: S105 - of this test
    with Serving(Admin.model_validate({"token": token})) as admin:
        assert admin.ask("GET", "/metrics").status == 401
        headers = {"Authorization": f"Bearer {token}"}
        assert admin.ask("GET", "/metrics", headers=headers).status == 200


def test_the_documentation_has_every_metric() -> None:
    page = (Path(__file__).parents[2] / "docs" / "operations.md").read_text()
    for name, *_ in samples(text(render(FULL, "")[0].decode())):
        assert f"`{name}" in page
    for counter in COUNTERS:
        labels = f"{{{','.join(counter.labels)}}}" if counter.labels else ""
        assert f"| `{counter.name}_total{labels}` |" in page
