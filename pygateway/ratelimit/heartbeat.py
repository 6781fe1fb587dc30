"""How many gateways live, and whether Redis still holds what it held.

Once a second every worker tells Redis that its machine lives, and is told how many machines do.
That divides what a gateway asks for ahead, and its part of the quota while Redis is away. The
incarnation is a random number beside it: whoever sees another one knows that Redis has lost the
windows that were charged, however quickly it was back.

It is the question that finds out, too, whether Redis does its work: it writes, as `ACQUIRE` does,
so that a Redis that is full, or a primary no longer, does not look well.
"""

from __future__ import annotations

import secrets
from typing import TYPE_CHECKING, Any, Final

from pygateway.ratelimit import script

if TYPE_CHECKING:
    from collections.abc import Callable

    from pygateway.ratelimit.script import Words
    from pygateway.store.store import StoreUnavailable

BEAT: Final = 1.0
"""Seconds between two heartbeats."""

PATIENCE: Final = 3.0
"""Seconds after which a gateway that was not heard of is dead: two heartbeats may be lost."""

BITS: Final = 53
"""Of an incarnation: as many as every reader of numbers can hold."""


def tag_of(prefix: str, number: int | None = None) -> str:
    """What decides where the gateways are counted; a cluster counts them on every node."""
    return f"{prefix}:gateways" if number is None else f"{prefix}:gateways:{number}"


class Heartbeat:
    """What one server says of gateways and of itself.

    Args:
        tag: Decides which node of a cluster is asked.
        machine: This machine; all of its workers are one gateway.
        changed: Called when one of the attributes has changed.

    Attributes:
        tag: As above.
        gateways: How many live; at least 1.
        incarnation: The server's; None until it has answered.
    """

    def __init__(self, tag: str, machine: str, changed: Callable[[], None]) -> None:
        self.tag = tag
        self.gateways = 1
        self.incarnation: int | None = None
        self._machine = machine
        self._changed = changed

    def words(self) -> Words:
        """Give the command."""
        drawn = secrets.randbits(BITS)
        return script.heartbeat(self.tag, self._machine, drawn, int(PATIENCE * 1000))

    def answered(self, reply: Any, sent: float) -> None:  # noqa: ANN401 - whatever Redis says
        """Take what Redis says."""
        # Anything else is there because somebody else has written there, and tells us nothing.
        match reply:
            case [int(counted), bytes(drawn)] if drawn.isdigit():
                gateways, incarnation = max(1, counted), int(drawn)
            case _:
                return
        if (gateways, incarnation) != (self.gateways, self.incarnation):
            self.gateways, self.incarnation = gateways, incarnation
            self._changed()

    def unanswered(self, error: StoreUnavailable) -> None:
        """The link notices by itself."""

    def late(self, reply: Any) -> None:  # noqa: ANN401 - as above
        """It tells us nothing of now."""
