"""One gateway's revocations: what it holds, on the disk and in Redis.

What is revoked here is on the disk first, then held, and then in Redis. If Redis cannot be reached,
it is held all the same, and written back when Redis is there again. What others revoke comes
through Redis and takes the same way.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass
from time import time
from typing import TYPE_CHECKING, Any

from pygateway.config import Config
from pygateway.config import Redis as RedisSettings
from pygateway.revocation.entry import Revocation
from pygateway.revocation.follower import PATIENCE, SILENCE, Follower
from pygateway.revocation.journal import Journal, JournalFailed
from pygateway.revocation.ledger import Ledger, LedgerFull
from pygateway.store.store import StoreUnavailable
from pygateway.telemetry import get_logger

if TYPE_CHECKING:
    from pygateway.revocation.shared import SharedRevocations

PUBLISH_DEADLINE = 2.0
"""Seconds for telling Redis; then whoever revokes is told that the others do not know yet."""

LOOK_DEADLINE = 1.0
"""Seconds that a start waits for what the others have revoked; a Redis that refuses is not waited
for."""


@dataclass(frozen=True)
class Prepared:
    """What a configuration needs, opened but not yet in use."""

    config: Config
    journal: Journal | None


class Register:
    """What this gateway holds, for as long as the program runs.

    A reload may move it to another file or another Redis: what is held goes along.
    """

    def __init__(self) -> None:
        self._ledger = Ledger(0)
        self._journal: Journal | None = None
        self._follower: Follower | None = None
        self._shared: SharedRevocations | None = None
        self._followed: RedisSettings | None = None
        self._stale_after = 0.0
        self._fresh_at: float | None = None
        self._writing = asyncio.Lock()

    def __len__(self) -> int:
        """How many entries are held; some may have expired."""
        return len(self._ledger)

    def held(self) -> list[Revocation]:
        """Give every entry that has not expired."""
        return self._ledger.held(time())

    @property
    def fresh_until(self) -> float | None:
        """Unix seconds at which what is held becomes stale; None where nobody else revokes."""
        if self._follower is None:
            return None
        return 0.0 if self._fresh_at is None else self._fresh_at + self._stale_after

    async def prepare(self, config: Config) -> Prepared:
        """Open what `config` names. `adopt` or `abandon` has to follow.

        Raises:
            JournalFailed: The file cannot be opened or written.
            LedgerFull: More is held than the configuration allows.
        """
        settings = config.auth.revocation
        journal = self._journal
        if settings.file is None:
            journal = None
        elif journal is None or journal.path != settings.file:
            journal = await asyncio.to_thread(Journal, settings.file)
        prepared = Prepared(config, journal)
        try:
            self._merge_replayed(journal, settings.entries)
            if journal is not None and journal is not self._journal:
                # Also a trial: a file that cannot be written is found out now.
                await asyncio.to_thread(journal.rewrite, self.held())
        except (LedgerFull, JournalFailed):
            self.abandon(prepared)
            raise
        return prepared

    def _merge_replayed(self, journal: Journal | None, maximum: int) -> None:
        now = time()
        before, self._ledger.maximum = self._ledger.maximum, maximum
        try:
            if journal is not None and journal is not self._journal:
                # Should the configuration be refused in the end, knowing more does no harm.
                self._ledger.take(self._ledger.changes(journal.replayed, now))
                journal.replayed.clear()
            if len(self._ledger.held(now)) > maximum:
                raise LedgerFull(maximum)
        except LedgerFull:
            self._ledger.maximum = before
            raise

    def abandon(self, prepared: Prepared) -> None:
        """Leave everything as it was."""
        if prepared.journal is not None and prepared.journal is not self._journal:
            prepared.journal.close()

    async def adopt(self, prepared: Prepared) -> None:
        """Use what was prepared."""
        settings = prepared.config.auth.revocation
        if prepared.journal is not self._journal:
            async with self._writing:
                await self._move(prepared.journal)
        self._ledger.maximum = settings.entries
        self._stale_after = settings.stale_after
        followed = prepared.config.redis if prepared.config.auth.providers else None
        if followed != self._followed:
            await self._follow(followed)

    async def _move(self, journal: Journal | None) -> None:
        old = self._journal
        if journal is not None:
            try:
                await asyncio.to_thread(journal.rewrite, self.held())
            except JournalFailed as failure:
                # It could be written a moment ago. The next revocation tries again, and tells.
                get_logger().error("revocations are not kept", detail=str(failure))
        self._journal = journal
        if old is not None:
            old.close()

    async def _follow(self, settings: RedisSettings | None) -> None:
        await self._stop_following()
        self._followed = settings
        if settings is None:
            return
        # The client's library takes half a second to import, and many gateways need none.
        from pygateway.revocation.shared import SharedRevocations  # noqa: PLC0415
        from pygateway.store.redis import connect  # noqa: PLC0415

        store = connect(settings, timeout=SILENCE + PATIENCE)
        self._shared = SharedRevocations(store, settings.key_prefix)
        self._follower = Follower(self._shared, self, self._note_fresh, self.held)
        self._follower.start()
        await self._follower.looked(LOOK_DEADLINE)

    def _note_fresh(self, asked_at: float) -> None:
        self._fresh_at = asked_at

    async def take(self, entries: Sequence[Revocation]) -> list[Revocation]:
        """Hold entries; give what that has changed. They are on the disk when this returns.

        Raises:
            LedgerFull: They do not all fit; none was taken.
            JournalFailed: They cannot be kept; none was taken.
        """
        async with self._writing:
            changes = self._ledger.changes(entries, time())
            if changes and self._journal is not None:
                # Shielded: a thread cannot be cancelled, and what it has written is to be held.
                await asyncio.shield(self._write(self._journal, changes))
            self._ledger.take(changes)
        return changes

    async def _write(self, journal: Journal, changes: list[Revocation]) -> None:
        if journal.wants_rewriting(len(self._ledger)):
            await asyncio.to_thread(journal.rewrite, [*self._ledger.entries(), *changes])
        else:
            await asyncio.to_thread(journal.append, changes)

    async def publish(self, entries: Sequence[Revocation]) -> str | None:
        """Tell the other gateways; give why they do not know yet, if so.

        Where there is no Redis there are no others.
        """
        shared, follower = self._shared, self._follower
        if shared is None or follower is None:
            return None
        arrived = False
        try:
            async with asyncio.timeout(PUBLISH_DEADLINE):
                # What changed nothing here may be unknown there.
                await shared.publish(entries)
            arrived = True
        except (StoreUnavailable, TimeoutError) as error:
            return str(error) or "no answer in time"
        finally:
            if not arrived:
                follower.look_again()
        return None

    @property
    def is_shared(self) -> bool:
        """Whether other gateways learn of revocations."""
        return self._shared is not None

    def statistics(self) -> dict[str, Any]:
        """Describe what is held, where it is kept, and how the feed is."""
        feed = None if self._follower is None else self._follower.statistics()
        return {
            "entries": len(self._ledger.held(time())),
            "maximum": self._ledger.maximum,
            "file": self._journal and self._journal.path,
            "redis": feed,
        }

    async def close(self) -> None:
        """Follow no more, and let others open the file."""
        await self._stop_following()
        if self._journal is not None:
            self._journal.close()
            self._journal = None

    async def _stop_following(self) -> None:
        follower, self._follower, self._shared = self._follower, None, None
        self._fresh_at = None
        if follower is not None:
            await follower.close()
