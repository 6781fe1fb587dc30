"""What the comparisons share: pinned processes, an upstream, loads, and the kernel's accounting."""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

BIN = Path(sys.executable).parent
BODY = "x" * 136
TICKS = os.sysconf("SC_CLK_TCK")

UPSTREAM = """
worker_processes 1; daemon off; master_process off; pid {folder}/upstream.pid;
error_log stderr crit;
events {{ worker_connections 8192; }}
http {{
  access_log off; keepalive_requests 100000000; keepalive_timeout 3600s;
  server {{
    listen 127.0.0.1:{port} backlog=4096;
    location / {{ default_type text/plain; return 200 "{body}"; }}
  }}
}}
"""


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def await_port(port: int, patience: float = 15.0) -> None:
    deadline = time.monotonic() + patience
    while True:
        try:
            socket.create_connection(("127.0.0.1", port), 1).close()
        except OSError:
            if time.monotonic() > deadline:
                raise
            time.sleep(0.05)
        else:
            return


@contextlib.contextmanager
def process(command: list[str], core: int, port: int) -> Iterator[int]:
    """Run `command` pinned to `core` until it listens on `port`; ends it afterwards."""
    child = subprocess.Popen(
        command,
        preexec_fn=lambda: os.sched_setaffinity(0, {core}),  # noqa: PLW1509 - no threads here
        stdout=subprocess.DEVNULL,
    )
    try:
        await_port(port)
        yield child.pid
    finally:
        child.terminate()
        child.wait(15)


def family(pid: int) -> list[int]:
    """`pid` and its descendants."""
    members = [pid]
    for task in Path(f"/proc/{pid}/task").iterdir():
        with contextlib.suppress(FileNotFoundError):  # a thread that has just ended
            for child in (task / "children").read_text().split():
                members += family(int(child))
    return members


def cpu_seconds(pid: int) -> tuple[float, float]:
    """User and system seconds that `pid` and its descendants have used."""
    user = system = 0
    for member in family(pid):
        fields = Path(f"/proc/{member}/stat").read_text().rpartition(")")[2].split()
        user += int(fields[11])
        system += int(fields[12])
    return user / TICKS, system / TICKS


@contextlib.contextmanager
def loading(port: int, seconds: float, core: int, *options: str) -> Iterator[dict[str, float]]:
    """Put a load on `port` meanwhile; what it found is in the mapping at the end."""
    command = [sys.executable, "-m", "benches.load", str(port), "--seconds", str(seconds)]
    child = subprocess.Popen(
        [*command, *options],
        stdout=subprocess.PIPE,
        preexec_fn=lambda: os.sched_setaffinity(0, {core}),  # noqa: PLW1509 - no threads here
    )
    found: dict[str, float] = {}
    try:
        yield found
        output, _ = child.communicate(timeout=seconds + 30)
        found.update(json.loads(output))
    finally:
        child.kill()
        child.wait(15)


def load(port: int, seconds: float, core: int, *options: str) -> dict[str, float]:
    """Put a load on `port` and give what it found."""
    with loading(port, seconds, core, *options) as found:
        pass
    return found


def find_nginx() -> str:
    nginx = shutil.which("nginx") or "/usr/sbin/nginx"
    if not Path(nginx).exists():
        sys.exit("nginx is not installed")
    return nginx


@contextlib.contextmanager
def running_upstream(folder: str, core: int) -> Iterator[int]:
    """Run an nginx that answers everything with 136 bytes; gives its port."""
    port = free_port()
    path = Path(folder) / "upstream.conf"
    path.write_text(UPSTREAM.format(folder=folder, port=port, body=BODY))
    with process([find_nginx(), "-c", str(path), "-p", folder], core, port):
        yield port
