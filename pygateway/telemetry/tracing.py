"""Traces: spans of sampled requests, on their way to a collector."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Protocol

from pygateway.telemetry.finished import Finished

if TYPE_CHECKING:
    from pygateway.config.model.tracing import Tracing

__all__ = ["Finished", "Tracer"]


class Tracer(Protocol):
    """Takes what sampled requests were, and has it exported by a thread of its own."""

    def __init__(self, settings: Tracing) -> None: ...

    def start(self) -> None:
        """Begin to export."""

    def record(self, finished: Finished) -> None:
        """Take a request that has ended. Never waits, and never raises."""

    async def drain(self, deadline: float) -> None:
        """Export what waits, within `deadline` seconds; what comes later is lost."""

    def close(self) -> None:
        """End at once, whatever waits."""

    def statistics(self) -> dict[str, Any]:
        """Say how many spans were exported and lost, and what is wrong."""
