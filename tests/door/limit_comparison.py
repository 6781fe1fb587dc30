"""The native gate beside its model, where both know how much anybody may ask for."""

from __future__ import annotations

import json
from collections import Counter
from dataclasses import dataclass, field

from pygateway._core import Forward, Funding, Reject, Respond, Unfunded, Unverified
from tests.door.auth_comparison import HOST, AuthDoor
from tests.door.comparison import Decision, described
from tests.door.heads import parse
from tests.door.model.fields import stripped
from tests.door.model.forwarded import client_address
from tests.door.model.rate_limits.client import Client, Key
from tests.door.model.rate_limits.fields import NAMES, Standing, seconds, written
from tests.door.model.rate_limits.limits import Admitted, Asking, Grant, Limits, Refused
from tests.door.model.rate_limits.store import Answer, Store
from tests.door.model.response_head import without
from tests.door.model.specification import Route, Specification
from tests.door.model.verdict import Answer as OwnAnswer
from tests.door.model.verdict import Fields, Forwarding

UPSTREAM_SAYS: Fields = [
    (b"RateLimit-Policy", b'"upstream";q=9;w=9'),
    (b"ratelimit", b'"upstream";r=8;t=8'),
    (b"X-RateLimit-Limit", b"7"),
    (b"x-ratelimit-remaining", b"6"),
    (b"X-RateLimit-Reset", b"5"),
]
LIMIT_NAMES = {name.lower().encode() for name in NAMES}


@dataclass(frozen=True)
class Visit:
    """A request, as it is sent."""

    target: bytes = b"/"
    fields: Fields = field(default_factory=list)
    address: str = "198.51.100.7"
    method: bytes = b"GET"


@dataclass
class Waiting:
    """A request that waits for the store."""

    visit: Visit
    native: Unfunded
    asking: Asking
    sent: int
    funding: Funding | None
    grants: list[Grant]


class LimitDoor(AuthDoor):
    """Asks both, and holds them to the same state. Times are Unix milliseconds."""

    def __init__(self, specification: Specification) -> None:
        super().__init__(specification)
        self.limits = Limits(specification.rate_limits)
        self.store = Store()
        self.digests: dict[tuple[int, Key], str] = {}

    def set_store(self, up: bool, gateways: int) -> None:
        self.native.set_store(up, gateways, 1)
        self.limits.up = up
        # Whoever has not heard of others knows of one; what was heard before holds then.
        if up or gateways > 1:
            self.limits.gateways = gateways

    def visit(
        self,
        visit: Visit,
        now: int,
        funding: Funding | None = None,
        grants: list[Grant] | None = None,
    ) -> tuple[Decision, Admitted | Refused | Asking | None]:
        """What both say to a request, which is the same."""
        fields = [HOST, *visit.fields]
        native_peer, peer = self.peers(visit.address, False)
        native = self.native.decide(
            visit.method, visit.target, fields, native_peer, now / 1000, 11, None, funding
        )
        assert not isinstance(native, Unverified), native.kind
        (verdict,) = self.model.decide(visit.method, visit.target, fields, peer, 11, now / 1000)
        is_free = not isinstance(verdict, (Forwarding, OwnAnswer)) or (
            isinstance(verdict, OwnAnswer) and verdict.kind in {"health", "preflight"}
        )
        if is_free:
            assert not isinstance(native, Unfunded)
            self.assert_same(native, verdict, True, now / 1000)
            said = [value for _, value in limit_fields(native, now)]
            assert said in ([], [b"42"]), "only what the route's own fields say"
            return native, None
        assert isinstance(verdict, (Forwarding, OwnAnswer))
        assert verdict.route is not None
        route = self.specification.routes[verdict.route]
        known = verdict.known.principal if verdict.known else None
        address = client_address(stripped(fields), peer, self.specification.trusted_proxies)
        client = Client(verdict.request, address, known, route.name)
        # Both see the time as the door does: a fraction of a second may round down to the
        # millisecond before.
        held = self.limits.hold(client, route.rate_limits, int(now / 1000 * 1000.0), grants or ())
        self.compare_limits(native, held, route, now)
        return native, held

    def compare_limits(
        self, native: Decision, held: Admitted | Refused | Asking | None, route: Route, now: int
    ) -> None:
        if isinstance(held, Asking):
            assert isinstance(native, Unfunded), described(native)
            self.compare_acquires(native, held)
        elif isinstance(held, Refused):
            assert isinstance(native, Reject), described(native)
            self.compare_refusal(native, held, route, now)
        else:
            assert isinstance(native, (Forward, Respond)), described(native)
            expected = written(held.standings) if held else []
            self.compare_fields(native, expected, route, now)

    def compare_acquires(self, native: Unfunded, asking: Asking) -> None:
        expected = [
            (one.policy, one.law.quota, one.cost, one.cost, *one.debt) for one in asking.acquires
        ]
        # In which bucket nothing is owed says nothing.
        asked = [(*one[:5], *(one[5:] if any(one[6:]) else (0, 0, 0))) for one in native.acquires]
        assert [(one[0], *one[2:]) for one in asked] == expected
        for acquire, (_, digest, *_) in zip(asking.acquires, native.acquires, strict=True):
            name = acquire.policy, acquire.key
            assert self.digests.setdefault(name, digest) == digest
        assert len(set(self.digests.values())) == len(self.digests)

    def compare_refusal(self, native: Reject, held: Refused, route: Route, now: int) -> None:
        named, unknown = set(native.violated), held.unknown
        if native.reason == "rate-limit-unavailable":
            assert unknown
            assert not named
        else:
            assert native.reason == "rate-limited"
            # What is found first may be said alone: so it costs the least to refuse.
            assert named
            assert named <= held.waits.keys() - unknown
            ((name, value),) = native.headers
            assert name == b"Retry-After"
            least = max(min(held.waits[name]) for name in named)
            most = max(max(held.waits[name]) for name in named)
            assert max(1, seconds(least)) <= int(value) <= max(1, seconds(most))
        order = [self.limits.policies[applied.policy].name for applied in route.rate_limits]
        assert native.violated == [name for name in order if name in named]
        said = limit_fields(native, now)
        shown = [which_is_said(alternatives, said) for alternatives in held.standings]
        self.compare_fields(native, written([one for one in shown if one]), route, now)

    def compare_fields(self, native: Decision, expected: Fields, route: Route, now: int) -> None:
        policies = [self.limits.policies[applied.policy] for applied in route.rate_limits]
        if isinstance(native, Forward) and all(policy.shadow for policy in policies):
            expected = UPSTREAM_SAYS
        set_by_route = [(n.encode(), v.encode()) for n, v in route.response_headers.set]
        left = without(expected, route.response_headers) + set_by_route
        assert lower(limit_fields(native, now)) == lower(left)

    def answer(self, waiting: Waiting, now: int, missing: int = 0) -> Funding:
        """Ask the store; of `missing`, a bit is set for every answer that does not come."""
        answers: list[Answer | None] = []
        for place, acquire in enumerate(waiting.asking.acquires):
            name = acquire.policy, acquire.key
            if missing >> place & 1:
                answers.append(None)
                continue
            answers.append(
                self.store.acquire(name, acquire.law, acquire.cost, acquire.cost, acquire.debt, now)
            )
        native = self.native.fund(
            waiting.native, answers, waiting.sent / 1000, now / 1000, waiting.funding
        )
        waiting.grants = self.limits.fund(
            waiting.asking.acquires, answers, waiting.grants, int(now / 1000 * 1000.0)
        )
        return native

    def give_back(self, funding: Funding, grants: list[Grant], now: int) -> None:
        """Whatever was granted and not spent."""
        expected = []
        for grant in grants:
            if grant.is_open and grant.answer is not None:
                grant.is_open = False
                digest = self.digests[grant.policy, grant.key]
                expected.append((grant.policy, digest, grant.cost, grant.answer[2]))
                name = grant.policy, grant.key
                self.store.give_back(name, grant.law, grant.cost, grant.answer[2], now)
                self.limits.give_back(grant, grant.law, int(now / 1000 * 1000.0))
        assert Counter(funding.refunds(now / 1000)) == Counter(expected)
        assert funding.refunds(now / 1000) == []

    def compare_counts(self) -> None:
        said = json.loads(self.native.limit_statistics())
        for policy in self.limits.policies:
            for outcome in ("admitted", "uncounted"):
                assert said[policy.name][outcome] == self.limits.counts[policy.name, outcome]


def limit_fields(native: Decision, now: int) -> Fields:
    """What a response says of limits, after an upstream that has some of its own."""
    if isinstance(native, Forward):
        sent = [*UPSTREAM_SAYS, (b"Content-Length", b"0")]
        head = native.response_head(200, b"OK", sent, now / 1000)
    else:
        assert isinstance(native, (Respond, Reject))
        status = native.status if isinstance(native, Respond) else 429
        head = native.reply_head(status, native.headers, 0, now / 1000)
    return [one for one in parse(head)[1] if one[0].lower() in LIMIT_NAMES]


def which_is_said(alternatives: list[Standing], said: Fields) -> Standing | None:
    """The one that the fields have, or else the first; None where there is none of that name."""
    items = [item.strip() for _, value in said for item in value.split(b",")]
    if not any(item.startswith(f'"{alternatives[0].name}";'.encode()) for item in items):
        return None
    for standing in alternatives:
        if any(item == value for value in items for _, item in written([standing])[1:2]):
            return standing
    return alternatives[0]


def lower(fields: Fields) -> Fields:
    return sorted((name.lower(), value) for name, value in fields)
