"""Errors of the admin server, as application/problem+json (RFC 9457)."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from typing import Any

from pygateway.problem import type_prefix

MEDIA_TYPE = "application/problem+json"

# Status and title of every problem that the admin server has.
CATALOGUE: dict[str, tuple[int, str]] = {
    "bad-request": (400, "Bad request"),
    "invalid-revocation": (400, "This revocation has no clear meaning"),
    "token-missing": (401, "A token is needed"),
    "token-invalid": (401, "The token is not accepted"),
    "cross-site": (403, "Requests of web pages are refused"),
    "not-found": (404, "There is no such path"),
    "method-not-allowed": (405, "Method not allowed"),
    "request-timeout": (408, "The request did not arrive in time"),
    "reload-refused": (409, "The configuration was not replaced"),
    "body-too-large": (413, "Request body too large"),
    "media-type-not-supported": (415, "The body has to be application/json"),
    "wrong-host": (421, "This host is not served here"),
    "internal": (500, "Internal error"),
    "no-worker": (503, "No worker can say"),
    "revocations-not-kept": (507, "The revocation cannot be kept"),
}


@dataclass(eq=False)
class AdminProblem(Exception):
    """A request that is refused.

    Attributes:
        name: A name of `CATALOGUE`.
        detail: One sentence about this occurrence.
        members: What else is said.
        headers: Fields of the reply.
    """

    name: str
    detail: str
    members: dict[str, Any] = field(default_factory=dict)
    headers: dict[str, str] = field(default_factory=dict)

    @property
    def status(self) -> int:
        """Status of the reply."""
        return CATALOGUE[self.name][0]

    def body(self) -> bytes:
        """Render the reply's body."""
        status, title = CATALOGUE[self.name]
        document = {
            "type": type_prefix + self.name,
            "title": title,
            "status": status,
            "detail": self.detail,
            **self.members,
        }
        return json.dumps(document).encode("ascii") + b"\n"
