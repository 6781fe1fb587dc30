"""The loads: wrk where a gateway is to be saturated, `benches.load` where times are to be told.

wrk costs a fifth of what a load in Python does, so that nginx is busy all the time; but it has no
rate, and tells times of answers that it was late to ask for.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

from benches.peers.installation import Installation

SCRIPT = Path(__file__).with_name("saturation.lua")
CONNECTIONS = 64


class Wrong(Exception):
    """Answers were wrong; what was measured says nothing."""


@dataclass(frozen=True)
class Request:
    """A request that is sent again and again.

    Attributes:
        headers: Beyond the five that every request has.
        closing: Whether each request has a connection of its own.
    """

    target: str = "/service-42/items"
    method: str = "GET"
    body: bytes = b""
    headers: tuple[tuple[str, str], ...] = ()
    closing: bool = False

    def encode(self, token: str = "") -> bytes:
        """The request as it is sent, with a token if there is one."""
        lines = [
            f"{self.method} {self.target} HTTP/1.1",
            "Host: service.example",
            "User-Agent: load/1",
            "Accept: application/json",
            "Accept-Language: en",
            "X-Client: 12345",
            *(f"{name}: {value}" for name, value in self.headers),
        ]
        if token:
            lines.append(f"Authorization: Bearer {token}")
        if self.body:
            lines.append(f"Content-Length: {len(self.body)}")
        if self.closing:
            lines.append("Connection: close")
        return "\r\n".join([*lines, "", ""]).encode() + self.body


@dataclass(frozen=True)
class Sent:
    """What a load found.

    Attributes:
        requests: Answers in all.
        refused: Of them, those with a status of 400 or more.
        octets: Of all the answers, heads included.
    """

    requests: int
    seconds: float
    refused: int
    octets: int


def write_requests(path: Path, requests: list[bytes]) -> Path:
    """Write requests for the script; gives the path."""
    path.write_bytes(b"".join(b"%d\n%b" % (len(each), each) for each in requests))
    return path


def saturate(
    installation: Installation, port: int, requests: Path, seconds: int, core: int
) -> Sent:
    """Ask as fast as the gateway answers, on 64 connections.

    Raises:
        Wrong: A connection broke.
    """
    command = [
        *(str(installation.program("wrk")), "--threads", "1", "--timeout", "10s"),
        *("--connections", str(CONNECTIONS), "--duration", f"{seconds}s"),
        *("--script", str(SCRIPT), f"http://127.0.0.1:{port}", "--", str(requests)),
    ]
    done = subprocess.run(
        command,
        env=installation.environment(),
        preexec_fn=lambda: os.sched_setaffinity(0, {core}),
        capture_output=True,
        text=True,
        check=True,
        timeout=seconds + 60,
    )
    return parse(done.stderr)


def parse(text: str) -> Sent:
    """Read what the script said.

    Raises:
        Wrong: A connection broke, or nothing was answered.
    """
    found = json.loads(text.strip().splitlines()[-1])
    if found["broken"]:
        raise Wrong(f"{found['broken']} connections broke or hung")
    if not found["requests"]:
        raise Wrong("nothing was answered")
    seconds = found["microseconds"] / 1e6
    return Sent(found["requests"], seconds, found["refused"], found["bytes"])


def timed(port: int, seconds: float, core: int, *options: str) -> dict[str, float]:
    """Ask with `benches.load`.

    Raises:
        Wrong: An answer was another than it should be.
    """
    command = [sys.executable, "-m", "benches.load", str(port), "--seconds", str(seconds)]
    done = subprocess.run(
        [*command, *options],
        preexec_fn=lambda: os.sched_setaffinity(0, {core}),
        capture_output=True,
        text=True,
        check=False,
        timeout=seconds + 60,
    )
    if done.returncode:
        raise Wrong((done.stderr.strip().splitlines() or ["the load ended"])[-1])
    found: dict[str, float] = json.loads(done.stdout)
    if found["failed"]:
        raise Wrong(f"{found['failed']:g} of {found['answered']:g} answers were wrong")
    return found
