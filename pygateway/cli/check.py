"""`pygateway check`: would this configuration run?"""

from __future__ import annotations

import argparse
import asyncio
import os
import sys

from pygateway._core import SpecError
from pygateway.cli.configuration import add_file_argument, find_file
from pygateway.cli.failure import Exit
from pygateway.cli.output import Style
from pygateway.config import Config, report
from pygateway.config import check as check_configuration
from pygateway.errors import ConfigurationError, ConfigurationProblem
from pygateway.gateway import Gateway


def add(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Declare the command."""
    parser = commands.add_parser(
        "check",
        help="say whether a configuration would run, and what is wrong with it",
        description="Load a configuration and build all that running it would build, without"
        " listening. Exit code 78 if it cannot run.",
        allow_abbrev=False,
    )
    add_file_argument(parser)
    parser.add_argument(
        "--format", choices=("text", "json", "github"), default="text", help="how to report"
    )
    parser.add_argument(
        "--json", action="store_const", const="json", dest="format", help="short for --format json"
    )
    parser.set_defaults(handle=handle)


def handle(arguments: argparse.Namespace) -> int:
    """Run the command."""
    path = find_file(arguments.config, os.environ)
    config, problems = check_configuration(path, os.environ, builders=[_build])
    summary = f"{path or 'environment'}: fine ({describe(config)})" if config else ""
    _print(arguments.format, problems, summary)
    return Exit.FINE if config else Exit.BAD_CONFIGURATION


def _build(config: Config) -> None:
    """Build a whole gateway on trial, and drop it.

    Raises:
        ConfigurationError: It cannot be built.
    """
    try:
        asyncio.run(_build_gateway(config))
    except SpecError:
        pass  # `check` of the configuration says so itself
    except OSError as error:
        raise ConfigurationError((ConfigurationProblem("cannot-build", str(error)),)) from None


async def _build_gateway(config: Config) -> None:
    Gateway(config).close()


def describe(config: Config) -> str:
    """Count what a configuration has."""
    counts = {
        "listener": len(config.listeners),
        "route": len(config.routes),
        "upstream": len(config.upstreams),
    }
    return ", ".join(f"{count} {noun}{'' if count == 1 else 's'}" for noun, count in counts.items())


def _print(form: str, problems: tuple[ConfigurationProblem, ...], summary: str) -> None:
    if form == "json":
        print(report.as_json(problems), end="")
    elif form == "github":
        print(report.as_github(problems), end="")
    else:
        style = Style(sys.stdout)
        if problems:
            print(report.as_text(problems, colour=style.coloured), end="")
        if summary:
            print(style.green(summary))
