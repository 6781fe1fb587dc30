"""The OpenAPI document: what every path may answer, and with which token it is asked."""

from __future__ import annotations

from typing import Any, Final

from fastapi import FastAPI
from fastapi.openapi.utils import get_openapi
from pydantic import BaseModel, ConfigDict, Field

from pygateway.admin.problems import CATALOGUE, MEDIA_TYPE

Responses = dict[int | str, dict[str, Any]]

OF_EVERY_PATH: Final = (
    "bad-request",
    "token-missing",
    "token-invalid",
    "cross-site",
    "request-timeout",
    "body-too-large",
    "media-type-not-supported",
    "wrong-host",
    "internal",
)
"""What the guard in front of all paths answers, and what can happen anywhere."""

PROBES: Final = frozenset({"/livez", "/readyz"})
"""Paths that need no token."""


class Problem(BaseModel):
    """What is wrong (RFC 9457)."""

    model_config = ConfigDict(extra="allow")

    type: str = Field(description="`urn:pygateway:problem:` and the problem's name.")
    title: str
    status: int
    detail: str = Field(description="One sentence about this occurrence.")


def problems(*names: str) -> Responses:
    """Describe these problems, by their statuses, for a path or for all of them."""
    responses: Responses = {}
    for name in names:
        status, title = CATALOGUE[name]
        known = responses.get(status)
        described = f"`{name}`: {title}."
        responses[status] = {
            "description": described if known is None else f"{known['description']} {described}",
            "content": {MEDIA_TYPE: {"schema": {"$ref": "#/components/schemas/Problem"}}},
        }
    return responses


def document(application: FastAPI) -> dict[str, Any]:
    """Make the document; what the framework assumes about errors is taken out."""
    made = get_openapi(
        title=application.title,
        version=application.version,
        description=application.description,
        routes=application.routes,
    )
    for path, operations in made["paths"].items():
        for operation in operations.values():
            # Requests of another form are answered with 400.
            operation["responses"].pop("422", None)
            if path in PROBES:
                operation["security"] = []
    parts = made.setdefault("components", {})
    schemas = parts.setdefault("schemas", {})
    for unused in ("HTTPValidationError", "ValidationError"):
        schemas.pop(unused, None)
    schemas["Problem"] = Problem.model_json_schema()
    parts["securitySchemes"] = {
        "token": {
            "type": "http",
            "scheme": "bearer",
            "description": "`admin.token` of the configuration. Without one, none is needed.",
        }
    }
    made["security"] = [{"token": []}, {}]
    return made
