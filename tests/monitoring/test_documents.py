"""The dashboard and the alerts: well-formed, tested, and about metrics that there are."""

from __future__ import annotations

import itertools
import re
from pathlib import Path
from typing import Any

import pytest
import yaml

from pygateway.admin.catalogue import CATALOGUE, Metric
from tests.monitoring.documents import (
    ALERTS,
    alerts,
    all_metrics,
    dashboard,
    expressions,
    metrics_in,
    panels,
)
from tests.monitoring.reference import DOCUMENT, filled
from tests.support.prometheus import promtool

CASES = Path(__file__).with_name("alerts_test.yaml")
FROM_SCRAPES = {"job", "instance"}


def names(metric: Metric) -> set[str]:
    """What a query can call a metric."""
    if metric.type == "histogram":
        return {f"{metric.name}_{part}" for part in ("bucket", "sum", "count")}
    return {metric.full_name}


KNOWN = {name: metric for metric in CATALOGUE for name in names(metric)}


def labels_of(name: str) -> set[str]:
    """The labels that series of a name have in Prometheus."""
    if name.startswith("process_"):
        return FROM_SCRAPES
    metric = KNOWN[name]
    return FROM_SCRAPES | set(metric.labels) | ({"le"} if name.endswith("_bucket") else set())


def everything() -> list[str]:
    return [*expressions(), *(alert["expr"] for alert in alerts())]


def test_every_metric_that_is_read_is_in_the_catalogue() -> None:
    read = {name for name in all_metrics() if not name.startswith("process_")}
    assert read - set(KNOWN) == set()


@pytest.mark.parametrize("expression", everything())
def test_series_are_chosen_by_labels_that_they_have(expression: str) -> None:
    for name, matchers in re.findall(r"([a-z_0-9]+)\{([^}]*)\}", expression):
        if name != "up":
            assert set(re.findall(r"(\w+)\s*[=!]", matchers)) <= labels_of(name), name
    for grouped in re.findall(r"\bby \(([^)]*)\)", expression):
        wanted = {label.strip() for label in grouped.split(",") if label.strip()}
        has = [labels_of(name) for name in metrics_in(expression)]
        assert all(any(label in each for each in has) for label in wanted), expression


def test_promtool_accepts_the_alerts() -> None:
    assert f"{len(alerts())} rules found" in promtool("check", "rules", ALERTS)


def test_each_alert_fires_when_it_should_and_only_then() -> None:
    assert "SUCCESS" in promtool("test", "rules", CASES)


def test_each_alert_is_tested() -> None:
    tested: set[str] = set()
    for case in yaml.safe_load(CASES.read_text())["tests"]:
        quiet, loud = case["promql_expr_test"]
        assert "exp_samples" not in quiet
        (sample,) = loud["exp_samples"]
        name = re.search(r'alertname="(\w+)"', sample["labels"])
        assert name is not None
        assert case["name"].startswith(name[1])
        tested.add(name[1])
    assert tested == {alert["alert"] for alert in alerts()}


@pytest.mark.parametrize("alert", alerts(), ids=lambda alert: str(alert["alert"]))
def test_each_alert_says_what_to_do(alert: dict[str, Any]) -> None:
    assert alert["labels"]["severity"] in {"critical", "warning"}
    assert set(alert["annotations"]) == {"summary", "description", "runbook"}
    for text in alert["annotations"].values():
        assert text.strip()


def test_promtool_can_read_every_expression_of_the_dashboard(tmp_path: Path) -> None:
    rules = [{"record": f"r{n}", "expr": each} for n, each in enumerate(expressions())]
    file = tmp_path / "rules.yaml"
    file.write_text(yaml.safe_dump({"groups": [{"name": "g", "rules": rules}]}))
    assert f"{len(rules)} rules found" in promtool("check", "rules", file)


def test_the_dashboard_can_be_imported_anywhere() -> None:
    document = dashboard()
    assert document["id"] is None
    variables = {each["name"] for each in document["templating"]["list"]}
    assert variables == {"datasource", "job", "instance", "route", "upstream"}
    for panel in panels():
        for target in panel["targets"]:
            for source in (panel["datasource"], target["datasource"]):
                assert source == {"type": "prometheus", "uid": "${datasource}"}
        letters = [target["refId"] for target in panel["targets"]]
        assert len(letters) == len(set(letters))
        assert panel["title"]


def test_panels_have_numbers_and_places_of_their_own() -> None:
    every = dashboard()["panels"]
    assert len({panel["id"] for panel in every}) == len(every)
    taken: set[tuple[int, int]] = set()
    for panel in every:
        place = panel["gridPos"]
        assert place["x"] + place["w"] <= 24
        cells = set(
            itertools.product(
                range(place["x"], place["x"] + place["w"]),
                range(place["y"], place["y"] + place["h"]),
            )
        )
        assert not cells & taken, panel["title"]
        taken |= cells


def test_the_table_of_metrics_is_that_of_the_catalogue() -> None:
    text = DOCUMENT.read_text()
    assert filled(text) == text, "run python -m tests.monitoring.reference"
