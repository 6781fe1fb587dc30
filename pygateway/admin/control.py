"""What the supervisor offers to the admin server, and what it answers."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, Literal, Protocol

from pygateway.admin.measurements import Measurements
from pygateway.config import Config, LogLevel
from pygateway.errors import ConfigurationProblem
from pygateway.revocation.entry import Revocation


@dataclass(frozen=True)
class Unheard:
    """A worker that may still accept what is revoked.

    Attributes:
        slot: Which of the workers it is.
        pid: Its process.
        reason: Why.
    """

    slot: int
    pid: int
    reason: str


@dataclass(frozen=True)
class Revoked:
    """What became of a revocation.

    Attributes:
        changed: How many of the entries were not known yet.
        unheard: Workers of this gateway that may not heed it yet.
        shared: Whether other gateways are told through Redis.
        problem: Why they are not told yet, if so.
    """

    changed: int
    unheard: list[Unheard]
    shared: bool
    problem: str | None

    @property
    def complete(self) -> bool:
        """Whether no gateway accepts any of those tokens any more, or will in a moment."""
        return not self.unheard and self.problem is None


@dataclass(frozen=True)
class Reloaded:
    """What became of a reload.

    Attributes:
        reason: Why the running configuration stays; None when it was replaced.
        problems: What is wrong with the new one.
    """

    reason: str | None = None
    problems: Sequence[ConfigurationProblem] = field(default=())


CheckStatus = Literal["ok", "degraded", "failed", "unused"]


@dataclass(frozen=True)
class Check:
    """How one thing is that the gateway needs.

    Attributes:
        name: What it is.
        status: `degraded`, something is missing, and requests are served all the same; `failed`,
            they are not, or not as they should be; `unused`, the configuration does without it.
        detail: A sentence, where there is something to say.
    """

    name: str
    status: CheckStatus
    detail: str | None = None


class NoWorker(Exception):
    """There is no worker that could be asked, or it has not answered in time."""


class Control(Protocol):
    """A running gateway, seen by its admin server."""

    async def revoke(self, entries: Sequence[Revocation]) -> Revoked:
        """Refuse tokens from now on; raises LedgerFull and JournalFailed."""

    def revocations(self) -> list[Revocation]:
        """Give what is revoked now."""

    def needed_life(self, issuer: str | None) -> float:
        """Give the seconds for which tokens of an issuer can be valid at most."""

    async def status(self) -> dict[str, Any]:
        """Describe everything."""

    async def measurements(self) -> Measurements:
        """Give every number."""

    async def traffic(self) -> dict[str, Any]:
        """Describe traffic, as `TrafficReply` has it."""

    async def reload(self) -> Reloaded:
        """Load the configuration again."""

    def drain(self) -> None:
        """Stop as TERM would."""

    async def checks(self) -> list[Check]:
        """Say how everything is that the gateway needs; however often it is asked, for little."""

    def config(self) -> Config:
        """Give the configuration that runs."""

    async def upstreams(self) -> list[dict[str, Any]]:
        """Describe the upstreams, as all workers together see them."""

    def log_level(self) -> LogLevel:
        """Say how serious lines of the log have to be now."""

    async def set_log_level(self, level: LogLevel) -> None:
        """Say how serious they have to be from now on, until the next reload."""

    async def explain(self, request: dict[str, Any]) -> dict[str, Any]:
        """Say what would become of a request; raises NoWorker and ValueError."""
