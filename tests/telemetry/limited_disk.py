"""Writes numbered lines to a file that may only have so many bytes; then to one that may have more.

    python limited_disk.py PATH [MOVED]

With MOVED, the file is renamed to it and opened again while it is full, before there is room.
"""

from __future__ import annotations

import resource
import sys
from pathlib import Path

from pygateway.telemetry.log_writer import LogWriter
from tests.support.rings import make_ring, numbered, until

LIMIT = 5060
COUNT = 200


def main() -> None:
    """Fill the file, wait for the problem, make room, and finish."""
    path = Path(sys.argv[1])
    _, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    # Of memory too, so the ring comes first.
    putting, taking = make_ring()
    resource.setrlimit(resource.RLIMIT_FSIZE, (LIMIT, hard))
    writer = LogWriter()
    writer.prepare(str(path))
    writer.add(taking, str(path), 0)
    for number in range(COUNT):
        assert putting.put(numbered(number))
    until(lambda: writer.statistics()["problem"] == "File too large", "the limit")
    assert path.stat().st_size == LIMIT
    assert not path.read_bytes().endswith(b"\n")
    if len(sys.argv) > 2:
        path.rename(sys.argv[2])
        writer.reopen()
        until(path.exists, "reopening")
    resource.setrlimit(resource.RLIMIT_FSIZE, (hard, hard))
    writer.finish(10.0)
    assert writer.lost_lines == 0, writer.statistics()
    assert writer.statistics()["pending_bytes"] == 0


if __name__ == "__main__":
    main()
