"""Bare reverse proxies beside each other: CPU microseconds of the gateway per request.

Every gateway has one worker, pinned to one core; the load and the upstream share another. The
gateways take turns (A B B A ...), because a shared machine drifts and a ratio taken within one run
does not. What is quoted is the median of user + system time per request, from the kernel's
accounting of the gateway's process, and its ratio to nginx.

    .venv/bin/python -m benches.side_by_side [--rounds 5] [--seconds 5]
"""

from __future__ import annotations

import argparse
import contextlib
import json
import os
import shutil
import socket
import statistics
import subprocess
import sys
import tempfile
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

PROXY = """
worker_processes 1; daemon off; master_process off; pid {folder}/proxy.pid;
error_log stderr crit;
events {{ worker_connections 8192; }}
http {{
  access_log off; keepalive_requests 100000000; keepalive_timeout 3600s;
  upstream origin {{ server 127.0.0.1:{upstream}; keepalive 512; keepalive_requests 100000000; }}
  server {{
    listen 127.0.0.1:{port} backlog=4096;
    location / {{
      proxy_http_version 1.1; proxy_set_header Connection ""; proxy_pass http://origin;
    }}
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


def load(port: int, seconds: float, core: int) -> dict[str, float]:
    command = [sys.executable, "-m", "benches.load", str(port), "--seconds", str(seconds)]
    done = subprocess.run(
        command,
        check=True,
        stdout=subprocess.PIPE,
        timeout=seconds + 30,
        preexec_fn=lambda: os.sched_setaffinity(0, {core}),
    )
    result: dict[str, float] = json.loads(done.stdout)
    return result


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--seconds", type=float, default=5.0)
    options = parser.parse_args()
    nginx = shutil.which("nginx") or "/usr/sbin/nginx"
    if not Path(nginx).exists():
        sys.exit("nginx is not installed; there is nothing to compare with")
    cores = sorted(os.sched_getaffinity(0))
    theirs, ours = cores[0], cores[-1]
    with tempfile.TemporaryDirectory() as folder, contextlib.ExitStack() as stack:
        upstream, proxied, gateway = free_port(), free_port(), free_port()

        def configured(name: str, text: str) -> list[str]:
            path = Path(folder) / name
            path.write_text(text)
            return [nginx, "-c", str(path), "-p", folder]

        upstream_text = UPSTREAM.format(folder=folder, port=upstream, body=BODY)
        proxy_text = PROXY.format(folder=folder, port=proxied, upstream=upstream)
        stack.enter_context(process(configured("upstream.conf", upstream_text), theirs, upstream))
        configuration = Path(folder) / "gateway.yaml"
        configuration.write_text(
            f"version: 1\nlisten: 127.0.0.1:{gateway}\nworkers: 1\n"
            f"upstreams: {{origin: {{endpoints: ['http://127.0.0.1:{upstream}']}}}}\n"
            "routes: [{name: all, upstream: origin, auth: none}]\n"
        )
        command = [str(BIN / "pygateway"), "run", "-c", str(configuration)]
        pids = {
            "nginx": stack.enter_context(
                process(configured("proxy.conf", proxy_text), ours, proxied)
            ),
            "pygateway": stack.enter_context(process(command, ours, gateway)),
        }
        ports = {"nginx": proxied, "pygateway": gateway}
        figures: dict[str, list[tuple[float, float, float, float]]] = {name: [] for name in ports}
        for port in ports.values():
            load(port, 1.0, theirs)
        for turn in range(options.rounds):
            order = ["nginx", "pygateway"] if turn % 2 == 0 else ["pygateway", "nginx"]
            for name in order:
                user, system = cpu_seconds(pids[name])
                result = load(ports[name], options.seconds, theirs)
                user_after, system_after = cpu_seconds(pids[name])
                if result["failed"]:
                    sys.exit(f"{name}: {result['failed']} requests failed")
                scale = 1e6 / result["answered"]
                total = (user_after - user + system_after - system) * scale
                figures[name].append(
                    (total, (user_after - user) * scale, result["answered"], result["p99_ms"])
                )
    columns = (("us/request", 12), ("min", 8), ("max", 8), ("user", 8), ("req/s", 10))
    print(f"{'gateway':<12}" + "".join(f"{name:>{width}}" for name, width in columns) + "  p99 ms")
    medians = {}
    for name, rows in figures.items():
        totals = [row[0] for row in rows]
        medians[name] = statistics.median(totals)
        rate = statistics.median(row[2] for row in rows) / options.seconds
        print(
            f"{name:<12}{medians[name]:>12.1f}{min(totals):>8.1f}{max(totals):>8.1f}"
            f"{statistics.median(row[1] for row in rows):>8.1f}{rate:>10.0f}"
            f"{statistics.median(row[3] for row in rows):>8.2f}"
        )
    ratios = [
        ours[0] / theirs[0]
        for ours, theirs in zip(figures["pygateway"], figures["nginx"], strict=True)
    ]
    print(
        f"ratio pygateway / nginx: median {statistics.median(ratios):.2f}"
        f" (min {min(ratios):.2f}, max {max(ratios):.2f})"
    )


if __name__ == "__main__":
    main()
