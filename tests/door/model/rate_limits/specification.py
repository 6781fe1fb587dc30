"""What limits are built from: policies, and what routes charge by them."""

from __future__ import annotations

from dataclasses import dataclass, field

Path = tuple[str, ...]
"""Names from the outermost object inwards."""


@dataclass(frozen=True)
class ByUser:
    """The subject of the credential."""

    def document(self) -> dict[str, object]:
        return {"user": {}}


@dataclass(frozen=True)
class ByApiKey:
    """The API key."""

    def document(self) -> dict[str, object]:
        return {"api_key": {}}


@dataclass(frozen=True)
class ByRoute:
    """The route."""

    def document(self) -> dict[str, object]:
        return {"route": {}}


@dataclass(frozen=True)
class ByAddress:
    """The leading bits of the client's address."""

    ipv4: int = 32
    ipv6: int = 64

    def document(self) -> dict[str, object]:
        return {"ip": {"ipv4": self.ipv4, "ipv6": self.ipv6}}


@dataclass(frozen=True)
class ByHeader:
    """A field of the request."""

    name: str

    def document(self) -> dict[str, object]:
        return {"header": self.name}


@dataclass(frozen=True)
class ByClaim:
    """A claim of the credential."""

    path: Path

    def document(self) -> dict[str, object]:
        return {"claim": list(self.path)}


Part = ByUser | ByApiKey | ByRoute | ByAddress | ByHeader | ByClaim


@dataclass(frozen=True)
class Size:
    """How much in how many milliseconds."""

    quota: int = 3
    length: int = 1000

    def document(self) -> dict[str, object]:
        return {"quota": self.quota, "length": self.length}


@dataclass(frozen=True)
class Tiers:
    """Other quotas for some, by a claim."""

    quotas: tuple[tuple[str, int], ...]
    claim: Path = ("tier",)

    def document(self) -> dict[str, object]:
        return {"claim": list(self.claim), "quotas": [list(pair) for pair in self.quotas]}


@dataclass(frozen=True)
class Exempt:
    """Those whom the policy does not concern."""

    networks: tuple[str, ...] = ()
    subjects: tuple[str, ...] = ()
    scopes: tuple[str, ...] = ()

    def document(self) -> dict[str, object]:
        return {
            "networks": list(self.networks),
            "subjects": list(self.subjects),
            "scopes": list(self.scopes),
        }


@dataclass(frozen=True)
class Policy:
    """A limit; without `by` everything counts together."""

    name: str = "policy"
    by: tuple[Part, ...] = (ByAddress(),)
    window: Size | None = field(default_factory=Size)
    concurrency: int | None = None
    mode: str = "local"
    on_store_failure: str = "local"
    tiers: Tiers | None = None
    cost_header: str | None = None
    exempt: Exempt = field(default_factory=Exempt)
    shadow: bool = False

    @property
    def length(self) -> int:
        """Milliseconds of the window, where there is one."""
        return self.window.length if self.window else 0

    def document(self) -> dict[str, object]:
        return {
            "name": self.name,
            "by": [part.document() for part in self.by],
            "window": None if self.window is None else self.window.document(),
            "concurrency": self.concurrency,
            "mode": self.mode,
            "on_store_failure": self.on_store_failure,
            "tiers": None if self.tiers is None else self.tiers.document(),
            "cost_header": self.cost_header,
            "exempt": self.exempt.document(),
            "shadow": self.shadow,
        }


@dataclass(frozen=True)
class Applied:
    """A policy, by its number, on a route."""

    policy: int
    cost: int = 1

    def document(self) -> dict[str, object]:
        return {"policy": self.policy, "cost": self.cost}
