"""The admin API of a running gateway, held to its own OpenAPI document by generated requests."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
import schemathesis
from hypothesis import HealthCheck, Phase, given, seed, settings
from schemathesis import APIOperation, Case, GenerationMode
from schemathesis.core.result import Err
from schemathesis.specs.openapi.checks import positive_data_acceptance

from tests.support.patience import PATIENCE
from tests.toys.program import Program

TOKEN = "sixteen-letters-or-more"  # noqa: S105 - of these tests
BEARER = {"Authorization": f"Bearer {TOKEN}"}
CONFIGURATION = {
    "listen": "127.0.0.1:0",
    "admin": {"address": "127.0.0.1:0", "token": TOKEN},
    "workers": 1,
    "auth": {"providers": {"main": {"secrets": [{"id": "a", "value": "0123456789abcdef" * 2}]}}},
    "rate_limits": {"per-ip": {"by": "ip", "quota": 5, "window": "1s"}},
    "upstreams": {"app": {"endpoints": ["http://127.0.0.1:1"]}},
    "routes": [
        {"name": "app", "upstream": "app", "rate_limits": ["per-ip"]},
        {"name": "open", "match": {"paths": ["/open"]}, "respond": {}, "auth": "none"},
    ],
}

EXAMPLES = 25
"""Requests for each operation and mode; all of them take a few seconds."""

FEW = {"/reload": 2}
"""Paths of which each request takes long."""

LEFT_OUT = {"/drain"}
"""Paths after which there is nothing left to ask."""


BY_MEANING = {"/revocations"}
"""Paths that refuse what has the form and no meaning, such as a time that has passed."""


@pytest.fixture(scope="module")
def address(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    file = tmp_path_factory.mktemp("admin") / "gateway.yaml"
    file.write_text(json.dumps(CONFIGURATION))
    with running(file) as address:
        yield address


@contextmanager
def running(file: Path) -> Iterator[str]:
    with Program("run", "-c", file) as program:
        yield program.event("listening")["admin"][0]


def operations(address: str) -> Iterator[APIOperation[Any, Any, Any, Any]]:
    url = f"http://{address}/openapi.json"
    schema = schemathesis.openapi.from_url(url, headers=BEARER, wait_for_schema=PATIENCE)
    for found in schema.get_all_operations():
        assert not isinstance(found, Err), found
        operation = found.ok()
        if operation.path not in LEFT_OUT:
            yield operation


def converse(operation: APIOperation[Any, Any, Any, Any], mode: GenerationMode) -> int:
    """Send generated requests, and hold every answer to the document; give how many they were."""
    excluded: list[Any] = [positive_data_acceptance] if operation.path in BY_MEANING else []
    asked = 0

    @seed(20)
    @settings(
        max_examples=FEW.get(operation.path, EXAMPLES),
        derandomize=True,
        database=None,
        deadline=None,
        phases=[Phase.generate],
        suppress_health_check=list(HealthCheck),
    )
    @given(case=operation.as_strategy(generation_mode=mode))
    def ask(case: Case[Any]) -> None:
        nonlocal asked
        asked += 1
        case.call_and_validate(headers=BEARER, excluded_checks=excluded, timeout=PATIENCE)

    ask()
    return asked


@pytest.mark.timeout(120)
def test_every_answer_is_as_the_document_says(address: str) -> None:
    asked = {
        operation.label: converse(operation, GenerationMode.POSITIVE)
        for operation in operations(address)
    }
    assert {"GET /health", "POST /explain", "PUT /log", "GET /upstreams"} <= asked.keys()
    assert asked["POST /explain"] >= EXAMPLES


@pytest.mark.timeout(120)
def test_what_has_not_the_form_is_refused_as_the_document_says(address: str) -> None:
    asked = {
        operation.label: converse(operation, GenerationMode.NEGATIVE)
        for operation in operations(address)
        # Of an operation that takes nothing, nothing can be wrong.
        if len(operation.query) or len(operation.body)
    }
    assert {"GET /readyz", "POST /explain", "PUT /log", "POST /revocations"} <= asked.keys()
