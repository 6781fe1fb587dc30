"""`pygateway drain`: end a running gateway, gently."""

from __future__ import annotations

import argparse

from pygateway.cli.admin_client import add_admin_arguments, ask
from pygateway.cli.output import print_json


def add(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Declare the command."""
    parser = commands.add_parser(
        "drain",
        help="have a running gateway finish its requests and end",
        description="Have a running gateway accept no more connections, finish what is under way"
        " within `timeouts.drain`, and end; the command does not wait for that.",
        allow_abbrev=False,
    )
    add_admin_arguments(parser)
    parser.set_defaults(handle=handle)


def handle(arguments: argparse.Namespace) -> int:
    """Run the command."""
    answer = ask(arguments, "POST", "/drain")
    if arguments.json:
        print_json(answer.document)
    else:
        print("draining")
    return 0
