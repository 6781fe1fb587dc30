"""What may come out of looking for a principal."""

from __future__ import annotations

from collections.abc import Set as AbstractSet
from dataclasses import dataclass, field

from tests.door.model.authentication.memory import Index
from tests.door.model.authentication.principal import Principal
from tests.door.model.authentication.specification import Source
from tests.door.model.verdict import Fields


@dataclass(frozen=True)
class Anonymous:
    """Nothing was shown, and nothing had to be."""


@dataclass(frozen=True)
class Accepted:
    """Known and permitted; `source` is where the credential was."""

    principal: Principal
    source: Source | None


@dataclass(frozen=True)
class Refused:
    """Refused for one of these reasons."""

    reasons: AbstractSet[str]


@dataclass(frozen=True)
class Pending:
    """Somebody has to look: at a signature, for a key, in a store or at a service."""

    kind: str
    index: Index
    source: Source | None
    provider: int
    algorithm: str = ""
    key_id: str | None = None
    credential: bytes = b""
    key: bytes = b""
    fields: Fields = field(default_factory=list)


Finding = Anonymous | Accepted | Refused | Pending
