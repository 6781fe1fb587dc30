"""A flood of refused requests: CPU microseconds for each 429, beside nginx's `limit_req`.

Every gateway has one worker, pinned to one core; the load (64 keep-alive connections, one request
at a time on each) has another. The gateways take turns, forwards and then backwards, because a
shared machine drifts and a ratio taken within one round does not. nginx admits a request a second,
which is left out of the count; PyGateway admits one in all, long before what is measured. The
answers differ in size, which is printed: nginx sends a fixed page, PyGateway a problem with the
request's own id, path and violated policies, and the `RateLimit` fields.

    .venv/bin/python -m benches.flood [--rounds 5] [--seconds 2]
"""

from __future__ import annotations

import argparse
import contextlib
import os
import socket
import statistics
import sys
import tempfile
from pathlib import Path
from typing import NamedTuple

from benches.harness import BODY, cpu_seconds, find_nginx, free_port, load, process
from tests.limits.fleet import write
from tests.support.redis import RedisServer

NGINX = """
worker_processes 1; daemon off; master_process off; pid {folder}/nginx.pid;
error_log stderr crit;
events {{ worker_connections 8192; }}
http {{
  access_log off; keepalive_requests 100000000; keepalive_timeout 3600s;
  limit_req_zone $binary_remote_addr zone=z:10m rate=1r/s;
  limit_req_status 429;
  server {{
    listen 127.0.0.1:{port} backlog=4096;
    root {folder}/root;
    location / {{ limit_req zone=z; }}
  }}
}}
"""
MODES = ("local", "strict")
NAMES = ("nginx", *MODES)


class Cost(NamedTuple):
    """What a turn has cost.

    Attributes:
        total: CPU microseconds for each refusal.
        user: The user's part of it.
        rate: Refusals per second.
        busy: Share of its core that the gateway was busy in; the rest it waited for the load.
    """

    total: float
    user: float
    rate: float
    busy: float


def main() -> None:
    """Measure in turn, and print the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--seconds", type=float, default=2.0)
    options = parser.parse_args()
    cores = sorted(os.sched_getaffinity(0))
    theirs, ours = cores[0], cores[-1]
    with contextlib.ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        server = stack.enter_context(RedisServer(folder))
        ports = {"nginx": free_port(), "gateway": free_port()}
        configuration = _nginx(folder, ports["nginx"])
        nginx = [find_nginx(), "-c", str(configuration), "-p", str(folder)]
        file = write(folder / "gateway.yaml", _document(ports["gateway"], server.url))
        gateway = [sys.executable, "-m", "pygateway", "run", "-c", str(file)]
        pids = {
            "nginx": stack.enter_context(process(nginx, ours, ports["nginx"])),
            "gateway": stack.enter_context(process(gateway, ours, ports["gateway"])),
        }
        figures: dict[str, list[Cost]] = {name: [] for name in NAMES}
        for turn in range(options.rounds + 1):
            # The first is for warmth, and uses up what is admitted.
            for name in NAMES if turn % 2 else reversed(NAMES):
                which = "nginx" if name == "nginx" else "gateway"
                cost = _cost(pids[which], ports[which], name, options.seconds, theirs)
                if turn:
                    figures[name].append(cost)
        sizes = {
            name: _size(ports["nginx" if name == "nginx" else "gateway"], name) for name in NAMES
        }
    print(f"CPU us per refused request, {options.rounds} rounds of {options.seconds:g} s")
    print(
        "limit     median  least   most   user  ratio to nginx       per s  busy  head  body, bytes"
    )
    for name, turns in figures.items():
        totals = [turn.total for turn in turns]
        ratios = [
            ours.total / nginx.total for ours, nginx in zip(turns, figures["nginx"], strict=True)
        ]
        spread = f"{statistics.median(ratios):.2f} ({min(ratios):.2f} to {max(ratios):.2f})"
        total, user, rate, busy = map(statistics.median, zip(*turns, strict=True))
        print(
            f"{name:8} {total:7.1f} {min(totals):6.1f} {max(totals):6.1f} {user:6.1f}"
            f"  {spread:20}{rate:6.0f} {busy:5.0%} {sizes[name][0]:5} {sizes[name][1]:5}"
        )


def _nginx(folder: Path, port: int) -> Path:
    """An nginx that limits before it looks for a file; `return` would come before the limit."""
    root = folder / "root"
    root.mkdir()
    for name in NAMES:
        (root / name).write_text(BODY)
    configuration = folder / "nginx.conf"
    configuration.write_text(NGINX.format(folder=folder, port=port))
    folder.chmod(0o755)  # its worker may be another user
    return configuration


def _document(port: int, url: str) -> dict[str, object]:
    limit = {"by": "ip", "quota": 1, "window": "1d"}
    return {
        "version": 1,
        "listen": f"127.0.0.1:{port}",
        "workers": 1,
        "access_log": False,
        "redis": {"url": url, "timeout": "1s"},
        "rate_limits": {f"per-ip-{mode}": limit | {"mode": mode} for mode in MODES},
        "routes": [
            {
                "name": mode,
                "match": {"paths": [f"/{mode}"]},
                "auth": "none",
                "rate_limits": [f"per-ip-{mode}"],
                "respond": {"body": BODY},
            }
            for mode in MODES
        ],
    }


def _cost(pid: int, port: int, name: str, seconds: float, core: int) -> Cost:
    user, system = cpu_seconds(pid)
    found = load(port, seconds, core, "--path", f"/{name}", "--status", "429")
    user_after, system_after = cpu_seconds(pid)
    # A request a second, with one at the start and one at the end, is nginx's rate.
    if found["failed"] > seconds + 2:
        sys.exit(f"{name}: {found['failed']:g} answers were no 429")
    refused = found["answered"] - found["failed"]
    user, total = user_after - user, user_after - user + system_after - system
    return Cost(1e6 * total / refused, 1e6 * user / refused, refused / seconds, total / seconds)


def _size(port: int, name: str) -> tuple[int, int]:
    """Bytes of the head and of the body of a refusal; asks again while requests are admitted."""
    while True:
        with socket.create_connection(("127.0.0.1", port)) as connection:
            connection.sendall(
                f"GET /{name} HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n".encode()
            )
            with connection.makefile("rb") as answer:
                head, _, body = answer.read().partition(b"\r\n\r\n")
        if head.startswith(b"HTTP/1.1 429"):
            return len(head) + 4, len(body)


if __name__ == "__main__":
    main()
