"""Binds listeners; their sockets outlive workers and reloads.

The supervisor keeps every socket open, so that a connection that waits to be accepted is not lost
with the worker that would have taken it.

A TCP address has one socket for each worker, joined by SO_REUSEPORT: the kernel spreads new
connections over them. When a reload asks for fewer workers no socket is closed, because what
waits on it would be lost; the workers that remain share them out. A unix socket has one socket,
which all workers share.
"""

from __future__ import annotations

import contextlib
import errno
import os
import socket
import stat
from collections.abc import Container, Iterable
from dataclasses import dataclass, field
from typing import Any

from pygateway.config import Address
from pygateway.errors import GatewayError

BACKLOG = 4096
"""Connections that may wait for a worker; the kernel's usual ceiling (somaxconn)."""

UNIX_MODE = 0o660
"""Owner and group may connect. A unix peer is trusted with X-Forwarded-For, so others may not."""

STALE_CHECK_DEADLINE = 1.0
"""Seconds that a listener behind an existing socket file gets to take a connection."""


class CannotListen(GatewayError):
    """An address cannot be listened on; the text names it and says why."""


_Key = tuple[str, int, str | None, int]
"""Host, port and path as configured, and how many equal listeners came before (port 0)."""


class Group:
    """The sockets of one listener: for each IP address of its host one socket for each worker."""

    def __init__(self, tcp: list[list[socket.socket]], unix: socket.socket | None = None) -> None:
        self.tcp = tcp
        self.unix = [] if unix is None else [unix]
        self._file = None if unix is None else _identity(unix.getsockname())

    @property
    def size(self) -> int:
        """How many sockets each TCP address has."""
        return len(self.tcp[0]) if self.tcp else 0

    def grow(self, size: int) -> None:
        """Bind sockets until each TCP address has `size` of them.

        They are not listening yet, because no worker accepts from them: the worker listens.

        Raises:
            OSError: An address cannot be bound any more.
        """
        for sockets in self.tcp:
            while len(sockets) < size:
                sockets.append(_bound(sockets[0].family, sockets[0].getsockname(), shared=True))

    def shrink(self, size: int) -> None:
        """Close the TCP sockets beyond `size`."""
        for sockets in self.tcp:
            for each in sockets[size:]:
                each.close()
            del sockets[size:]

    def for_slot(self, slot: int, workers: int) -> list[socket.socket]:
        """Give the sockets that one of `workers` workers accepts from."""
        return [each for sockets in self.tcp for each in sockets[slot::workers]] + self.unix

    def names(self) -> list[str]:
        """Give the addresses in the notation of the configuration, with real ports."""
        named = [str(Address(*sockets[0].getsockname()[:2])) for sockets in self.tcp]
        return named + [str(Address("", 0, each.getsockname())) for each in self.unix]

    def close(self) -> None:
        """Close every socket, and remove the socket file if it is still ours."""
        for each in self.unix:
            path = each.getsockname()
            with contextlib.suppress(OSError):
                if _identity(path) == self._file:
                    os.unlink(path)
        for each in (*self.unix, *(each for sockets in self.tcp for each in sockets)):
            each.close()


@dataclass(frozen=True)
class Plan:
    """The sockets that one configuration wants; `sizes` says how many there were before."""

    workers: int
    groups: dict[_Key, Group] = field(default_factory=dict)
    sizes: dict[_Key, int] = field(default_factory=dict)

    def for_slot(self, slot: int) -> list[socket.socket]:
        """Give the sockets that the worker in `slot` accepts from."""
        return [
            each for group in self.groups.values() for each in group.for_slot(slot, self.workers)
        ]

    def names(self) -> list[str]:
        """Give every address in the notation of the configuration, with real ports."""
        return [name for group in self.groups.values() for name in group.names()]


class Listening:
    """Every socket that is listened on now."""

    def __init__(self) -> None:
        self._groups: dict[_Key, Group] = {}

    def prepare(self, addresses: Iterable[Address], workers: int) -> Plan:
        """Bind what `workers` workers on `addresses` need and what is not there yet.

        `adopt` or `abandon` has to follow.

        Raises:
            CannotListen: An address cannot be bound; nothing has changed.
        """
        plan = Plan(workers)
        try:
            for address in addresses:
                key = _key(address, plan.groups)
                group = self._groups.get(key) or _bind(address)
                plan.groups[key] = group
                plan.sizes[key] = group.size if key in self._groups else 0
                try:
                    group.grow(workers)
                except OSError as error:
                    raise _refusal(address, error) from None
        except CannotListen:
            self.abandon(plan)
            raise
        return plan

    def adopt(self, plan: Plan) -> None:
        """Listen on what `plan` wants and on nothing else."""
        for key, group in self._groups.items():
            if key not in plan.groups:
                group.close()
        self._groups = dict(plan.groups)

    def abandon(self, plan: Plan) -> None:
        """Close what `plan` has brought."""
        for key, group in plan.groups.items():
            if key in self._groups:
                group.shrink(plan.sizes[key])
            else:
                group.close()

    def close(self) -> None:
        """Listen on nothing any more."""
        self.adopt(Plan(0))


def _key(address: Address, taken: Container[_Key]) -> _Key:
    occurrence = 0
    while (key := (address.host, address.port, address.path, occurrence)) in taken:
        occurrence += 1
    return key


def _bind(address: Address) -> Group:
    """Take an address that nobody listens on."""
    try:
        if address.path is not None:
            return Group([], _bind_unix(address.path))
        return _bind_tcp(address.host, address.port)
    except OSError as error:
        raise _refusal(address, error) from None


def _bind_tcp(host: str, port: int) -> Group:
    group = Group([])
    absence = OSError(errno.EADDRNOTAVAIL, os.strerror(errno.EADDRNOTAVAIL))
    for family, _, _, _, target in dict.fromkeys(
        socket.getaddrinfo(host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)
    ):
        try:
            # SO_REUSEPORT alone would let a second gateway, started by mistake, join in and take
            # half of the connections. A socket without it finds out.
            if port != 0:
                _bound(family, target, shared=False).close()
            listener = _bound(family, target, shared=True)
            group.tcp.append([listener])
            listener.listen(BACKLOG)
        except OSError as error:
            # A name such as localhost may stand for IPv6 too, on a machine that has none.
            if error.errno not in {errno.EADDRNOTAVAIL, errno.EAFNOSUPPORT}:
                group.close()
                raise
            absence = error
    if not group.tcp:
        raise absence
    return group


def _bound(family: int, target: tuple[Any, ...], *, shared: bool) -> socket.socket:
    bound = socket.socket(family, socket.SOCK_STREAM)
    try:
        bound.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        if shared:
            bound.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
        if family == socket.AF_INET6:
            # [::] is IPv6 alone, so that 0.0.0.0 can stand beside it.
            bound.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
        bound.bind(target)
    except OSError:
        bound.close()
        raise
    return bound


def _bind_unix(path: str) -> socket.socket:
    listener = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    mask = os.umask(0o777 & ~UNIX_MODE)
    try:
        try:
            listener.bind(path)
        except OSError as error:
            if error.errno != errno.EADDRINUSE or not _is_stale(path):
                raise
            os.unlink(path)
            listener.bind(path)
        listener.listen(BACKLOG)
    except OSError:
        listener.close()
        raise
    finally:
        os.umask(mask)
    return listener


def _is_stale(path: str) -> bool:
    """Whether `path` is a socket file behind which nobody listens any more."""
    if not stat.S_ISSOCK(os.lstat(path).st_mode):
        return False
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as probe:
        probe.settimeout(STALE_CHECK_DEADLINE)
        try:
            probe.connect(path)
        except ConnectionRefusedError:
            return True
        except OSError:
            return False
    return False


def _identity(path: str) -> tuple[int, int]:
    status = os.lstat(path)
    return status.st_dev, status.st_ino


_WHY = {
    errno.EADDRINUSE: "the address is in use",
    errno.EADDRNOTAVAIL: "no interface of this machine has this address",
    errno.EACCES: "permission denied",
}


def _refusal(address: Address, error: OSError) -> CannotListen:
    why = _WHY.get(error.errno or 0) or error.strerror or str(error)
    return CannotListen(f"cannot listen on {address}: {why}")
