"""What a gateway holds: a bounded set of merged entries."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from pygateway.errors import GatewayError
from pygateway.revocation.entry import Revocation, Target

FEW = 64
"""Fewest entries that are worth a look for expired ones."""


class LedgerFull(GatewayError):
    """There is no room for all of the entries; none was taken."""

    def __init__(self, maximum: int) -> None:
        super().__init__(
            f"there is no room for more than {maximum} revocations (`auth.revocation.entries`)"
        )
        self.maximum = maximum


class Ledger:
    """Merged entries, at most `maximum` of them that have not expired.

    Attributes:
        maximum: Most entries; may be lowered under what is held, which then stays.
    """

    def __init__(self, maximum: int) -> None:
        self.maximum = maximum
        self._entries: dict[Target, Revocation] = {}
        self._crowded = FEW

    def __len__(self) -> int:
        """How many are held; some may have expired."""
        return len(self._entries)

    def changes(self, entries: Iterable[Revocation], now: float) -> list[Revocation]:
        """Give what `entries` would change, merged with what is held; nothing is taken yet.

        Raises:
            LedgerFull: They do not all fit.
        """
        changed: dict[Target, Revocation] = {}
        for entry in entries:
            held = changed.get(entry.target) or self._entries.get(entry.target)
            merged = entry if held is None or held.expires <= now else held.merged(entry)
            if merged is not held and merged.expires > now:
                changed[entry.target] = merged
        self._make_room(changed, now)
        return list(changed.values())

    def take(self, changes: Sequence[Revocation]) -> None:
        """Take what `changes` gave. In between, others may have been taken: it merges again."""
        for entry in changes:
            held = self._entries.get(entry.target)
            self._entries[entry.target] = entry if held is None else held.merged(entry)

    def held(self, now: float) -> list[Revocation]:
        """Give every entry that has not expired."""
        self._forget(now)
        return list(self._entries.values())

    def entries(self) -> list[Revocation]:
        """Give every entry, whether it has expired or not."""
        return list(self._entries.values())

    def _make_room(self, changed: dict[Target, Revocation], now: float) -> None:
        # Looking through all of them pays when their number has doubled since the last look.
        if len(self._entries) + len(changed) > min(self.maximum, self._crowded):
            self._forget(now)
        new = sum(target not in self._entries for target in changed)
        if new and len(self._entries) + new > self.maximum:
            raise LedgerFull(self.maximum)

    def _forget(self, now: float) -> None:
        for target in [each for each, entry in self._entries.items() if entry.expires <= now]:
            del self._entries[target]
        self._crowded = max(FEW, 2 * len(self._entries))
