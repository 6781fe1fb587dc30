"""Which route takes a request: every route is tried and the best one wins.

Precedence is one ordering of ranks, lower first.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from tests.door.model.fields import values
from tests.door.model.specification import Route
from tests.door.model.verdict import Fields

STATIC, PARAMETER, WILDCARD = range(3)
EXACT, SUFFIX, DEFAULT = range(3)


@dataclass(frozen=True)
class PathMatch:
    """A pattern that matches: its rank, segment by segment, and what it captured."""

    rank: tuple[int, ...]
    pattern: str | None
    captures: tuple[tuple[str, str], ...]


@dataclass(frozen=True)
class RouteMatch:
    """A route that takes a request, ranked."""

    rank: tuple[object, ...]
    index: int
    path: PathMatch


@dataclass(frozen=True)
class Question:
    """What routing looks at."""

    host: str
    path: str
    method: str
    fields: Fields
    query: bytes | None


def host_rank(patterns: Sequence[str], host: str) -> tuple[int, int] | None:
    """Best rank of these host patterns: exact, then the longer wildcard, then no pattern."""
    if not patterns:
        return (DEFAULT, 0)
    ranks = []
    for pattern in patterns:
        if pattern.startswith("*."):
            suffix = pattern[1:]
            if host.endswith(suffix) and len(host) > len(suffix):
                ranks.append((SUFFIX, -len(suffix)))
        elif pattern == host:
            ranks.append((EXACT, 0))
    return min(ranks, default=None)


def match_pattern(pattern: str, path: str) -> PathMatch | None:
    """Static segments, `{name}` for one segment that is not empty, a last `*` for any rest."""
    wanted, given = pattern.split("/")[1:], path.split("/")[1:]
    rank: list[int] = []
    captures: list[tuple[str, str]] = []
    for position, segment in enumerate(wanted):
        if position >= len(given):
            return None
        if segment == "*":
            rank.append(WILDCARD)
            captures.append(("rest", "/".join(given[position:])))
            return PathMatch(tuple(rank), pattern, tuple(captures))
        if segment.startswith("{"):
            if not given[position]:
                return None
            rank.append(PARAMETER)
            captures.append((segment[1:-1], given[position]))
        elif segment == given[position]:
            rank.append(STATIC)
        else:
            return None
    return PathMatch(tuple(rank), pattern, tuple(captures)) if len(wanted) == len(given) else None


def match_path(patterns: Sequence[str], path: str) -> PathMatch | None:
    """Best match of these patterns; none at all take any path, as `/*` does."""
    if not patterns:
        return PathMatch((WILDCARD,), None, (("rest", path[1:]),))
    matches = [match_pattern(pattern, path) for pattern in patterns]
    return min((match for match in matches if match), key=lambda match: match.rank, default=None)


def takes_method(route: Route, method: str) -> bool:
    """GET implies HEAD (RFC 9110 section 9.3.2)."""
    return (
        not route.methods
        or method in route.methods
        or (method == "HEAD" and "GET" in route.methods)
    )


def takes_fields(route: Route, fields: Fields) -> bool:
    for name, wanted in route.headers:
        given = values(fields, name.lower().encode())
        if not given or (wanted is not None and wanted.encode() not in given):
            return False
    return True


def takes_query(route: Route, query: bytes | None) -> bool:
    pairs = [part.partition(b"=") for part in (query or b"").split(b"&") if part]
    given = [(name, value) for name, _, value in pairs]
    for name, wanted in route.query:
        found = [value for other, value in given if other == name.encode()]
        if not found or (wanted is not None and wanted.encode() not in found):
            return False
    return True


def matches_but_for_method(routes: Sequence[Route], question: Question) -> list[RouteMatch]:
    found = []
    for index, route in enumerate(routes):
        host = host_rank(route.hosts, question.host)
        path = match_path(route.paths, question.path)
        if host is None or path is None:
            continue
        if takes_fields(route, question.fields) and takes_query(route, question.query):
            names_method = 0 if route.methods else 1
            rank = (host, path.rank, names_method, -len(route.headers), -len(route.query), index)
            found.append(RouteMatch(rank, index, path))
    return found


def select(routes: Sequence[Route], question: Question) -> RouteMatch | None:
    """The winner, or None."""
    candidates = [
        match
        for match in matches_but_for_method(routes, question)
        if takes_method(routes[match.index], question.method)
    ]
    return min(candidates, key=lambda match: match.rank, default=None)


def allowed_methods(routes: Sequence[Route], question: Question) -> list[str]:
    """Methods that some route would take here; empty when nothing but 404 can be said."""
    methods: set[str] = set()
    for match in matches_but_for_method(routes, question):
        methods.update(routes[match.index].methods)
    if "GET" in methods:
        methods.add("HEAD")
    return sorted(methods)
