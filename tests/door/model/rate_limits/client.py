"""Who counts with whom, what it costs them, and how much they have."""

from __future__ import annotations

import ipaddress
import json
from dataclasses import dataclass

from tests.door.model.authentication.principal import Principal, is_exact, look_up
from tests.door.model.authentication.specification import ApiKeys
from tests.door.model.hop_by_hop import folded
from tests.door.model.rate_limits.specification import (
    ByAddress,
    ByApiKey,
    ByClaim,
    ByHeader,
    ByRoute,
    ByUser,
    Part,
    Policy,
)
from tests.door.model.verdict import Request

Key = tuple[object, ...]


@dataclass(frozen=True)
class Client:
    """A request that passed every other check, and who sent it."""

    request: Request
    address: str
    principal: Principal | None
    route: str

    def network(self, ipv4: int = 32, ipv6: int = 64) -> object:
        """The part of the address that counts; a household has a /64."""
        if not self.address:
            return "unix"
        bits = ipv4 if ipaddress.ip_address(self.address).version == 4 else ipv6
        return ipaddress.ip_network(f"{self.address}/{bits}", strict=False)

    def lines(self, name: str) -> list[bytes]:
        wanted = folded(name.encode())
        return [value for other, value in self.request.fields if folded(other) == wanted]

    def key(self, policy: Policy) -> Key:
        """What all have in common that count together; what is lacking counts by address."""
        parts = [self.part(part) for part in policy.by]
        filled = [self.network() if part is None else part for part in parts]
        return (policy.name, policy.length, *filled)

    def part(self, part: Part) -> object:
        known = self.principal
        if isinstance(part, ByAddress):
            return self.network(part.ipv4, part.ipv6)
        if isinstance(part, ByRoute):
            return ("route", self.route)
        if isinstance(part, ByHeader):
            # Two lines, or one that says nothing, are none.
            values = self.lines(part.name)
            return ("header", values[0]) if len(values) == 1 and values[0] else None
        if known is None:
            return None
        if isinstance(part, ByClaim):
            return claim_value(known, part)
        if isinstance(part, ByApiKey):
            name = known.token_id or known.subject
            is_key = isinstance(known.provider.kind, ApiKeys) and name is not None
            return ("key", known.issuer, name) if is_key else None
        assert isinstance(part, ByUser)
        return None if known.subject is None else ("user", known.issuer, known.subject)

    def is_exempt(self, policy: Policy) -> bool:
        known, exempt = self.principal, policy.exempt
        if known is not None and known.subject in exempt.subjects:
            return True
        if known is not None and known.scopes & set(exempt.scopes):
            return True
        return bool(self.address) and any(
            ipaddress.ip_address(self.address) in ipaddress.ip_network(network)
            for network in exempt.networks
        )

    def quota(self, policy: Policy) -> int:
        """That of the client's tier; of several tiers, the greatest."""
        assert policy.window is not None
        if policy.tiers is None or self.principal is None:
            return policy.window.quota
        value = look_up(self.principal.claims, policy.tiers.claim)[1]
        names = value if isinstance(value, list) else [value]
        quotas = [quota for name, quota in policy.tiers.quotas if name in names]
        return max(quotas, default=policy.window.quota)

    def cost(self, policy: Policy, usual: int) -> int:
        """What a trusted peer says in digits, or what is usual; never more than the quota."""
        cost = usual
        if policy.cost_header is not None and self.request.peer.trusted:
            said = self.lines(policy.cost_header)
            if len(said) == 1 and said[0].isdigit():
                cost = int(said[0])
        return min(cost, self.quota(policy))


def claim_value(known: Principal, part: ByClaim) -> object:
    """A single value, as JSON has it; what is no single value tells nobody apart."""
    value = look_up(known.claims, part.path)[1]
    is_single = isinstance(value, (str, bool)) or (
        isinstance(value, (int, float)) and is_exact(value)
    )
    return ("claim", json.dumps(value)) if is_single else None
