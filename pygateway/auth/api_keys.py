"""API keys that are kept in Redis, looked up by the digest of what the client has presented.

An entry is the string at `PREFIX:api-key:PROVIDER:DIGEST`: a JSON object with the members that keys
have in the configuration (id, owner, scopes, roles, claims, not_before, expires). The digest is the
keyed hash in hexadecimal: whoever reads the store learns no key, and nobody can time a comparison.
"""

from __future__ import annotations

import asyncio
import json
from typing import TYPE_CHECKING, Any

from pydantic import ValidationError
from redis.exceptions import ConnectionError as Disconnected
from redis.exceptions import MaxConnectionsError, RedisError

from pygateway.auth.health import ServiceHealth
from pygateway.auth.outcome import Unavailable
from pygateway.auth.turns import Turns
from pygateway.config import ApiKey
from pygateway.config.api_keys import entry_of
from pygateway.telemetry import get_logger

if TYPE_CHECKING:
    from collections.abc import Coroutine

    from pygateway.config.api_keys import ApiKeyEntry
    from pygateway.store.store import Store

REMEMBERED = 30.0
"""Seconds for which a key that was found is not looked up again; taken out of the store, it serves
this long at most. A revocation of its id ends it at once."""

FORGOTTEN = 1.0
"""Seconds for which a key that was not found is not looked up again: a new key works soon, and a
flood of one wrong key asks the store once in a while."""

AT_ONCE = 8
"""Look-ups under way at a time; each has a connection. Redis does one thing at a time, so that more
of them would wait there, where the deadline runs, and a burst would open all of them at once."""

PATIENCE = 2.0
"""Seconds for which the others wait for their turn. The longest queue of the default length is
through by then if Redis takes fifteen milliseconds for an answer."""


class _Flight:
    """A look-up that all who present the same key wait for, and that ends with the last of them."""

    __slots__ = ("task", "waiting")

    def __init__(self, looking: Coroutine[Any, Any, ApiKeyEntry | None]) -> None:
        self.task = asyncio.get_running_loop().create_task(looking)
        self.waiting = 0


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
        self._turns = Turns(AT_ONCE, PATIENCE)
        self._flights: dict[bytes, _Flight] = {}
        self._clock = asyncio.get_running_loop().time
        self.health = ServiceHealth("store of API keys", provider, self._clock)
        self.unreadable = 0

    async def find(self, digest: bytes) -> ApiKeyEntry | None:
        """Give the key with this digest; None where there is none that can be read.

        Raises:
            Unavailable: The store did not answer in time.
        """
        flight = self._flights.get(digest)
        if flight is None:
            flight = self._flights[digest] = _Flight(self._find(digest))
        flight.waiting += 1
        try:
            # One that waits may be cancelled; the others go on waiting.
            return await asyncio.shield(flight.task)
        finally:
            flight.waiting -= 1
            if not flight.waiting:
                flight.task.cancel()
            if flight.task.done() or not flight.waiting:
                self._land(digest, flight)

    def _land(self, digest: bytes, flight: _Flight) -> None:
        if self._flights.get(digest) is flight:
            del self._flights[digest]

    async def _find(self, digest: bytes) -> ApiKeyEntry | None:
        self._check_rest()
        async with self._turns.turn():
            # It may have begun while this one waited.
            self._check_rest()
            entry = await self._ask(self._prefix + digest.hex())
        return None if entry is None else self._read(entry, digest)

    def _check_rest(self) -> None:
        if self.health.resting:
            raise Unavailable("it did not answer a moment ago")

    async def _ask(self, name: str) -> bytes | str | None:
        begun = self._clock()
        try:
            async with asyncio.timeout(self._timeout):
                entry = await self._look_up(name)
        except TimeoutError:
            self.health.failed("no answer in time", begun)
            raise Unavailable("no answer in time") from None
        except MaxConnectionsError as error:
            # Others have all of the gateway's own connections, which says nothing of the store.
            raise Unavailable(str(error)) from error
        except (RedisError, OSError) as error:
            self.health.failed(str(error) or type(error).__name__, begun)
            raise Unavailable(str(error)) from error
        self.health.succeeded()
        return entry

    async def _look_up(self, name: str) -> bytes | str | None:
        """Get a string; a connection that Redis has closed since it was last used is no failure."""
        try:
            return await self._store.get(name)
        except MaxConnectionsError:
            raise
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
