"""`pygateway explain`: what a running gateway would do with a request."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterator
from typing import Any

from pygateway.cli.admin_client import add_admin_arguments, ask
from pygateway.cli.failure import CommandFailed, Exit
from pygateway.cli.output import Style, print_json, visible
from pygateway.cli.routes import read_header
from pygateway.config.syntax.requests import split_request_url

OPEN = {
    "key": "the issuer would be asked for its keys first",
    "external": "its signature could not be checked",
    "signature": "its signature could not be checked",
    "api-key": "Redis would be asked for the key first",
    "forward-auth": "the service would be asked first",
}
"""What is missing where nothing can be said of a credential."""


def add(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Declare the command."""
    parser = commands.add_parser(
        "explain",
        help="say what a running gateway would do with a request",
        description="Say what a running gateway would do with a request: which route takes it, what"
        " is thought of its credential, what the limits say, and which head the upstream would get."
        " Nothing is sent, fetched, charged or counted. Exit code 1 if the request would be refused"
        " or something would have to be asked for first.",
        allow_abbrev=False,
    )
    parser.add_argument("method", metavar="METHOD", help="such as GET")
    parser.add_argument("url", metavar="URL", help="http://host/path?query, or a path alone")
    parser.add_argument(
        "-H",
        "--header",
        metavar="'Name: value'",
        action="append",
        default=[],
        help="a header of the request; may be repeated",
    )
    parser.add_argument(
        "--client",
        metavar="IP",
        default="127.0.0.1",
        help="address that the request comes from (default %(default)s)",
    )
    add_admin_arguments(parser)
    parser.set_defaults(handle=handle)


def handle(arguments: argparse.Namespace) -> int:
    """Run the command."""
    try:
        split_request_url(arguments.url)
    except ValueError as error:
        raise CommandFailed(f"{error}: {visible(arguments.url)!r}", Exit.USAGE) from None
    body = {
        "method": arguments.method,
        "url": arguments.url,
        "headers": [read_header(line) for line in arguments.header],
        "client": arguments.client,
    }
    told = ask(arguments, "POST", "/explain", body).document
    if arguments.json:
        print_json(told)
    else:
        for line in described(told, Style(sys.stdout)):
            print(line)
    return Exit.FINE if told["outcome"] in {"forward", "respond"} else Exit.FAILED


def described(told: dict[str, Any], style: Style) -> Iterator[str]:
    """Tell it line by line."""
    good = told["outcome"] in {"forward", "respond"}
    colour = style.green if good else style.red
    status = "" if told["status"] is None else f" {told['status']}"
    reason = told["reason"].removeprefix(f"{told['outcome']}: ")
    yield f"{colour(told['outcome'] + status)}: {visible(reason)}"
    yield f"route: {told['route'] or 'none'}"
    if told["canonical_path"]:
        yield f"path as routed: {visible(told['canonical_path'])}"
    yield f"client: {told['client'] or 'unix socket'}"
    if told["providers"]:
        yield f"credential: {_credential(told['credential'], told['providers'])}"
    yield from map(_limit, told["limits"])
    if told["upstream"] is not None:
        yield _upstream(told["upstream"])
    for part in ("answer", "refusal"):
        if told[part] is not None:
            yield from (
                f"  {visible(name)}: {visible(value)}" for name, value in told[part]["headers"]
            )
    if told["request"] is not None:
        yield from _head(told["request"], style)
    if told["route"] is None:
        for candidate in told["candidates"]:
            yield style.faint(f"  not {candidate['route']}: {visible(candidate['why_not'])}")


def _credential(credential: dict[str, Any] | None, providers: list[str]) -> str:
    if credential is None:
        return f"none, of {', '.join(providers)}"
    words = [credential["verdict"]]
    if credential["open"] is not None:
        words = [f"of {credential['provider']}, {OPEN[credential['open']]}"]
    names = (("issuer", "issuer"), ("subject", "subject"), ("token_id", "id"), ("key_id", "key"))
    for member, name in names:
        if credential[member] is not None:
            words.append(f"{name} {visible(credential[member])}")
    return ", ".join(words)


def _limit(limit: dict[str, Any]) -> str:
    text = f"limit {limit['policy']}: {limit['verdict']}"
    if limit["remaining"] is not None:
        text += f", {limit['remaining']} of {limit['quota']} left"
    if limit["concurrency"] is not None:
        text += f", {limit['in_flight']} of {limit['concurrency']} in flight"
    if limit["retry_seconds"]:
        text += f", again in {limit['retry_seconds']:.1f} s"
    return text


def _upstream(upstream: dict[str, Any]) -> str:
    text = f"upstream: {upstream['name']}, next {upstream['endpoint'] or 'none'}"
    away = [each["endpoint"] for each in upstream["endpoints"] if not each["reachable"]]
    return f"{text}; cannot be reached: {', '.join(away)}" if away else text


def _head(head: dict[str, Any], style: Style) -> Iterator[str]:
    yield "head for the upstream:"
    yield f"  {visible(head['line'])}"
    for name, value in head["headers"]:
        folded = name.lower()
        sign = "+" if folded in head["added"] else "~" if folded in head["changed"] else " "
        yield f"{sign} {visible(name)}: {visible(value)}"
    for name in head["removed"]:
        yield style.faint(f"- {visible(name)}")
