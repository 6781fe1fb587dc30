"""`pygateway routes`: which routes there are, and which one takes a request."""

from __future__ import annotations

import argparse
import json
import os
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

from pygateway._core import Gate
from pygateway.cli.configuration import add_file_argument, load_found
from pygateway.cli.failure import CommandFailed, Exit
from pygateway.cli.output import Style, print_json, print_table, visible
from pygateway.config import Config, Route, RouteAuth
from pygateway.config.gate_specification import gate_specification
from pygateway.config.syntax.requests import split_request_url

CLIENT = "127.0.0.1"
"""Where the request of `match` is said to come from."""


def add(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Declare the command."""
    parser = commands.add_parser(
        "routes",
        help="list the routes, or say which one takes a request, and why",
        description="List the routes of a configuration.",
        allow_abbrev=False,
    )
    add_file_argument(parser)
    parser.add_argument("--json", action="store_true", help="print JSON")
    parser.set_defaults(handle=list_routes)
    match = parser.add_subparsers(metavar="match", title="instead of listing").add_parser(
        "match",
        help="say which route takes a request, and why",
        description="Say which route takes a request, and why. Exit code 1 if none does.",
        allow_abbrev=False,
    )
    match.add_argument("method", metavar="METHOD", help="such as GET")
    match.add_argument("url", metavar="URL", help="http://host/path?query, or a path alone")
    match.add_argument(
        "-H",
        "--header",
        metavar="'Name: value'",
        action="append",
        default=[],
        help="a header of the request; may be repeated",
    )
    # What stands before `match` must not be overwritten by defaults of what stands after it.
    match.add_argument("-c", "--config", metavar="FILE", type=Path, default=argparse.SUPPRESS)
    match.add_argument("--json", action="store_true", default=argparse.SUPPRESS, help="print JSON")
    match.set_defaults(handle=match_request)


def list_routes(arguments: argparse.Namespace) -> int:
    """Run `routes`."""
    config = load_found(arguments)
    if arguments.json:
        print_json([as_data(config, route) for route in config.routes])
        return Exit.FINE
    columns: list[tuple[str, Callable[[Route], str]]] = [
        ("ROUTE", lambda route: route.name),
        ("METHODS", lambda route: " ".join(route.match.methods) or "any"),
        ("HOSTS", lambda route: " ".join(route.match.hosts) or "any"),
        ("PATHS", lambda route: " ".join(route.match.paths) or "/*"),
        ("IF", conditions),
        ("AUTH", lambda route: authentication(config, route)),
        ("LIMITS", lambda route: limits(config, route)),
        ("ACTION", action),
    ]
    if not config.rate_limits:
        columns = [column for column in columns if column[0] != "LIMITS"]
    rows = [tuple(value(route) for _, value in columns) for route in config.routes]
    print_table(tuple(heading for heading, _ in columns), rows)
    return Exit.FINE


def as_data(config: Config, route: Route) -> dict[str, object]:
    """Give a route as a JSON object."""
    return {
        "name": route.name,
        "match": {
            "hosts": list(route.match.hosts),
            "paths": list(route.match.paths),
            "methods": list(route.match.methods),
            "headers": dict(route.match.headers),
            "query": dict(route.match.query),
        },
        "providers": list(config.providers_of(route)),
        "optional": _is_optional(route),
        "rate_limits": [use._asdict() for use in config.rate_limits_of(route)],
        "action": action(route),
    }


def conditions(route: Route) -> str:
    """Say which headers and query parameters a route asks for."""
    headers = (
        name if value is None else f"{name}: {value}" for name, value in route.match.headers.items()
    )
    query = (
        f"?{name}" if value is None else f"?{name}={value}"
        for name, value in route.match.query.items()
    )
    return ", ".join([*headers, *query]) or "-"


def authentication(config: Config, route: Route) -> str:
    """Say whose credentials a route takes; its rules are in the configuration."""
    providers = ", ".join(config.providers_of(route))
    if not providers:
        return "open"
    return f"{providers} or none" if _is_optional(route) else providers


def limits(config: Config, route: Route) -> str:
    """Say which rate limits a route has, and what a request costs there, if not 1."""
    uses = config.rate_limits_of(route)
    return " ".join(u.name if u.cost == 1 else f"{u.name}:{u.cost}" for u in uses) or "-"


def _is_optional(route: Route) -> bool:
    return isinstance(route.auth, RouteAuth) and route.auth.optional


def action(route: Route) -> str:
    """Say what becomes of a request that the route takes."""
    if route.redirect is not None:
        return f"redirect {route.redirect.status} {route.redirect.location}"
    if route.respond is not None:
        return f"respond {route.respond.status}"
    shares = route.upstream
    if len(shares) == 1:
        return f"upstream {shares[0].name}"
    return "upstream " + " ".join(f"{share.name}:{share.weight}" for share in shares)


def match_request(arguments: argparse.Namespace) -> int:
    """Run `routes match`."""
    config = load_found(arguments)
    explanation = explain(config, arguments.method, arguments.url, arguments.header)
    if arguments.json:
        print_json(explanation)
    else:
        _print(config, explanation)
    return Exit.FAILED if explanation["route"] is None else Exit.FINE


def explain(config: Config, method: str, url: str, header_lines: list[str]) -> dict[str, Any]:
    """Ask the gate which route takes a request.

    Raises:
        CommandFailed: The URL or a header cannot be read.
    """
    lines = [read_header(line) for line in header_lines]
    try:
        secure, host, target = split_request_url(url)
    except ValueError as error:
        shown = visible(url)
        hint = "" if "://" in url else f"; did you mean http://{shown}?"
        raise CommandFailed(f"{error}: {shown!r}{hint}", Exit.USAGE) from None
    headers = [(name.encode(), value.encode()) for name, value in lines]
    if all(name.lower() != b"host" for name, _ in headers):
        headers.insert(0, (b"Host", (host or "localhost").encode()))
    gate = Gate(gate_specification(config), os.urandom(32))
    peer = gate.peer(CLIENT, secure)
    answer: dict[str, Any] = json.loads(
        gate.explain(method.encode(), target.encode(), headers, peer)
    )
    return answer


def read_header(line: str) -> tuple[str, str]:
    """Split `Name: value`.

    Raises:
        CommandFailed: It is no header.
    """
    name, colon, value = line.partition(":")
    if not colon or not name:
        raise CommandFailed(f"-H takes 'Name: value', not {visible(line)!r}", Exit.USAGE)
    return name, value.strip()


def _print(config: Config, explanation: dict[str, Any]) -> None:
    style = Style(sys.stdout)
    route = explanation["route"]
    headline = style.red("no route") if route is None else style.green(f"route {route}")
    print(f"{headline}: {visible(str(explanation['reason']))}")
    if explanation["canonical_path"]:
        print(f"path as routed: {visible(explanation['canonical_path'])}")
    if route is not None:
        taken = next(each for each in config.routes if each.name == route)
        print(f"auth: {authentication(config, taken)}")
        if config.rate_limits:
            print(f"limits: {limits(config, taken)}")
    for candidate in explanation["candidates"]:
        if route is None and candidate["why_not"].startswith("outranked"):
            continue  # it matches, but the request itself was refused
        print(style.faint(f"  not {candidate['route']}: {visible(candidate['why_not'])}"))
