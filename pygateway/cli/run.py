"""`pygateway run`: the gateway."""

from __future__ import annotations

import argparse
import os

from pygateway.cli.configuration import add_file_argument, find_file, load_or_report
from pygateway.cli.serving import add_workers_argument, serve
from pygateway.config import Config, Overrides, load
from pygateway.supervisor import Supervisor


def add(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Declare the command."""
    parser = commands.add_parser(
        "run",
        help="run the gateway",
        description="Run the gateway. TERM and INT drain and end it (a second one at once), HUP"
        " loads the configuration again.",
        allow_abbrev=False,
    )
    add_file_argument(parser)
    add_workers_argument(parser)
    parser.add_argument(
        "--listen", metavar="HOST:PORT", help="listen here instead; port 0 takes a free one"
    )
    parser.set_defaults(handle=handle)


def handle(arguments: argparse.Namespace) -> int:
    """Run the command."""
    path = find_file(arguments.config, os.environ)
    overrides = Overrides(listen=arguments.listen, workers=arguments.workers)

    def load_it() -> Config:
        return load(path, os.environ, overrides)

    config = load_or_report(load_it)
    return serve(Supervisor(config, reload=load_it).run(), config.log)
