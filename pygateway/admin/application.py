"""The paths of the admin server, each theme in its own file."""

from __future__ import annotations

from typing import Any

from fastapi import FastAPI

from pygateway import __version__
from pygateway.admin.configuration import add_configuration
from pygateway.admin.control import Control
from pygateway.admin.dashboard import add_dashboard
from pygateway.admin.explanation import add_explanation
from pygateway.admin.failures import add_failures
from pygateway.admin.health import add_health
from pygateway.admin.log import add_log
from pygateway.admin.operations import add_operations
from pygateway.admin.responses import OF_EVERY_PATH, document, problems
from pygateway.admin.revocations import add_revocations
from pygateway.admin.status import add_status
from pygateway.admin.traffic import add_traffic


def make_application(control: Control) -> FastAPI:
    """Make the application that offers `control` over HTTP."""
    application = FastAPI(
        title="PyGateway admin",
        version=__version__,
        description="What operators ask and tell one gateway.",
        # The pages would load scripts from elsewhere; the document is enough.
        docs_url=None,
        redoc_url=None,
        responses=problems(*OF_EVERY_PATH),
    )
    add_failures(application)
    add_health(application, control)
    add_status(application, control)
    add_configuration(application, control)
    add_explanation(application, control)
    add_log(application, control)
    add_operations(application, control)
    add_revocations(application, control)
    add_traffic(application, control)
    add_dashboard(application)

    described: dict[str, Any] = {}

    def describe() -> dict[str, Any]:
        if not described:
            described.update(document(application))
        return described

    application.openapi = describe  # type: ignore[method-assign] # as the framework documents
    return application
