"""Turns whatever goes wrong within a path into a problem (RFC 9457)."""

from __future__ import annotations

import re

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
    found = [(tuple(each["loc"]), str(each["msg"])) for each in error.errors()]
    errors = [
        {
            "place": ".".join(str(part) for part in place[1:] or place),
            "message": message.removeprefix("Value error, "),
        }
        for place, message in _of_what_was_meant(found)
    ]
    problem = AdminProblem(
        "bad-request", "The request has not the form that is needed.", {"errors": errors}
    )
    return await _problem(request, problem)


_Place = tuple[str | int, ...]


def _of_what_was_meant(errors: list[tuple[_Place, str]]) -> list[tuple[_Place, str]]:
    """Choose errors, each with its place, which then holds nothing but names and numbers.

    Where a value may have one of several forms, Pydantic tells what is wrong with it as each of
    them, below the form's name. The one that was meant is where it came furthest, and then where
    the least is wrong.
    """
    chosen: list[tuple[_Place, str]] = []
    groups: dict[_Place, dict[str | int, list[tuple[_Place, str]]]] = {}
    for place, message in errors:
        end = next((index for index, part in enumerate(place) if _is_form(part)), None)
        if end is None:
            chosen.append((place, message))
        else:
            forms = groups.setdefault(place[:end], {})
            rest = (*place[:end], *place[end + 1 :])
            forms.setdefault(place[end], []).append((rest, message))

    def distance(found: list[tuple[_Place, str]]) -> tuple[int, int]:
        return -max(len(place) for place, _ in found), len(found)

    for forms in groups.values():
        chosen += _of_what_was_meant(min(forms.values(), key=distance))
    return chosen


def _is_form(part: str | int) -> bool:
    """Whether it is a type's name. Members are in lower case in every document here."""
    return isinstance(part, str) and re.fullmatch(r"[a-z_]+", part) is None
