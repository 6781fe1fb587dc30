"""What was verified or refused before, and may be known without looking again.

The law leaves some freedom (a token within its leeway may be forgotten or not), so memory is sure,
possible or gone. It never forgets for want of room: tests that compare give it enough.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import Enum

from tests.door.model.authentication.principal import Principal
from tests.door.model.authentication.ring import Key, Ring
from tests.door.model.verdict import Fields

Way = tuple[int, ...]
"""The providers of a route that look where the credential was found."""


@dataclass(frozen=True)
class Index:
    """Everything that was shown to a provider, and the way in which it came to be asked.

    Whether what was learnt in one way is known in another one is left open.
    """

    provider: int
    shown: object
    way: Way = field(default=(), compare=False)


Outcome = Principal | str
"""Who it is, or the reason of a refusal."""


class Certainty(Enum):
    """Whether something must, may or must not be remembered."""

    SURE = "sure"
    POSSIBLE = "possible"
    GONE = "gone"


@dataclass
class Entry:
    """One outcome: surely remembered before `sure`, possibly until `possible`."""

    outcome: Outcome
    key: Key | None
    sure: float
    possible: float

    def certainty(self, now: float) -> Certainty:
        if now < self.sure:
            return Certainty.SURE
        return Certainty.POSSIBLE if now <= self.possible else Certainty.GONE


@dataclass(frozen=True)
class Judgement:
    """What became of one credential: the model's counterpart of the door's Verdict.

    It is not `certain` where time has passed between the question and the answer.
    """

    index: Index
    outcome: Outcome
    key: Key | None
    certain: bool = True

    @property
    def accepted(self) -> bool:
        return isinstance(self.outcome, Principal)

    @property
    def reason(self) -> str | None:
        return self.outcome if isinstance(self.outcome, str) else None

    @property
    def subject(self) -> str | None:
        return self.outcome.subject if isinstance(self.outcome, Principal) else None


class Memory:
    """Entries by provider, credential and way."""

    def __init__(self) -> None:
        self.entries: dict[tuple[Index, Way], Entry] = {}

    def recall(self, index: Index, now: float) -> list[tuple[Certainty, Outcome]]:
        """What is remembered: sure at most where it was learnt in the same way."""
        found: list[tuple[Certainty, Outcome]] = []
        for (other, way), entry in self.entries.items():
            certainty = entry.certainty(now)
            if other == index and certainty is not Certainty.GONE:
                same = way == index.way
                found.append((certainty if same else Certainty.POSSIBLE, entry.outcome))
        return found

    def keep(self, index: Index, entry: Entry) -> None:
        self.entries[index, index.way] = entry

    def forget(self, index: Index) -> None:
        self.entries.pop((index, index.way), None)

    def doubt(self, index: Index) -> None:
        for (other, _), entry in self.entries.items():
            if other == index:
                entry.sure = float("-inf")

    def doubt_all(self, provider: int) -> None:
        for (index, _), entry in self.entries.items():
            if index.provider == provider:
                entry.sure = float("-inf")

    def change_keys(self, provider: int, old: Ring, new: Ring) -> None:
        """A key that leaves ends its tokens, and any change ends what was refused.

        A key that comes back may or may not bring its tokens; a set that did not change may or
        may not end refusals.
        """
        for place, entry in list(self.entries.items()):
            if place[0].provider != provider:
                continue
            refused = isinstance(entry.outcome, str)
            if refused and old.keys == new.keys:
                entry.sure = float("-inf")
            elif refused:
                del self.entries[place]
            elif entry.key is not None and entry.key not in new.keys:
                entry.sure = float("-inf")


def asked_index(provider: int, fields: Fields, *question: object) -> Index:
    """What a service was asked: the fields it saw, and about which request."""
    return Index(provider, (tuple(fields), question))
