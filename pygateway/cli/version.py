"""`pygateway version`: which versions of what run here."""

from __future__ import annotations

import argparse
import platform
from importlib import metadata

from pygateway.cli.failure import Exit
from pygateway.cli.output import print_json

LIBRARIES = ("uvloop", "httptools", "pydantic", "PyYAML", "structlog")


def add(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Declare the command."""
    parser = commands.add_parser(
        "version",
        help="print the versions of the gateway, Python and libraries",
        description="Print the versions of the gateway, Python and the libraries in use.",
        allow_abbrev=False,
    )
    parser.add_argument("--json", action="store_true", help="print JSON")
    parser.set_defaults(handle=handle)


def handle(arguments: argparse.Namespace) -> int:
    """Run the command."""
    versions = {
        "pygateway": metadata.version("pygateway"),
        "python": platform.python_version(),
        **{library.lower(): metadata.version(library) for library in LIBRARIES},
    }
    if arguments.json:
        print_json(versions)
        return Exit.FINE
    own, *others = (f"{name} {version}" for name, version in versions.items())
    print(f"{own} ({', '.join(others)})")
    return Exit.FINE
