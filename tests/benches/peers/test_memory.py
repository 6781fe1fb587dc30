from __future__ import annotations

import os
import socketserver
import threading
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from benches.peers.load import Wrong
from benches.peers.memory import Memory, measure, memory, parse

ROLLUP = """\
55d0-7ffe ---p 00000000 00:00 0                          [rollup]
Rss:                2048 kB
Pss:                1024 kB
Pss_Anon:            512 kB
"""


class Handler(socketserver.StreamRequestHandler):
    def handle(self) -> None:
        while self.rfile.readline():
            while self.rfile.readline().strip():
                pass
            self.wfile.write(b"HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nbody")
            if self.server.impatient:  # type: ignore[attr-defined]
                return


@contextmanager
def serving(*, impatient: bool = False) -> Iterator[int]:
    """A server; an impatient one closes a connection after its answer."""
    with socketserver.ThreadingTCPServer(("127.0.0.1", 0), Handler) as server:
        server.daemon_threads = True
        server.impatient = impatient  # type: ignore[attr-defined]
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        try:
            yield server.server_address[1]
        finally:
            server.shutdown()
            thread.join()


def test_the_kernels_sums_are_read_in_bytes() -> None:
    assert parse(ROLLUP) == Memory(proportional=1 << 20, resident=2 << 20)


def test_memory_of_a_process_that_runs() -> None:
    found = memory(os.getpid())
    assert 0 < found.proportional <= found.resident


def test_memory_is_taken_at_every_step() -> None:
    with serving() as port:
        found = measure(os.getpid(), port, "token", (0, 3, 20))
    assert len(found) == 3
    assert all(each.resident > 0 for each in found)


def test_connections_that_were_closed_are_not_idle() -> None:
    with serving(impatient=True) as port, pytest.raises(Wrong, match="closed"):
        measure(os.getpid(), port, "", (0, 20))
