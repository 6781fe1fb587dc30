"""`pygateway revoke`: end tokens before their time."""

from __future__ import annotations

import argparse
import time
from typing import Any

from pygateway.cli.admin_client import add_admin_arguments, ask
from pygateway.cli.failure import Exit
from pygateway.cli.output import print_json, visible
from pygateway.config.syntax.times import parse_time


def add(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Declare the command."""
    parser = commands.add_parser(
        "revoke",
        help="end tokens before their time",
        description="End tokens before their time, on every worker of the gateway and, through"
        " Redis, on every other gateway. Exits with 1 if not all of them heed it yet.",
        allow_abbrev=False,
    )
    parser.add_argument("--jti", metavar="ID", help="the token with this identifier, or API key")
    parser.add_argument("--sub", metavar="SUBJECT", help="tokens of this subject")
    parser.add_argument(
        "--issued-before",
        metavar="TIME",
        type=_time,
        help="tokens that were issued before: `now`, seconds since 1970, a date, or"
        " 2030-01-31T12:00:00Z; alone, of everybody. With --sub it is `now` unless given",
    )
    parser.add_argument("--issuer", metavar="ISSUER", help="tokens of this issuer alone")
    add_admin_arguments(parser)
    parser.set_defaults(handle=lambda arguments: handle(parser, arguments))


def _time(text: str) -> float:
    if text == "now":
        return time.time()
    try:
        return parse_time(text)
    except ValueError as error:
        raise argparse.ArgumentTypeError(str(error)) from None


def handle(parser: argparse.ArgumentParser, arguments: argparse.Namespace) -> int:
    """Run the command."""
    if arguments.jti is None and arguments.sub is None and arguments.issued_before is None:
        parser.error("one of --jti, --sub and --issued-before is needed")
    if arguments.jti is not None and (arguments.sub, arguments.issued_before) != (None, None):
        parser.error("--jti names one token: no --sub and no --issued-before")
    names = ("jti", "sub", "issued_before", "issuer")
    wanted = {name: getattr(arguments, name) for name in names}
    body = {name: value for name, value in wanted.items() if value is not None}
    answer = ask(arguments, "POST", "/revocations", body).document
    if arguments.json:
        print_json(answer)
    else:
        _print(answer)
    return Exit.FINE if answer["complete"] else Exit.FAILED


def _print(answer: dict[str, Any]) -> None:
    print("revoked" if answer["changed"] else "revoked; that was known already")
    for worker in answer["unheard"]:
        reason = visible(worker["reason"])
        print(f"worker {worker['worker']} (pid {worker['pid']}) may not heed it yet: {reason}")
    if answer["problem"] is not None:
        print(f"other gateways do not know yet: {visible(answer['problem'])}")
        print("they will as soon as Redis answers, if this gateway still runs then")
