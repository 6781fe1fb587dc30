from __future__ import annotations

import re
from typing import Any

import pytest
import yaml
from hypothesis import given, settings

from pygateway.config import Config, json_schema
from pygateway.config.units import parse_duration, parse_size
from tests.config.configurations import PATIENT, configurations
from tests.config.documentation import DOCUMENT
from tests.config.json_schema import accepts
from tests.config.reading import read, route

SCHEMA = json_schema()


def is_valid(text: str) -> bool:
    return accepts(SCHEMA, yaml.safe_load(text), SCHEMA)


def properties(schema: object) -> list[tuple[str, dict[str, Any]]]:
    """Every property of every section."""
    found = []
    if isinstance(schema, dict):
        if "properties" in schema:
            found += list(schema["properties"].items())
        for value in schema.values():
            found += properties(value)
    if isinstance(schema, list):
        for value in schema:
            found += properties(value)
    return found


def test_it_says_which_dialect_it_is() -> None:
    assert SCHEMA["$schema"] == "https://json-schema.org/draft/2020-12/schema"


@pytest.mark.parametrize(
    "example", re.findall(r"```yaml\n(.*?)```", DOCUMENT.read_text(), re.DOTALL)
)
def test_the_documented_examples_are_valid(example: str) -> None:
    assert is_valid(example)


@given(configurations())
@settings(PATIENT, max_examples=60)
def test_whatever_can_be_read_is_valid(mapping: dict[str, object]) -> None:
    assert accepts(SCHEMA, mapping, SCHEMA)


@pytest.mark.parametrize(
    "text",
    [
        "{}",
        "timeouts: {connect: 50ms, idle: 1h, request: 1h30m, header: 5, response: 0.5}",
        "limits: {body_bytes: 0, header_bytes: 32 KiB, target_bytes: 1024}",
        "workers: ${WORKERS}\nlimits: {header_count: '${N:-5}', body_bytes: '${SIZE}'}",
        "limits:\nroutes:\nupstreams:\nx-anything: [1]",
        "health_path: false",
        "access_log: off\nadmin: 127.0.0.1:1",
        "access_log: false",
        "access_log: logs/access.log",
        "access_log: {path: stderr, format: combined, sample: 0.5, buffer: 1MiB}",
        "access_log: {fields: [status, path, user_agent]}",
        "trusted_proxies: ${PROXIES}",
        route("upstream: [users, {name: users, weight: 2}], match: {headers: {X-A: 1, X-B: }}"),
        route("respond: {status: 200, body: 5, headers: {X-A: true}}"),
        route("upstream: users, headers: {request: {set: {A: {value_file: b}}}}"),
        route("upstream: users, headers: {request: {add: {B: [c, 1], D: e}}}"),
        route("upstream: users, security_headers: {X-A: b, X-B: }"),
        "rate_limits: {a: {by: user, quota: 5, window: 1s}, b: {by: global, concurrency: 2}}",
        "rate_limits: {a: {by: [ip, {claim: a.b}], quota: '${Q}', window: 1, tiers: {gold: 9}}}",
        "rate_limits: {a: {by: {header: X-A}, concurrency: 2, exempt: {scopes: [a]}, mode: }}",
        "rate_limits:\ndefault_rate_limits: [a]",
        route("upstream: users, rate_limits: a"),
        route("upstream: users, rate_limits: [a, {name: b, cost: 2}]"),
        route("upstream: users, rate_limits: []"),
    ],
)
def test_what_users_write(text: str) -> None:
    assert is_valid(text)


@pytest.mark.parametrize(
    "text",
    [
        "listne: a",
        "version: 2",
        "workers: 0",
        "workers: many",
        "timeouts: {connect: soon}",
        "timeouts: {connect: ''}",
        "timeouts: {connect: 3 s}",
        "limits: {body_bytes: 16 apples}",
        "limits: {header_count: 0}",
        "limits: {header_count: x}",
        "routes: [{upstream: a}]",
        "routes: [null]",
        "upstreams: {a: {}}",
        "upstreams: {a: {endpoints: []}}",
        "upstreams: {a: {endpoints: [http://a], balancer: p2c}}",
        "access_log: {fields: [pth]}",
        "access_log: {sample: 2}",
        "rate_limits: {a: {quota: 5, window: 1s}}",
        "rate_limits: {a: {by: usr, quota: 5, window: 1s}}",
        "rate_limits: {a: {by: {user: true}, quota: 5, window: 1s}}",
        "rate_limits: {a: {by: [], quota: 5, window: 1s}}",
        "rate_limits: {a: {by: ip, quota: 67108865, window: 1s}}",
        "rate_limits: {a: {by: ip, quota: 5, window: 1s, mode: shared}}",
        route("upstream: users, rate_limits: [{cost: 2}]"),
        route("upstream: users, rate_limits: [{name: a, cost: 0}]"),
        route("upstream: users, auth: main"),
        route("upstream: users, headers: {request: {add: {A: []}}}"),
    ],
)
def test_what_is_refused(text: str) -> None:
    assert not is_valid(text)


def test_every_property_is_described() -> None:
    undescribed = [
        name for name, property_ in properties(SCHEMA) if not property_.get("description")
    ]
    assert undescribed == []


def test_defaults_have_units_and_are_what_is_used() -> None:
    config = read("")
    for section in ("Limits", "Timeouts"):
        for name, property_ in SCHEMA["$defs"][section]["properties"].items():
            unit = property_.get("x-unit")
            parse: Any = {"duration": parse_duration, "size": parse_size}.get(unit, int)
            default = parse(property_["default"])
            assert getattr(getattr(config, section.lower()), name) == default, name
            assert unit is None or str(property_["default"])[-1].isalpha()


def test_every_field_of_every_model_is_there() -> None:
    models = Config.model_json_schema()
    for name, model in models["$defs"].items():
        definition = SCHEMA["$defs"][name]
        ways = definition.get("anyOf", [definition])
        (mapping,) = [way for way in ways if "properties" in way]
        assert set(mapping["properties"]) == set(model["properties"])
    assert set(SCHEMA["properties"]) == set(models["properties"])
