"""Errors that one value cannot show: references, conflicts and templates."""

from __future__ import annotations

from collections.abc import Callable

from .access_log_checks import check_access_log
from .auth_checks import check_auth
from .document import MappingNode, Path, SequenceNode, locate
from .model.headers import Cors, HeaderChanges
from .model.routes import FixedResponse, Route
from .rate_limit_checks import check_rate_limits
from .refusal import nearest
from .subject import Subject
from .syntax.headers import is_reserved_in_requests, is_reserved_in_responses, normal_name
from .syntax.paths import RESERVED_PARAMETERS, ends_with_wildcard, parameters_of

ACTIONS = ("upstream", "redirect", "respond")


def check_references(subject: Subject) -> None:
    """Find every error between values."""
    _check_listeners(subject)
    _check_files(subject)
    check_auth(subject)
    check_rate_limits(subject)
    check_access_log(subject)
    names: dict[str, int] = {}
    for index, route in enumerate(subject.config.routes):
        path: Path = ("routes", index)
        if route.name in names:
            first = subject.position("routes", names[route.name], "name")
            where = f", in line {first.line}" if first.line else ""
            subject.error("duplicate-name", f"another route has this name{where}", (*path, "name"))
        names.setdefault(route.name, index)
        _check_action(subject, path)
        _check_shares(subject, path, route)
        _check_rewrite(subject, path, route)
        _check_templates(subject, path, route)
        _check_headers(subject, path, route)
        if route.cors is not None:
            _check_cors(subject, (*path, "cors"), route.cors)
        if route.respond is not None:
            _check_fixed_response(subject, (*path, "respond"), route.respond)


def _check_listeners(subject: Subject) -> None:
    seen = set()
    if subject.config.admin is not None and subject.config.admin.address.port != 0:
        seen.add(subject.config.admin.address)
    for index, listener in enumerate(subject.config.listeners):
        # Port 0 is another free port each time.
        shared = listener.address.path is None and listener.address.port == 0
        if listener.address in seen and not shared:
            subject.error(
                "duplicate-address",
                "another listener, or the admin server, has this address",
                ("listeners", index, "address"),
            )
        seen.add(listener.address)


def _check_files(subject: Subject) -> None:
    if subject.config.tracing is not None:
        subject.check_authorities(subject.config.tracing.ca_file, ("tracing", "ca_file"))
    for name, upstream in subject.config.upstreams.items():
        subject.check_authorities(upstream.tls.ca_file, ("upstreams", name, "tls", "ca_file"))


def _check_action(subject: Subject, path: Path) -> None:
    """Check that the route does one thing; what was written counts, even if it is bad."""
    node = locate(subject.root, path).node
    entries = node.entries if isinstance(node, MappingNode) else {}
    written = [action for action in ACTIONS if action in entries]
    if not written:
        message = "a route has one of `upstream`, `redirect` and `respond`"
        subject.error("missing-key", message, path, allowed=ACTIONS)
        return
    for action in written[1:]:
        message = f"a route has either `{written[0]}` or `{action}`"
        subject.findings.add("conflicting-keys", message, entries[action].key)
    for key in ("rewrite", "timeouts"):
        if "upstream" not in written and key in entries:
            message = f"`{key}` is about an upstream, and this route has none"
            subject.findings.add("conflicting-keys", message, entries[key].key)


def _check_shares(subject: Subject, path: Path, route: Route) -> None:
    upstreams = locate(subject.root, ("upstreams",))
    written = upstreams.node.entries if isinstance(upstreams.node, MappingNode) else {}
    declared = tuple(written) if upstreams.complete else ()
    seen: set[str] = set()
    for index, share in enumerate(route.upstream):
        place: Path = (*path, "upstream", index, "name")
        if share.name not in declared:
            subject.error(
                "unknown-upstream",
                f"there is no upstream `{share.name}`",
                place,
                allowed=declared,
                suggestion=nearest(share.name, declared),
            )
        elif share.name in seen:
            subject.error("duplicate-name", "the route has this upstream already", place)
        seen.add(share.name)
    if route.upstream and not any(share.weight for share in route.upstream):
        subject.error(
            "out-of-range",
            "at least one upstream of a route has a weight over 0",
            (*path, "upstream"),
        )


def _check_rewrite(subject: Subject, path: Path, route: Route) -> None:
    rewrite = route.rewrite
    for key in ("strip_prefix", "add_prefix"):
        if rewrite.path is not None and getattr(rewrite, key) is not None:
            subject.error(
                "conflicting-keys",
                f"`path` is the whole path, so `{key}` has nothing to do",
                (*path, "rewrite", key),
                key=True,
            )


def _check_templates(subject: Subject, path: Path, route: Route) -> None:
    if route.rewrite.path is not None:
        _check_template(subject, (*path, "rewrite", "path"), route, route.rewrite.path, "query")
    if route.redirect is not None:
        _check_template(subject, (*path, "redirect", "location"), route, route.redirect.location)


def _check_template(
    subject: Subject, path: Path, route: Route, template: str, unavailable: str | None = None
) -> None:
    """Check that every path pattern of the route fills every name of the template."""
    written = locate(subject.root, (*path[:2], "match", "paths")).node
    if isinstance(written, SequenceNode) and written.removed:
        return  # a pattern that is refused might have had the name
    available = {name for name in RESERVED_PARAMETERS if name not in {unavailable, "rest"}}
    patterns = route.match.paths
    if patterns and all(ends_with_wildcard(pattern) for pattern in patterns):
        available.add("rest")
    if patterns:
        available |= set.intersection(*(set(parameters_of(pattern)) for pattern in patterns))
    for name in dict.fromkeys(parameters_of(template)):
        if name not in available:
            needs = "pattern of the route ends in `*`" if name == "rest" else "pattern has it"
            subject.error(
                "unknown-parameter",
                f"the template has {{{name}}}, but not every path {needs}",
                path,
                allowed=(f"{{{known}}}" for known in sorted(available)),
                suggestion=(near := nearest(name, available)) and f"{{{near}}}",
            )


def _check_headers(subject: Subject, path: Path, route: Route) -> None:
    _check_changes(
        subject, (*path, "headers", "request"), route.headers.request, is_reserved_in_requests
    )
    _check_changes(
        subject, (*path, "headers", "response"), route.headers.response, is_reserved_in_responses
    )
    if route.cors is None:
        return
    changes = route.headers.response
    for kind, names in (("set", changes.set), ("add", changes.add)):
        for name in names:
            if normal_name(name).startswith("access-control-"):
                subject.error(
                    "conflicting-keys",
                    f"the route's `cors` writes {name}",
                    (*path, "headers", "response", kind, name),
                    key=True,
                )


def _check_changes(
    subject: Subject, path: Path, changes: HeaderChanges, is_reserved: Callable[[str], bool]
) -> None:
    places: list[tuple[str, Path]] = [
        *((name, (*path, "set", name)) for name in changes.set),
        *((name, (*path, "add", name)) for name in changes.add),
        *((name, (*path, "remove", index)) for index, name in enumerate(changes.remove)),
    ]
    seen: set[str] = set()
    for name, place in places:
        if is_reserved(name):
            hint = "; see `rewrite.host`" if name.lower() == "host" else ""
            message = f"only the gateway writes {name}{hint}"
            subject.error("reserved-header", message, place, key=True)
        elif normal_name(name) in seen:
            message = f"{name} is changed twice here (`-` and `_` are the same)"
            subject.error("conflicting-keys", message, place, key=True)
        seen.add(normal_name(name))


def _check_cors(subject: Subject, path: Path, cors: Cors) -> None:
    everything = "*" in cors.origins
    if everything and len(cors.origins) > 1:
        subject.error(
            "conflicting-keys", "`*` allows every origin: it stands alone", (*path, "origins")
        )
    if everything and cors.credentials:
        subject.error(
            "conflicting-keys",
            "credentials are not allowed to every origin: name the origins (Fetch standard,"
            " CORS protocol and credentials)",
            (*path, "credentials"),
            key=True,
        )
    if cors.credentials and "*" in cors.expose:
        subject.error(
            "conflicting-keys",
            "with credentials browsers take `*` for a header of that name: name the headers",
            (*path, "expose"),
            key=True,
        )
    for key in ("headers", "expose"):
        names = getattr(cors, key)
        if "*" in names and len(names) > 1:
            subject.error(
                "conflicting-keys", "`*` allows every header: it stands alone", (*path, key)
            )


def _check_fixed_response(subject: Subject, path: Path, response: FixedResponse) -> None:
    if response.body and response.status in {204, 205, 304}:
        subject.error(
            "conflicting-keys",
            f"a response with status {response.status} has no body (RFC 9110 section 6.4.1)",
            (*path, "body"),
            key=True,
        )
    for name in response.headers:
        if is_reserved_in_responses(name):
            message = f"only the gateway writes {name}"
            subject.error("reserved-header", message, (*path, "headers", name), key=True)
