"""`pygateway reload`: load the configuration again."""

from __future__ import annotations

import argparse

from pygateway.cli.admin_client import add_admin_arguments, ask
from pygateway.cli.output import print_json

DEADLINE = 90.0
"""Seconds: new workers may take as long as a loaded machine lets them."""


def add(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Declare the command."""
    parser = commands.add_parser(
        "reload",
        help="have a running gateway load its configuration again",
        description="Have a running gateway load its configuration again, and wait until new"
        " workers serve. Refused, the running configuration stays.",
        allow_abbrev=False,
    )
    add_admin_arguments(parser)
    parser.set_defaults(handle=handle)


def handle(arguments: argparse.Namespace) -> int:
    """Run the command."""
    answer = ask(arguments, "POST", "/reload", deadline=DEADLINE)
    if arguments.json:
        print_json(answer.document)
    else:
        print("reloaded")
    return 0
