"""Prints the JSON Schema of a report, for docs/examples/bench-report.schema.json."""

from __future__ import annotations

import json

from pygateway.bench.report import Report

if __name__ == "__main__":
    print(json.dumps(Report.model_json_schema(mode="serialization"), indent=2))
