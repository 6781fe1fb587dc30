"""The native gate beside its model, where both know keys, revocations and time."""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from dataclasses import replace

from pygateway._core import Forward, Reject, Respond, Unverified
from pygateway._core import Verdict as NativeVerdict
from tests.door.comparison import NOW, SEED, Decision, Door, described, resembles
from tests.door.model.authentication.authentication import ApiKey, Authentication
from tests.door.model.authentication.challenge import REASONS, Challenge, challenge
from tests.door.model.authentication.finding import Pending
from tests.door.model.authentication.memory import Judgement
from tests.door.model.authentication.principal import Principal
from tests.door.model.authentication.revocation import Revocation
from tests.door.model.authentication.ring import Key
from tests.door.model.fields import keeps_alive, stripped
from tests.door.model.specification import Specification
from tests.door.model.verdict import Answer, Fields, Forwarding, Refusal, Undecided, Verdict

HOST = (b"Host", b"a.example")
PARAMETER = re.compile(rb'([a-z_]+)="((?:[^"\\]|\\.)*)"')
Given = tuple[NativeVerdict, Judgement]


class AuthDoor(Door):
    """Whatever one of them is told, both are told; whatever they answer is compared."""

    def __init__(self, specification: Specification, seed: bytes = SEED) -> None:
        super().__init__(specification, seed)
        assert specification.auth is not None
        self.auth = specification.auth
        self.details: dict[str, set[str]] = {}

    @property
    def knowledge(self) -> Authentication:
        assert self.model.authentication is not None
        return self.model.authentication

    def set_keys(self, provider: int, keys: Sequence[Key], renewable: bool = False) -> None:
        self.native.set_keys(provider, [key.entry for key in keys], renewable)
        self.knowledge.set_keys(provider, keys, renewable)

    def set_api_keys(self, provider: int, pepper: bytes, keys: Sequence[ApiKey]) -> None:
        entries = [(key.digest, key.claims, key.not_before, key.expires) for key in keys]
        self.native.set_api_keys(provider, pepper, entries)
        self.knowledge.set_api_keys(provider, pepper, keys)

    def revoke(self, entries: Sequence[Revocation], now: float) -> None:
        text = json.dumps([entry.document() for entry in entries]).encode()
        new = self.native.revoke(text, now)
        assert new == self.knowledge.revocations.apply(list(entries), now)
        self.compare_revocations(now)

    def compare_revocations(self, now: float) -> None:
        held = json.loads(self.native.revocations(now))
        expected = [entry.document() for entry in self.knowledge.revocations.held(now)]
        assert normal(held) == normal(expected)

    def set_fresh_until(self, until: float) -> None:
        self.native.set_fresh_until(until)
        self.knowledge.fresh_until = until

    def decide(
        self,
        fields: Fields,
        *,
        now: float = NOW,
        target: bytes = b"/",
        method: bytes = b"GET",
        given: Given | None = None,
        address: str = "198.51.100.7",
        secure: bool = False,
    ) -> tuple[Decision, Verdict]:
        """Both answers to a request with these fields, which agree."""
        fields = [HOST, *fields]
        native_peer, peer = self.peers(address, secure)
        verdict_given, judgement = (None, None) if given is None else given
        native = self.native.decide(method, target, fields, native_peer, now, 11, verdict_given)
        verdicts = self.model.decide(method, target, fields, peer, 11, now, judgement)
        likely = [verdict for verdict in verdicts if resembles(native, verdict)] or verdicts[:1]
        failures = []
        for verdict in likely:
            try:
                self.assert_same(native, verdict, keeps_alive(stripped(fields), 11), now)
            except AssertionError as failure:
                failures.append(failure)
            else:
                return native, verdict
        raise failures[0]

    def assert_same(
        self, native: Decision, verdict: Verdict, wants_to_persist: bool, now: float
    ) -> None:
        if isinstance(verdict, Undecided):
            assert isinstance(native, Unverified), described(native)
            assert_undecided(native, verdict)
            return
        assert not isinstance(native, Unverified), (native.kind, verdict)
        self.assert_agreed(native, verdict, wants_to_persist, now)
        self.assert_told(native, verdict)

    def assert_told(self, native: Decision, verdict: Verdict) -> None:
        """Who it was, or what a refusal says of it."""
        if isinstance(native, Reject):
            assert isinstance(verdict, Refusal)
            if native.reason in REASONS or (verdict.route is not None):
                self.assert_challenged(native, verdict)
        elif isinstance(verdict, (Forwarding, Answer)):
            assert native.user == (verdict.known.principal.subject if verdict.known else None)

    def assert_challenged(self, native: Reject, verdict: Refusal) -> None:
        assert verdict.route is not None
        protection = self.specification.routes[verdict.route].auth
        assert protection is not None
        self.details.setdefault(native.reason, set()).add(native.detail)
        assert len(self.details[native.reason]) == 1, self.details
        assert native.route in {None, verdict.route}
        assert read_challenge(native) == challenge(native.reason, self.auth, protection)
        retry = [value for name, value in native.headers if name.lower() == b"retry-after"]
        assert retry == ([b"1"] if native.reason == "auth-unavailable" else [])

    def verify(self, native: Unverified, pending: Pending, now: float) -> Given:
        """Both look at the signature."""
        assert native.kind == "signature"
        return self.same(self.native.verify(native, now), self.knowledge.verify(pending, now))

    def admit(
        self,
        native: Unverified,
        pending: Pending,
        claims: bytes,
        until: float,
        now: float,
        lines: Fields,
    ) -> Given:
        return self.same(
            self.native.admit(native, claims, until, now, lines),
            self.knowledge.admit(pending, claims, until, now, lines),
        )

    def deny(
        self, native: Unverified, pending: Pending, reason: str, now: float, remember: float
    ) -> Given:
        return self.same(
            self.native.deny(native, reason, now, remember),
            self.knowledge.deny(pending, reason, now, remember),
        )

    def same(self, native: NativeVerdict, judgement: Judgement) -> Given:
        """What was revoked may be said now, or when it is asked about again."""
        outcome = judgement.outcome
        if native.reason == "token-revoked" and isinstance(outcome, Principal):
            assert self.knowledge.revocations.had(outcome)
            return native, replace(judgement, outcome="token-revoked", key=None)
        assert native.accepted == judgement.accepted, (native.reason, judgement)
        assert native.reason == judgement.reason
        if judgement.accepted:
            assert native.subject == judgement.subject
        return native, judgement

    def identify(self, fields: Fields, **how: object) -> tuple[Decision, Verdict]:
        """Decide; look at the signature where that is asked for; decide again."""
        native, verdict = self.decide(fields, **how)  # type: ignore[arg-type]
        if isinstance(verdict, Undecided) and verdict.pending.kind == "signature":
            assert isinstance(native, Unverified)
            now = how.get("now", NOW)
            assert isinstance(now, float)
            given = self.verify(native, verdict.pending, now)
            native, verdict = self.decide(fields, given=given, **how)  # type: ignore[arg-type]
            assert not isinstance(native, Unverified)
        return native, verdict

    def accepts(self, token: bytes, now: float = NOW) -> bool:
        """Whether both let a request with this bearer token pass."""
        native, _ = self.identify([(b"Authorization", b"Bearer " + token)], now=now)
        return isinstance(native, (Forward, Respond))


def normal(entries: list[dict[str, object]]) -> list[str]:
    """Entries without order, numbers in one form, and without members that say nothing."""
    return sorted(
        json.dumps(
            {
                name: float(value) if isinstance(value, int) else value
                for name, value in entry.items()
                if value is not None
            },
            sort_keys=True,
        )
        for entry in entries
    )


def assert_undecided(native: Unverified, expected: Undecided) -> None:
    pending, request = expected.pending, expected.request
    assert native.kind == pending.kind
    assert native.provider == pending.provider
    assert native.route == expected.route
    assert native.keep_alive == expected.keep_alive
    assert native.body_limit == expected.body_limit
    assert native.body_length == request.body_length
    assert native.path == request.path
    if request.body_length != 0:
        assert native.expects_continue == expected.expects_continue
    assert native.credential == pending.credential
    if pending.kind in {"signature", "key", "external"}:
        assert (native.algorithm, native.key_id) == (pending.algorithm, pending.key_id)
    if pending.kind == "external":
        assert native.key == pending.key
    if pending.kind == "forward-auth":
        assert native.method == request.method
        assert native.host == (request.host or b"")
        assert native.scheme == ("https" if request.peer.secure else "http")
        assert [(name.lower(), value) for name, value in native.fields] == [
            (name.lower(), value) for name, value in pending.fields
        ]


def read_challenge(native: Reject) -> Challenge | None:
    """The one challenge of a refusal."""
    lines = [value for name, value in native.headers if name.lower() == b"www-authenticate"]
    if not lines:
        return None
    assert len(lines) == 1, lines
    scheme, _, rest = lines[0].partition(b" ")
    said = {name.decode(): value.decode() for name, value in PARAMETER.findall(rest)}
    written = ", ".join(f'{name}="{value}"' for name, value in said.items())
    assert written.encode() == rest, rest
    assert said.keys() <= {"realm", "error", "error_description", "scope"}
    assert ("error_description" in said) <= ("error" in said)
    scope = frozenset(said.get("scope", "").split(" ")) - {""}
    return Challenge(scheme.decode(), said["realm"], said.get("error"), scope)
