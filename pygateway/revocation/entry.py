"""One revocation: its forms, and the law by which two of them merge.

Entries against the same target merge: the later `issued_before` and the later `expires` win. So the
same entries, in any order and any number of times, come to the same on every gateway, and telling
somebody twice never does harm.
"""

from __future__ import annotations

import json
import math
from dataclasses import dataclass, replace
from typing import Any, Literal

from pygateway.errors import GatewayError

LONGEST_NAME = 1024
"""Bytes of an issuer, a subject or a token's identifier; tokens with longer ones are refused."""

Kind = Literal["jti", "sub", "all"]


class NotARevocation(GatewayError):
    """A document is not the form of a revocation; the text says why."""


@dataclass(frozen=True, slots=True)
class Revocation:
    """What is revoked, and until when that matters. Times are Unix seconds.

    Attributes:
        kind: One token, the tokens of a subject, or all.
        name: The token's identifier (`jti`) or the subject; empty for all.
        issuer: Whose tokens; None is every issuer.
        issued_before: A token that was issued before is revoked; 0 for a single token, which is
            revoked whenever it was issued.
        expires: When no token that the entry hits can be valid any more.
    """

    kind: Kind
    name: str
    issuer: str | None
    issued_before: float
    expires: float

    @property
    def target(self) -> Target:
        """What tells entries apart."""
        return self.kind, self.issuer, self.name

    def merged(self, other: Revocation) -> Revocation:
        """Join two entries against the same target."""
        issued_before = max(self.issued_before, other.issued_before)
        expires = max(self.expires, other.expires)
        if issued_before == self.issued_before and expires == self.expires:
            return self
        return replace(self, issued_before=issued_before, expires=expires)

    def to_json(self) -> dict[str, Any]:
        """Give the form that files, the native core and the admin server have in common."""
        document: dict[str, Any] = {"issuer": self.issuer, "expires": self.expires}
        if self.kind != "all":
            document[self.kind] = self.name
        if self.kind != "jti":
            document["issued_before"] = self.issued_before
        return document


Target = tuple[Kind, str | None, str]


def from_json(document: object) -> Revocation:
    """Read what `to_json` gives.

    Raises:
        NotARevocation: It is something else.
    """
    if not isinstance(document, dict):
        raise NotARevocation("a revocation is an object")
    members = dict(document)
    issuer = members.pop("issuer", None)
    expires = members.pop("expires", None)
    kind, name, issued_before = _what(members)
    for text in (name, issuer):
        if text is not None:
            _check_name(text)
    return Revocation(kind, name, issuer, issued_before, _time(expires))


def _what(members: dict[str, object]) -> tuple[Kind, Any, float]:
    match members:
        case {"jti": name, **rest} if not rest:
            return "jti", _text(name), 0.0
        case {"sub": name, "issued_before": time, **rest} if not rest:
            return "sub", _text(name), _time(time)
        case {"issued_before": time, **rest} if not rest:
            return "all", "", _time(time)
    raise NotARevocation(
        "a revocation has `jti`, or `sub` and `issued_before`, or `issued_before`; beside that"
        " `issuer` and `expires`, and nothing else"
    )


def _text(value: object) -> str:
    if not isinstance(value, str) or not value:
        raise NotARevocation("a name is a text that is not empty")
    return value


def _check_name(value: object) -> None:
    try:
        if isinstance(value, str) and len(value.encode("utf-8")) <= LONGEST_NAME:
            return
    except UnicodeEncodeError:
        pass  # Half of a surrogate pair: no token can have it.
    raise NotARevocation(f"a name is a text of at most {LONGEST_NAME} bytes")


def _time(value: object) -> float:
    if isinstance(value, int | float) and not isinstance(value, bool):
        try:
            seconds = float(value)
        except OverflowError:
            seconds = math.inf
        if math.isfinite(seconds) and seconds >= 0:
            return seconds
    raise NotARevocation("a time is a finite number of seconds since 1970")


def target_text(target: Target) -> str:
    """Write a target as ASCII text, the same on every gateway."""
    return json.dumps(target, separators=(",", ":"))


def from_texts(target: str, issued_before: str, expires: str) -> Revocation:
    """Read a target and its times from texts.

    Raises:
        NotARevocation: They are none.
    """
    try:
        kind, issuer, name = json.loads(target)
        times = {"issued_before": float(issued_before), "expires": float(expires)}
    except (ValueError, TypeError, RecursionError):
        raise NotARevocation("not a target and its times") from None
    if kind == "jti":
        del times["issued_before"]
    if kind not in {"jti", "sub", "all"} or (kind == "all") != (name == ""):
        raise NotARevocation("not a target")
    names = {} if kind == "all" else {kind: name}
    return from_json({**names, **times, "issuer": issuer})
