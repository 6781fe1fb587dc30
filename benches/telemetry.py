"""What it costs each request to be counted, logged and traced.

    .venv/bin/python -m benches.telemetry [--rounds 5] [--seconds 3] [--before FOLDER]

Gateways of one worker that differ in this alone take turns (A B B A ...) on one core; the load and
the upstream share another. Quoted is the processor time of the gateway's processes per request, so
that the supervisor, which writes the log, and the threads that export spans are in it.

--before  a checkout of an earlier version, whose module is built, to be measured beside
--only    variants whose names begin so
"""

from __future__ import annotations

import argparse
import contextlib
import json
import os
import statistics
import sys
import tempfile
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

from benches.harness import cpu_seconds, free_port, load, process, running_upstream

CONNECTIONS = 64


class Collector(BaseHTTPRequestHandler):
    """Takes spans and forgets them."""

    def do_POST(self) -> None:
        self.rfile.read(int(self.headers["Content-Length"]))
        self.send_response(200)
        self.send_header("Content-Type", "application/x-protobuf")
        self.send_header("Content-Length", "0")
        self.end_headers()

    def log_message(self, format: str, *arguments: object) -> None:  # noqa: A002 - its name there
        """Say nothing."""


@contextlib.contextmanager
def collector() -> Iterator[str]:
    """Run a collector; gives its endpoint."""
    server = ThreadingHTTPServer(("127.0.0.1", 0), Collector)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}/v1/traces"
    finally:
        server.shutdown()
        server.server_close()


def variants(folder: str, endpoint: str) -> dict[str, dict[str, Any]]:
    """What each gateway tells, by name."""

    def log(name: str, **keys: object) -> dict[str, Any]:
        return {"access_log": {"path": f"{folder}/{name}.log", **keys}}

    def traced(ratio: float) -> dict[str, Any]:
        return {"tracing": {"endpoint": endpoint, "ratio": ratio}}

    off: dict[str, Any] = {"access_log": False}
    return {
        "metrics alone": off,
        "and a JSON line": log("json"),
        "and a combined line": log("combined", format="combined"),
        "and 1 % of the lines": log("sampled", sample=0.01),
        "and traces, 0 %": off | traced(0.0),
        "and traces, 1 %": off | traced(0.01),
        "and Server-Timing": off | {"server_timing": True},
        "JSON line, traces 1 %": log("all") | traced(0.01),
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--seconds", type=float, default=3.0)
    parser.add_argument("--before", type=Path)
    parser.add_argument("--only", action="append", help="names of variants, beginnings of them")
    options = parser.parse_args()
    cores = sorted(os.sched_getaffinity(0))
    theirs, ours = cores[0], cores[-1]
    with contextlib.ExitStack() as stack:
        folder = stack.enter_context(tempfile.TemporaryDirectory())
        endpoint = stack.enter_context(collector())
        upstream = stack.enter_context(running_upstream(folder, theirs))
        gateways: dict[str, tuple[int, int]] = {}

        def start(name: str, keys: dict[str, Any], *prefix: str) -> None:
            port = free_port()
            document = {
                "version": 1,
                "listen": f"127.0.0.1:{port}",
                "workers": 1,
                "upstreams": {"all": {"endpoints": [f"http://127.0.0.1:{upstream}"]}},
                "routes": [{"name": "all", "auth": "none", "upstream": "all"}],
            }
            file = Path(folder) / f"{len(gateways)}.yaml"
            file.write_text(json.dumps(document | keys))
            command = [*prefix, sys.executable, "-m", "pygateway", "run", "-c", str(file)]
            gateways[name] = stack.enter_context(process(command, ours, port)), port

        if options.before is not None:
            folder_before = options.before.resolve()
            there = ("env", f"--chdir={folder_before}", f"PYTHONPATH={folder_before}")
            start("before", {}, *there)
        for name, keys in variants(folder, endpoint).items():
            if options.only is None or name.startswith(tuple(options.only)):
                start(name, keys)
        figures: dict[str, list[float]] = {name: [] for name in gateways}
        for turn in range(options.rounds + 1):
            for name in gateways if turn % 2 else reversed(gateways):
                pid, port = gateways[name]
                before = sum(cpu_seconds(pid))
                found = load(port, options.seconds, theirs, "--connections", str(CONNECTIONS))
                if found["failed"]:
                    sys.exit(f"{name}: {found['failed']:g} requests failed")
                if turn:
                    cost = 1e6 * (sum(cpu_seconds(pid)) - before) / found["answered"]
                    figures[name].append(cost)
    print(f"CPU us per request; {options.rounds} rounds of {options.seconds:g} s")
    print(f"{'':24} {'median':>8} {'least':>8} {'most':>8} {'more':>8}")
    first = statistics.median(next(iter(figures.values())))
    for name, costs in figures.items():
        median = statistics.median(costs)
        print(f"{name:24} {median:8.1f} {min(costs):8.1f} {max(costs):8.1f} {median - first:8.1f}")


if __name__ == "__main__":
    main()
