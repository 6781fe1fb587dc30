"""A conversation with the gate: requests, keys that come and go, revocations and time."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace

from pygateway._core import Unverified
from tests.door.auth_comparison import AuthDoor, Given
from tests.door.comparison import NOW
from tests.door.model.authentication import claims
from tests.door.model.authentication.authentication import ApiKey
from tests.door.model.authentication.compact import decoded, take_apart
from tests.door.model.authentication.finding import Pending
from tests.door.model.authentication.revocation import Revocation
from tests.door.model.authentication.ring import Key
from tests.door.model.authentication.specification import Jwt
from tests.door.model.specification import Specification
from tests.door.model.verdict import Fields, Undecided

SERVICE_LINES: Fields = [
    (b"x-auth-user", b" ada "),
    (b"X_Auth_Groups", b"a, b"),
    (b"X-Auth-Groups", b"c\tc"),
    (b"X-Auth-User", b"root\r\nX-Admin: 1"),
    (b"X-Unknown", b"x"),
    (b"Content-Length", b"7"),
]
"""What a service answers; most of it must not go on."""


@dataclass(frozen=True)
class Asking:
    """A request with a credential."""

    target: bytes
    fields: Fields = field(repr=False)
    shows: str = ""


@dataclass
class Open:
    """A question that the gate has put and nobody has answered yet."""

    asking: Asking
    native: Unverified
    pending: Pending
    now: float
    changes: int


class Conversation:
    """Steps that are taken with the native gate and its model alike."""

    def __init__(self, specification: Specification) -> None:
        self.door = AuthDoor(specification)
        self.now = NOW
        self.changes = 0
        self.open: list[Open] = []
        self.verdicts: list[tuple[Asking, Given, int]] = []
        self.seen: set[str] = set()

    def ask(self, asking: Asking, given: Given | None = None) -> None:
        native, verdict = self.door.decide(
            asking.fields, now=self.now, target=asking.target, given=given
        )
        self.seen.add(getattr(native, "reason", None) or type(native).__name__)
        if isinstance(native, Unverified):
            assert isinstance(verdict, Undecided)
            question = Open(asking, native, verdict.pending, self.now, self.changes)
            self.open.append(question)

    def visit(self, asking: Asking) -> None:
        """Ask, and go on with whatever is asked back."""
        waiting = len(self.open)
        self.ask(asking)
        if len(self.open) > waiting:
            self.settle(-1, b'{"sub":"ada","jti":"1","iat":1}', 1000.0)

    def advance(self, seconds: float) -> None:
        self.now += seconds

    def set_keys(self, provider: int, keys: tuple[Key, ...], renewable: bool) -> None:
        self.changes += 1
        self.door.set_keys(provider, keys, renewable)

    def set_api_keys(self, provider: int, pepper: bytes, keys: Sequence[ApiKey]) -> None:
        self.changes += 1
        self.door.set_api_keys(provider, pepper, keys)

    def revoke(self, make: Callable[[float], list[Revocation]]) -> None:
        self.door.revoke(make(self.now), self.now)

    def set_fresh_until(self, seconds: float) -> None:
        self.door.set_fresh_until(self.now + seconds)

    def settle(self, which: int, claims_text: bytes, remember: float) -> None:
        """Answer an open question, and ask again with the answer."""
        if not self.open:
            return
        question = self.open.pop(which % len(self.open))
        given = self.answer(question, claims_text, remember)
        if given is not None:
            self.verdicts.append((question.asking, given, self.changes))
            self.ask(question.asking, given)

    def answer(self, question: Open, claims_text: bytes, remember: float) -> Given | None:
        """An answer that comes after keys have changed may count, or not."""
        given = self.answer_at_once(question, claims_text, remember)
        if given is None or question.changes == self.changes:
            return given
        self.door.knowledge.doubt(question.pending.index)
        return given[0], replace(given[1], certain=False)

    def answer_at_once(self, question: Open, claims_text: bytes, remember: float) -> Given | None:
        native, pending, door = question.native, question.pending, self.door
        if pending.kind == "signature":
            return self.verify(question)
        if pending.kind == "key":
            return door.deny(native, pending, "auth-unavailable", self.now, 0.0)
        if not claims_text:
            return door.deny(native, pending, "token-invalid", self.now, remember)
        if pending.kind == "external":
            if self.changes != question.changes:
                return None  # its key may have left
            claims_text = payload_of(pending)
        until = self.now + remember
        return door.admit(native, pending, claims_text, until, self.now, SERVICE_LINES)

    def verify(self, question: Open) -> Given:
        """Strictly where nothing has changed since it was asked for."""
        native, pending = question.native, question.pending
        if question.changes == self.changes and self.holds(pending):
            return self.door.verify(native, pending, self.now)
        verdict = self.door.native.verify(native, self.now)
        judgement = self.door.knowledge.verify(pending, self.now)
        self.door.knowledge.doubt(pending.index)
        assert judgement.accepted or not verdict.accepted
        outcome = judgement.outcome if verdict.accepted else str(verdict.reason)
        return verdict, replace(judgement, outcome=outcome, certain=False)

    def holds(self, pending: Pending) -> bool:
        rules = self.door.auth.providers[pending.provider].kind
        assert isinstance(rules, Jwt)
        try:
            claims.check(take_apart(pending.credential), rules, self.now)
        except claims.InvalidTokenError:
            return False
        return True

    def bring_again(self, which: int, asking: Asking | None) -> None:
        """Ask with a verdict of before, perhaps for another request."""
        if not self.verdicts:
            return
        before, (native, judgement), changes = self.verdicts[which % len(self.verdicts)]
        if changes != self.changes:
            judgement = replace(judgement, certain=False)
        self.ask(before if asking is None else asking, (native, judgement))


def payload_of(pending: Pending) -> bytes:
    return decoded(pending.credential.split(b".")[1])
