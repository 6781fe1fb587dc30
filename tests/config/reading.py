"""Short ways to read a configuration in tests."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import pytest

from pygateway.config import Config, ConfigurationError, ConfigurationProblem, load_text

UPSTREAM = "upstreams: {users: {endpoints: [http://127.0.0.1:9000]}}\n"
"""The least that routes can forward to."""


def read(text: str, environment: Mapping[str, str] | None = None) -> Config:
    """Read YAML that has no errors."""
    return load_text(text, environment)


def problems_of(
    text: str, environment: Mapping[str, str] | None = None, directory: Path | None = None
) -> tuple[ConfigurationProblem, ...]:
    """Read YAML that has errors, and return them."""
    with pytest.raises(ConfigurationError) as caught:
        load_text(text, environment, directory=directory)
    return caught.value.problems


def problem_of(text: str, environment: Mapping[str, str] | None = None) -> ConfigurationProblem:
    """Read YAML that has exactly one error, and return it."""
    problems = problems_of(text, environment)
    assert len(problems) == 1, problems
    return problems[0]


def codes_of(text: str, environment: Mapping[str, str] | None = None) -> list[str]:
    """Read YAML that has errors, and return their codes in order."""
    return [problem.code for problem in problems_of(text, environment)]


def route(settings: str) -> str:
    """Return YAML with one route, named `route`, with these settings in flow style."""
    return f"{UPSTREAM}routes: [{{name: route, {settings}}}]\n"
