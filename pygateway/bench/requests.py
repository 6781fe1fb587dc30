"""The bytes of one request after another: targets and tokens take turns.

Framing is ours (RFC 9112 section 6): whoever asks for a header that would change it is refused,
because the load would then measure how requests are refused.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final, NamedTuple, TypeVar

if TYPE_CHECKING:
    from collections.abc import Sequence

# RFC 9110 sections 5.1 and 5.5; RFC 9112 section 3.2, whose targets are visible ASCII.
_TOKEN = re.compile(r"[!#$%&'*+\-.^_`|~0-9A-Za-z]+")
_VALUE = re.compile(r"[\t\x20-\x7e\x80-\xff]*")
_VISIBLE = re.compile(r"[\x21-\x7e]+")

OURS: Final = frozenset(
    ("content-length", "transfer-encoding", "upgrade", "expect", "te", "trailer")
)
"""Headers that say how the message is framed, or ask for another protocol."""

HAS_LENGTH: Final = frozenset(("POST", "PUT", "PATCH"))
"""Methods that announce a body even if it is empty (RFC 9110 section 8.6)."""

MAX_LINES: Final = 100_000
"""Targets or tokens of a file. More than a gateway remembers of either by default."""


_Item = TypeVar("_Item")


class InvalidRequest(ValueError):
    """A request cannot be made of this."""


class Request(NamedTuple):
    """What is sent.

    Attributes:
        head: The whole head.
        bodiless: Whether the response has no body whatever its head says, because of HEAD.
    """

    head: bytes
    bodiless: bool


@dataclass
class Requests:
    """Gives one request after another, without end.

    Attributes:
        lines: Request lines, in turn, each with whether it is HEAD.
        tokens: Whole Authorization lines, in turn; may be none.
        rest: Every other line of the head, and the empty one.
        body: Sent behind every head.
    """

    lines: Sequence[tuple[bytes, bool]]
    tokens: Sequence[bytes]
    rest: bytes
    body: bytes = b""
    _given: int = field(default=0, init=False)

    def next(self) -> Request:
        """Give the next one."""
        number = self._given
        self._given = number + 1
        line, bodiless = self.lines[number % len(self.lines)]
        if self.tokens:
            line += self.tokens[number % len(self.tokens)]
        return Request(line + self.rest, bodiless)


def make_requests(
    method: str,
    targets: Sequence[tuple[str | None, str]],
    authority: str,
    headers: Sequence[tuple[str, str]] = (),
    tokens: Sequence[str] = (),
    body: bytes = b"",
    version: str = "",
) -> Requests:
    """Make requests.

    Args:
        method: Used where a target has none of its own.
        targets: Each with its method, if it has one.
        authority: What the Host header says unless `headers` say otherwise.
        headers: Name and value of each.
        tokens: Bearer tokens (RFC 6750 section 2.1).
        body: The same for every request.
        version: Of this program, for User-Agent.

    Raises:
        InvalidRequest: Something cannot be sent.
    """
    given = {name.lower() for name, _ in headers}
    for name, value in headers:
        check_header(name, value)
    if tokens and "authorization" in given:
        raise InvalidRequest("there are tokens, and yet a header Authorization is given")
    fields = [] if "host" in given else [("Host", authority)]
    fields += [
        (name, value)
        for name, value in (("User-Agent", f"pygateway-bench/{version}"), ("Accept", "*/*"))
        if name.lower() not in given
    ]
    fields += headers
    methods = {own or method for own, _ in targets}
    if body or methods & HAS_LENGTH:
        fields.append(("Content-Length", str(len(body))))
    for token in tokens:
        if not _VISIBLE.fullmatch(token):
            raise InvalidRequest("a token has characters that no token has")
    return Requests(
        [_line(own or method, target) for own, target in targets],
        [f"Authorization: Bearer {token}\r\n".encode("ascii") for token in tokens],
        "".join(f"{name}: {value}\r\n" for name, value in fields).encode("latin-1") + b"\r\n",
        body,
    )


def _line(method: str, target: str) -> tuple[bytes, bool]:
    if not _TOKEN.fullmatch(method) or method == "CONNECT":
        raise InvalidRequest(f"no method that can be measured: {method!r}")
    if not _VISIBLE.fullmatch(target) or not target.startswith("/") or "#" in target:
        raise InvalidRequest(f"no target: {target!r} (it begins with / and is percent-encoded)")
    return f"{method} {target} HTTP/1.1\r\n".encode("ascii"), method == "HEAD"


def check_header(name: str, value: str) -> None:
    """Refuse headers that cannot be sent.

    Raises:
        InvalidRequest: It is malformed, or one of `OURS`.
    """
    if not _TOKEN.fullmatch(name):
        raise InvalidRequest(f"no name of a header: {name!r}")
    if not _VALUE.fullmatch(value):
        raise InvalidRequest(f"the value of {name} has characters that cannot be sent")
    if name.lower() in OURS:
        raise InvalidRequest(f"{name} is made by the load itself")


def read_targets(text: str) -> list[tuple[str | None, str]]:
    """Read `TARGET` or `METHOD TARGET` lines; empty ones and those that begin with # are none.

    Raises:
        InvalidRequest: A line is neither; the message names it.
    """
    targets: list[tuple[str | None, str]] = []
    for number, line in enumerate(text.splitlines(), 1):
        words = line.split()
        if not words or words[0].startswith("#"):
            continue
        if len(words) > 2:
            raise InvalidRequest(f"line {number}: neither TARGET nor METHOD TARGET")
        method = words[0] if len(words) == 2 else None
        try:
            _line(method or "GET", words[-1])
        except InvalidRequest as error:
            raise InvalidRequest(f"line {number}: {error}") from None
        targets.append((method, words[-1]))
    return _bounded(targets)


def read_tokens(text: str) -> list[str]:
    """Read a token from each line; empty lines are none.

    Raises:
        InvalidRequest: A line is no token; the message names the line and never the token.
    """
    tokens = []
    for number, line in enumerate(text.splitlines(), 1):
        token = line.strip()
        if not token:
            continue
        if not _VISIBLE.fullmatch(token):
            raise InvalidRequest(f"line {number}: no token")
        tokens.append(token)
    return _bounded(tokens)


def _bounded(items: list[_Item]) -> list[_Item]:
    if not items:
        raise InvalidRequest("there is nothing in it")
    if len(items) > MAX_LINES:
        raise InvalidRequest(f"more than {MAX_LINES} lines")
    return items
