"""The client's count, the metrics and the access log agree, while a worker is killed.

Run with PYGATEWAY_TOTALS=100000 for the long form.
"""

from __future__ import annotations

import asyncio
import http.client
import json
import os
import signal
import socket
from collections import Counter
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from prometheus_client.parser import text_string_to_metric_families

from tests.limits.fleet import eventually, write
from tests.support.client import request
from tests.support.process import GatewayProcess

if TYPE_CHECKING:
    from pathlib import Path

REQUESTS = int(os.environ.get("PYGATEWAY_TOTALS", "8000"))
CONNECTIONS = 32
SECRET = "the totals are signed with this secret key"  # noqa: S105 - of the test alone

Key = tuple[str, str]
"""Route and status."""

MIX: list[tuple[bytes, str]] = [
    (request("GET", "/fixed"), "fixed"),
    (request("GET", "/forwarded?secret=1"), "forwarded"),
    (request("POST", "/forwarded", body=b"x" * 100), "forwarded"),
    (request("HEAD", "/fixed"), "fixed"),
    (request("GET", "/limited"), "limited"),
    (request("GET", "/protected"), "protected"),
    (request("GET", "/nowhere"), ""),
    (request("DELETE", "/fixed"), ""),
    (request("PURGE", "/forwarded"), "forwarded"),
    (request("GET", "/dead"), "dead"),
    (request("GET", "/health"), ""),
    (b"GET / HTTP/1.1\r\n\r\n", ""),
]
"""Requests, and the routes that take them."""


@dataclass
class Load:
    """What the clients have seen.

    Attributes:
        left: Requests that are still to be sent.
        answered: Complete answers.
        lost: Requests without one, by route.
    """

    left: int
    half: asyncio.Event
    answered: Counter[Key] = field(default_factory=Counter)
    lost: Counter[str] = field(default_factory=Counter)

    async def client(self, address: tuple[str, int], number: int) -> None:
        """Send requests one after another, over a new connection whenever one has ended."""
        turn = number
        while self.left > 0:
            try:
                reader, writer = await asyncio.open_connection(*address)
            except OSError:
                continue
            try:
                while self.left > 0:
                    raw, route = MIX[turn % len(MIX)]
                    turn += 1
                    self.left -= 1
                    if self.left < REQUESTS // 2:
                        self.half.set()
                    if not await self._ask(reader, writer, raw, route):
                        break
            finally:
                writer.close()

    async def _ask(
        self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, raw: bytes, route: str
    ) -> bool:
        """Send one request; whether the connection may have another one."""
        try:
            writer.write(raw)
            head = await reader.readuntil(b"\r\n\r\n")
            length = next(
                int(line.split(b":")[1])
                for line in head.split(b"\r\n")
                if line.lower().startswith(b"content-length:")
            )
            if not raw.startswith(b"HEAD"):
                await reader.readexactly(length)
        except (OSError, asyncio.IncompleteReadError):
            self.lost[route] += 1
            return False
        self.answered[route, head[9:12].decode()] += 1
        return b"connection: close" not in head.lower()


def document(upstream: str, admin: str, log: Path) -> dict[str, Any]:
    return {
        "version": 1,
        "listen": "127.0.0.1:0",
        "admin": f"unix:{admin}",
        "workers": 4,
        "access_log": {"path": str(log)},
        "auth": {
            "providers": {
                "main": {"issuer": "x", "audiences": ["api"], "secrets": [{"value": SECRET}]}
            }
        },
        "rate_limits": {"few": {"by": "global", "quota": 100, "window": "1h"}},
        "upstreams": {
            "app": {"endpoints": [upstream]},
            # Nothing listens at the discard port.
            "dead": {"endpoints": ["http://127.0.0.1:9"], "retry": {"attempts": 1}},
        },
        "routes": [
            {
                "name": "fixed",
                "match": {"paths": ["/fixed"], "methods": ["GET"]},
                "auth": "none",
                "respond": {"body": "hello"},
            },
            {
                "name": "limited",
                "match": {"paths": ["/limited"]},
                "auth": "none",
                "rate_limits": ["few"],
                "respond": {"body": "some"},
            },
            {"name": "protected", "match": {"paths": ["/protected"]}, "respond": {"body": "x"}},
            {
                "name": "forwarded",
                "match": {"paths": ["/forwarded"]},
                "auth": "none",
                "upstream": "app",
            },
            {"name": "dead", "match": {"paths": ["/dead"]}, "auth": "none", "upstream": "dead"},
        ],
    }


async def run_load(gateway: GatewayProcess) -> Load:
    """Send everything, and kill a worker when half is sent."""
    load = Load(REQUESTS, asyncio.Event())
    clients = [
        asyncio.create_task(load.client(gateway.address, number)) for number in range(CONNECTIONS)
    ]
    await load.half.wait()
    os.kill(gateway.workers[0], signal.SIGKILL)
    async with asyncio.timeout(50 + REQUESTS / 500):
        await asyncio.gather(*clients)
    return load


def counted(admin: str) -> Counter[Key]:
    """Requests by route and status, as Prometheus would read them."""
    text = scrape(admin)
    found: Counter[Key] = Counter()
    for family in text_string_to_metric_families(text):
        if family.name == "http_server_request_duration_seconds":
            for sample in family.samples:
                if sample.name.endswith("_count") and sample.value:
                    labels = sample.labels
                    key = labels["http_route"], labels["http_response_status_code"]
                    found[key] += int(sample.value)
    return found


def scrape(admin: str) -> str:
    connection = http.client.HTTPConnection("localhost", timeout=10)
    connection.sock = socket.socket(socket.AF_UNIX)
    connection.sock.settimeout(10)
    connection.sock.connect(admin)
    connection.request("GET", "/metrics")
    text = connection.getresponse().read().decode()
    connection.close()
    return text


def test_client_metrics_and_log_agree(tmp_path: Path) -> None:
    answers = {
        "version": 1,
        "listen": "127.0.0.1:0",
        "workers": 1,
        "access_log": False,
        "routes": [{"name": "all", "auth": "none", "respond": {"body": "from the upstream"}}],
    }
    log, admin = tmp_path / "access.log", str(tmp_path / "admin")
    with GatewayProcess("run", "-c", str(write(tmp_path / "upstream.yaml", answers))) as upstream:
        url = "http://{}:{}".format(*upstream.address)
        file = write(tmp_path / "gateway.yaml", document(url, admin, log))
        with GatewayProcess("run", "-c", str(file)) as gateway:
            load = asyncio.run(run_load(gateway))
            total = sum(load.answered.values())
            eventually(lambda: sum(counted(admin).values()) >= total, "the counting of all")
            metrics = counted(admin)
            eventually(lambda: len(gateway.workers) == 4, "the killed worker's successor")
    logged: Counter[Key] = Counter()
    for line in log.read_text().splitlines():
        entry = json.loads(line)
        logged[entry["route"] or "", str(entry["status"])] += 1

    assert total + sum(load.lost.values()) == REQUESTS
    assert sum(load.lost.values()) <= CONNECTIONS
    # Whatever was answered was counted; what was counted and not answered was in flight.
    assert not load.answered - metrics
    for route in {route for route, _ in metrics}:
        extra = sum(count for key, count in (metrics - load.answered).items() if key[0] == route)
        assert extra <= load.lost[route]
    # The worker that was killed may have counted one request whose line was not complete yet.
    assert not logged - metrics
    assert sum((metrics - logged).values()) <= 1
    assert {status for _, status in metrics} >= {"200", "400", "401", "404", "405", "429", "502"}
