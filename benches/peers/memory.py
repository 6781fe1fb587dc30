"""What idle connections take: memory of the gateway's processes, as the kernel counts it."""

from __future__ import annotations

import contextlib
import resource
import socket
from pathlib import Path
from typing import NamedTuple

from benches.harness import family
from benches.peers.load import Request, Wrong

STEPS = (0, 1_000, 10_000)
DESCRIPTORS = 65_536
AT_A_TIME = 50
"""Connections that are opened together; fewer than any load here has at work."""


class Memory(NamedTuple):
    """Memory of processes, in bytes.

    Attributes:
        proportional: What is shared is divided by those who share it (PSS): sums make sense.
        resident: What is shared is counted for each (RSS).
    """

    proportional: int
    resident: int


def allow_descriptors() -> None:
    """Let this process and those that it starts have many files, as far as that is allowed."""
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    with contextlib.suppress(ValueError, OSError):
        resource.setrlimit(resource.RLIMIT_NOFILE, (DESCRIPTORS, max(hard, DESCRIPTORS)))
        return
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))


def memory(pid: int) -> Memory:
    """Memory of a process and its descendants."""
    rollups = [Path(f"/proc/{member}/smaps_rollup").read_text() for member in family(pid)]
    found = [parse(rollup) for rollup in rollups]
    return Memory(sum(each.proportional for each in found), sum(each.resident for each in found))


def parse(rollup: str) -> Memory:
    """Read the kernel's sums of a process."""
    values = {}
    for line in rollup.splitlines()[1:]:
        name, _, rest = line.partition(":")
        values[name] = int(rest.split()[0]) << 10
    return Memory(values["Pss"], values["Rss"])


def measure(pid: int, port: int, token: str, steps: tuple[int, ...] = STEPS) -> list[Memory]:
    """Memory with so many connections, each of which has had one answer and is idle since.

    Raises:
        Wrong: The gateway takes no more of them, or closed some.
    """
    request = Request().encode(token)
    found = []
    with contextlib.ExitStack() as stack:
        connections: list[socket.socket] = []
        # As it is after it has worked a little.
        for _ in range(100):
            with _asked(port, request) as connection:
                _await_answer(connection)
        for step in steps:
            while len(connections) < step:
                try:
                    together = min(step - len(connections), AT_A_TIME)
                    asked = [stack.enter_context(_asked(port, request)) for _ in range(together)]
                    for connection in asked:
                        _await_answer(connection)
                except OSError as failure:
                    raise Wrong(f"{failure} after {len(connections)} connections") from failure
                connections += asked
            found.append(memory(pid))
        closed = sum(_is_closed(connection) for connection in connections)
        if closed:
            raise Wrong(f"it closed {closed} of {len(connections)} idle connections")
    return found


def _asked(port: int, request: bytes) -> socket.socket:
    connection = socket.create_connection(("127.0.0.1", port), 10)
    connection.sendall(request)
    return connection


def _await_answer(connection: socket.socket) -> None:
    data = b""
    while (end := data.find(b"\r\n\r\n")) < 0:
        data += _some(connection)
    head = data[:end].lower()
    start = head.index(b"content-length:") + 15
    left = int(head[start:].split(b"\r\n")[0]) - (len(data) - end - 4)
    while left > 0:
        left -= len(_some(connection))


def _some(connection: socket.socket) -> bytes:
    data = connection.recv(65_536)
    if not data:
        raise ConnectionResetError("closed instead of an answer")
    return data


def _is_closed(connection: socket.socket) -> bool:
    connection.setblocking(False)
    try:
        return connection.recv(1) == b""
    except BlockingIOError:
        return False
    except OSError:
        return True
