"""Paths that probes ask: whether the gateway lives, and whether it serves as it should.

`/livez` is green while the supervisor runs its event loop. `/readyz` is red while requests are not
served, or not as they should be: workers are missing, the gateway drains, revocations may be
missing where that closes the gateway, or the store of a limit is away that is closed then. All else
that is amiss shows with `?verbose`, and leaves it green.
"""

from __future__ import annotations

from typing import Annotated, Any, Literal

from fastapi import FastAPI, Query, Response
from pydantic import BaseModel, Field

from pygateway.admin.control import Check, CheckStatus, Control

Verbose = Annotated[
    Literal["", "true", "false", "1", "0"] | None,
    Query(description="Tell of the checks one by one. `?verbose` is enough."),
]


class CheckReply(BaseModel):
    """How one thing is that the gateway needs."""

    name: Literal[
        "supervisor",
        "workers",
        "store",
        "upstreams",
        "revocations",
        "access_log",
        "tracing",
        "configuration",
    ]
    status: CheckStatus = Field(
        description="`degraded`: something is missing, and requests are served all the same."
        " `failed`: they are not, or not as they should be. `unused`: the configuration does"
        " without it."
    )
    detail: str | None = Field(default=None, description="What is amiss.")


class LiveReply(BaseModel):
    """The supervisor runs."""

    status: Literal["ok"] = "ok"
    checks: list[CheckReply] | None = Field(default=None, description="With `verbose` alone.")


class ReadyReply(BaseModel):
    """Whether requests are served as they should be."""

    status: Literal["ok", "not ready"]
    reasons: list[str] = Field(description="Why not, a sentence each.")
    checks: list[CheckReply] | None = Field(default=None, description="With `verbose` alone.")


NOT_READY: dict[int | str, dict[str, Any]] = {
    503: {"model": ReadyReply, "description": "Requests are not served as they should be."}
}


def add_health(application: FastAPI, control: Control) -> None:
    """Add the paths."""

    @application.get("/livez", response_model_exclude_none=True)
    async def livez(verbose: Verbose = None) -> LiveReply:
        """Whether the supervisor runs."""
        checks = [CheckReply(name="supervisor", status="ok")] if _is_meant(verbose) else None
        return LiveReply(checks=checks)

    @application.get("/readyz", responses=NOT_READY, response_model_exclude_none=True)
    async def readyz(response: Response, verbose: Verbose = None) -> ReadyReply:
        """Whether requests are served as they should be; if not, 503, and the reasons."""
        return _ready(await control.checks(), response, verbose=_is_meant(verbose))

    @application.get("/health", responses=NOT_READY, response_model_exclude_none=True)
    async def health(response: Response) -> ReadyReply:
        """The same as `/readyz?verbose`."""
        return _ready(await control.checks(), response, verbose=True)


def _is_meant(verbose: str | None) -> bool:
    return verbose in {"", "true", "1"}


def _ready(checks: list[Check], response: Response, *, verbose: bool) -> ReadyReply:
    reasons = [check.detail or check.name for check in checks if check.status == "failed"]
    response.status_code = 503 if reasons else 200
    return ReadyReply(
        status="not ready" if reasons else "ok",
        reasons=reasons,
        checks=[CheckReply.model_validate(check, from_attributes=True) for check in checks]
        if verbose
        else None,
    )
