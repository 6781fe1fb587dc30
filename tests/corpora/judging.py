"""One gateway for a whole corpus, and what became of each message."""

from __future__ import annotations

import contextlib
import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

from tests.support.gateway import RunningGateway, configuration
from tests.support.messages import Request, Truncated
from tests.support.recording import Recorded, RecordingUpstream

if TYPE_CHECKING:
    from pathlib import Path

HOST = b"gateway.test"

_LENGTH = re.compile(rb"\r\ncontent-length:[ \t]*(\d+)[ \t]*\r\n", re.IGNORECASE)
_CHUNKED = re.compile(rb"\r\ntransfer-encoding:", re.IGNORECASE)
_HOST = re.compile(rb"\r\nhost[ \t]*:", re.IGNORECASE)
_AUTHORITY = re.compile(rb"[A-Za-z]+ [a-z]+://(?:[^/?#@ ]*@)*([^/?# ]+)")


@dataclass(frozen=True)
class Outcome:
    """What client and upstream saw of one message.

    Attributes:
        statuses: Final responses that the client got before its connection ended.
        closing: Whether the last of them announced that end.
        requests: Whole requests that the upstream got.
        connections: What else the upstream received, by connection.
    """

    statuses: tuple[int, ...]
    closing: bool
    requests: tuple[Request, ...]
    connections: tuple[Recorded, ...]

    @property
    def accepted(self) -> bool:
        """Everything that was answered was forwarded and answered by the upstream."""
        return (
            bool(self.statuses)
            and set(self.statuses) == {200}
            and len(self.requests) == len(self.statuses)
        )

    @property
    def refused(self) -> bool:
        """The upstream got no whole request, and the client an error or a bare end."""
        return not self.requests and all(status >= 400 for status in self.statuses)

    @property
    def verdict(self) -> str:
        """One word for reports; `mixed` when only the first of several was accepted."""
        if self.accepted:
            return "accepted"
        return "refused" if self.refused else "mixed"


class Court:
    """A gateway in front of an upstream that records everything."""

    def __init__(self, gateway: RunningGateway, upstream: RecordingUpstream) -> None:
        self._gateway = gateway
        self._upstream = upstream

    def try_message(self, raw: bytes) -> Outcome:
        """Send a message as the only thing on a connection, and half-close."""
        statuses = []
        closing = False
        with self._gateway.client() as client, contextlib.suppress(Truncated, ConnectionError):
            client.send_while_accepted(raw)
            client.finish_sending()
            method = "HEAD" if raw.startswith(b"HEAD ") else "GET"
            while True:
                response = client.response(method)
                statuses.append(response.status)
                closing = response.closes
        self._gateway.settle()
        self._upstream.settle()
        connections = self._upstream.take()
        for connection in connections:
            # Whatever the verdict: what the upstream is sent, a careful sender could have sent.
            assert connection.malformed is None, connection.malformed
        return Outcome(
            statuses=tuple(statuses),
            closing=closing,
            requests=tuple(request for c in connections for request in c.requests),
            connections=tuple(connections),
        )


@contextlib.contextmanager
def court(directory: Path) -> Iterator[Court]:
    """Start both."""
    with contextlib.ExitStack() as stack:
        empty = b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n"
        upstream = stack.enter_context(RecordingUpstream(empty))
        document = configuration({"app": upstream.url})
        yield Court(stack.enter_context(RunningGateway(document, directory)), upstream)


def with_host(raw: bytes) -> bytes:
    """Give every 1.1 request that has no Host one, so that this is not why it is refused.

    Most messages of the corpora are tests of parsers, which do not ask for a Host.
    """
    done = b""
    while True:
        while raw.startswith(b"\r\n"):
            done, raw = done + b"\r\n", raw[2:]
        line_end = raw.find(b"\r\n") + 2
        head_end = raw.find(b"\r\n\r\n") + 4
        if head_end < 4:
            head_end = len(raw)
        if not raw[:line_end].endswith(b"HTTP/1.1\r\n"):
            return done + raw
        head = raw[:head_end]
        done += raw[:line_end]
        if _HOST.search(head) is None:
            authority = _AUTHORITY.match(raw)
            done += b"Host: " + (authority[1] if authority else HOST) + b"\r\n"
        length = _LENGTH.search(head)
        end = head_end + (int(length[1]) if length else 0)
        if _CHUNKED.search(head):
            last = raw.find(b"\r\n\r\n", head_end) + 4
            end = last if last >= 4 else len(raw)
        done, raw = done + raw[line_end:end], raw[end:]
