"""The paths of the admin server."""

from __future__ import annotations

from time import time
from typing import Any

from fastapi import FastAPI, Query, Request, Response
from fastapi.exceptions import RequestValidationError
from fastapi.responses import PlainTextResponse
from starlette.exceptions import HTTPException

from pygateway import __version__
from pygateway.admin.control import Control
from pygateway.admin.dashboard import add_dashboard
from pygateway.admin.metrics import Scraping
from pygateway.admin.models import (
    DrainReply,
    ReloadReply,
    RevocationList,
    RevocationReply,
    RevocationRequest,
    StatusReply,
)
from pygateway.admin.problems import MEDIA_TYPE, AdminProblem
from pygateway.admin.traffic import add_traffic
from pygateway.errors import ConfigurationProblem
from pygateway.revocation.entry import NotARevocation, Revocation, from_json
from pygateway.revocation.journal import JournalFailed
from pygateway.revocation.ledger import LedgerFull

FURTHEST_AHEAD = 600.0
"""Seconds by which `issued_before` may lie in the future: clocks differ by less. A time further
ahead would end tokens that nobody has yet, and people who log in anew would be locked out."""

MOST_AT_ONCE = 5000
"""Revocations in one request."""

MOST_LISTED = 10_000
"""Revocations in one reply."""

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
    application.add_exception_handler(AdminProblem, _problem)
    application.add_exception_handler(HTTPException, _http_problem)
    application.add_exception_handler(RequestValidationError, _validation_problem)
    application.add_exception_handler(Exception, _internal_problem)
    _add_health(application, control)
    _add_operations(application, control)
    _add_revocations(application, control)
    add_traffic(application, control)
    add_dashboard(application)
    return application


def _add_health(application: FastAPI, control: Control) -> None:
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

    @application.get("/status")
    async def status() -> StatusReply:
        """How workers, keys, revocations, rate limits and the configuration are."""
        return StatusReply.model_validate(await control.status())

    scraping = Scraping(control.measurements)

    @application.get("/metrics", response_class=PlainTextResponse)
    async def metrics(request: Request) -> Response:
        """Everything that is counted, in Prometheus' text format or, if accepted, OpenMetrics."""
        accept = ",".join(request.headers.getlist("accept"))
        text, media_type = await scraping.answer(accept)
        return Response(text, media_type=media_type)


def _add_operations(application: FastAPI, control: Control) -> None:
    @application.post("/reload")
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


def _add_revocations(application: FastAPI, control: Control) -> None:
    @application.post("/revocations", responses={202: {"model": RevocationReply}})
    async def revoke(
        wanted: RevocationRequest | list[RevocationRequest], response: Response
    ) -> RevocationReply:
        """Refuse tokens from now on. 202 instead of 200: not everybody heeds it yet."""
        requests = wanted if isinstance(wanted, list) else [wanted]
        if not 1 <= len(requests) <= MOST_AT_ONCE:
            raise AdminProblem(
                "invalid-revocation", f"A request has 1 to {MOST_AT_ONCE} revocations."
            )
        now = time()
        entries = [revocation_of(request, control, now) for request in requests]
        try:
            outcome = await control.revoke(entries)
        except (LedgerFull, JournalFailed) as failure:
            raise AdminProblem("revocations-not-kept", f"{failure}.") from None
        response.status_code = 200 if outcome.complete else 202
        return RevocationReply.model_validate(
            {
                "complete": outcome.complete,
                "changed": outcome.changed,
                "unheard": [
                    {"worker": worker.slot, "pid": worker.pid, "reason": worker.reason}
                    for worker in outcome.unheard
                ],
                "shared": outcome.shared,
                "problem": outcome.problem,
                "revocations": [entry.to_json() for entry in entries],
            }
        )

    @application.get("/revocations")
    async def revocations(limit: int = Query(default=1000, ge=0, le=MOST_LISTED)) -> RevocationList:
        """What is revoked now."""
        held = control.revocations()
        return RevocationList.model_validate(
            {"total": len(held), "revocations": [entry.to_json() for entry in held[:limit]]}
        )


def revocation_of(request: RevocationRequest, control: Control, now: float) -> Revocation:
    """Give the revocation that a request means at `now` Unix seconds.

    Raises:
        AdminProblem: It has no clear meaning.
    """
    _check_meaning(request, now)
    document: dict[str, object] = {"issuer": request.issuer}
    if request.jti is not None:
        document["jti"] = request.jti
    else:
        document["issued_before"] = now if request.issued_before is None else request.issued_before
        if request.sub is not None:
            document["sub"] = request.sub
    needed = max(now, request.issued_before or 0.0) + control.needed_life(request.issuer)
    document["expires"] = needed if request.expires is None else request.expires
    try:
        return from_json(document)
    except NotARevocation as error:
        raise AdminProblem("invalid-revocation", f"{error}.") from None


def _check_meaning(request: RevocationRequest, now: float) -> None:
    if request.jti is not None and (request.sub is not None or request.issued_before is not None):
        detail = "With `jti` there is no `sub` and no `issued_before`: it names one token."
    elif request.jti is None and request.sub is None and request.issued_before is None:
        detail = "One of `jti`, `sub` and `issued_before` is needed."
    elif request.issued_before is not None and request.issued_before > now + FURTHEST_AHEAD:
        detail = "`issued_before` lies in the future: it would end tokens that nobody has yet."
    elif request.expires is not None and request.expires <= now:
        detail = "`expires` has passed: nothing would be revoked."
    else:
        return
    raise AdminProblem("invalid-revocation", detail)


def _described(problem: ConfigurationProblem) -> dict[str, Any]:
    """Describe a problem without the line that it stands in, which may hold a secret."""
    return {
        "code": problem.code,
        "message": problem.message,
        "file": problem.file,
        "line": problem.line,
        "column": problem.column,
    }


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
