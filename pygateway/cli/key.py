"""`pygateway key mint`: an API key, and the entry by which the gateway will know it.

The key itself is nowhere but in what is printed: a configuration holds its keyed hash.
"""

from __future__ import annotations

import argparse
import datetime
import hashlib
import hmac
import json
import secrets
import time
from typing import TYPE_CHECKING, Any

from pygateway.cli.configuration import add_file_argument, load_found
from pygateway.cli.failure import Exit
from pygateway.cli.minting import (
    add_claim_argument,
    add_provider_argument,
    choose_provider,
    duration,
    read_claims,
)
from pygateway.cli.output import print_json

if TYPE_CHECKING:
    from pygateway.config import Provider

PREFIX = "pgk_"
"""What scanners for leaked secrets can look for."""

KEY_BYTES = 32
"""Far beyond guessing, so that a fast hash is enough."""

MADE_BY_OPTIONS = {
    "sub": "--owner", "jti": "--id", "scope": "--scope", "roles": "--role", "exp": "--ttl",
}  # fmt: skip
"""Claims that other options make."""

NEEDS_API_KEYS = "keys can be minted for a provider with `api_keys` only"


def add(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Declare the command."""
    parser = commands.add_parser("key", help="make an API key", allow_abbrev=False)
    actions = parser.add_subparsers(metavar="mint", required=True, title="what to do")
    mint = actions.add_parser(
        "mint",
        help="print a new API key, and the entry to put into the configuration",
        description="Print a new API key, this once, and the entry with its keyed hash to put into"
        " the configuration. The gateway accepts the key as soon as it has loaded the entry.",
        allow_abbrev=False,
    )
    add_file_argument(mint)
    mint.add_argument("--owner", metavar="NAME", required=True, help="whose it is")
    mint.add_argument("--id", metavar="ID", help="what it is called in logs and revocations")
    mint.add_argument(
        "--scope", metavar="SCOPE", action="append", default=[], help="may be repeated"
    )
    mint.add_argument("--role", metavar="ROLE", action="append", default=[], help="may be repeated")
    add_claim_argument(mint)
    mint.add_argument("--ttl", metavar="TIME", type=duration, help="how long it is valid")
    add_provider_argument(mint)
    mint.add_argument("--json", action="store_true", help="print JSON")
    mint.set_defaults(handle=handle)


def handle(arguments: argparse.Namespace) -> int:
    """Run the command."""
    claims = read_claims(arguments.claim, MADE_BY_OPTIONS)
    name, provider = choose_provider(
        load_found(arguments),
        arguments.provider,
        lambda candidate: candidate.kind == "api-keys",
        "provider of API keys",
        NEEDS_API_KEYS,
    )
    now = time.time()
    key = PREFIX + secrets.token_urlsafe(KEY_BYTES)
    entry = {
        "id": arguments.id or f"{arguments.owner}-{secrets.token_hex(4)}",
        "hash": digest(pepper_of(provider), key),
        "owner": arguments.owner,
        "scopes": arguments.scope,
        "roles": arguments.role,
        "claims": claims,
        # When it was made: what is revoked as issued before some time is told from this.
        "not_before": _moment(now),
        "expires": None if arguments.ttl is None else _moment(now + arguments.ttl),
    }
    entry = {name: value for name, value in entry.items() if value}
    if arguments.json:
        print_json({"key": key, "provider": name, "entry": entry})
    else:
        print(f"key (shown this once): {key}")
        print(f"entry for auth.providers.{name}.api_keys.keys:\n\n{_as_yaml(entry)}")
    return Exit.FINE


def pepper_of(provider: Provider) -> bytes:
    """The key of a provider's hashes."""
    pepper = None if provider.api_keys is None else provider.api_keys.pepper
    text = "" if pepper is None else pepper.get_secret_value()
    return text.encode("utf-8", "surrogateescape")


def digest(pepper: bytes, key: str) -> str:
    """The keyed hash of a key, as entries have it: HMAC-SHA256 in hex."""
    return hmac.new(pepper, key.encode(), hashlib.sha256).hexdigest()


def _moment(seconds: float) -> str:
    moment = datetime.datetime.fromtimestamp(int(seconds), datetime.UTC)
    return moment.isoformat().replace("+00:00", "Z")


def _as_yaml(entry: dict[str, Any]) -> str:
    """One item of a list; its values are JSON, which YAML reads as well."""
    lines = [f"{name}: {json.dumps(value, ensure_ascii=False)}" for name, value in entry.items()]
    return "  - " + "\n    ".join(lines)
