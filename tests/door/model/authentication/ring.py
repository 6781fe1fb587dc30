"""Which keys a token may be checked with, and whether its signature is theirs.

The mathematics are PyJWT's and cryptography's: they are the judges, not the model.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import jwt

MOST_TRIED = 16
"""A token without a key id must not buy more signature work than this."""

KeyEntry = tuple[str | None, list[str], str, bytes]

_JUDGE = jwt.PyJWS()


@dataclass(frozen=True)
class Key:
    """A key as the gate gets it, and as PyJWT takes it."""

    id: str | None
    algorithms: tuple[str, ...]
    kind: str
    material: bytes
    judged_with: object = field(compare=False)

    @property
    def entry(self) -> KeyEntry:
        return (self.id, list(self.algorithms), self.kind, self.material)

    def signed(self, algorithm: str, signing_input: bytes, signature: bytes) -> bool:
        judge = _JUDGE.get_algorithm_by_name(algorithm)
        return judge.verify(signing_input, judge.prepare_key(self.judged_with), signature)


@dataclass(frozen=True)
class Ring:
    """A provider's keys; `renewable` means that they can be asked for anew."""

    keys: tuple[Key, ...] = ()
    renewable: bool = False

    def candidates(self, key_id: str | None, algorithm: str) -> Sequence[Key]:
        """Keys of this id or of none, and all of them for a token that names none."""
        fitting = [
            key
            for key in self.keys
            if algorithm in key.algorithms and (key_id is None or key.id in {None, key_id})
        ]
        return fitting[:MOST_TRIED]
