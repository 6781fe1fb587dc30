"""Where a report was made: figures of different machines are not to be compared."""

from __future__ import annotations

import os
import platform
from importlib import metadata
from pathlib import Path

from pydantic import BaseModel, ConfigDict

_CPUINFO = Path("/proc/cpuinfo")


class Machine(BaseModel):
    """The machine of the load, by nothing that names it."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    system: str
    """Kernel and architecture."""
    processor: str
    cores: int
    """That the process may use."""
    python: str
    uvloop: str


def describe_machine() -> Machine:
    """Describe this one."""
    return Machine(
        system=f"{platform.system()} {platform.release()} {platform.machine()}",
        processor=_processor(),
        cores=len(os.sched_getaffinity(0)),
        python=platform.python_version(),
        uvloop=metadata.version("uvloop"),
    )


def _processor() -> str:
    """The model's name; on architectures that have none, what Python knows."""
    try:
        text = _CPUINFO.read_text(encoding="utf-8", errors="replace")
    except OSError:
        text = ""
    for line in text.splitlines():
        name, colon, value = line.partition(":")
        if colon and name.strip() == "model name":
            return value.strip()
    return platform.processor() or "unknown"
