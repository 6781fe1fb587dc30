"""The whole decision, in the order of a request's life."""

from __future__ import annotations

from collections.abc import Callable

from tests.door.model import cors, path, routing
from tests.door.model.authentication.authentication import Authentication
from tests.door.model.authentication.finding import Accepted, Finding, Pending, Refused
from tests.door.model.authentication.memory import Judgement
from tests.door.model.fields import (
    check_size,
    check_syntax,
    connection_options,
    is_token,
    keeps_alive,
    stripped,
    values,
)
from tests.door.model.framing import request_length
from tests.door.model.host import request_host
from tests.door.model.specification import Redirect, Respond, Route, Specification
from tests.door.model.target import Target, take_apart
from tests.door.model.template import location
from tests.door.model.verdict import (
    Answer,
    Fields,
    Forwarding,
    Peer,
    Refusal,
    RefusedError,
    Request,
    Undecided,
    Verdict,
)

Content = tuple[Fields, bytes]

NOTHING: Content = ([], b"")
IDEMPOTENT = {b"GET", b"HEAD", b"OPTIONS", b"TRACE", b"PUT", b"DELETE"}


def refuse(reason: str) -> Refusal:
    return Refusal(frozenset({reason}))


class ModelGate:
    """Decides like the native gate, for one specification."""

    def __init__(self, specification: Specification) -> None:
        self.specification = specification
        auth = specification.auth
        self.authentication = None if auth is None else Authentication(auth)

    def decide(
        self,
        method: bytes,
        target: bytes,
        raw_fields: Fields,
        peer: Peer,
        version: int = 11,
        now: float = 0.0,
        given: Judgement | None = None,
    ) -> list[Verdict]:
        """Guards first; then the path; then the route; then who asks; then what the route does.

        Every verdict that the law permits, the likeliest first; nearly always there is one.
        """
        fields = stripped(raw_fields)
        reasons = self.guard(method, target, fields, version)
        if reasons:
            return [Refusal(frozenset(reasons))]
        host = request_host(fields, version)
        parts = take_apart(target, method, host)
        request = Request(
            method=method,
            path="",
            query=parts.query,
            asterisk=parts.asterisk,
            host=host if host is not None else parts.authority,
            fields=fields,
            version=version,
            body_length=request_length(fields, version),
            peer=peer,
        )
        return self.route(request, parts, now, given)

    def guard(self, method: bytes, target: bytes, fields: Fields, version: int) -> set[str]:
        """Every fault that makes a request unfit for routing, each looked for on its own."""
        limits = self.specification.limits
        host = values(fields, b"host")
        checks: list[Callable[[], object]] = [
            lambda: check_method(method),
            lambda: check_target_length(target, limits.target_bytes),
            lambda: check_size(fields, limits.header_count, limits.header_bytes),
            lambda: check_syntax(fields),
            lambda: request_host(fields, version),
            lambda: take_apart(target, method, host[0] if host else None),
            lambda: path.canonical(take_apart(target, method, host[0] if host else None).path),
            lambda: request_length(fields, version),
            lambda: check_expectation(fields, version),
        ]
        reasons = set()
        for check in checks:
            try:
                check()
            except RefusedError as refused:
                reasons.add(refused.reason)
        return reasons

    def question(self, request: Request, method: str, reading: str) -> routing.Question:
        return routing.Question(request.host_name, reading, method, request.fields, request.query)

    def select(self, request: Request, method: str, reading: str) -> routing.RouteMatch | None:
        return routing.select(self.specification.routes, self.question(request, method, reading))

    def route(
        self, unrouted: Request, parts: Target, now: float, given: Judgement | None
    ) -> list[Verdict]:
        canonical = path.canonical(parts.path)
        request = Request(**{**vars(unrouted), "path": canonical})
        method = request.method.decode("ascii")
        winner = self.select(request, method, canonical)
        if self.is_health(request, winner):
            return [self.answer("health", request, None, 200, NOTHING)]
        preflight = self.preflight(request)
        if preflight is not None:
            return [preflight]
        try:
            readings = path.other_readings(canonical)
        except RefusedError as refused:
            return [refuse(refused.reason)]
        for reading in readings:
            other = self.select(request, method, reading)
            if (other and other.index) != (winner and winner.index):
                return [refuse("bad-request")]
        if winner is None:
            return [self.refuse_unrouted(request, method)]
        protection = self.specification.routes[winner.index].auth
        if protection is None or self.authentication is None:
            return [self.act(request, winner, None)]
        found = self.authentication.find(request, protection, now, given)
        return [self.act_for(request, winner, finding) for finding in found]

    def is_health(self, request: Request, winner: routing.RouteMatch | None) -> bool:
        health = self.specification.health_path
        if health is None or request.method not in {b"GET", b"HEAD"}:
            return False
        claimed = winner is not None and winner.path.pattern == request.path
        return request.path in {health, health + "/"} and not claimed

    def preflight(self, request: Request) -> Answer | None:
        """The answer to a preflight, where the route of the real request has a CORS policy."""
        if not cors.is_preflight(request.method, request.fields):
            return None
        routes = self.specification.routes
        plain = self.select(request, "OPTIONS", request.path)
        if plain is not None and "OPTIONS" in routes[plain.index].methods:
            return None
        asked = self.select(request, cors.requested_method(request.fields), request.path)
        if asked is None or routes[asked.index].cors is None:
            return None
        return self.answer("preflight", request, asked.index, 204, NOTHING)

    def refuse_unrouted(self, request: Request, method: str) -> Refusal:
        alive = persists(request)
        allowed = routing.allowed_methods(
            self.specification.routes, self.question(request, method, request.path)
        )
        if allowed:
            return Refusal(frozenset({"method-not-allowed"}), tuple(allowed), alive)
        return Refusal(frozenset({"route-not-found"}), keep_alive=alive)

    def act_for(self, request: Request, winner: routing.RouteMatch, finding: Finding) -> Verdict:
        """Who asks comes before everything that the route does, also before its limits."""
        alive = persists(request)
        if isinstance(finding, Refused):
            # What cannot be read may end the connection: it is a bad request like any other.
            ends = finding.reasons == {"bad-request"}
            return Refusal(frozenset(finding.reasons), (), None if ends else alive, winner.index)
        if isinstance(finding, Pending):
            return Undecided(
                request=request,
                route=winner.index,
                keep_alive=alive,
                expects_continue=expects_continue(request),
                body_limit=self.body_limit(self.specification.routes[winner.index]),
                pending=finding,
            )
        return self.act(request, winner, finding if isinstance(finding, Accepted) else None)

    def body_limit(self, route: Route) -> int:
        default = self.specification.limits.body_bytes
        return default if route.body_bytes is None else route.body_bytes

    def act(self, request: Request, winner: routing.RouteMatch, known: Accepted | None) -> Verdict:
        route = self.specification.routes[winner.index]
        limit = self.body_limit(route)
        if limit and request.body_length > limit:
            return refuse("body-too-large")
        if isinstance(route.action, Respond):
            fixed = [(name.encode(), value.encode()) for name, value in route.action.headers]
            content = (fixed, route.action.body.encode())
            return self.answer("fixed", request, winner.index, route.action.status, content, known)
        captures = dict(winner.path.captures)
        if isinstance(route.action, Redirect):
            meanings = {**captures, "path": request.path, "host": request.host_name}
            place = location(route.action.location, meanings, request.query).encode("ascii")
            content = ([(b"Location", place)], b"")
            status = route.action.status
            return self.answer("redirect", request, winner.index, status, content, known)
        return Forwarding(
            request=request,
            route=winner.index,
            captures=captures,
            keep_alive=persists(request),
            expects_continue=expects_continue(request),
            upgrade=asks_for_upgrade(request),
            idempotent=request.method in IDEMPOTENT,
            body_limit=limit,
            known=known,
        )

    def answer(
        self,
        kind: str,
        request: Request,
        route: int | None,
        status: int,
        content: Content,
        known: Accepted | None = None,
    ) -> Answer:
        fields, body = content
        return Answer(kind, request, route, status, persists(request), fields, body, known)


def check_method(method: bytes) -> None:
    if not is_token(method):
        raise RefusedError("bad-request", "method is not a token")
    if method in {b"CONNECT", b"TRACE"}:
        raise RefusedError("not-implemented", "the gateway does not offer this method")


def check_target_length(target: bytes, limit: int) -> None:
    if len(target) > limit:
        raise RefusedError("target-too-long", "target is longer than the limit")


def check_expectation(fields: Fields, version: int) -> None:
    """RFC 9110 section 10.1.1; HTTP/1.0 has no expectations."""
    for expectation in values(fields, b"expect"):
        if version == 11 and expectation.lower() != b"100-continue":
            raise RefusedError("expectation-failed", "unknown expectation")


def expects_continue(request: Request) -> bool:
    return request.version == 11 and bool(values(request.fields, b"expect"))


def persists(request: Request) -> bool:
    """Whether another request may follow.

    A body of GET or HEAD has no defined meaning (RFC 9110 section 9.3.1): one side might read it
    and another take it for the next request.
    """
    undefined_body = request.method in {b"GET", b"HEAD"} and request.body_length != 0
    return keeps_alive(request.fields, request.version) and not undefined_body


def asks_for_upgrade(request: Request) -> bool:
    """RFC 9110 section 7.8."""
    return (
        request.version == 11
        and request.body_length == 0
        and b"upgrade" in connection_options(request.fields)
        and bool(values(request.fields, b"upgrade"))
    )
