"""nginx behind the gateway: files, uploads, and how little memory they take.

The large transfers run with 256 MiB, and with 2 GiB where PYGATEWAY_LARGE=1 is set: the same
functions, the same bound on memory. The figures are printed (`pytest -s`).
"""

from __future__ import annotations

import hashlib
import os
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.client import Client, request
from tests.support.nginx import Nginx
from tests.support.process import GatewayProcess

LARGE = os.environ.get("PYGATEWAY_LARGE") == "1"
SIZE = 2 << 30 if LARGE else 256 << 20
BLOCK = hashlib.shake_128(b"one MiB that looks like nothing else").digest(1 << 20)

MEMORY = 100_000_000
"""Bytes that a worker may take at most, whatever passes through it."""

GROWTH = 16 << 20
"""Bytes by which a transfer may raise a worker's peak: buffers, never bodies."""


@pytest.fixture
def nginx(tmp_path: Path) -> Iterator[Nginx]:
    """nginx with one page."""
    with Nginx(tmp_path) as started:
        (started.files / "page.html").write_bytes(b"<p>hello</p>\n")
        yield started


@pytest.fixture
def gateway(nginx: Nginx) -> Iterator[GatewayProcess]:
    """`pygateway proxy --to` nginx, with room for large uploads."""
    with GatewayProcess(
        "proxy", "--to", nginx.url, "--from", "127.0.0.1:0", "--workers", "1",
        environment={"PYGATEWAY__LIMITS__BODY_BYTES": "0"},
    ) as started:  # fmt: skip
        yield started


def download(address: tuple[str, int], target: str, size: int) -> None:
    """Read `size` bytes made of blocks, and check each of them."""
    buffer = bytearray(len(BLOCK))
    with Client(address) as client:
        client.send(request("GET", target))
        status, headers = client.head()
        assert (status, int(headers["content-length"])) == (200, size)
        received = 0
        view = memoryview(buffer)
        for _ in range(size // len(BLOCK)):
            filled = client.take_buffered(view)
            while filled < len(BLOCK):
                count = client.socket.recv_into(view[filled:])
                assert count, f"cut short after {received + filled} bytes"
                filled += count
            assert buffer == BLOCK, f"changed within the MiB at {received}"
            received += filled
        client.send(request("GET", "/page.html"))
        assert client.response().body == b"<p>hello</p>\n"


def upload(address: tuple[str, int], target: str, size: int) -> None:
    """Send `size` bytes made of blocks, and read the answer."""
    with Client(address) as client:
        client.socket.settimeout(120)
        client.send(request("PUT", target, f"Content-Length: {size}"))
        for _ in range(size // len(BLOCK)):
            client.send(BLOCK)
        assert client.response("PUT").status in {201, 204}
        client.send(request("GET", "/page.html"))
        assert client.response().status == 200


def write_blocks(file: Path, size: int) -> None:
    """Make a file of blocks."""
    with file.open("wb") as stream:
        for _ in range(size // len(BLOCK)):
            stream.write(BLOCK)


def check_blocks(file: Path, size: int) -> None:
    """The file has exactly these blocks."""
    assert file.stat().st_size == size
    with file.open("rb") as stream:
        while block := stream.read(len(BLOCK)):
            assert block == BLOCK


def report(name: str, gateway: GatewayProcess, before: int) -> None:
    """Check and print what a transfer has cost."""
    peak = gateway.memory("VmHWM")
    print(
        f"\n{name}: worker's peak {peak / 1e6:.1f} MB,"
        f" {(peak - before) / 1e6:+.1f} MB over an idle one"
    )
    assert peak < MEMORY
    assert peak - before < GROWTH


def warm_up(gateway: GatewayProcess) -> int:
    """Let a first request load what the first request loads; the worker's peak after it."""
    with Client(gateway.address) as client:
        assert client.exchange(request("GET", "/page.html")).body == b"<p>hello</p>\n"
    return gateway.memory("VmHWM")


@pytest.mark.timeout(300)
def test_a_large_download_takes_no_memory(gateway: GatewayProcess, nginx: Nginx) -> None:
    write_blocks(nginx.files / "large", SIZE)
    before = warm_up(gateway)
    download(gateway.address, "/large", SIZE)
    report(f"download of {SIZE >> 20} MiB", gateway, before)


@pytest.mark.timeout(300)
def test_a_large_upload_takes_no_memory(gateway: GatewayProcess, nginx: Nginx) -> None:
    before = warm_up(gateway)
    upload(gateway.address, "/upload/large", SIZE)
    report(f"upload of {SIZE >> 20} MiB", gateway, before)
    check_blocks(nginx.files / "upload" / "large", SIZE)


@pytest.mark.timeout(300)
def test_many_slow_readers_take_no_memory(gateway: GatewayProcess, nginx: Nginx) -> None:
    """Eight clients that ask for a large file and hardly read: what is not read is not fetched."""
    write_blocks(nginx.files / "large", 64 << 20)
    before = warm_up(gateway)
    clients = [Client(gateway.address, receive_buffer=1 << 16) for _ in range(8)]
    try:
        for client in clients:
            client.send(request("GET", "/large"))
            assert client.head()[0] == 200
        with Client(gateway.address) as client:
            for _ in range(200):
                assert client.exchange(request("GET", "/page.html")).status == 200
    finally:
        for client in clients:
            client.close()
    report("eight readers of 64 MiB that hardly read", gateway, before)


def test_ranges_conditions_and_redirects_pass(gateway: GatewayProcess, nginx: Nginx) -> None:
    (nginx.files / "digits").write_bytes(b"0123456789")
    with Client(gateway.address) as client:
        part = client.exchange(request("GET", "/digits", "Range: bytes=2-4"))
        assert (part.status, part.body) == (206, b"234")
        assert part.header("Content-Range") == "bytes 2-4/10"
        tag = part.header("ETag")
        unchanged = client.exchange(request("GET", "/digits", f"If-None-Match: {tag}"))
        assert (unchanged.status, unchanged.body) == (304, b"")
        head = client.exchange(request("HEAD", "/digits"))
        assert (head.header("Content-Length"), head.body) == ("10", b"")
        moved = client.exchange(request("GET", "/moved"))
        assert moved.status == 301
        missing = client.exchange(request("GET", "/missing"))
        assert (missing.status, missing.header("Content-Type")) == (404, "text/html")
        status = client.exchange(request("GET", "/status"))
        assert status.body == b"GET gateway.test 127.0.0.1"


def test_many_clients_at_once(gateway: GatewayProcess, nginx: Nginx) -> None:
    failures: list[BaseException] = []

    def fetch() -> None:
        try:
            with Client(gateway.address) as client:
                for _ in range(25):
                    assert client.exchange(request("GET", "/page.html")).status == 200
        except (AssertionError, OSError) as failure:
            failures.append(failure)

    threads = [threading.Thread(target=fetch) for _ in range(20)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not failures, failures[0]
    assert nginx.url
