"""Which server a key belongs to: the one there is, or in a cluster one of many."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, Protocol

from pygateway.ratelimit.cluster import ClusterPipeline
from pygateway.ratelimit.heartbeat import Heartbeat, tag_of
from pygateway.ratelimit.link import Link
from pygateway.store.connections import connector

if TYPE_CHECKING:
    from collections.abc import Callable, Collection

    from pygateway.config import Redis as Settings
    from pygateway.ratelimit.connection import Asker
    from pygateway.ratelimit.script import Words

STEP_PATIENCE: Final = 1.0
"""Seconds for each step until there is a connection. Longer than for an answer: a connection takes
several round trips, and with TLS some milliseconds of work, and no request waits for it."""


class Pipeline(Protocol):
    """The way to the store."""

    @property
    def links(self) -> Collection[Link]:
        """The servers that are known."""

    def start(self) -> None:
        """Begin to connect."""

    async def close(self) -> None:
        """Close every connection; whoever waits for an answer is told."""

    def submit(self, key: str, words: Words, asker: Asker) -> None:
        """Send a command on `key`, with the others of this turn of the event loop."""


def pipeline(settings: Settings, machine: str, changed: Callable[[], None]) -> Pipeline:
    """Make the way to the Redis that is configured.

    Args:
        settings: Where it is.
        machine: What this machine is called, for counting gateways.
        changed: Called when a server has come or gone, or knows something new.

    Raises:
        OSError: The file of certificates cannot be read.
    """
    if settings.location.kind == "cluster":
        return ClusterPipeline(settings, machine, changed, STEP_PATIENCE)
    return SinglePipeline(settings, machine, changed)


class SinglePipeline:
    """The way to one server, or to the primary that sentinels name.

    Attributes:
        links: The link to it.
        submit: As in `Pipeline`.
    """

    def __init__(self, settings: Settings, machine: str, changed: Callable[[], None]) -> None:
        heartbeat = Heartbeat(tag_of(settings.key_prefix), machine, changed)
        reached = connector(settings, STEP_PATIENCE)
        self._link = Link(settings.url, reached, settings.timeout, heartbeat, changed)
        self.links = (self._link,)

    def start(self) -> None:
        """Begin to connect."""
        self._link.start()

    async def close(self) -> None:
        """Close the connection."""
        await self._link.close()

    def submit(self, key: str, words: Words, asker: Asker) -> None:
        """Send a command; every key is at home here."""
        self._link.submit(words, asker)
