"""Paths by which operators change what runs: reload and drain."""

from __future__ import annotations

from typing import Any

from fastapi import FastAPI

from pygateway.admin.control import Control
from pygateway.admin.models import DrainReply, ReloadReply
from pygateway.admin.problems import AdminProblem
from pygateway.admin.responses import problems
from pygateway.errors import ConfigurationProblem


def add_operations(application: FastAPI, control: Control) -> None:
    """Add the paths."""

    @application.post("/reload", responses=problems("reload-refused"))
    async def reload() -> ReloadReply:
        """Load the configuration again; refused, the running one stays."""
        outcome = await control.reload()
        if outcome.reason is not None:
            errors = [_described(problem) for problem in outcome.problems]
            raise AdminProblem("reload-refused", outcome.reason, {"errors": errors})
        return ReloadReply()

    @application.post("/drain", status_code=202)
    async def drain() -> DrainReply:
        """Accept no more connections, finish what is under way, and end."""
        control.drain()
        return DrainReply()


def _described(problem: ConfigurationProblem) -> dict[str, Any]:
    """Describe a problem without the line that it stands in, which may hold a secret."""
    return {
        "code": problem.code,
        "message": problem.message,
        "file": problem.file,
        "line": problem.line,
        "column": problem.column,
    }
