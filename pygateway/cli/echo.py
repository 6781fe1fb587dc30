"""`pygateway echo`: the echo upstream alone."""

from __future__ import annotations

import argparse
import asyncio
import os
import signal

import uvloop
from pydantic_core import PydanticCustomError

from pygateway.cli.failure import CommandFailed, Exit
from pygateway.config import Address
from pygateway.echo import EchoServer
from pygateway.telemetry import configure_logging, get_logger

DEFAULT_LISTEN = "127.0.0.1:9000"


def add(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Declare the command."""
    parser = commands.add_parser(
        "echo",
        help="an upstream that answers with what it was asked",
        description="Answer every request with JSON: method, target, version, headers and the"
        " size of the body.",
        allow_abbrev=False,
    )
    parser.add_argument(
        "--listen",
        metavar="HOST:PORT",
        default=DEFAULT_LISTEN,
        help="where to listen; port 0 takes a free one (default %(default)s)",
    )
    parser.set_defaults(handle=handle)


def handle(arguments: argparse.Namespace) -> int:
    """Run the command."""
    try:
        address = Address.parse(arguments.listen)
    except PydanticCustomError as error:
        raise CommandFailed(f"--listen: {error.message()}", Exit.USAGE) from None
    if address.path is not None:
        raise CommandFailed("--listen: the echo upstream listens on HOST:PORT only", Exit.USAGE)
    configure_logging(os.environ)
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        return runner.run(_echo(address))


async def _echo(address: Address) -> int:
    stop = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, stop.set)
    server = EchoServer()
    try:
        host, port = await server.start(address.host, address.port)
    except OSError as error:
        reason = os.strerror(error.errno) if error.errno and error.errno > 0 else str(error)
        raise CommandFailed(f"cannot listen on {address}: {reason}") from None
    get_logger().info("listening", addresses=[str(Address(host, port))])
    await stop.wait()
    await server.close()
    return Exit.FINE
