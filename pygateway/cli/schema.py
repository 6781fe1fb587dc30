"""`pygateway schema`: the JSON Schema of the configuration."""

from __future__ import annotations

import argparse

from pygateway.cli.failure import Exit
from pygateway.cli.output import print_json
from pygateway.config import json_schema


def add(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Declare the command."""
    parser = commands.add_parser(
        "schema",
        help="print the JSON Schema of the configuration",
        description="Print the JSON Schema of the configuration, for editors and other tools.",
        allow_abbrev=False,
    )
    parser.add_argument("--json", action="store_true", help="print JSON, as always")
    parser.set_defaults(handle=handle)


def handle(_: argparse.Namespace) -> int:
    """Run the command."""
    print_json(json_schema())
    return Exit.FINE
