"""Processor time that a limit costs each request, one worker on a core of its own."""

from __future__ import annotations

import contextlib
import shutil
import statistics
import sys
import tempfile
from pathlib import Path

from benches.harness import cpu_seconds, free_port, load, process, running_upstream
from tests.limits.fleet import write
from tests.support.redis import RedisServer

SECONDS = 2.0
CONNECTIONS = 64
KINDS = ("none", "local", "leased", "strict")
QUOTA = 1 << 26


def run(rounds: int) -> bool:
    """Measure in turn, and print the table."""
    ours, theirs = 0, 1
    with contextlib.ExitStack() as stack:
        folder = stack.enter_context(tempfile.TemporaryDirectory())
        server = stack.enter_context(RedisServer(Path(folder)))
        upstream = None
        if shutil.which("nginx"):
            upstream = stack.enter_context(running_upstream(folder, theirs))
        port = free_port()
        file = write(Path(folder) / "gateway.yaml", _document(port, server.url, upstream))
        command = [sys.executable, "-m", "pygateway", "run", "-c", str(file)]
        pid = stack.enter_context(process(command, ours, port))
        figures: dict[str, list[float]] = {kind: [] for kind in KINDS}
        for turn in range(rounds + 1):
            # Forwards, then backwards, so that a drift meets all alike; the first is for warmth.
            for kind in KINDS if turn % 2 else reversed(KINDS):
                cost = _cost(pid, port, theirs, kind)
                if turn:
                    figures[kind].append(cost)
    answered = "an nginx upstream" if upstream else "a fixed response of the gateway's own"
    print(f"CPU us per request of one worker, {answered}; {rounds} rounds of {SECONDS:g} s")
    print(f"{'limit':8} {'median':>8} {'least':>8} {'most':>8} {'more than none':>15}")
    nothing = statistics.median(figures["none"])
    for kind, costs in figures.items():
        median = statistics.median(costs)
        print(
            f"{kind:8} {median:8.1f} {min(costs):8.1f} {max(costs):8.1f} {median - nothing:15.1f}",
            flush=True,
        )
    return True


def _document(port: int, url: str, upstream: int | None) -> dict[str, object]:
    window = {"by": "ip", "quota": QUOTA, "window": "1h"}
    does: dict[str, object] = {"respond": {"body": "x" * 136}}
    if upstream is not None:
        does = {"upstream": "all"}
    return {
        "version": 1,
        "listen": f"127.0.0.1:{port}",
        "workers": 1,
        "access_log": False,
        "redis": {"url": url, "timeout": "1s"},
        "rate_limits": {kind: window | {"mode": kind} for kind in KINDS if kind != "none"},
        "upstreams": {"all": {"endpoints": [f"http://127.0.0.1:{upstream}"]}} if upstream else {},
        "routes": [
            {
                "name": kind,
                "match": {"paths": [f"/{kind}"]},
                "auth": "none",
                "rate_limits": [] if kind == "none" else [kind],
            }
            | does
            for kind in KINDS
        ],
    }


def _cost(pid: int, port: int, core: int, kind: str) -> float:
    before = sum(cpu_seconds(pid))
    found = load(port, SECONDS, core, "--path", f"/{kind}", "--connections", str(CONNECTIONS))
    if found["failed"]:
        raise AssertionError(f"{kind}: {found['failed']:g} requests failed")
    return 1e6 * (sum(cpu_seconds(pid)) - before) / found["answered"]
