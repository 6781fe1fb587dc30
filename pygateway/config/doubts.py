"""What can be run but is likely not what was meant."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import product

from .auth_doubts import warn_of_weak_authentication
from .document import Path
from .model.routes import Match, Route
from .model.timeouts import Timeouts
from .rate_limit_doubts import warn_of_weak_rate_limits
from .subject import Subject
from .syntax.paths import parameters_of, shape_of
from .telemetry_doubts import warn_of_doubtful_telemetry

_Place = tuple[str, str, tuple[tuple[str, str | None], ...], tuple[tuple[str, str | None], ...]]


def warn(subject: Subject) -> None:
    """Find every doubtful setting of a configuration without errors."""
    _warn_of_open_routes(subject)
    warn_of_weak_authentication(subject)
    warn_of_weak_rate_limits(subject)
    warn_of_doubtful_telemetry(subject)
    _warn_of_unused_upstreams(subject)
    _warn_of_unverified_upstreams(subject)
    _warn_of_unreachable_routes(subject)
    _warn_of_idle_deadlines(subject)
    for index, route in enumerate(subject.config.routes):
        _warn_of_idle_prefix(subject, ("routes", index), route)


def _warn_of_open_routes(subject: Subject) -> None:
    routes = subject.config.routes
    if not routes:
        message = "there are no routes: every request is answered with 404"
        subject.warn("no-routes", message, ("routes",), key=True)
    elif not subject.config.auth.providers and any(route.upstream for route in routes):
        message = (
            "every route is open: whoever can reach the gateway can use every upstream"
            " (a provider in `auth.providers` protects them)"
        )
        subject.warn("open-routes", message, ("routes",), key=True)


def _warn_of_unused_upstreams(subject: Subject) -> None:
    used = {share.name for route in subject.config.routes for share in route.upstream}
    for name in subject.config.upstreams:
        if name not in used:
            message = f"no route forwards to the upstream `{name}`"
            subject.warn("unused-upstream", message, ("upstreams", name), key=True)


def _warn_of_unverified_upstreams(subject: Subject) -> None:
    for name, upstream in subject.config.upstreams.items():
        path: Path = ("upstreams", name, "tls")
        secure = any(endpoint.scheme == "https" for endpoint in upstream.endpoints)
        if secure and not upstream.tls.verify:
            message = (
                f"certificates of `{name}` are not verified: anybody on the way can answer in its"
                " place"
            )
            subject.warn("unverified-upstream", message, (*path, "verify"), key=True)
        elif not secure and upstream.tls.model_fields_set:
            message = f"no endpoint of `{name}` is https, so `tls` has nothing to do"
            subject.warn("idle-setting", message, path, key=True)


def _warn_of_unreachable_routes(subject: Subject) -> None:
    """Find routes of which every match was claimed by equal ones before.

    A route that names methods goes before one that does not, so only like ones claim from each
    other.
    """
    named: dict[_Place, dict[str, str]] = {}
    unnamed: dict[_Place, str] = {}
    for index, route in enumerate(subject.config.routes):
        methods = set(route.match.methods) | ({"HEAD"} if "GET" in route.match.methods else set())
        claimed_by: set[str] = set()
        reachable = False
        for place in _places(route.match):
            if not methods:
                owner = unnamed.setdefault(place, route.name)
                reachable |= owner == route.name
                claimed_by.add(owner)
            for method in methods:
                owner = named.setdefault(place, {}).setdefault(method, route.name)
                reachable |= owner == route.name
                claimed_by.add(owner)
        if not reachable:
            owners = ", ".join(f"`{owner}`" for owner in sorted(claimed_by))
            message = f"the route is never taken: {owners} before it takes the same requests"
            subject.warn("unreachable-route", message, ("routes", index, "match"), key=True)


def _places(match: Match) -> Iterator[_Place]:
    """Yield every combination that the router compares; equal ones take equal requests."""
    headers = tuple(sorted((name.lower(), value) for name, value in match.headers.items()))
    query = tuple(sorted(match.query.items()))
    paths = {shape_of(path) for path in match.paths or ("/*",)}
    for host, path in product(set(match.hosts or ("*",)), paths):
        yield host, path, headers, query


def _warn_of_idle_deadlines(subject: Subject) -> None:
    """Find deadlines that were written but end after the one around them."""
    timeouts: Timeouts = subject.config.timeouts
    for key in ("connect", "response", "body_stall"):
        if key in timeouts.model_fields_set and getattr(timeouts, key) > timeouts.request:
            message = f"`{key}` never ends before `request`, which bounds it"
            subject.warn("idle-setting", message, ("timeouts", key), key=True)


def _warn_of_idle_prefix(subject: Subject, path: Path, route: Route) -> None:
    prefix = route.rewrite.strip_prefix
    if prefix is None:
        return
    for index, pattern in enumerate(route.match.paths):
        if not _can_start_with(pattern, prefix):
            message = f"no path that this pattern takes starts with `{prefix}`"
            subject.warn("idle-setting", message, (*path, "match", "paths", index))


def _can_start_with(pattern: str, prefix: str) -> bool:
    segments = pattern[1:].split("/")
    for index, wanted in enumerate(prefix[1:].split("/")):
        if index >= len(segments):
            return False
        if segments[index] == "*":
            return True
        if not parameters_of(segments[index]) and segments[index] != wanted:
            return False
    return True
