"""Runs the supervisor for the commands that serve."""

from __future__ import annotations

import argparse
import asyncio
import os
from collections.abc import Coroutine
from typing import Any

import uvloop

from pygateway.cli.failure import CommandFailed
from pygateway.config import Log
from pygateway.errors import GatewayError
from pygateway.supervisor import WorkerFailed
from pygateway.telemetry import configure_logging


def add_workers_argument(parser: argparse.ArgumentParser) -> None:
    """Declare `--workers N`."""
    parser.add_argument(
        "--workers", metavar="N", help="processes that serve; `auto` is one per usable core"
    )


def serve(program: Coroutine[Any, Any, int], log: Log) -> int:
    """Run `program`, which runs a supervisor and logs as `log` says; give its exit code.

    Raises:
        CommandFailed: The gateway could not start.
    """
    configure_logging(os.environ, level=log.level, form=log.format)
    try:
        with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
            return runner.run(program)
    except WorkerFailed as error:
        raise CommandFailed(str(error), error.exit_code) from None
    except GatewayError as error:
        raise CommandFailed(str(error)) from None
