from __future__ import annotations

import os
from pathlib import Path

import pytest

from pygateway.config.model.workers import usable_cores
from tests.config.reading import problem_of, read

AFFINITY = len(os.sched_getaffinity(0))


@pytest.mark.parametrize(
    ("quota", "cores"),
    [
        (None, AFFINITY),
        ("max 100000\n", AFFINITY),
        ("50000 100000\n", 1),
        ("100000 100000\n", 1),
        ("100000000 100000\n", AFFINITY),
        ("nonsense", AFFINITY),
    ],
)
def test_cores_are_those_of_the_container(tmp_path: Path, quota: str | None, cores: int) -> None:
    file = tmp_path / "cpu.max"
    if quota is not None:
        file.write_text(quota)
    assert usable_cores(file) == cores


def test_auto_is_one_worker_per_core() -> None:
    config = read("workers: auto")
    assert config.workers == "auto"
    assert config.worker_count() == usable_cores()
    assert read("workers: 3").worker_count() == 3


@pytest.mark.parametrize(
    "text", ["0", "1025", "-1", "1.5", "all", "", "[1]", "99999999999999999999"]
)
def test_what_is_no_number_of_workers(text: str) -> None:
    assert problem_of(f"workers: {text}").line == 1


def test_auto_is_suggested() -> None:
    assert problem_of("workers: Auto").suggestion == "auto"
