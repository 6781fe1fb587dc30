"""Hypothesis profiles: derandomised in CI, so that a build never fails by chance."""

from __future__ import annotations

import os

import pytest
from hypothesis import HealthCheck, settings

pytest.register_assert_rewrite(
    "tests.door.comparison", "tests.door.heads", "tests.door.limit_comparison"
)

settings.register_profile(
    "door",
    deadline=None,  # machines are shared; time is judged by benchmarks
    max_examples=150,
    suppress_health_check=[HealthCheck.too_slow],
)
settings.register_profile("ci", settings.get_profile("door"), derandomize=True)
settings.load_profile("ci" if os.environ.get("CI") else "door")
