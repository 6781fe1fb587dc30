"""The one place that turns an error into a response: `application/problem+json` (RFC 9457).

`CATALOGUE` names every problem that a client can meet. A problem's type is
`urn:pygateway:problem:NAME`; its detail never holds a credential, a traceback or text of another
caller.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from json.encoder import encode_basestring_ascii as encode_text
from typing import Protocol

type_prefix = "urn:pygateway:problem:"

Headers = list[tuple[bytes, bytes]]


@dataclass(frozen=True, slots=True)
class Problem:
    """A kind of error: the status it is sent with, and its title (RFC 9457 section 3.1)."""

    status: int
    title: str


CATALOGUE: dict[str, Problem] = {
    "bad-request": Problem(400, "Bad request"),
    "token-missing": Problem(401, "Authentication required"),
    "token-invalid": Problem(401, "Invalid credential"),
    "token-expired": Problem(401, "Credential expired"),
    "token-revoked": Problem(401, "Credential revoked"),
    "insufficient-scope": Problem(403, "Insufficient permission"),
    "route-not-found": Problem(404, "No route takes this request"),
    "method-not-allowed": Problem(405, "Method not allowed"),
    "request-timeout": Problem(408, "The request did not arrive in time"),
    "body-too-large": Problem(413, "Request body too large"),
    "target-too-long": Problem(414, "Request target too long"),
    "expectation-failed": Problem(417, "Expectation failed"),
    "rate-limited": Problem(429, "Rate limit exceeded"),
    "headers-too-large": Problem(431, "Request headers too large"),
    "internal": Problem(500, "Internal error"),
    "not-implemented": Problem(501, "Not implemented"),
    "upstream-unreachable": Problem(502, "Upstream unreachable"),
    "upstream-protocol-error": Problem(502, "Upstream broke the protocol"),
    "no-healthy-endpoint": Problem(503, "No healthy endpoint"),
    "auth-unavailable": Problem(503, "Authentication unavailable"),
    "rate-limit-unavailable": Problem(503, "Rate limit unavailable"),
    "overloaded": Problem(503, "Overloaded"),
    "draining": Problem(503, "The gateway is shutting down"),
    "upstream-timeout": Problem(504, "Upstream timed out"),
    "version-not-supported": Problem(505, "HTTP version not supported"),
}

# A client that is told to come back is told when; a second is the shortest time that the header
# can say (RFC 9110 section 10.2.3).
RETRY_AFTER: dict[str, bytes] = dict.fromkeys(
    ("auth-unavailable", "rate-limit-unavailable", "overloaded", "draining"), b"1"
)

# What every reply for a problem begins with; it is encoded once, because a flood of refusals should
# cost less than what it keeps out.
FIELDS: Headers = [(b"Content-Type", b"application/problem+json"), (b"Cache-Control", b"no-store")]
BEGINNINGS: dict[str, str] = {
    name: json.dumps(
        {"type": type_prefix + name, "title": problem.title, "status": problem.status}
    ).removesuffix("}")
    for name, problem in CATALOGUE.items()
}


HEAD_END = b"\r\n\r\n"
"""What every head ends with (RFC 9112 section 2.1)."""


class Replier(Protocol):
    """What a decision offers for building a reply of the gateway's own."""

    @property
    def request_id(self) -> str:
        """Identity of the request, repeated in the body."""

    @property
    def path(self) -> str:
        """Canonical path, the problem's `instance`."""

    @property
    def head_only(self) -> bool:
        """Whether the request was HEAD, whose reply has no body."""

    def reply_head(
        self, status: int, headers: Headers, content_length: int, now: float, close: bool = ...
    ) -> bytes:
        """Render the head of the reply."""


def render(
    replier: Replier,
    name: str,
    detail: str,
    now: float,
    *,
    headers: Headers | None = None,
    members: Mapping[str, object] | None = None,
    close: bool = False,
) -> bytes:
    """Render the whole reply for a problem.

    Args:
        replier: The decision about the request that failed.
        name: A name of `CATALOGUE`.
        detail: One sentence about this occurrence.
        now: Unix seconds, for the Date header.
        headers: Headers that belong to this problem, such as Allow.
        members: Members of the object that only this problem has, such as `violated_policies`;
            none of those that every problem has.
        close: Whether the connection ends after the reply.
    """
    status = CATALOGUE[name].status
    text = (
        f'{BEGINNINGS[name]}, "detail": {encode_text(detail)},'
        f' "instance": {encode_text(replier.path or "/")},'
        f' "request_id": {encode_text(replier.request_id)}'
    )
    if members:
        for member, value in members.items():
            text += f", {encode_text(member)}: {_encode(value)}"
    body = (text + "}\n").encode("ascii")
    fields = FIELDS
    if name in RETRY_AFTER and not any(field == b"Retry-After" for field, _ in headers or ()):
        fields = [*fields, (b"Retry-After", RETRY_AFTER[name])]
    if headers:
        fields = fields + headers
    head = replier.reply_head(status, fields, len(body), now, close)
    return head if replier.head_only else head + body


def body_length(reply: bytes) -> int:
    """Give the bytes of the body of a whole reply, as `render` makes it."""
    return len(reply) - reply.index(HEAD_END) - len(HEAD_END)


def _encode(value: object) -> str:
    """Encode as `json.dumps` does, but lists of text, which refusals name policies with, faster."""
    if type(value) is str:
        return encode_text(value)
    if type(value) is list:
        return f"[{', '.join(map(_encode, value))}]"
    return json.dumps(value)
