"""`pygateway explain`: what a running gateway would do with a request."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterator
from datetime import UTC, datetime
from ipaddress import ip_address
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
    try:
        client = str(ip_address(arguments.client))
    except ValueError:
        text = visible(arguments.client)
        raise CommandFailed(f"--client: {text!r} is no IP address", Exit.USAGE) from None
    body = {
        "method": arguments.method,
        "url": arguments.url,
        "headers": [read_header(line) for line in arguments.header],
        "client": client,
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
        yield from _credential(told["credential"], told["providers"])
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


def _credential(credential: dict[str, Any] | None, providers: list[str]) -> Iterator[str]:
    if credential is None:
        yield f"credential: none, of {', '.join(providers)}"
        return
    provider, issuer = credential["provider"], credential["issuer"]
    words = [credential["verdict"]]
    if credential["open"] is not None:
        words = [f"of provider {provider}, {OPEN[credential['open']]}"]
    elif credential["verdict"] == "accepted" and provider is not None:
        # Who names no issuer is known by the provider's name.
        issued = "" if issuer in {None, provider} else f" (issuer {visible(issuer)})"
        words = [f"accepted by provider {provider}{issued}"]
    for member, name in (("subject", "subject"), ("token_id", "id"), ("key_id", "key")):
        if credential[member] is not None:
            words.append(f"{name} {visible(credential[member])}")
    yield f"credential: {', '.join(words)}"
    for tried in credential["tried"]:
        yield f"  provider {tried['provider']}: {tried['why']}: {visible(tried['detail'])}"
    if credential["tried"] and credential["says"] is not None:
        yield f"  the token says: {_said(credential['says'])}"


def _said(says: dict[str, Any]) -> str:
    """What a token says of itself, in one line."""
    words = []
    names = {"token_id": "id", "key_id": "key", "not_before": "not before", "issued_at": "issued"}
    for member, value in says.items():
        if value is None or value == []:
            continue
        if member in {"issued_at", "not_before", "expires"}:
            text = _moment(value)
        else:
            text = " ".join(value) if isinstance(value, list) else value
        words.append(f"{names.get(member, member)} {visible(text)}")
    return ", ".join(words) or "nothing of interest"


def _moment(seconds: float) -> str:
    """A time in UTC, or the number where no calendar has it."""
    try:
        return datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
    except (OverflowError, ValueError, OSError):
        return f"{seconds:g}"


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
    if len(away) == len(upstream["endpoints"]):
        return f"{text}; no endpoint could be reached when it was last tried: {', '.join(away)}"
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
