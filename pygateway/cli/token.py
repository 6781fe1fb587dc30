"""`pygateway token mint`: a token to try things with.

Only for gateways that hold a shared secret: whoever runs one can sign with it anyway. Behind a
public key the issuer alone can sign, which is what such keys are for.
"""

from __future__ import annotations

import argparse
import time
import uuid
from typing import TYPE_CHECKING, Any

import jwt

from pygateway.cli.configuration import add_file_argument, load_found
from pygateway.cli.failure import CommandFailed, Exit
from pygateway.cli.minting import (
    add_claim_argument,
    add_provider_argument,
    choose_provider,
    duration,
    read_claims,
)
from pygateway.cli.output import print_json
from pygateway.config.keys import static_keys
from pygateway.config.units import format_duration

if TYPE_CHECKING:
    from pygateway.config import Provider

DEFAULT_TTL = 3600.0

MADE_BY_OPTIONS = {"sub": "--sub", "iss": "--issuer", "aud": "--audience", "exp": "--ttl"}
"""Claims that other options make."""

NO_OTHER_KIND = (
    "tokens can be minted for a provider with `secrets` only; "
    "behind public keys the issuer alone can sign"
)


def add(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Declare the command."""
    parser = commands.add_parser(
        "token", help="make a token to try things with", allow_abbrev=False
    )
    actions = parser.add_subparsers(metavar="mint", required=True, title="what to do")
    mint = actions.add_parser(
        "mint",
        help="print a token that the gateway accepts, for development",
        description="Print a token that the gateway accepts, signed with the first of its shared"
        " secrets. For development: in production, an identity provider issues tokens.",
        allow_abbrev=False,
    )
    add_file_argument(mint)
    mint.add_argument("--sub", metavar="SUBJECT", required=True, help="whom it is about")
    add_claim_argument(mint)
    mint.add_argument(
        "--ttl",
        metavar="TIME",
        type=duration,
        default=DEFAULT_TTL,
        help=f"how long it is valid (default {format_duration(DEFAULT_TTL)})",
    )
    mint.add_argument("--issuer", metavar="ISSUER", help="instead of the provider's")
    mint.add_argument("--audience", metavar="NAME", help="instead of the provider's first one")
    mint.add_argument("--key-id", metavar="ID", help="instead of the secret's own")
    add_provider_argument(mint)
    mint.add_argument("--json", action="store_true", help="print JSON")
    mint.set_defaults(handle=handle)


def handle(arguments: argparse.Namespace) -> int:
    """Run the command."""
    further = read_claims(arguments.claim, MADE_BY_OPTIONS)
    name, provider = choose_provider(
        load_found(arguments),
        arguments.provider,
        lambda candidate: bool(candidate.secrets),
        "provider with shared secrets",
        NO_OTHER_KIND,
    )
    if arguments.ttl > provider.longest_life:
        longest = format_duration(provider.longest_life)
        raise CommandFailed(f"--ttl: provider {name!r} accepts {longest} at most", Exit.USAGE)
    now = int(time.time())
    claims = {
        "iss": arguments.issuer or provider.issuer,
        "aud": arguments.audience or next(iter(provider.audiences), None),
        "sub": arguments.sub,
        "iat": now,
        "exp": now + max(1, int(arguments.ttl)),
        "jti": str(uuid.uuid4()),
        **further,
    }
    token = mint(
        provider,
        {name: value for name, value in claims.items() if value is not None},
        arguments.key_id,
    )
    if arguments.json:
        header = jwt.get_unverified_header(token)
        print_json({"token": token, "provider": name, "header": header, "claims": claims})
    else:
        print(token)
    return Exit.FINE


def mint(provider: Provider, claims: dict[str, Any], key_id: str | None = None) -> str:
    """Sign claims with the first secret of a provider and the first algorithm that it accepts."""
    key = static_keys(provider)[0]
    header = {"kid": key_id or key.id, "typ": next(iter(provider.types), "JWT")}
    return jwt.encode(
        claims,
        key.material,
        provider.algorithms[0],
        headers={name: value for name, value in header.items() if value},
    )
