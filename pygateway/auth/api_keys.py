"""API keys that are kept in Redis, looked up by the digest of what the client has presented.

An entry is the string at `PREFIX:api-key:PROVIDER:DIGEST`: a JSON object with the members that keys
have in the configuration (id, owner, scopes, roles, claims, not_before, expires). The digest is the
keyed hash in hexadecimal: whoever reads the store learns no key, and nobody can time a comparison.
"""

from __future__ import annotations

import asyncio
import json
from typing import TYPE_CHECKING

from pydantic import ValidationError
from redis.exceptions import ConnectionError as Disconnected
from redis.exceptions import RedisError

from pygateway.auth.health import ServiceHealth
from pygateway.auth.outcome import Unavailable
from pygateway.auth.turns import Turns
from pygateway.config import ApiKey
from pygateway.config.api_keys import entry_of
from pygateway.telemetry import get_logger

if TYPE_CHECKING:
    from pygateway.config.api_keys import ApiKeyEntry
    from pygateway.store.store import Store

REMEMBERED = 30.0
"""Seconds for which a key that was found is not looked up again; taken out of the store, it serves
this long at most. A revocation of its id ends it at once."""

FORGOTTEN = 1.0
"""Seconds for which a key that was not found is not looked up again: a new key works soon, and a
flood of one wrong key asks the store once in a while."""


AT_ONCE = 32
"""Look-ups under way at a time; the others queue here, as long as for an answer. The client would
refuse them beyond the connections that it has."""


class StoredApiKeys:
    """The API keys of one provider that Redis keeps.

    Attributes:
        health: How the store answers.
        unreadable: Entries that were found and could not be read.
    """

    def __init__(self, provider: str, store: Store, prefix: str, timeout: float) -> None:
        self._provider = provider
        self._store = store
        self._prefix = f"{prefix}:api-key:{provider}:"
        self._timeout = timeout
        self._turns = Turns(AT_ONCE, timeout)
        self.health = ServiceHealth("store of API keys", provider, asyncio.get_running_loop().time)
        self.unreadable = 0

    async def find(self, digest: bytes) -> ApiKeyEntry | None:
        """Give the key with this digest; None where there is none that can be read.

        Raises:
            Unavailable: The store did not answer in time.
        """
        if self.health.resting:
            raise Unavailable("it did not answer a moment ago")
        async with self._turns.turn():
            entry = await self._ask(self._prefix + digest.hex())
        return None if entry is None else self._read(entry, digest)

    async def _ask(self, name: str) -> bytes | str | None:
        try:
            async with asyncio.timeout(self._timeout):
                entry = await self._look_up(name)
        except TimeoutError:
            self.health.failed("no answer in time")
            raise Unavailable("no answer in time") from None
        except (RedisError, OSError) as error:
            self.health.failed(str(error) or type(error).__name__)
            raise Unavailable(str(error)) from error
        self.health.succeeded()
        return entry

    async def _look_up(self, name: str) -> bytes | str | None:
        """Get a string; a connection that Redis has closed since it was last used is no failure."""
        try:
            return await self._store.get(name)
        except Disconnected:
            return await self._store.get(name)

    def _read(self, entry: bytes | str, digest: bytes) -> ApiKeyEntry | None:
        try:
            return read_entry(entry, digest)
        except (ValueError, RecursionError) as error:
            self.report_unreadable(digest, error)
            return None

    def report_unreadable(self, digest: bytes, error: Exception) -> None:
        """Say that an entry is of no use; its digest's beginning finds it, and tells no key."""
        self.unreadable += 1
        get_logger().warning(
            "unreadable API key",
            provider=self._provider,
            digest=digest.hex()[:12],
            detail=str(error),
        )


def read_entry(text: bytes | str, digest: bytes) -> ApiKeyEntry:
    """Read an entry of the store: a JSON object with the members of a configured key.

    Raises:
        ValueError: It is none, or is about another key.
    """
    members = json.loads(text)
    if not isinstance(members, dict) or members.setdefault("hash", digest.hex()) != digest.hex():
        raise ValueError("not the entry of this key")
    try:
        return entry_of(ApiKey.model_validate(members))
    except ValidationError as error:
        # What the validation says could quote the entry.
        raise ValueError(f"{error.error_count()} members cannot be read") from None
