"""The connections to one endpoint: kept, lent, counted and bounded.

The connection used last is lent first, so that those which are not needed grow old together at
the other end, from where `tidy` closes them without looking at the rest.
"""

from __future__ import annotations

import asyncio
from collections import deque
from typing import TYPE_CHECKING

from pygateway.errors import ConnectFailed, Overloaded

if TYPE_CHECKING:
    from pygateway.config import Pool as PoolPolicy
    from pygateway.sweep import Sweep
    from pygateway.upstream.connection import UpstreamConnection
    from pygateway.upstream.connector import Connector


# Room for a status line with a reason of some length (the gate allows 1 KiB).
STATUS_LINE_BYTES = 2048


class Pool:
    """Connections to one endpoint.

    Attributes:
        total: Connections that exist or are being made; at most `max_connections`.
        idle: Those that nobody uses, the one used last at the right, from where one is taken.
        head_limit: The largest response head, in bytes.
        host_line: The Host line that names the endpoint, and the end of a head.
    """

    __slots__ = (
        "_connector",
        "_max_idle",
        "_policy",
        "_sweep",
        "_waiting",
        "head_limit",
        "host_line",
        "idle",
        "total",
    )

    def __init__(
        self, connector: Connector, policy: PoolPolicy, sweep: Sweep, head_limit: int
    ) -> None:
        self._connector = connector
        self._policy = policy
        self._sweep = sweep
        self._waiting: deque[asyncio.Future[UpstreamConnection | None]] = deque()
        self.host_line = b"Host: " + connector.authority.encode("ascii") + b"\r\n\r\n"
        # Of the status line the gate knows the length, and refuses a long one.
        self.head_limit = head_limit + STATUS_LINE_BYTES
        self.idle: deque[UpstreamConnection] = deque()
        self.total = 0
        self._max_idle = policy.max_idle
        sweep.add_chore(self)

    @property
    def load(self) -> int:
        """Requests that are served or waited for now."""
        return self.total - len(self.idle) + len(self._waiting)

    @property
    def active(self) -> int:
        """Connections that serve a request, or are being made for one."""
        return self.total - len(self.idle)

    @property
    def queued(self) -> int:
        """Requests that wait for a connection."""
        return len(self._waiting)

    @property
    def exhausted(self) -> bool:
        """Whether a request that is not served by an idle connection has to queue."""
        return self.total >= self._policy.max_connections

    @property
    def queue_timeout(self) -> float:
        """The longest, in seconds, that a request waits in the queue."""
        return self._policy.queue_timeout

    async def wait_for_turn(self) -> UpstreamConnection | None:
        """Wait until a connection is free, or until a place is (None): `connect` then takes it.

        Raises:
            Overloaded: The queue is full.
        """
        if len(self._waiting) >= self._policy.max_queue:
            raise Overloaded("All connections to the upstream are in use, and the queue is full.")
        turn: asyncio.Future[UpstreamConnection | None] = asyncio.get_running_loop().create_future()
        self._waiting.append(turn)
        try:
            return await turn
        except asyncio.CancelledError:
            self._pass_on(turn)
            raise

    async def connect(self, *, reserved: bool = False) -> UpstreamConnection:
        """Make one more connection, in the place that `wait_for_turn` gave if `reserved`.

        Raises:
            ConnectFailed: The endpoint cannot be reached, or its identity not be verified.
        """
        if not reserved:
            self.total += 1
        try:
            connection = await self._connector.connect(self)
            if connection.closed:
                raise ConnectFailed("The upstream closed the connection at once.", retryable=True)
        except BaseException:
            self._shrink()
            raise
        connection.counted = True
        return connection

    def put_back(self, connection: UpstreamConnection) -> None:
        """Take back a connection that may serve again."""
        if connection.closed:
            return
        while self._waiting:
            turn = self._waiting.popleft()
            if not turn.done():
                turn.set_result(connection)
                return
        idle = self.idle
        if len(idle) < self._max_idle:
            connection.idle_since = self._sweep.now
            idle.append(connection)
        else:
            connection.abort()

    def forget(self, connection: UpstreamConnection) -> None:
        """A connection has closed."""
        if connection in self.idle:
            self.idle.remove(connection)
        if connection.counted:
            connection.counted = False
            self._shrink()

    def tidy(self, now: float) -> None:
        """Close those that were not needed for `idle_timeout`."""
        oldest = now - self._policy.idle_timeout
        while self.idle and self.idle[0].idle_since < oldest:
            self.idle.popleft().abort()

    def close(self) -> None:
        """Close what is idle, now and from now on."""
        self._max_idle = 0
        while self.idle:
            self.idle.popleft().abort()

    def _shrink(self) -> None:
        """A place has become free: the next in line gets it, before anybody who comes later."""
        while self._waiting:
            turn = self._waiting.popleft()
            if not turn.done():
                turn.set_result(None)
                return
        self.total -= 1

    def _pass_on(self, turn: asyncio.Future[UpstreamConnection | None]) -> None:
        """One that no longer waits gives away what it may have been given."""
        if not turn.done() or turn.cancelled():
            if turn in self._waiting:
                self._waiting.remove(turn)
            return
        connection = turn.result()
        if connection is None:
            self._shrink()
        else:
            self.put_back(connection)
