"""Who asks? The whole of it, in the order in which it is found out."""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

from tests.door.model.authentication import claims as registered
from tests.door.model.authentication.compact import Token, take_apart
from tests.door.model.authentication.credential import (
    Credential,
    UnreadableCredentialError,
    search,
    shown_to_service,
)
from tests.door.model.authentication.finding import (
    Accepted,
    Anonymous,
    Finding,
    Pending,
    Refused,
)
from tests.door.model.authentication.memory import (
    Certainty,
    Entry,
    Index,
    Judgement,
    Memory,
    Outcome,
    asked_index,
)
from tests.door.model.authentication.principal import Principal, make_principal, service_lines
from tests.door.model.authentication.revocation import Revocations
from tests.door.model.authentication.ring import Key, Ring
from tests.door.model.authentication.rule import is_satisfied
from tests.door.model.authentication.specification import (
    ApiKeys,
    Auth,
    ForwardAuth,
    Jwt,
    Protection,
    Provider,
    Source,
)
from tests.door.model.authentication.strict_json import UnfitError, parse_object
from tests.door.model.verdict import Fields, Request


@dataclass(frozen=True)
class ApiKey:
    """An API key as the gate gets it: known by its digest, and valid for a time."""

    digest: bytes
    claims: bytes
    not_before: float = 0.0
    expires: float = float("inf")


class Authentication:
    """What the gate knows about those who ask, and what it makes of what they show."""

    def __init__(self, auth: Auth) -> None:
        self.auth = auth
        self.rings = {index: Ring() for index in range(len(auth.providers))}
        self.pepper: dict[int, bytes] = {}
        self.api_keys: dict[int, dict[bytes, ApiKey]] = {}
        self.accepted = Memory()
        self.refused = Memory()
        self.revocations = Revocations()
        self.fresh_until = float("inf")

    def set_keys(self, provider: int, keys: Sequence[Key], renewable: bool) -> None:
        old, new = self.rings[provider], Ring(tuple(keys), renewable)
        self.accepted.change_keys(provider, old, new)
        self.refused.change_keys(provider, old, new)
        self.rings[provider] = new

    def set_api_keys(self, provider: int, pepper: bytes, keys: Sequence[ApiKey]) -> None:
        self.pepper[provider] = pepper
        self.api_keys[provider] = {key.digest: key for key in keys}
        self.accepted.doubt_all(provider)
        self.refused.doubt_all(provider)

    def find(
        self, request: Request, protection: Protection, now: float, given: Judgement | None
    ) -> list[Finding]:
        """Every answer that the law permits, the likeliest first."""
        try:
            shown = search(request.fields, self.auth.providers, protection.providers)
            unreadable = None
        except UnreadableCredentialError as error:
            shown, unreadable = None, error.reason
        if (
            protection.optional
            and unreadable is None
            and not self.shows(request, protection, shown)
        ):
            return [Anonymous()]
        if self.auth.when_stale == "deny" and now > self.fresh_until:
            return [Refused({"auth-unavailable"})]
        if unreadable is not None:
            return [Refused({unreadable})]
        found = self.look_at(request, protection, shown, now, given)
        return [settled for finding in found for settled in self.settle(finding, protection, now)]

    def shows(self, request: Request, protection: Protection, shown: Credential | None) -> bool:
        """Whether there is anything that tells who asks."""
        kind = self.auth.providers[protection.providers[0]].kind
        if isinstance(kind, ForwardAuth):
            return bool(shown_to_service(request.fields, kind))
        return shown is not None

    def look_at(
        self,
        request: Request,
        protection: Protection,
        shown: Credential | None,
        now: float,
        given: Judgement | None,
    ) -> list[Finding]:
        first = protection.providers[0]
        kind = self.auth.providers[first].kind
        if isinstance(kind, ForwardAuth):
            return self.ask_service(request, first, kind, now, given)
        if shown is None:
            return [Refused({"token-missing"})]
        if len(shown.value) > self.auth.token_bytes:
            return [Refused({"token-invalid"})]
        if isinstance(self.auth.providers[shown.provider].kind, ApiKeys):
            return self.judge_api_key(shown, now, given)
        return self.judge_token(shown, protection, now, given)

    def settle(self, finding: Finding, protection: Protection, now: float) -> list[Finding]:
        """Whoever is known may still be revoked, or not be permitted."""
        if not isinstance(finding, Accepted):
            return [finding]
        revoked: Finding = Refused({"token-revoked"})
        if self.revocations.has(finding.principal, now):
            return [revoked]
        permitted = is_satisfied(protection.rule, finding.principal)
        settled: Finding = finding if permitted else Refused({"insufficient-scope"})
        return [settled, revoked] if self.revocations.had(finding.principal) else [settled]

    # Tokens

    def candidates(self, shown: Credential, protection: Protection) -> list[int]:
        """Every token provider of the route that looks where the credential was found."""
        return [
            index
            for index in protection.providers
            if isinstance(self.auth.providers[index].kind, Jwt)
            and shown.source in self.auth.providers[index].sources
        ]

    def choose(self, payload: dict[str, object], candidates: Sequence[int]) -> tuple[int, Jwt]:
        """The provider that the token's issuer and audience name."""
        by_issuer = [
            (index, rules)
            for index in candidates
            if isinstance(rules := self.auth.providers[index].kind, Jwt)
            and registered.has_issuer(payload, rules)
        ]
        for index, rules in by_issuer:
            if registered.has_audience(payload, rules):
                return index, rules
        if not by_issuer:
            raise registered.InvalidTokenError("nobody's")
        return by_issuer[0]

    def judge_token(
        self, shown: Credential, protection: Protection, now: float, given: Judgement | None
    ) -> list[Finding]:
        way = tuple(self.candidates(shown, protection))
        try:
            token = take_apart(shown.value)
            index, rules = self.choose(token.payload, way)
        except (UnfitError, registered.InvalidTokenError):
            return [Refused({"token-invalid"})]
        place = Index(index, shown.value, way)
        try:
            registered.check(token, rules, now)
        except registered.InvalidTokenError as error:
            reason = error.reason if self.could_be_checked(token, way) else "token-invalid"
            return [Refused({reason} | self.known_reasons(place, now, given))]
        return self.answers(
            place, shown.source, now, given, lambda: self.judge_anew(token, place, shown, now)
        )

    def could_be_checked(self, token: Token, way: Sequence[int]) -> bool:
        """Whether anyone has a key for such tokens, or could get one: asked before the claims."""
        algorithm, key_id = str(token.header.get("alg")), named(token)
        return any(
            isinstance(rules := self.auth.providers[index].kind, Jwt)
            and algorithm in rules.algorithms
            and (self.rings[index].renewable or self.rings[index].candidates(key_id, algorithm))
            for index in way
        )

    def judge_anew(self, token: Token, place: Index, shown: Credential, now: float) -> Finding:
        """By the keys; only a secret is used at once."""
        ring = self.rings[place.provider]
        algorithm, key_id = str(token.header["alg"]), named(token)
        fitting = ring.candidates(key_id, algorithm)
        pending = Pending(
            kind="signature",
            index=place,
            source=shown.source,
            provider=place.provider,
            algorithm=algorithm,
            key_id=key_id,
            credential=shown.value,
        )
        if not fitting:
            return replace(pending, kind="key") if ring.renewable else Refused({"token-invalid"})
        if fitting[0].kind == "hmac":
            return self.as_finding(self.verify(pending, now).outcome, shown.source)
        if fitting[0].kind == "external":
            return replace(pending, kind="external", key=fitting[0].material)
        return pending

    def verify(self, pending: Pending, now: float) -> Judgement:
        """Look at the signature, and remember either way."""
        token = take_apart(pending.credential)
        fitting = self.rings[pending.provider].candidates(pending.key_id, pending.algorithm)
        for key in fitting:
            if key.signed(pending.algorithm, token.signing_input, token.signature):
                return self.accept_token(pending, token.payload, key, now)
        return self.deny(pending, "token-invalid", now, self.auth.cache.refused_ttl)

    def accept_token(
        self, pending: Pending, payload: dict[str, object], key: Key | None, now: float
    ) -> Judgement:
        provider = self.auth.providers[pending.provider]
        assert isinstance(provider.kind, Jwt)
        expires = registered.number(payload["exp"])
        principal = make_principal(provider, payload, [])
        ttl = now + self.auth.cache.ttl
        entry = Entry(principal, key, min(expires, ttl), min(expires + provider.kind.leeway, ttl))
        self.accepted.keep(pending.index, entry)
        self.refused.forget(pending.index)
        return Judgement(pending.index, principal, key)

    # Everything else that can be shown

    def judge_api_key(
        self, shown: Credential, now: float, given: Judgement | None
    ) -> list[Finding]:
        digest = hmac.digest(self.pepper[shown.provider], shown.value, hashlib.sha256)
        place = Index(shown.provider, shown.value)
        return self.answers(
            place, shown.source, now, given, lambda: self.look_up_key(shown, place, digest, now)
        )

    def look_up_key(self, shown: Credential, place: Index, digest: bytes, now: float) -> Finding:
        """In the gate's own table; others are asked where it is not in there."""
        provider = self.auth.providers[shown.provider]
        assert isinstance(provider.kind, ApiKeys)
        key = self.api_keys[shown.provider].get(digest)
        if key is None:
            if not provider.kind.remote:
                return Refused({"token-invalid"})
            return Pending("api-key", place, shown.source, shown.provider, credential=digest)
        if now < key.not_before:
            return Refused({"token-invalid"})
        if now >= key.expires:
            return Refused({"token-expired"})
        claims = parse_object(key.claims)
        if key.not_before > 0:
            # Who does not say when it was issued was issued when it became valid.
            claims = {"iat": key.not_before, **claims}
        return Accepted(make_principal(provider, claims, []), shown.source)

    def ask_service(
        self, request: Request, index: int, kind: ForwardAuth, now: float, given: Judgement | None
    ) -> list[Finding]:
        shown = shown_to_service(request.fields, kind)
        place = asked_index(index, shown, request.method, request.path, request.query, request.host)
        fresh = Pending("forward-auth", place, None, index, fields=shown)
        return self.answers(place, None, now, given, lambda: fresh)

    # What is known already

    def answers(
        self,
        index: Index,
        source: Source | None,
        now: float,
        given: Judgement | None,
        look: Callable[[], Finding],
    ) -> list[Finding]:
        """A verdict that was brought along, or what is remembered, or a new look."""
        brought = self.brought(index, given)
        if brought is not None and brought.certain:
            return [self.as_finding(brought.outcome, source)]
        known = self.recall(index, now)
        sure = [outcome for certainty, outcome in known if certainty is Certainty.SURE]
        possible = [outcome for certainty, outcome in known if certainty is Certainty.POSSIBLE]
        if brought is not None:
            possible.append(brought.outcome)
        found = [self.as_finding(outcome, source) for outcome in sure] or [look()]
        return found + [self.as_finding(outcome, source) for outcome in possible]

    def brought(self, index: Index, given: Judgement | None) -> Judgement | None:
        """The verdict, where it is about this credential and its key has not left."""
        if given is None or given.index != index:
            return None
        if given.key is not None and given.key not in self.rings[index.provider].keys:
            return None
        return replace(given, certain=given.certain and given.index.way == index.way)

    def recall(self, index: Index, now: float) -> list[tuple[Certainty, Outcome]]:
        return self.refused.recall(index, now) + self.accepted.recall(index, now)

    def known_reasons(self, index: Index, now: float, given: Judgement | None) -> set[str]:
        """Why it was refused before, which may be said again."""
        brought = self.brought(index, given)
        outcomes = [outcome for _, outcome in self.recall(index, now)]
        outcomes += [brought.outcome] if brought is not None else []
        return {reason for reason in outcomes if isinstance(reason, str)}

    def as_finding(self, outcome: Outcome, source: Source | None) -> Finding:
        if isinstance(outcome, Principal):
            return Accepted(outcome, source)
        return Refused({outcome})

    def admit(
        self, pending: Pending, claims: bytes, until: float, now: float, lines: Fields
    ) -> Judgement:
        """Somebody else has looked, and says who it is."""
        payload = parse_object(claims)
        provider: Provider = self.auth.providers[pending.provider]
        forgotten = min(until, now + self.auth.cache.ttl)
        possible = forgotten
        if isinstance(provider.kind, Jwt):
            try:
                registered.check_claims(payload, provider.kind, now)
            except registered.InvalidTokenError as error:
                return Judgement(pending.index, error.reason, None)
            expires = registered.number(payload["exp"])
            possible = min(forgotten, expires + provider.kind.leeway)
            forgotten = min(forgotten, expires)
        principal = make_principal(provider, payload, service_lines(provider, lines))
        key = self.external_key(pending)
        if until > now:
            self.accepted.keep(pending.index, Entry(principal, key, forgotten, possible))
            self.refused.forget(pending.index)
        return Judgement(pending.index, principal, key)

    def external_key(self, pending: Pending) -> Key | None:
        return next(
            (
                key
                for key in self.rings[pending.provider].candidates(
                    pending.key_id, pending.algorithm
                )
                if key.material == pending.key
            ),
            None,
        )

    def doubt(self, index: Index) -> None:
        """What happened to this one is not sure: it may be remembered, or not."""
        self.accepted.doubt(index)
        self.refused.doubt(index)

    def deny(self, pending: Pending, reason: str, now: float, remember: float) -> Judgement:
        if remember > 0:
            until = now + min(remember, self.auth.cache.refused_ttl)
            self.refused.keep(pending.index, Entry(reason, None, until, until))
            if self.accepted.recall(pending.index, now):
                self.doubt(pending.index)  # which of two answers counts is left open
        return Judgement(pending.index, reason, None)


def named(token: Token) -> str | None:
    key_id = token.header.get("kid")
    return key_id if isinstance(key_id, str) else None
