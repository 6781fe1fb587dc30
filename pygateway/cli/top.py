"""`pygateway top`: what a running gateway does, live."""

from __future__ import annotations

import argparse
import contextlib
import sys
import time
from typing import Any

from pygateway.cli.admin_client import AdminClient, add_admin_arguments, find_admin
from pygateway.cli.failure import CommandFailed
from pygateway.cli.full_screen import FullScreen
from pygateway.cli.output import Style, print_json, visible
from pygateway.cli.top_screen import Size, screen
from pygateway.cli.traffic_rates import Rates, Restarted, compare

DEFAULT_INTERVAL = 2.0

ENDS = frozenset("qQ\x03\x04")
"""Keys that end it: q, Ctrl-C where it is no signal, and Ctrl-D."""


def add(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Declare the command."""
    parser = commands.add_parser(
        "top",
        help="watch what a running gateway does",
        description="Watch requests, errors, times and overhead of a running gateway, by route and"
        " upstream, with its limits and workers. `q` ends it. Without a terminal it is shown once.",
        allow_abbrev=False,
    )
    parser.add_argument(
        "--interval",
        metavar="SECONDS",
        type=_interval,
        default=DEFAULT_INTERVAL,
        help="over which rates are measured (default %(default)g)",
    )
    parser.add_argument("--once", action="store_true", help="show it once, and end")
    add_admin_arguments(parser)
    parser.set_defaults(handle=handle)


def _interval(text: str) -> float:
    try:
        seconds = float(text)
    except ValueError:
        seconds = 0.0
    if not 0.1 <= seconds <= 3600:
        raise argparse.ArgumentTypeError("between 0.1 and 3600 seconds")
    return seconds


def handle(arguments: argparse.Namespace) -> int:
    """Run the command."""
    admin = find_admin(arguments)
    first = _poll(admin)
    if arguments.once or arguments.json or not sys.stdout.isatty():
        return _once(arguments, admin, first)
    with (
        contextlib.suppress(KeyboardInterrupt),
        FullScreen(sys.stdin, sys.stdout) as terminal,
    ):
        _Watch(admin, arguments.interval, terminal).run(first)
    return 0


def _poll(admin: AdminClient) -> dict[str, Any]:
    document: dict[str, Any] = admin.ask("GET", "/traffic").document
    return document


def _once(arguments: argparse.Namespace, admin: AdminClient, first: dict[str, Any]) -> int:
    time.sleep(arguments.interval)
    try:
        rates = compare(first, _poll(admin))
    except Restarted:
        raise CommandFailed("the gateway was started anew meanwhile") from None
    if arguments.json:
        print_json(rates.to_json())
        return 0
    title = f"pygateway at {admin.address}, over {rates.seconds:.1f} s"
    for line in screen(rates, Style(sys.stdout), Size(), title):
        print(line)
    return 0


class _Watch:
    """Asks again and again, and shows what came of it.

    Args:
        admin: Whom to ask.
        interval: Seconds between two questions.
        terminal: Where it is shown.
    """

    def __init__(self, admin: AdminClient, interval: float, terminal: FullScreen) -> None:
        self._admin = admin
        self._interval = interval
        self._terminal = terminal
        self._style = Style(sys.stdout)
        self._rates: Rates | None = None
        self._problem: str | None = None

    def run(self, document: dict[str, Any]) -> None:
        """Watch until a key ends it."""
        self._draw()
        due = time.monotonic() + self._interval
        while True:
            event, key = self._terminal.wait(max(0.0, due - time.monotonic()))
            if event == "key" and ENDS.intersection(key):
                return
            if event == "time":
                document = self._ask(document)
                due = time.monotonic() + self._interval
            self._draw()

    def _ask(self, earlier: dict[str, Any]) -> dict[str, Any]:
        try:
            later = _poll(self._admin)
        except CommandFailed as failure:
            # It may be about to come back.
            self._problem = failure.message
            return earlier
        try:
            self._rates, self._problem = compare(earlier, later), None
        except Restarted:
            self._rates, self._problem = None, "the gateway was started anew"
        return later

    def _draw(self) -> None:
        size = self._terminal.size
        title = f"pygateway at {self._admin.address}  {time.strftime('%H:%M:%S')}  q ends"
        if self._problem is not None:
            title = f"{title}  {self._problem}"
        if self._rates is None:
            lines = [visible(title)[: size.columns], "", "measuring..."]
        else:
            lines = screen(self._rates, self._style, size, title)
        self._terminal.draw(lines)
