"""What docs/monitoring has, read."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import yaml

DIRECTORY = Path(__file__).parents[2] / "docs" / "monitoring"
ALERTS = DIRECTORY / "alerts.yaml"
DASHBOARD = DIRECTORY / "dashboard.json"

_METRIC = re.compile(r"\b(?:pygateway|http_server|http_client|process)_[a-z_0-9]+\b")
_VARIABLES = {
    "$__rate_interval": "1m",
    "$__range": "1h",
    "$job": ".*",
    "$instance": ".*",
    "$route": ".*",
    "$upstream": ".*",
}


def alerts() -> list[dict[str, Any]]:
    """Every alert."""
    groups = yaml.safe_load(ALERTS.read_text())["groups"]
    return [rule for group in groups for rule in group["rules"]]


def dashboard() -> dict[str, Any]:
    """The dashboard."""
    document: dict[str, Any] = json.loads(DASHBOARD.read_text())
    return document


def panels() -> list[dict[str, Any]]:
    """Its panels, without the headings of rows."""
    return [panel for panel in dashboard()["panels"] if panel["type"] != "row"]


def expressions() -> Iterator[str]:
    """Every expression of the dashboard, with something in the place of its variables."""
    for panel in panels():
        for target in panel["targets"]:
            yield fill_in(target["expr"])
    for annotation in dashboard()["annotations"]["list"]:
        yield fill_in(annotation["expr"])
    for variable in dashboard()["templating"]["list"]:
        if variable["type"] == "query":
            found = re.fullmatch(r"label_values\((.*), \w+\)", variable["query"]["query"])
            assert found is not None
            yield fill_in(found[1])


def fill_in(expression: str) -> str:
    """Replace the variables of the dashboard."""
    for name in sorted(_VARIABLES, key=len, reverse=True):
        expression = expression.replace(name, _VARIABLES[name])
    assert "$" not in expression, expression
    return expression


def metrics_in(expression: str) -> set[str]:
    """The names of the metrics that an expression reads."""
    return set(_METRIC.findall(expression))


def all_metrics() -> set[str]:
    """Every metric that an alert or the dashboard reads."""
    every = [*expressions(), *(alert["expr"] for alert in alerts())]
    return set().union(*map(metrics_in, every))
