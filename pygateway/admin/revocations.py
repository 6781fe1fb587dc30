"""Paths that end tokens before their time."""

from __future__ import annotations

from time import time
from typing import Annotated

from fastapi import FastAPI, Query, Response
from pydantic import Field

from pygateway.admin.control import Control
from pygateway.admin.models import RevocationList, RevocationReply, RevocationRequest
from pygateway.admin.problems import AdminProblem
from pygateway.admin.responses import Responses, problems
from pygateway.revocation.entry import NotARevocation, Revocation, from_json
from pygateway.revocation.journal import JournalFailed
from pygateway.revocation.ledger import LedgerFull

FURTHEST_AHEAD = 600.0
"""Seconds by which `issued_before` may lie in the future: clocks differ by less. A time further
ahead would end tokens that nobody has yet, and people who log in anew would be locked out."""

MOST_AT_ONCE = 5000
"""Revocations in one request."""

Several = Annotated[list[RevocationRequest], Field(min_length=1, max_length=MOST_AT_ONCE)]

REVOKING: Responses = {
    202: {"model": RevocationReply, "description": "Not everybody heeds it yet."},
    **problems("bad-request", "invalid-revocation", "revocations-not-kept"),
}

MOST_LISTED = 10_000
"""Revocations in one reply."""


def add_revocations(application: FastAPI, control: Control) -> None:
    """Add the paths."""

    @application.post("/revocations", responses=REVOKING)
    async def revoke(wanted: RevocationRequest | Several, response: Response) -> RevocationReply:
        """Refuse tokens from now on. 202 instead of 200: not everybody heeds it yet."""
        requests = wanted if isinstance(wanted, list) else [wanted]
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
