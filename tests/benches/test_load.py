from __future__ import annotations

from pathlib import Path

from benches.load import read_requests
from benches.peers.load import Request, write_requests


def test_requests_are_read_as_they_were_written(tmp_path: Path) -> None:
    requests = [
        Request().encode("token"),
        Request("/uploads/item", "POST", b"12\n\r\n34\n" * 100).encode(),
        Request(closing=True).encode(),
    ]
    assert read_requests(write_requests(tmp_path / "requests", requests).read_bytes()) == requests
