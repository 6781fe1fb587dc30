"""What a worker follows Redis with: a follower that only reads, into the native gate."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Protocol

from pygateway.config import Config
from pygateway.revocation.entry import Revocation
from pygateway.revocation.follower import PATIENCE, SILENCE, Follower
from pygateway.revocation.ledger import LedgerFull
from pygateway.revocation.shared import SharedRevocations
from pygateway.store.redis import connect


class Holder(Protocol):
    """Whoever refuses what is revoked."""

    def apply_revocations(self, entries: bytes) -> int:
        """Take entries as JSON; raises OverflowError when there is no room."""

    def set_fresh_until(self, until: float) -> None:
        """Take note until when, in Unix seconds, what is held is known to be complete."""


def make_feed(config: Config, holder: Holder) -> Follower | None:
    """Make the follower that a configuration asks for: none without Redis, or without providers."""
    if config.redis is None or not config.auth.providers:
        return None
    store = connect(config.redis, timeout=SILENCE + PATIENCE)
    shared = SharedRevocations(store, config.redis.key_prefix)
    stale_after = config.auth.revocation.stale_after

    def fresh(asked_at: float) -> None:
        holder.set_fresh_until(asked_at + stale_after)

    return Follower(shared, _Taker(holder, config.auth.revocation.entries), fresh)


class _Taker:
    def __init__(self, holder: Holder, maximum: int) -> None:
        self._holder = holder
        self._maximum = maximum

    async def take(self, entries: Sequence[Revocation]) -> None:
        try:
            self._holder.apply_revocations(encoded(entries))
        except OverflowError:
            raise LedgerFull(self._maximum) from None


def encoded(entries: Sequence[Revocation]) -> bytes:
    """Write entries as a JSON list."""
    return json.dumps([entry.to_json() for entry in entries]).encode("ascii")
