"""Rings of lines through the door; what they are is tested where they are made."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator

import pytest

from pygateway._core import Arena, Gate, LineRing, Respond
from pygateway.config import gate_specification, load_text

CONFIGURATION = """
access_log: {fields: [status, path, worker, user_agent]}
routes: [{name: hello, respond: {body: hi}}]
"""


@pytest.fixture
def memory() -> Iterator[int]:
    descriptor = os.memfd_create("ring")
    yield descriptor
    os.close(descriptor)


def test_lines_go_from_one_end_to_the_other(memory: int) -> None:
    taking = LineRing.create(memory, 5000)
    putting = LineRing.attach(memory)
    assert taking.capacity == putting.capacity == 8192
    assert putting.put(b"one")
    assert putting.put(b"")
    assert putting.put(b"three")
    assert taking.pending > 0
    assert taking.take(5) == b"one\n\n"
    assert taking.take(100) == b"three\n"
    assert taking.take(100) == b""
    assert (taking.pending, taking.damages) == (0, 0)
    assert not putting.put(b"x" * 8192)


def test_what_is_no_ring(memory: int) -> None:
    for capacity in (0, 100, 1 << 40):
        with pytest.raises(ValueError, match="capacity"):
            LineRing.create(memory, capacity)
    with pytest.raises(OSError, match="not a ring of lines"):
        LineRing.attach(memory)
    with pytest.raises(OSError, match="Bad file descriptor"):
        LineRing.attach(1 << 20)
    os.write(memory, b"something")
    with pytest.raises(OSError, match="holds 9 bytes already"):
        LineRing.create(memory, 5000)


def test_a_gate_puts_a_line_for_every_request(memory: int) -> None:
    ring = LineRing.create(memory, 1 << 16, 3)
    table = os.memfd_create("table")
    arena = Arena.create(table, 1024)
    os.close(table)
    specification = gate_specification(load_text(CONFIGURATION))
    gate = Gate(specification, bytes(32), arena, 0, LineRing.attach(memory))
    decision = gate.decide(b"GET", b"/a?b", [(b"Host", b"a")], gate.peer("127.0.0.1", False), 1.0)
    assert isinstance(decision, Respond)
    decision.reply_head(200, [], 2, 1.0)
    decision.conclude(1.0, 0.0, 0.0, 0.0, 2.0, 0, 2, -1, None, None)
    line = json.loads(ring.take(1000))
    assert line == {"status": 200, "path": "/a", "worker": 3, "user_agent": None}
    assert list(line) == ["status", "path", "worker", "user_agent"]
