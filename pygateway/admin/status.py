"""Paths that tell how a gateway is: for people, and for those who collect numbers."""

from __future__ import annotations

from fastapi import FastAPI, Request, Response
from fastapi.responses import PlainTextResponse

from pygateway.admin.control import Control
from pygateway.admin.metrics import Scraping
from pygateway.admin.metrics.exposition import OPENMETRICS
from pygateway.admin.models import StatusReply


def add_status(application: FastAPI, control: Control) -> None:
    """Add the paths."""

    @application.get("/status")
    async def status() -> StatusReply:
        """How workers, keys, revocations, rate limits and the configuration are."""
        return StatusReply.model_validate(await control.status())

    scraping = Scraping(control.measurements)

    @application.get(
        "/metrics",
        response_class=PlainTextResponse,
        responses={200: {"content": {OPENMETRICS: {"schema": {"type": "string"}}}}},
    )
    async def metrics(request: Request) -> Response:
        """Everything that is counted, in Prometheus' text format or, if accepted, OpenMetrics."""
        accept = ",".join(request.headers.getlist("accept"))
        text, media_type = await scraping.answer(accept)
        return Response(text, media_type=media_type)
