"""`pygateway log-level`: how serious lines of a running gateway's log have to be."""

from __future__ import annotations

import argparse
from typing import get_args

from pygateway.cli.admin_client import add_admin_arguments, ask
from pygateway.cli.output import print_json
from pygateway.config import LogLevel


def add(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Declare the command."""
    parser = commands.add_parser(
        "log-level",
        help="show or change how much a running gateway logs",
        description="Show how serious lines of a running gateway's log have to be, or change it"
        " until the next reload, which sets what the configuration says.",
        allow_abbrev=False,
    )
    parser.add_argument(
        "level",
        metavar="LEVEL",
        nargs="?",
        choices=get_args(LogLevel),
        help=f"what is at least this serious is written: {', '.join(get_args(LogLevel))}",
    )
    add_admin_arguments(parser)
    parser.set_defaults(handle=handle)


def handle(arguments: argparse.Namespace) -> int:
    """Run the command."""
    if arguments.level is None:
        answer = ask(arguments, "GET", "/log").document
    else:
        answer = ask(arguments, "PUT", "/log", {"level": arguments.level}).document
    if arguments.json:
        print_json(answer)
    elif answer["level"] == answer["configured"]:
        print(answer["level"])
    else:
        print(f"{answer['level']} (configured: {answer['configured']})")
    return 0
