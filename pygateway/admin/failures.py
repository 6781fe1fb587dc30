"""Turns whatever goes wrong within a path into a problem (RFC 9457)."""

from __future__ import annotations

from fastapi import FastAPI, Request, Response
from fastapi.exceptions import RequestValidationError
from starlette.exceptions import HTTPException

from pygateway.admin.problems import MEDIA_TYPE, AdminProblem


def add_failures(application: FastAPI) -> None:
    """Have problems rendered."""
    application.add_exception_handler(AdminProblem, _problem)
    application.add_exception_handler(HTTPException, _http_problem)
    application.add_exception_handler(RequestValidationError, _validation_problem)
    application.add_exception_handler(Exception, _internal_problem)


async def _problem(_: Request, error: Exception) -> Response:
    assert isinstance(error, AdminProblem)  # noqa: S101 - registered for this class
    return Response(error.body(), error.status, error.headers, MEDIA_TYPE)


async def _internal_problem(request: Request, _: Exception) -> Response:
    # The exception travels on, to the guard, which logs it.
    return await _problem(request, AdminProblem("internal", "The log says more."))


async def _http_problem(request: Request, error: Exception) -> Response:
    assert isinstance(error, HTTPException)  # noqa: S101 - registered for this class
    match error.status_code:
        case 404:
            problem = AdminProblem("not-found", "See /openapi.json for what there is.")
        case 405:
            headers = dict(error.headers or {})
            problem = AdminProblem(
                "method-not-allowed", "See /openapi.json for what there is.", headers=headers
            )
        case _:
            problem = AdminProblem("bad-request", "The request cannot be read.")
    return await _problem(request, problem)


async def _validation_problem(request: Request, error: Exception) -> Response:
    assert isinstance(error, RequestValidationError)  # noqa: S101 - registered for this class
    errors = [
        {"place": ".".join(str(part) for part in each["loc"]), "message": each["msg"]}
        for each in error.errors()
    ]
    problem = AdminProblem(
        "bad-request", "The request has not the form that is needed.", {"errors": errors}
    )
    return await _problem(request, problem)
