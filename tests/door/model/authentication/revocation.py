"""What has been taken back before its time."""

from __future__ import annotations

from dataclasses import dataclass, replace

from tests.door.model.authentication.principal import Principal


@dataclass(frozen=True)
class Revocation:
    """One token id, or all tokens of a subject or an issuer that were issued before a time.

    An entry may be forgotten after `expires`; until then it holds.
    """

    expires: float
    jti: str | None = None
    sub: str | None = None
    issuer: str | None = None
    issued_before: float | None = None

    def document(self) -> dict[str, object]:
        wanted: dict[str, object] = {"issuer": self.issuer, "expires": self.expires}
        if self.jti is not None:
            return {**wanted, "jti": self.jti}
        if self.sub is not None:
            wanted["sub"] = self.sub
        return {**wanted, "issued_before": self.issued_before}

    def merged(self, other: Revocation | None) -> Revocation:
        """Both in one: what either takes, until both may be forgotten."""
        if other is None:
            return self
        cuts = [cut for cut in (self.issued_before, other.issued_before) if cut is not None]
        return replace(
            self, expires=max(self.expires, other.expires), issued_before=max(cuts, default=None)
        )

    def takes(self, principal: Principal) -> bool:
        if self.issuer is not None and self.issuer != principal.issuer:
            return False
        if self.jti is not None:
            return self.jti == principal.token_id
        if self.sub is not None and self.sub != principal.subject:
            return False
        return self.issued_before is not None and principal.issued_at < self.issued_before


Subject = tuple[str | None, str | None, str | None]


class Revocations:
    """One entry for each token id, subject or issuer: the latest times of all that were told."""

    def __init__(self) -> None:
        self.entries: dict[Subject, Revocation] = {}
        self.ever: dict[Subject, Revocation] = {}

    def held(self, now: float) -> list[Revocation]:
        return [entry for entry in self.entries.values() if now < entry.expires]

    def apply(self, entries: list[Revocation], now: float) -> int:
        """How many of them change anything."""
        self.entries = {
            place: entry for place, entry in self.entries.items() if now < entry.expires
        }
        changed = 0
        for entry in entries:
            place = (entry.jti, entry.sub, entry.issuer)
            if now < entry.expires:
                merged = entry.merged(self.entries.get(place))
                changed += merged != self.entries.get(place)
                self.entries[place] = merged
            self.ever[place] = entry.merged(self.ever.get(place))
        return changed

    def has(self, principal: Principal, now: float) -> bool:
        """Whether an entry that still holds takes it."""
        return any(entry.takes(principal) for entry in self.held(now))

    def had(self, principal: Principal) -> bool:
        """Whether any entry takes it, also one that may be forgotten."""
        return any(entry.takes(principal) for entry in self.ever.values())
