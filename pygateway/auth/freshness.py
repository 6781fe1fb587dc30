"""How long fetched keys hold: the arithmetic of RFC 9111, within bounds; no clock, no network."""

from __future__ import annotations

import random
from email.utils import parsedate_to_datetime
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from collections.abc import Mapping

EARLIEST, LATEST = 0.75, 0.95
"""The part of a lifetime after which keys are fetched again: ahead of its end, so that no request
ever waits for it, and at random, so that many workers do not ask at the same moment."""

FIRST_RETRY = 1.0
"""Seconds after which a first failed fetch is tried again; doubled for each further one."""


class Bounds(Protocol):
    """The `jwks` section of a provider, as far as time goes; all in seconds."""

    @property
    def refresh(self) -> float:
        """The lifetime where the issuer names none."""

    @property
    def minimum_refresh(self) -> float:
        """The shortest lifetime, whatever the issuer says."""

    @property
    def maximum_refresh(self) -> float:
        """The longest lifetime, whatever the issuer says."""


def lifetime(headers: Mapping[str, str], bounds: Bounds) -> float:
    """Seconds for which a response is fresh (RFC 9111 section 4.2.1), within `bounds`.

    Args:
        headers: The response's fields, names in lower case, repeated fields joined with commas.
        bounds: What the configuration allows.
    """
    named = _named_lifetime(headers)
    seconds = bounds.refresh if named is None else named - _age(headers)
    return min(max(seconds, bounds.minimum_refresh), bounds.maximum_refresh)


def refresh_after(seconds: float) -> float:
    """The time, in seconds, after which what is fresh for `seconds` is fetched again."""
    return seconds * random.uniform(EARLIEST, LATEST)  # noqa: S311 - spreads load, hides nothing


def retry_after(failures: int, bounds: Bounds) -> float:
    """The time, in seconds, after which the fetch is tried again that failed for the nth time."""
    longest = min(FIRST_RETRY * 2.0 ** min(failures - 1, 16), bounds.minimum_refresh)
    return longest * random.uniform(0.5, 1.0)  # noqa: S311 - as above


def _named_lifetime(headers: Mapping[str, str]) -> float | None:
    directives = _directives(headers.get("cache-control", ""))
    if "no-store" in directives or "no-cache" in directives:
        return 0.0
    if "max-age" in directives:
        return _seconds(directives["max-age"])
    if "expires" in headers:
        expires, date = _moment(headers["expires"]), _moment(headers.get("date", ""))
        # What is not a date lies in the past (RFC 9111 section 5.3).
        return expires - date if expires is not None and date is not None else 0.0
    return None


def _directives(value: str) -> dict[str, str]:
    """Cache-Control's directives; of one that is repeated the first counts (RFC 9111 4.2.1)."""
    directives: dict[str, str] = {}
    for part in value.split(","):
        name, _, argument = part.strip().partition("=")
        directives.setdefault(name.strip().lower(), argument.strip().strip('"'))
    return directives


def _age(headers: Mapping[str, str]) -> float:
    return _seconds(headers.get("age", ""))


def _seconds(text: str) -> float:
    """delta-seconds (RFC 9111 section 1.2.2); what is none counts as 0, which is stale."""
    return float(text[:12]) if text.isascii() and text.isdigit() else 0.0


def _moment(text: str) -> float | None:
    try:
        return parsedate_to_datetime(text).timestamp()
    except (ValueError, OverflowError):
        return None
