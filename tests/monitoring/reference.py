"""Fills the part of docs/monitoring/README.md that is made from the catalogue of metrics.

`python -m tests.monitoring.reference` writes it anew; a test keeps it from getting old.
"""

from __future__ import annotations

from pygateway.admin.catalogue import CATALOGUE, Metric
from tests.monitoring.documents import DIRECTORY

DOCUMENT = DIRECTORY / "README.md"
START = "<!-- metrics -->\n"
END = "<!-- end -->\n"


def filled(document: str) -> str:
    """Return the document with its table made anew."""
    before, rest = document.split(START)
    _, after = rest.split(END)
    rows = ["| metric | type | meaning |", "|---|---|---|", *map(_row, CATALOGUE)]
    return before + START + "\n".join(rows) + "\n" + END + after


def _row(metric: Metric) -> str:
    labels = f"{{{','.join(metric.labels)}}}" if metric.labels else ""
    return f"| `{metric.full_name}{labels}` | {metric.type} | {metric.help} |"


if __name__ == "__main__":
    DOCUMENT.write_text(filled(DOCUMENT.read_text()))
