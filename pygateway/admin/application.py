"""The paths of the admin server, each theme in its own file."""

from __future__ import annotations

from typing import Any

from fastapi import FastAPI

from pygateway import __version__
from pygateway.admin.control import Control
from pygateway.admin.dashboard import add_dashboard
from pygateway.admin.failures import add_failures
from pygateway.admin.health import add_health
from pygateway.admin.operations import add_operations
from pygateway.admin.problems import MEDIA_TYPE
from pygateway.admin.revocations import add_revocations
from pygateway.admin.status import add_status
from pygateway.admin.traffic import add_traffic

PROBLEM_REPLY: dict[str, Any] = {
    "description": "What is wrong (RFC 9457).",
    "content": {MEDIA_TYPE: {"schema": {"type": "object"}}},
}


def make_application(control: Control) -> FastAPI:
    """Make the application that offers `control` over HTTP."""
    application = FastAPI(
        title="PyGateway admin",
        version=__version__,
        description="Health, metrics, status, reload, drain and revocations of one gateway.",
        # The pages would load scripts from elsewhere; the document is enough.
        docs_url=None,
        redoc_url=None,
        responses={"4XX": PROBLEM_REPLY, "5XX": PROBLEM_REPLY},
    )
    add_failures(application)
    add_health(application, control)
    add_status(application, control)
    add_operations(application, control)
    add_revocations(application, control)
    add_traffic(application, control)
    add_dashboard(application)
    return application
