"""The way to a Redis Cluster: one link for each primary node.

Which node has which keys is read from the cluster (CLUSTER SLOTS) at the start, and again when a
node says MOVED and for as long as one of them is away, since a replica may take its place. A node
that is away takes only its own keys with it: its breaker opens, and the others go on.
"""

from __future__ import annotations

import asyncio
import random
from itertools import chain, count, islice
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from redis.crc import REDIS_CLUSTER_HASH_SLOTS, key_slot

from pygateway.ratelimit.heartbeat import Heartbeat, tag_of
from pygateway.ratelimit.link import AWAY, CONNECT_PATIENCE, Link
from pygateway.ratelimit.refusals import ASK, kind_of, target_of
from pygateway.ratelimit.script import with_text
from pygateway.store.connections import node_connector
from pygateway.store.redis import translated
from pygateway.store.store import StoreUnavailable
from pygateway.telemetry import get_logger

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterable, Sequence

    from pygateway.config import Redis as Settings
    from pygateway.ratelimit.connection import Asker
    from pygateway.ratelimit.script import Words

Address = tuple[str, int]

BETWEEN: Final = 0.2
"""Seconds between two readings of the table at least: during a resharding every moved key asks for
one."""

WHILE_AWAY: Final = 1.0
"""Seconds between two readings while a node is away, on average."""

MOST_TAGS: Final = 200_000
"""Tags that are tried until each node has one; a node with a single slot needs some 16,000."""


class Range(NamedTuple):
    """Slots, with both ends, and the primary that has them."""

    first: int
    last: int
    primary: Address


class ClusterPipeline:
    """The links to the primaries of a cluster.

    Args:
        settings: Where some of the nodes are.
        machine: What this machine is called, for counting gateways.
        changed: Called when a node has come or gone, or knows something new.
        patience: Seconds for each step until there is a connection.
    """

    def __init__(
        self, settings: Settings, machine: str, changed: Callable[[], None], patience: float
    ) -> None:
        self._settings = settings
        self._machine = machine
        self._changed = changed
        self._patience = patience
        self._loop = asyncio.get_running_loop()
        self._links: dict[Address, Link] = {}
        self._slots: list[Link | None] = [None] * REDIS_CLUSTER_HASH_SLOTS
        self._table: list[Range] = []
        self._wanted = asyncio.Event()
        self._task: asyncio.Task[None] | None = None
        self._closed = False
        self._told = True

    @property
    def links(self) -> Collection[Link]:
        """The primaries that are known."""
        return self._links.values()

    def start(self) -> None:
        """Begin to find out who the nodes are."""
        self._task = self._loop.create_task(self._follow())

    async def close(self) -> None:
        """Close every connection."""
        self._closed = True
        if self._task is not None:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)
        for link in self._links.values():
            await link.close()

    def submit(self, key: str, words: Words, asker: Asker) -> None:
        """Send a command to the node that has `key`."""
        link = self._slots[key_slot(key.encode())]
        if link is None:
            self._loop.call_soon(asker.unanswered, AWAY)
        else:
            link.submit(words, asker)

    def _redirect(
        self, link: Link, error: Exception, words: Words, asker: Asker, deadline: float
    ) -> bool:
        """Send a command once more, to the node that another one has named."""
        target = target_of(error, link.name.rpartition(":")[0])
        asking = kind_of(error) == ASK
        if not asking:
            self._wanted.set()
        named = None if target is None else self._links.get(target)
        # A node that is new to us is met by reading the table; nothing waits for it.
        if named is None or not named.up:
            return False
        # It may never have heard of the script, and there is no third try.
        named.repeat(with_text(words), asker, deadline, asking=asking)
        return True

    async def _follow(self) -> None:
        while not self._closed:
            try:
                await self._read_table()
            except StoreUnavailable as error:
                self._tell(str(error))
            except Exception as error:
                get_logger().exception("internal error")
                self._tell(f"internal error: {type(error).__name__}")
            else:
                self._tell(None)
            await asyncio.sleep(BETWEEN)
            try:
                async with asyncio.timeout(self._rest()):
                    await self._wanted.wait()
            except TimeoutError:
                pass
            self._wanted.clear()

    def _rest(self) -> float | None:
        """Seconds until the table is read though nobody wants it."""
        if self._told and all(link.up for link in self._links.values()):
            return None
        return WHILE_AWAY * random.uniform(0.5, 1.5)  # noqa: S311 - spreads load, hides nothing

    def _tell(self, problem: str | None) -> None:
        well = problem is None
        if well and not self._told:
            get_logger().info("slots of the rate limit store are known")
        elif self._told and not well:
            get_logger().warning("slots of the rate limit store are not known", detail=problem)
        self._told = well

    async def _read_table(self) -> None:
        """Ask the nodes, one after the other, until one knows."""
        known = list(self._links)
        random.shuffle(known)
        problem = StoreUnavailable("no node is known")
        for address in dict.fromkeys(chain(known, self._settings.location.hosts)):
            try:
                table = await self._table_of(address)
            except StoreUnavailable as error:
                problem = error
            else:
                await self._take(table)
                return
        raise problem

    async def _table_of(self, address: Address) -> list[Range]:
        reached = node_connector(self._settings, self._patience, *address)
        async with translated(), asyncio.timeout(CONNECT_PATIENCE):
            connection = await reached.connect()
            try:
                await connection.send_command("CLUSTER", "SLOTS")
                reply = await connection.read_response()
            finally:
                await connection.disconnect(nowait=True)
        return read_table(reply, address[0])

    async def _take(self, table: list[Range]) -> None:
        if table == self._table:
            return
        self._table = table
        links = {
            each.primary: self._links.get(each.primary) or self._new_link(each.primary)
            for each in table
        }
        gone = [link for address, link in self._links.items() if address not in links]
        self._slots = [None] * REDIS_CLUSTER_HASH_SLOTS
        for each in table:
            self._slots[each.first : each.last + 1] = [links[each.primary]] * (
                each.last + 1 - each.first
            )
        new = [link for address, link in links.items() if address not in self._links]
        self._links = links
        self._choose_tags(links.values())
        for link in new:
            link.start()
        for link in gone:
            await link.close()
        self._changed()

    def _new_link(self, address: Address) -> Link:
        settings = self._settings
        heartbeat = Heartbeat(tag_of(settings.key_prefix), self._machine, self._changed)
        reached = node_connector(settings, self._patience, *address)
        name = f"{address[0]}:{address[1]}"
        return Link(name, reached, settings.timeout, heartbeat, self._came_or_went, self._redirect)

    def _came_or_went(self) -> None:
        self._wanted.set()
        self._changed()

    def _choose_tags(self, links: Iterable[Link]) -> None:
        """Have the gateways counted on each node: under the first tag that is at home there."""
        without = set(links)
        for tag in islice((tag_of(self._settings.key_prefix, n) for n in count()), MOST_TAGS):
            link = self._slots[key_slot(tag.encode())]
            if link in without:
                without.discard(link)
                link.heartbeat.tag = tag
                if not without:
                    return


def read_table(reply: Any, asked: str) -> list[Range]:  # noqa: ANN401 - whatever Redis says
    """Read the answer of CLUSTER SLOTS.

    Args:
        reply: First and last slot, primary and replicas, of each range.
        asked: The host that said it, which is meant where none is named.

    Raises:
        StoreUnavailable: It is none, or names no slot.
    """
    try:
        table = [_range(each, asked) for each in reply]
    except (TypeError, ValueError, IndexError, AttributeError):
        raise StoreUnavailable("the slots of the cluster cannot be read") from None
    if not table:
        raise StoreUnavailable("the cluster has no slots yet")
    return sorted(table)


def _range(each: Sequence[Any], asked: str) -> Range:
    first, last, (host, port, *_) = each[:3]
    if not 0 <= first <= last < REDIS_CLUSTER_HASH_SLOTS:
        raise ValueError
    return Range(first, last, (host.decode() if host else asked, int(port)))
