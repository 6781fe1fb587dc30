"""Finds and loads the configuration that a command is about."""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Callable, Mapping
from pathlib import Path

from pygateway.cli.failure import CommandFailed, Exit
from pygateway.cli.output import Style
from pygateway.config import Config, load, report
from pygateway.errors import ConfigurationError

DEFAULT_FILE = Path("gateway.yaml")
PREFIX = "PYGATEWAY__"
FILE_VARIABLE = "PYGATEWAY_CONFIG"

# Names that earlier gateways read; they configure without a file too.
SEED_VARIABLES = frozenset(
    {"JWT_SECRET_KEY", "REDIS_URL", "RATE_LIMIT_ENABLED", "RATE_LIMIT_REQUESTS_PER_MINUTE"}
)


def add_file_argument(parser: argparse.ArgumentParser) -> None:
    """Declare `-c FILE`."""
    parser.add_argument(
        "-c",
        "--config",
        metavar="FILE",
        type=Path,
        help=f"the configuration; ${FILE_VARIABLE} or ./{DEFAULT_FILE} unless given",
    )


def find_file(given: Path | None, environment: Mapping[str, str]) -> Path | None:
    """Find the file; None if the environment alone configures.

    Raises:
        CommandFailed: Nothing configures at all.
    """
    if given is not None:
        return given
    if environment.get(FILE_VARIABLE):
        return Path(environment[FILE_VARIABLE])
    if DEFAULT_FILE.exists():
        return DEFAULT_FILE
    if any(name.startswith(PREFIX) or name in SEED_VARIABLES for name in environment):
        return None
    raise CommandFailed(
        f"no configuration: give -c FILE, set {FILE_VARIABLE} or {PREFIX}... variables, "
        f"or have a {DEFAULT_FILE} here",
        Exit.BAD_CONFIGURATION,
    )


def load_or_report(loader: Callable[[], Config]) -> Config:
    """Give what `loader` loads.

    Raises:
        CommandFailed: The configuration is not valid; every problem was reported on stderr.
    """
    try:
        return loader()
    except ConfigurationError as error:
        colour = Style(sys.stderr).coloured
        print(report.as_text(error.problems, colour=colour), end="", file=sys.stderr)
        raise CommandFailed("", Exit.BAD_CONFIGURATION) from None


def load_found(arguments: argparse.Namespace) -> Config:
    """Load the configuration that the arguments and the environment name.

    Raises:
        CommandFailed: There is none, or it is not valid.
    """
    path = find_file(arguments.config, os.environ)
    return load_or_report(lambda: load(path, os.environ))
