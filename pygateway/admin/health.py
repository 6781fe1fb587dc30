"""Paths that probes ask: whether the gateway lives, and whether it serves as it should."""

from __future__ import annotations

from typing import Any

from fastapi import FastAPI, Response

from pygateway.admin.control import Control


def add_health(application: FastAPI, control: Control) -> None:
    """Add the paths."""

    @application.get("/livez")
    async def livez() -> dict[str, str]:
        """Whether the supervisor runs."""
        return {"status": "ok"}

    @application.get("/readyz")
    async def readyz(response: Response) -> dict[str, Any]:
        """Whether all requests are served as they should be; if not, 503, and the reasons."""
        reasons = await control.unreadiness()
        response.status_code = 503 if reasons else 200
        return {"status": "not ready" if reasons else "ok", "reasons": reasons}
