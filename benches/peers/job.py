"""What a gateway is asked to do: the job, and the place where it does it."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from benches.peers.tokens import Keys

Kind = Literal["bare", "full", "limited", "routes"]
"""A reverse proxy and nothing else; every duty at once; a limit by address; 10,000 routes."""

ISSUER = "https://idp.example"
AUDIENCE = "api"
WINDOW = 60
"""Seconds of every limit's window."""
PLENTY = 60_000_000
"""A quota that nobody uses up, for what is measured without refusals."""
ROUTES = 10_000
CONNECTIONS = 16_384
"""Connections that every gateway is ready for, the upstream's included."""

SECURITY_HEADERS = {
    "X-Frame-Options": "DENY",
    "X-Content-Type-Options": "nosniff",
    "Strict-Transport-Security": "max-age=63072000",
}
LOG_FIELDS = (
    *("timestamp", "request_id", "client", "method", "path", "status"),
    *("duration_ms", "upstream", "upstream_ms", "user", "bytes_in", "bytes_out"),
)
"""What an access-log line has, with everybody."""


@dataclass(frozen=True)
class Job:
    """What is to be done.

    Attributes:
        kind: Which duties.
        algorithm: Of the tokens, where the job is the full one.
        quota: Requests of a user, or of an address, in a window.
        redis: How the limit is counted in Redis; "" without one.
    """

    kind: Kind
    algorithm: str = "RS256"
    quota: int = PLENTY
    redis: str = ""

    def __str__(self) -> str:
        words: list[str] = [self.kind]
        if self.kind == "full":
            words.append(self.algorithm)
        if self.redis:
            words.append(f"Redis {self.redis}")
        return ", ".join(words)


@dataclass(frozen=True)
class Place:
    """Where it is done.

    Attributes:
        folder: For the configuration, the log and whatever else the gateway writes.
        port: On which it listens, on 127.0.0.1.
        upstream: Port of its upstream.
        keys: By which tokens are checked.
        redis: URL of a Redis; "" if there is none.
    """

    folder: Path
    port: int
    upstream: int
    keys: Keys
    redis: str = ""

    @property
    def log(self) -> Path:
        """The access log."""
        return self.folder / "access.log"

    def write(self, name: str, text: str) -> Path:
        """Write a file of the gateway's; gives its path."""
        path = self.folder / name
        path.write_text(text)
        return path
