from __future__ import annotations

import json
from typing import Any

import pytest

from pygateway.config import Config
from tests.config.reading import problem_of, read


def text_of(claims: str) -> str:
    key = f"{{id: a, hash: {'0f' * 32}, owner: o, claims: {claims}}}"
    return f"auth: {{providers: {{a: {{api_keys: {{pepper: {'p' * 32}, keys: [{key}]}}}}}}}}"


def claims_of(claims: str, environment: dict[str, str] | None = None) -> dict[str, Any]:
    config = read(text_of(claims), environment)
    assert Config.from_json(config.to_json()) == config
    keys = config.auth.providers["a"].api_keys
    assert keys is not None
    return keys.keys[0].claims


@pytest.mark.parametrize(
    ("written", "value"),
    [
        ("7", 7),
        ("-7", -7),
        ("1.5", 1.5),
        ("1e3", 1000.0),
        ("true", True),
        ("false", False),
        ("null", None),
        ("", None),
        ("'7'", "7"),
        ('"true"', "true"),
        ("yes", "yes"),
        ("True", "True"),
        ("007", "007"),
        ("0x1F", "0x1F"),
        (".inf", ".inf"),
        ("1_000", "1_000"),
        ("text", "text"),
        ("[1, '1', [true]]", [1, "1", [True]]),
        ("{b: {c: 1}}", {"b": {"c": 1}}),
        ('"${SEVEN}"', "7"),
    ],
)
def test_the_spelling_decides(written: str, value: object) -> None:
    claims = claims_of(f"{{a: {written}}}", {"SEVEN": "7"})
    assert json.dumps(claims["a"]) == json.dumps(value)


def test_variables_are_text_unless_they_are_structure() -> None:
    place = "PYGATEWAY__AUTH__PROVIDERS__A__API_KEYS__KEYS__0__CLAIMS"
    assert claims_of("{a: 1}", {f"{place}__A": "7"}) == {"a": "7"}
    assert claims_of("{a: 1}", {place: '{"a": 7, "b": "8"}'}) == {"a": 7, "b": "8"}


@pytest.mark.parametrize(
    ("written", "code"),
    [("1e999", "bad-claim"), ("9" * 65, "bad-claim"), ("x" * 9000, "too-large")],
)
def test_what_is_no_claim(written: str, code: str) -> None:
    assert problem_of(text_of(f"{{a: {written}}}")).code == code
