from __future__ import annotations

import json

from pygateway.config import Config
from tests.cli.conftest import Run


def test_prints_the_schema_of_every_key(run: Run) -> None:
    outcome = run("schema")
    assert outcome.code == 0
    schema = json.loads(outcome.out)
    assert set(schema["properties"]) == set(Config.model_fields)
    assert schema["additionalProperties"] is False
    assert run("schema", "--json").out == outcome.out
