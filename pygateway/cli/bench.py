"""`pygateway bench`: how fast is a gateway, and does it keep what was promised?"""

from __future__ import annotations

import argparse
import math
from collections.abc import Callable
from pathlib import Path

from pygateway.config.units import parse_duration

DEFAULT_CONNECTIONS = 64
DEFAULT_ROUNDS = 1
ROUNDS_TO_COMPARE = 7
"""Rounds with --baseline. With five each, one that is out of line already hides a change."""

DEFAULT_MAX_LAG = 0.005
DEFAULT_MAX_REGRESSION = 0.1


def add(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Declare the command."""
    parser = commands.add_parser(
        "bench",
        help="measure the latency of a running gateway, and hold it against objectives",
        description="Send requests to a URL and measure how long they take. With --rate, each"
        " request is due at a time of its own, and its latency counts from then on: a gateway that"
        " stalls is charged for every request that it kept waiting. Without, every connection asks"
        " again as soon as it is answered, which finds the greatest rate.",
        epilog="Exit codes: 0 every objective holds, 1 one is missed or the run is not valid,"
        " 2 wrong usage. Point it only at what you may put under load.",
        allow_abbrev=False,
    )
    parser.add_argument("url", metavar="URL", help="http://host:port/path or https://...")
    _add_load(parser)
    _add_request(parser)
    _add_connection(parser)
    _add_judgement(parser)
    parser.set_defaults(handle=handle)


def _add_load(parser: argparse.ArgumentParser) -> None:
    load = parser.add_argument_group("load")
    load.add_argument(
        "--rate",
        metavar="R",
        type=_number("a rate", 0.01, 200_000.0, suffix="/s"),
        help="requests a second in all; without it the loop is closed",
    )
    load.add_argument(
        "--arrivals",
        choices=("fixed", "poisson"),
        default="fixed",
        help="with --rate: requests are due at fixed distances (the default), or at random as"
        " those of independent clients are",
    )
    load.add_argument(
        "--seed", metavar="N", type=int, default=1, help="of the random times (default 1)"
    )
    load.add_argument(
        "--duration",
        metavar="TIME",
        type=_time(0.1, 3600.0),
        default=10.0,
        help="of each round (default 10s)",
    )
    load.add_argument(
        "--warmup",
        metavar="TIME",
        type=_time(0.0, 3600.0),
        default=2.0,
        help="load of which nothing is kept, before the first round (default 2s; 0 for none)",
    )
    load.add_argument(
        "--rounds",
        metavar="N",
        type=_whole("a number of rounds", 1, 30),
        help=f"how often to measure (default {DEFAULT_ROUNDS}, with --baseline"
        f" {ROUNDS_TO_COMPARE})",
    )
    load.add_argument(
        "--connections",
        metavar="N",
        type=_whole("a number of connections", 1, 10_000),
        default=DEFAULT_CONNECTIONS,
        help="kept alive, each with one request at a time (default %(default)s)",
    )
    load.add_argument(
        "--timeout",
        metavar="TIME",
        type=_time(0.01, 600.0),
        default=10.0,
        help="of each request, from when it was due (default 10s)",
    )


def _add_request(parser: argparse.ArgumentParser) -> None:
    request = parser.add_argument_group("request")
    request.add_argument(
        "--method", metavar="METHOD", help="default GET, or POST if there is a body"
    )
    request.add_argument(
        "-H",
        "--header",
        metavar="'Name: value'",
        action="append",
        default=[],
        help="a header of every request; may be repeated",
    )
    body = request.add_mutually_exclusive_group()
    body.add_argument("--data", metavar="TEXT", help="body of every request")
    body.add_argument("--data-file", metavar="FILE", type=Path, help="its body, as it is in a file")
    request.add_argument(
        "--bearer-file",
        metavar="FILE",
        type=Path,
        help="bearer tokens, one a line, which the requests carry in turn",
    )
    request.add_argument(
        "--targets",
        metavar="FILE",
        type=Path,
        help="lines of `/path?query` or `METHOD /path?query`, which are asked for in turn instead"
        " of what the URL has",
    )
    request.add_argument(
        "--expect",
        metavar="STATUS",
        type=_statuses,
        action="append",
        help="a status that is no error, such as 401 or 2xx; may be repeated (default 2xx and 3xx)",
    )


def _add_connection(parser: argparse.ArgumentParser) -> None:
    connection = parser.add_argument_group("connection")
    connection.add_argument(
        "--ca-file", metavar="FILE", type=Path, help="whom to trust instead of the system's"
    )
    connection.add_argument(
        "--insecure", action="store_true", help="accept any certificate of the gateway"
    )
    connection.add_argument(
        "--unix-socket", metavar="PATH", help="connect to a socket instead of the URL's host"
    )


def _add_judgement(parser: argparse.ArgumentParser) -> None:
    judgement = parser.add_argument_group("objectives and output")
    judgement.add_argument(
        "--slo",
        metavar="OBJECTIVE",
        action="append",
        default=[],
        help="such as 'p99<5ms', 'p99.9<=20ms', 'mean<2ms', 'errors<0.1%%' or 'rate>=990/s'; may be"
        " repeated. Unless one is about errors, errors<1%% is one too",
    )
    judgement.add_argument(
        "--baseline",
        metavar="FILE",
        type=Path,
        help="compare with an earlier report of --save, of three rounds or more",
    )
    judgement.add_argument(
        "--max-regression",
        metavar="SHARE",
        type=_number("a share", 0.0, 1e6, suffix="%", scale=0.01),
        default=DEFAULT_MAX_REGRESSION,
        help="by which a median may be worse than the baseline's (default 10%%)",
    )
    judgement.add_argument(
        "--max-lag",
        metavar="TIME",
        type=_time(0.0, 60.0),
        default=DEFAULT_MAX_LAG,
        help="by which the load itself may be late at p99, for the run to be valid (default 5ms)",
    )
    judgement.add_argument("--json", action="store_true", help="print the report as JSON")
    for name, what in (
        ("--save", "the report as JSON"),
        ("--junit", "a test result, with a case for each objective"),
        ("--csv", "the histogram of the latencies"),
    ):
        judgement.add_argument(name, metavar="FILE", type=Path, help=f"write {what} as well")


def handle(arguments: argparse.Namespace) -> int:
    """Run the command."""
    # What takes the load is for this command alone, and need not be loaded by any other.
    from pygateway.cli.benching import bench  # noqa: PLC0415

    return bench(arguments)


def _time(least: float, most: float) -> Callable[[str], float]:
    def read(text: str) -> float:
        try:
            seconds = parse_duration(text)
        except ValueError:
            seconds = math.nan
        if not least <= seconds <= most:
            raise argparse.ArgumentTypeError(
                f"not a duration such as 500ms or 30s, from {least:g}s to {most:g}s: {text!r}"
            )
        return seconds

    return read


def _number(
    what: str, least: float, most: float, *, suffix: str, scale: float = 1.0
) -> Callable[[str], float]:
    def read(text: str) -> float:
        try:
            value = float(text.removesuffix(suffix))
        except ValueError:
            value = math.nan
        if not least <= value <= most:
            raise argparse.ArgumentTypeError(
                f"not {what} from {least:g}{suffix} to {most:g}{suffix}: {text!r}"
            )
        return value * scale

    return read


def _whole(what: str, least: int, most: int) -> Callable[[str], int]:
    def read(text: str) -> int:
        if not text.isascii() or not text.isdigit() or not least <= int(text[:9]) <= most:
            raise argparse.ArgumentTypeError(f"not {what} from {least} to {most}: {text!r}")
        return int(text)

    return read


def _statuses(text: str) -> frozenset[int]:
    digits = text.removesuffix("xx")
    if digits.isascii() and digits.isdigit() and digits[0] in "12345":
        if len(digits) == 3:
            return frozenset((int(digits),))
        if len(digits) == 1 and text.endswith("xx"):
            return frozenset(range(int(digits) * 100, int(digits) * 100 + 100))
    raise argparse.ArgumentTypeError(f"not a status such as 401 or 2xx: {text!r}")
