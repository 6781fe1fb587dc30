"""The command line: one module for each command, and what they share.

    demo run proxy echo      serve until a signal ends them
    bench            measures a running gateway
    token key                make credentials
    revoke status top explain log-level reload drain    ask the admin server of a running gateway
    check routes schema version      answer and end
    configuration    finds and loads the configuration, and reports what is wrong with it
    problems         renders problems as text, JSON or annotations
    benching         what `bench` does once it is asked to
    minting          what `token` and `key` share
    admin_client     talks to the admin server
    serving          runs the supervisor
    traffic_rates    what happened between two looks at the traffic (arithmetic)
    top_screen, full_screen          lays that out; takes the terminal for it
    output           text and JSON on stdout; colours
    failure          exit codes, and the exception that becomes one line and a code

A command's module has `add(commands)`, which declares its arguments and sets `handle`, the
function that takes the parsed arguments and gives the exit code.
"""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Sequence

from pygateway.cli import (
    bench,
    check,
    demo,
    drain,
    echo,
    explain,
    key,
    log_level,
    proxy,
    reload,
    revoke,
    routes,
    run,
    schema,
    status,
    token,
    top,
    version,
)
from pygateway.cli.failure import CommandFailed, Exit
from pygateway.errors import GatewayError

COMMANDS = (
    demo,
    run,
    proxy,
    echo,
    check,
    routes,
    token,
    key,
    revoke,
    status,
    top,
    explain,
    log_level,
    reload,
    drain,
    bench,
    schema,
    version,
)


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command that `arguments` name, `sys.argv` unless given; give the exit code."""
    parser = build_parser()
    parsed = parser.parse_args(arguments)
    try:
        code = parsed.handle(parsed)
        # There is none where the program was started without it.
        if sys.stdout is not None:
            sys.stdout.flush()
    except CommandFailed as failure:
        if failure.message:
            print(f"pygateway: {failure.message}", file=sys.stderr)
        return failure.code
    except GatewayError as error:
        print(f"pygateway: {error}", file=sys.stderr)
        return Exit.FAILED
    except BrokenPipeError:
        # Whoever read our output has had enough. Python would complain once more at exit.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return Exit.FAILED
    except KeyboardInterrupt:
        return Exit.FAILED
    return int(code)


def build_parser() -> argparse.ArgumentParser:
    """Make the parser of the whole command line."""
    parser = argparse.ArgumentParser(
        prog="pygateway",
        description="An API gateway. `pygateway demo` shows it at work.",
        epilog="Exit codes: 0 fine, 1 failed at run time, 2 wrong usage, 78 bad configuration.",
        allow_abbrev=False,
    )
    commands = parser.add_subparsers(metavar="COMMAND", required=True, title="commands")
    for command in COMMANDS:
        command.add(commands)
    return parser
