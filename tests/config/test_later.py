from __future__ import annotations

import pytest

from pygateway.config.later import KEYS_OF_LATER_VERSIONS
from tests.config.reading import problem_of, problems_of


def nested(keys: tuple[str, ...]) -> str:
    """Write a key of a later version as YAML: only upstreams have names, all else is in lists."""
    text = "{}"
    for depth, key in reversed(list(enumerate(keys))):
        if key != "*":
            text = f"{{{key}: {text}}}"
        elif keys[depth - 1] == "upstreams":
            text = f"{{any: {text}}}"
        else:
            text = f"[{text}]"
    return text


@pytest.mark.parametrize("keys", KEYS_OF_LATER_VERSIONS)
def test_keys_of_later_versions_are_refused_as_such(keys: tuple[str, ...]) -> None:
    problems = problems_of(nested(keys))
    (refused,) = [problem for problem in problems if problem.code == "not-available"]
    assert f"`{keys[-1]}`" in refused.message
    assert "not available in this version" in refused.message


@pytest.mark.parametrize(
    "text",
    [
        "upstreams: {a: {endpoints: [http://a], balancer: p2c}}",
        "upstreams: {a: {endpoints: [http://a], balancer: hash}}",
    ],
)
def test_values_of_later_versions_are_refused_as_such(text: str) -> None:
    assert problem_of(text).code == "not-available"


def test_keys_of_later_versions_are_not_suggested() -> None:
    problem = problem_of("upstreams: {a: {endpoints: [http://a], helth: {}}}")
    assert problem.code == "unknown-key"
    assert "health" not in problem.allowed
