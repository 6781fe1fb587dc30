"""What `bench` does: from arguments to a load, from its tallies to what is printed and written."""

from __future__ import annotations

import asyncio
import os
import resource
import signal
import ssl
import sys
from datetime import UTC, datetime
from fractions import Fraction
from importlib import metadata
from typing import TYPE_CHECKING

import uvloop
from pydantic import ValidationError

from pygateway.bench.comparison import NotComparable, check_comparable
from pygateway.bench.connections import CannotConnect
from pygateway.bench.export import as_csv
from pygateway.bench.junit import as_junit
from pygateway.bench.load import Load
from pygateway.bench.objectives import InvalidObjective, Objective, parse_objective
from pygateway.bench.plan import (
    EXPECTED,
    MAX_BODY_BYTES,
    InvalidURL,
    Location,
    Place,
    Plan,
    read_url,
)
from pygateway.bench.report import Report, Setting, make_report, total_of
from pygateway.bench.requests import InvalidRequest, make_requests, read_targets, read_tokens
from pygateway.bench.text import as_text
from pygateway.bench.words import duration, ranges
from pygateway.cli.bench import DEFAULT_ROUNDS, ROUNDS_TO_COMPARE
from pygateway.cli.failure import CommandFailed, Exit
from pygateway.cli.output import Style, visible

if TYPE_CHECKING:
    import argparse
    from collections.abc import Callable
    from pathlib import Path

    from pygateway.bench.requests import Requests
    from pygateway.bench.tally import Tally

SPARE_DESCRIPTORS = 64
"""For everything that is no connection of the load."""

MAX_FILE_BYTES = 256 * 1024 * 1024
"""Of targets, tokens and baselines."""


def bench(arguments: argparse.Namespace) -> int:
    """Run the command."""
    objectives = read_objectives(arguments.slo)
    location = _url(arguments.url)
    plan = make_plan(arguments, location)
    setting = make_setting(arguments, location, plan)
    baseline = read_baseline(arguments.baseline, setting)
    for path in (arguments.save, arguments.junit, arguments.csv):
        _check_writable(path)
    _allow_descriptors(plan.connections)
    began = datetime.now(UTC)
    load = run(plan)
    if not load.rounds:
        raise CommandFailed("interrupted before anything was measured")
    total = total_of(load.rounds)
    report = make_report(
        plan,
        setting,
        began,
        load.rounds,
        objectives,
        max_lag=arguments.max_lag,
        baseline=baseline,
        max_regression=arguments.max_regression,
        version=metadata.version("pygateway"),
        interrupted=load.interrupted,
    )
    text = as_text(report)
    document = report.model_dump_json(indent=2, by_alias=True) + "\n"
    if arguments.json:
        print(document, end="")
    else:
        print_report(report, text)
    _write(arguments.save, document)
    _write(arguments.junit, as_junit(report, text))
    _write(arguments.csv, as_csv(total.latency))
    return Exit.FINE if report.passed else Exit.FAILED


def run(plan: Plan) -> Load:
    """Put the load on. A signal ends it early, and a second one at once.

    Raises:
        CommandFailed: There is nobody to be measured.
    """
    load = Load(plan, _progress(plan.rounds))

    async def measure() -> None:
        loop = asyncio.get_running_loop()

        def stop() -> None:
            load.stop()
            ignore()

        def ignore() -> None:
            for number in (signal.SIGINT, signal.SIGTERM):
                loop.remove_signal_handler(number)

        for number in (signal.SIGINT, signal.SIGTERM):
            loop.add_signal_handler(number, stop)
        try:
            await load.run()
        finally:
            ignore()

    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        try:
            runner.run(measure())
        except CannotConnect as error:
            raise CommandFailed(visible(str(error))) from None
    return load


def _progress(rounds: int) -> Callable[[int, Tally], None] | None:
    """Say on a terminal how far several rounds are, which take a while."""
    if rounds == 1 or not sys.stderr.isatty():
        return None

    def tell(number: int, tally: Tally) -> None:
        p99 = duration(tally.latency.percentile(Fraction(99)) / 1e9)
        print(f"round {number} of {rounds}: p99 {p99}, {tally.errors} errors", file=sys.stderr)

    return tell


def print_report(report: Report, text: str) -> None:
    """Print the report for people, and the verdict in a colour."""
    print(text, end="")
    if not report.objectives and report.comparison is None and report.passed:
        return
    style = Style(sys.stdout)
    print()
    print(style.green("passed") if report.passed else style.red(f"failed: {_why(report)}"))


def _why(report: Report) -> str:
    reasons = ["interrupted"] if report.interrupted else []
    if not report.valid:
        reasons.append("not valid")
    if not report.total.answered:
        reasons.append("nothing was answered")
    reasons += [f"{each.objective} does not hold" for each in report.objectives if not each.holds]
    changes = report.comparison.changes if report.comparison else ()
    reasons += [f"{change.figure} has regressed" for change in changes if change.regressed]
    return ", ".join(reasons)


# --- from arguments to a plan -------------------------------------------------------------------


def read_objectives(texts: list[str]) -> list[Objective]:
    """Read `--slo`.

    Raises:
        CommandFailed: One is none, with a caret where it goes wrong; or is there twice.
    """
    objectives: list[Objective] = []
    for text in texts:
        try:
            objective = parse_objective(text)
        except InvalidObjective as error:
            # Tabs become spaces, so that the caret stands below what is meant.
            shown = visible(error.text.replace("\t", " "))
            at = len(visible(error.text[: error.at].replace("\t", " ")))
            message = f"--slo: {visible(str(error))}\n    {shown}\n    {' ' * at}^"
            raise CommandFailed(message, Exit.USAGE) from None
        if any(each.text == objective.text for each in objectives):
            raise CommandFailed(f"--slo {objective.text}: given twice", Exit.USAGE)
        objectives.append(objective)
    return objectives


def make_plan(arguments: argparse.Namespace, location: Location) -> Plan:
    """Make a plan of arguments.

    Raises:
        CommandFailed: They do not fit together, or name a file that is of no use.
    """
    rounds = arguments.rounds or (
        ROUNDS_TO_COMPARE if arguments.baseline is not None else DEFAULT_ROUNDS
    )
    if arguments.rate is None and arguments.arrivals == "poisson":
        raise CommandFailed("--arrivals poisson needs a --rate", Exit.USAGE)
    if arguments.rate is not None and arguments.rate * arguments.duration < 1:
        raise CommandFailed("not one request is due: raise --rate or --duration", Exit.USAGE)
    tls = None
    if location.scheme == "https":
        tls = _trust(arguments.ca_file, insecure=arguments.insecure)
    elif arguments.insecure or arguments.ca_file is not None:
        raise CommandFailed("--ca-file and --insecure are for https", Exit.USAGE)
    return Plan(
        place=Place(location.host, location.port, arguments.unix_socket, tls),
        requests=_requests(arguments, location),
        rate=arguments.rate,
        connections=arguments.connections,
        duration=arguments.duration,
        warm_up=arguments.warmup,
        rounds=rounds,
        timeout=arguments.timeout,
        poisson=arguments.arrivals == "poisson",
        seed=arguments.seed,
        expected=frozenset().union(*arguments.expect) if arguments.expect else EXPECTED,
    )


def make_setting(arguments: argparse.Namespace, location: Location, plan: Plan) -> Setting:
    """Write a plan down as a report has it: no header, token or query, which may be secrets."""
    return Setting(
        url=location.shown,
        loop="closed" if plan.rate is None else "open",
        rate=plan.rate,
        arrivals=None if plan.rate is None else arguments.arrivals,
        seed=plan.seed if plan.poisson else None,
        method=_method(arguments),
        targets=len(plan.requests.lines),
        tokens=len(plan.requests.tokens),
        body_bytes=len(plan.requests.body),
        connections=plan.connections,
        duration=plan.duration,
        warm_up=plan.warm_up,
        rounds=plan.rounds,
        timeout=plan.timeout,
        expected=ranges(plan.expected),
    )


def _url(text: str) -> Location:
    try:
        return read_url(text)
    except InvalidURL as error:
        raise CommandFailed(visible(str(error)), Exit.USAGE) from None


def _method(arguments: argparse.Namespace) -> str:
    has_body = arguments.data is not None or arguments.data_file is not None
    method: str = arguments.method or ("POST" if has_body else "GET")
    return method


def _requests(arguments: argparse.Namespace, location: Location) -> Requests:
    body = b""
    if arguments.data is not None:
        body = arguments.data.encode("utf-8", "surrogateescape")
    elif arguments.data_file is not None:
        body = _read(arguments.data_file, "--data-file", MAX_BODY_BYTES)
    targets: list[tuple[str | None, str]] = [(None, location.target)]
    tokens: list[str] = []
    option = ""
    try:
        if arguments.targets is not None:
            option = f"--targets {arguments.targets}: "
            text = _read(arguments.targets, "--targets", MAX_FILE_BYTES)
            targets = read_targets(text.decode("utf-8", "replace"))
        if arguments.bearer_file is not None:
            option = f"--bearer-file {arguments.bearer_file}: "
            text = _read(arguments.bearer_file, "--bearer-file", MAX_FILE_BYTES)
            tokens = read_tokens(text.decode("utf-8", "replace"))
        option = ""
        return make_requests(
            _method(arguments),
            targets,
            location.authority,
            [_header(line) for line in arguments.header],
            tokens,
            body,
            metadata.version("pygateway"),
        )
    except InvalidRequest as error:
        raise CommandFailed(visible(f"{option}{error}"), Exit.USAGE) from None


def _header(line: str) -> tuple[str, str]:
    name, colon, value = line.partition(":")
    if not colon or not name:
        raise CommandFailed(f"-H takes 'Name: value', not {visible(line)!r}", Exit.USAGE)
    return name, value.strip(" \t")


def _trust(ca_file: Path | None, *, insecure: bool) -> ssl.SSLContext:
    try:
        context = ssl.create_default_context(cafile=ca_file)
    except (OSError, ssl.SSLError) as error:
        raise CommandFailed(f"--ca-file {ca_file}: {error.strerror or error}", Exit.USAGE) from None
    if insecure:
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
    context.set_alpn_protocols(["http/1.1"])
    return context


def _allow_descriptors(connections: int) -> None:
    """Raise the limit of descriptors as far as is needed and allowed."""
    needed = connections + SPARE_DESCRIPTORS
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if hard != resource.RLIM_INFINITY and needed > hard:
        raise CommandFailed(f"--connections: this process may have {hard} descriptors", Exit.USAGE)
    if soft != resource.RLIM_INFINITY and needed > soft:
        resource.setrlimit(resource.RLIMIT_NOFILE, (needed, hard))


# --- files --------------------------------------------------------------------------------------


def read_baseline(path: Path | None, setting: Setting) -> Report | None:
    """Read `--baseline`.

    Raises:
        CommandFailed: It cannot be read, or not be compared with what is going to be done.
    """
    if path is None:
        return None
    document = _read(path, "--baseline", MAX_FILE_BYTES)
    try:
        report = Report.model_validate_json(document)
        check_comparable(report, setting)
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(map(str, first["loc"]))
        message = f"--baseline {path}: no report of pygateway bench: {where}: {first['msg']}"
        raise CommandFailed(visible(message), Exit.USAGE) from None
    except NotComparable as error:
        message = f"--baseline {path}: not comparable: {error}"
        raise CommandFailed(visible(message), Exit.USAGE) from None
    return report


def _read(path: Path, option: str, most: int) -> bytes:
    try:
        with path.open("rb") as file:
            data = file.read(most + 1)
    except OSError as error:
        raise CommandFailed(f"{option} {path}: {error.strerror}", Exit.USAGE) from None
    if len(data) > most:
        raise CommandFailed(f"{option} {path}: more than {most} bytes", Exit.USAGE)
    return data


def _check_writable(path: Path | None) -> None:
    """Find out before the load whether its report can be kept."""
    if path is None:
        return
    if path.is_dir() or not os.access(path if path.exists() else path.absolute().parent, os.W_OK):
        raise CommandFailed(f"{path} cannot be written", Exit.USAGE)


def _write(path: Path | None, text: str) -> None:
    if path is None:
        return
    try:
        path.write_text(text, encoding="utf-8")
    except OSError as error:
        raise CommandFailed(f"{path}: {error.strerror}") from None
