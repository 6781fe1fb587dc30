"""What the commands share that make tokens and keys: options, and the choice of a provider."""

from __future__ import annotations

import argparse
import json
from collections.abc import Callable, Iterable, Mapping
from typing import TYPE_CHECKING, Any

from pygateway.cli.failure import CommandFailed, Exit
from pygateway.config.units import parse_duration

if TYPE_CHECKING:
    from pygateway.config import Config, Provider


def add_claim_argument(parser: argparse.ArgumentParser) -> None:
    """Declare `--claim NAME=VALUE`."""
    parser.add_argument(
        "--claim",
        metavar="NAME=VALUE",
        action="append",
        default=[],
        help="a further claim; a value that is JSON is that, any other is text; may be repeated",
    )


def add_provider_argument(parser: argparse.ArgumentParser) -> None:
    """Declare `--provider NAME`."""
    parser.add_argument(
        "--provider", metavar="NAME", help="which provider it is for; the first one that fits"
    )


def read_claims(lines: Iterable[str], made_otherwise: Mapping[str, str]) -> dict[str, Any]:
    """Read the values of `--claim`.

    Args:
        lines: `NAME=VALUE`, as given.
        made_otherwise: Claims that other options make, and which.

    Raises:
        CommandFailed: One is not `NAME=VALUE`, is given twice, or is another option's.
    """
    claims: dict[str, Any] = {}
    for line in lines:
        name, equals, text = line.partition("=")
        if not equals or not name:
            raise CommandFailed(f"--claim takes NAME=VALUE, not {line!r}", Exit.USAGE)
        if name in made_otherwise:
            raise CommandFailed(f"--claim {name}: use {made_otherwise[name]}", Exit.USAGE)
        if name in claims:
            raise CommandFailed(f"--claim {name}: given twice", Exit.USAGE)
        claims[name] = _value(text)
    return claims


def _value(text: str) -> object:
    """JSON where it is JSON (RFC 8259, which has no NaN and no Infinity), else text."""
    try:
        return json.loads(text, parse_constant=_no_constant)
    except ValueError:
        return text


def _no_constant(name: str) -> object:
    raise ValueError(name)


def duration(text: str) -> float:
    """Read `--ttl` for argparse: a positive time, such as `1h`."""
    try:
        seconds = parse_duration(text)
    except ValueError:
        seconds = 0.0
    if seconds <= 0:
        raise argparse.ArgumentTypeError(f"not a duration such as 30s, 15m or 1h: {text!r}")
    return seconds


def choose_provider(
    config: Config, name: str | None, fits: Callable[[Provider], bool], kind: str, refusal: str
) -> tuple[str, Provider]:
    """Give the provider of that name, or the first one that fits, and its name.

    Args:
        config: What has the providers.
        name: The one that was asked for, if any.
        fits: Whether a provider is of the wanted kind.
        kind: What such a provider is called.
        refusal: Why no other kind will do, for the error.

    Raises:
        CommandFailed: There is none.
    """
    providers = config.auth.providers
    if name is not None:
        if name not in providers:
            known = ", ".join(providers) or "none is configured"
            raise CommandFailed(f"no provider is called {name!r} ({known})")
        if not fits(providers[name]):
            raise CommandFailed(f"provider {name!r} is no {kind}: {refusal}")
        return name, providers[name]
    for found, provider in providers.items():
        if fits(provider):
            return found, provider
    if not providers:
        raise CommandFailed(f"no provider is configured; {refusal}")
    raise CommandFailed(f"none of the providers is a {kind} ({', '.join(providers)}): {refusal}")
