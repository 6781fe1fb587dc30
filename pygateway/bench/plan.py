"""What is asked for: where to, how often, for how long, and every bound."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final
from urllib.parse import urlsplit

if TYPE_CHECKING:
    import ssl

    from pygateway.bench.requests import Requests

DEFAULT_PORTS: Final = {"http": 80, "https": 443}

EXPECTED: Final = frozenset(range(200, 400))
"""Statuses that are no errors unless others are named."""

MAX_BODY_BYTES: Final = 64 * 1024 * 1024


class InvalidURL(ValueError):
    """There is nothing to be measured under this URL."""


@dataclass(frozen=True)
class Place:
    """Where connections go.

    Attributes:
        unix: Path of a socket to connect to, instead of host and port.
        tls: What servers are trusted; None for no TLS.
    """

    host: str
    port: int
    unix: str | None = None
    tls: ssl.SSLContext | None = None

    def __str__(self) -> str:
        if self.unix is not None:
            return f"unix:{self.unix}"
        return f"[{self.host}]:{self.port}" if ":" in self.host else f"{self.host}:{self.port}"


@dataclass(frozen=True)
class Plan:
    """A run.

    Attributes:
        rate: Requests a second; None for a closed loop.
        poisson: Whether requests are due at random, instead of fixed, times.
        seed: What these times are drawn from.
        connections: How many are open at most, and at the start.
        duration: Seconds of each round.
        warm_up: Seconds before the first round, of which nothing is kept.
        timeout: Seconds from when a request is due to when it has failed.
        expected: Statuses that are no errors.
    """

    place: Place
    requests: Requests
    rate: float | None
    connections: int
    duration: float
    warm_up: float
    rounds: int
    timeout: float
    poisson: bool = False
    seed: int = 1
    expected: frozenset[int] = EXPECTED


@dataclass(frozen=True)
class Location:
    """A URL taken apart.

    Attributes:
        authority: What a Host header says of it (RFC 9110 section 7.2).
        target: Path and query.
        shown: The URL without its query, which may hold what nobody is to read.
    """

    scheme: str
    host: str
    port: int
    authority: str
    target: str
    shown: str


def read_url(text: str) -> Location:
    """Take a URL apart. What its path means is for the gateway to say: it stays as it is.

    Raises:
        InvalidURL: It is none of http or https, or has parts that are not sent.
    """
    if not text.isascii() or not text.isprintable() or " " in text:
        raise InvalidURL("a URL is visible ASCII; everything else in it is percent-encoded")
    try:
        parts = urlsplit(text)
        port = parts.port
    except ValueError as error:
        raise InvalidURL(str(error)) from None
    if parts.scheme not in DEFAULT_PORTS or not parts.hostname:
        hint = "" if "://" in text else f"; did you mean http://{text}?"
        raise InvalidURL(f"not a URL of http or https: {text}{hint}")
    if "@" in parts.netloc:
        raise InvalidURL("credentials do not belong into a URL: use --bearer-file or -H")
    if parts.fragment:
        raise InvalidURL("a fragment is not sent: leave out what begins with #")
    if port == 0:
        raise InvalidURL("there is no port 0")
    path = parts.path or "/"
    return Location(
        parts.scheme,
        parts.hostname,
        port or DEFAULT_PORTS[parts.scheme],
        parts.netloc,
        f"{path}?{parts.query}" if parts.query else path,
        f"{parts.scheme}://{parts.netloc}{path}",
    )
