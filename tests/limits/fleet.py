"""Gateways whose routes do nothing but count: how they are configured, and what they report."""

from __future__ import annotations

import http.client
import json
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from tests.support.patience import PATIENCE
from tests.toys.program import Program, parse_address

Document = dict[str, Any]

TENANT = "X-Tenant"
"""The header by which policies count here."""


def policy(quota: int, window: str, mode: str, **keys: Any) -> Document:  # noqa: ANN401
    """A policy that counts by the tenant."""
    return {"by": {"header": TENANT}, "quota": quota, "window": window, "mode": mode} | keys


def counting(
    policies: Mapping[str, Document],
    url: str | None = None,
    *,
    costs: tuple[int, ...] = (1,),
    timeout: str = "50ms",
    **keys: Any,  # noqa: ANN401
) -> Document:
    """A configuration in which `/POLICY/COST` costs so much of a policy's quota."""
    routes = [
        {
            "name": f"{name}-{cost}",
            "match": {"paths": [f"/{name}/{cost}"]},
            "auth": "none",
            "rate_limits": [{"name": name, "cost": cost}],
            "respond": {"body": "here you are"},
        }
        for name in policies
        for cost in costs
    ]
    document = {
        "version": 1,
        "listen": "127.0.0.1:0",
        "admin": "127.0.0.1:0",
        "rate_limits": dict(policies),
        "routes": routes,
    }
    if url is not None:
        document["redis"] = {"url": url, "timeout": timeout}
    return document | keys


def write(file: Path, document: Document) -> Path:
    """Write a configuration; JSON is YAML too."""
    file.write_text(json.dumps(document))
    return file


class Fleet:
    """A program with its workers, seen through its admin server."""

    def __init__(self, program: Program) -> None:
        self.program = program
        self.address = program.address()

    def admin(self, path: str, method: str = "GET") -> Any:  # noqa: ANN401 - JSON
        """Ask the admin server."""
        line = self.program.event("listening")
        connection = http.client.HTTPConnection(
            *parse_address(line["admin"][0]), timeout=3 * PATIENCE
        )
        try:
            connection.request(method, path)
            return json.loads(connection.getresponse().read())
        finally:
            connection.close()

    def reports(self) -> dict[int, Document]:
        """What each worker says of itself."""
        workers = self.admin("/status")["workers"]
        return {each["worker"]: each["report"] for each in workers if each.get("report")}

    def stores(self) -> list[Document]:
        """What each worker says of the store."""
        return [report["rate_limits"]["store"] for report in self.reports().values()]

    def count(self, policy: str, outcome: str) -> int:
        """How often all workers have decided so."""
        reports = self.reports().values()
        return sum(each["rate_limits"]["policies"][policy][outcome] for each in reports)

    def connections(self) -> list[int]:
        """How many connections each worker has."""
        return [report["connections"] for report in self.reports().values()]


def eventually(condition: Callable[[], object], what: str, patience: float = 2 * PATIENCE) -> None:
    """Wait for what other processes bring about."""
    deadline = time.monotonic() + patience
    while not condition():
        assert time.monotonic() < deadline, f"{what} did not happen"
        time.sleep(0.01)


def long_window() -> int:
    """Seconds of a window whose bucket does not end while a test runs."""
    now = time.time()
    return next(each for each in (86_400, 80_000, 70_000) if now % each < each - 10 * PATIENCE)
