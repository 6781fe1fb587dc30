"""What comes of asking about a credential."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, TypeAlias

from pygateway.errors import GatewayError

if TYPE_CHECKING:
    from pygateway._core import Verdict


class Unavailable(GatewayError):
    """Whoever had to be asked did not answer, or not usably; the text says why, for the log.

    Attributes:
        doubtful: Clients may have had a hand in it: an answer could not be understood, and their
            fields were in the question, or too many ask. Nobody may be let in because of it.
    """

    def __init__(self, reason: str, *, doubtful: bool = False) -> None:
        super().__init__(reason)
        self.doubtful = doubtful


@dataclass(frozen=True, slots=True)
class Denial:
    """A service refuses the request, with an answer of its own that the client is to get."""

    status: int
    headers: list[tuple[bytes, bytes]]
    body: bytes


Outcome: TypeAlias = "Verdict | Denial | None"
"""None: something has changed, such as the keys, and the gate is to be asked again."""
