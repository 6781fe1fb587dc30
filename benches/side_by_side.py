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
import os
import statistics
import sys
import tempfile
from pathlib import Path

from benches.harness import (
    BIN,
    cpu_seconds,
    find_nginx,
    free_port,
    load,
    process,
    running_upstream,
)

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


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--seconds", type=float, default=5.0)
    options = parser.parse_args()
    nginx = find_nginx()
    cores = sorted(os.sched_getaffinity(0))
    theirs, ours = cores[0], cores[-1]
    with tempfile.TemporaryDirectory() as folder, contextlib.ExitStack() as stack:
        proxied, gateway = free_port(), free_port()
        upstream = stack.enter_context(running_upstream(folder, theirs))

        def configured(name: str, text: str) -> list[str]:
            path = Path(folder) / name
            path.write_text(text)
            return [nginx, "-c", str(path), "-p", folder]

        proxy_text = PROXY.format(folder=folder, port=proxied, upstream=upstream)
        configuration = Path(folder) / "gateway.yaml"
        configuration.write_text(
            f"version: 1\nlisten: 127.0.0.1:{gateway}\nworkers: 1\n"
            "access_log: off\n"
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
