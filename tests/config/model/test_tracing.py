from __future__ import annotations

from pathlib import Path

import pytest

from pygateway.config import Config, Tracing, load_text
from tests.config.reading import problem_of, problems_of, read

HIDDEN = "hunter2"
"""What no report may show."""


def tracing_of(text: str) -> Tracing:
    tracing = read(f"tracing: {text}").tracing
    assert tracing is not None
    return tracing


@pytest.mark.parametrize("text", ["", "tracing:"])
def test_left_out_it_is_off(text: str) -> None:
    assert read(text).tracing is None


def test_defaults() -> None:
    tracing = tracing_of("http://h:4318/v1/traces")
    assert (tracing.ratio, tracing.timeout, tracing.queue) == (0.01, 10.0, 2048)
    assert (tracing.service_name, tracing.headers, tracing.attributes) == (None, {}, {})
    assert (tracing.compression, tracing.ca_file) == ("none", None)


@pytest.mark.parametrize(
    ("written", "endpoint"),
    [
        ("http://h:4318", "http://h:4318/v1/traces"),
        ("http://h:4318/", "http://h:4318/v1/traces"),
        ("https://h/otlp/v1/traces", "https://h/otlp/v1/traces"),
        ("https://h/x/", "https://h/x/"),
        ("https://h?tenant=a", "https://h/v1/traces?tenant=a"),
        ("http://[::1]:4318", "http://[::1]:4318/v1/traces"),
    ],
)
def test_only_an_endpoint_without_a_path_is_completed(written: str, endpoint: str) -> None:
    assert tracing_of(f"'{written}'").endpoint == endpoint
    assert tracing_of(f"{{endpoint: '{written}'}}").endpoint == endpoint


def test_values_of_headers_are_secrets(tmp_path: Path) -> None:
    (tmp_path / "token").write_text(f"Bearer {HIDDEN}\n")
    text = "tracing: {endpoint: http://h, headers: {Authorization: {value_file: token}}}"
    config = load_text(text, directory=tmp_path)
    assert config.tracing is not None
    value = config.tracing.headers["Authorization"]
    assert value.get_secret_value() == f"Bearer {HIDDEN}"
    assert HIDDEN not in repr(config)
    assert HIDDEN not in config.model_dump_json()
    assert Config.from_json(config.to_json()) == config


@pytest.mark.parametrize(
    ("settings", "code"),
    [
        ("headers: {Authorization: hunter2é}", "bad-header-value"),
        ("headers: {Content-Type: hunter2}", "reserved-header"),
        ("headers: {content_encoding: hunter2}", "reserved-header"),
        ("headers: {X-A: hunter2, x_a: hunter2}", "conflicting-keys"),
        ("headers: {X-A: {value_file: nowhere}}", "unreadable-file"),
        ("headers: {X-A: hunter2}, ca_file: nowhere", "unreadable-file"),
        ("headers: {X-A: hunter2}, unknown: 1", "unknown-key"),
        ("headers: hunter2", "wrong-type"),
        ("attributes: {'': x}", "bad-name"),
        ("attributes: {a: ''}", "out-of-range"),
        ("service_name: ''", "out-of-range"),
        ("ratio: 1.1", "out-of-range"),
        ("ratio: -0.1", "out-of-range"),
        ("ratio: nan", "out-of-range"),
        ("ratio: much", "wrong-type"),
        ("queue: 0", "out-of-range"),
        ("timeout: 2m", "out-of-range"),
        ("compression: zstd", "not-allowed-value"),
    ],
)
def test_what_is_wrong(settings: str, code: str, tmp_path: Path) -> None:
    (problem,) = problems_of(f"tracing: {{endpoint: http://h, {settings}}}", directory=tmp_path)
    assert problem.code == code
    assert HIDDEN not in repr(problem)


@pytest.mark.parametrize("endpoint", ["h:4318", "grpc://h:4317", "http://u:p@h", "http://h/#x"])
def test_what_is_no_endpoint(endpoint: str) -> None:
    assert problem_of(f"tracing: '{endpoint}'").code == "bad-url"


def test_the_endpoint_is_needed() -> None:
    assert problem_of("tracing: {ratio: 1}").code == "missing-key"
