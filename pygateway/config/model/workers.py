"""How many worker processes there are."""

from __future__ import annotations

import math
import os
from pathlib import Path
from typing import Annotated, Final, Literal

from pydantic import PlainValidator, WithJsonSchema

from ..refusal import nearest, refusal

MAXIMUM_WORKERS: Final = 1024

_CGROUP_QUOTA: Final = Path("/sys/fs/cgroup/cpu.max")


def usable_cores(quota_file: Path = _CGROUP_QUOTA) -> int:
    """Return the cores that this process may use: its affinity, within its container's quota.

    Args:
        quota_file: `cpu.max` of cgroup version 2: microseconds of CPU per period, and the period.
    """
    cores = len(os.sched_getaffinity(0))
    try:
        quota, period = quota_file.read_text(encoding="ascii").split()
    except (OSError, ValueError):
        return cores
    if quota == "max":
        return cores
    return max(1, min(cores, math.ceil(int(quota) / int(period))))


def _check_workers(value: object) -> object:
    if value == "auto":
        return value
    if isinstance(value, int) and not isinstance(value, bool):
        count = value
    elif isinstance(value, str) and value.isascii() and value.isdigit() and len(value) < 10:
        count = int(value)
    else:
        near = nearest(value, ("auto",)) if isinstance(value, str) else None
        raise refusal(
            "wrong-type", "must be `auto` or a whole number", allowed=("auto",), suggestion=near
        )
    if not 1 <= count <= MAXIMUM_WORKERS:
        raise refusal("out-of-range", f"must be from 1 to {MAXIMUM_WORKERS}, or `auto`")
    return count


WorkerCount = Annotated[
    int | Literal["auto"],
    PlainValidator(_check_workers),
    WithJsonSchema(
        {
            "anyOf": [
                {"const": "auto"},
                {"type": "integer", "minimum": 1, "maximum": MAXIMUM_WORKERS},
            ]
        }
    ),
]
