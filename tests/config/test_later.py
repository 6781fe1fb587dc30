from __future__ import annotations

import pytest

from pygateway.config.later import KEYS_OF_LATER_VERSIONS
from tests.config.reading import problem_of, route


def nested(keys: tuple[str, ...]) -> str:
    """Write a key of a later version as YAML."""
    text = "{}"
    for key in reversed(keys[1:]):
        text = f"[{text}]" if key == "*" and keys[0] != "upstreams" else f"{{{key}: {text}}}"
    return f"{keys[0]}: {text}"


@pytest.mark.parametrize("keys", KEYS_OF_LATER_VERSIONS)
def test_keys_of_later_versions_are_refused_as_such(keys: tuple[str, ...]) -> None:
    text = nested(keys).replace("{*:", "{name:")
    from tests.config.reading import problems_of

    problems = [problem for problem in problems_of(text) if problem.code == "not-available"]
    assert len(problems) == 1
    assert f"`{keys[-1]}`" in problems[0].message
    assert "not available in this version" in problems[0].message


@pytest.mark.parametrize(
    "text",
    [
        "upstreams: {a: {endpoints: [http://a], balancer: p2c}}",
        "upstreams: {a: {endpoints: [http://a], balancer: hash}}",
        route("upstream: users, auth: {provider: main}"),
        route("upstream: users, auth: main"),
    ],
)
def test_values_of_later_versions_are_refused_as_such(text: str) -> None:
    assert problem_of(text).code == "not-available"


def test_keys_of_later_versions_are_not_suggested() -> None:
    problem = problem_of("rate_limit: {}")
    assert problem.code == "unknown-key"
    assert "rate_limits" not in problem.allowed
