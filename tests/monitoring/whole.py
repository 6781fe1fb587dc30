"""A gateway with everything on that can be measured, and a client that counts for itself."""

from __future__ import annotations

import http.client
import json
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import jwt

from tests.support.client import Client, request
from tests.support.patience import PATIENCE
from tests.support.redis import RedisServer, free_port
from tests.support.upstream import ScriptedUpstream, answering, ok
from tests.toys.program import Program, parse_address

SECRET = "0123456789abcdef" * 2
BODY = b"twelve bytes"

Requests = Counter[tuple[str, str, str]]
"""Requests by method, route and status."""


@dataclass
class Whole:
    """The gateway, and what its client knows.

    Attributes:
        program: The supervisor.
        upstream: Whom routes lead to.
        away: URL of an endpoint that nobody listens on.
        sent: What the client has sent, by method, route and status.
        auth: By outcome: requests that needed a credential.
        decided: By policy and outcome: requests that were limited.
    """

    program: Program
    upstream: ScriptedUpstream
    away: str
    sent: Requests = field(default_factory=Counter)
    auth: Counter[str] = field(default_factory=Counter)
    decided: Counter[tuple[str, str]] = field(default_factory=Counter)

    @property
    def admin(self) -> tuple[str, int]:
        """Where the admin server listens."""
        return parse_address(self.program.event("listening")["admin"][0])

    def scrape(self, accept: str = "text/plain") -> str:
        """What `/metrics` says."""
        connection = http.client.HTTPConnection(*self.admin, timeout=PATIENCE)
        try:
            connection.request("GET", "/metrics", headers={"Accept": accept})
            response = connection.getresponse()
            assert response.status == 200
            return response.read().decode()
        finally:
            connection.close()

    def send_some(self, rounds: int = 1) -> None:
        """Send requests of all kinds on one connection, and count what is answered."""
        good = bearer(sub="ada")
        with Client(self.program.address()) as client:
            for _ in range(rounds):
                self._send(client, "GET", "/items/1", "items", 200)
                self._send(client, "POST", "/items/2", "items", 200, body=BODY)
                self._send(client, "GET", "/nowhere", "", 404)
                self._send(client, "GET", "/private", "private", 200, good)
                self.auth["accepted"] += 1
                self._send(client, "GET", "/private", "private", 401)
                self.auth["token-missing"] += 1
                self._send(client, "GET", "/private", "private", 401, bearer(sub="x", exp=1))
                self.auth["token-expired"] += 1
                self._send(client, "GET", "/away", "away", 502)
                status = 200 if self.decided["few", "admitted"] < 3 else 429
                self._send(client, "GET", "/few", "few", status)
                self.decided["few", "admitted" if status == 200 else "refused"] += 1

    def _send(
        self,
        client: Client,
        method: str,
        target: str,
        route: str,
        status: int,
        *lines: str,
        body: bytes = b"",
    ) -> None:
        response = client.exchange(request(method, target, *lines, body=body))
        assert response.status == status, response
        self.sent[method, route, str(status)] += 1


def bearer(**claims: object) -> str:
    """A header line with a token."""
    claims = {"aud": "api", "exp": int(time.time()) + 3600, **claims}
    token = jwt.encode(claims, SECRET, "HS256", headers={"kid": "a"})
    return f"Authorization: Bearer {token}"


@contextmanager
def whole(directory: Path, **settings: object) -> Iterator[Whole]:
    """Run it: two workers, Redis, a provider, policies, tracing, and upstreams, one of them away.

    Every request is traced. There is no collector, so no span gets anywhere.
    """
    with ExitStack() as stack:
        redis = stack.enter_context(RedisServer(directory))
        upstream = stack.enter_context(ScriptedUpstream(answering(ok(BODY))))
        away = f"http://127.0.0.1:{free_port()}"
        tracing = {"endpoint": f"http://127.0.0.1:{free_port()}", "ratio": 1.0, "timeout": "1s"}
        hour = {"by": "global", "window": "1h"}
        document = {
            "listen": "127.0.0.1:0",
            "admin": "127.0.0.1:0",
            "workers": 2,
            "redis": redis.url,
            "tracing": tracing,
            "upstreams": {
                "app": {"endpoints": [upstream.url]},
                "away": {"endpoints": [away], "retry": {"attempts": 2}},
            },
            "auth": {
                "providers": {
                    "main": {"audiences": ["api"], "secrets": [{"id": "a", "value": SECRET}]}
                }
            },
            "rate_limits": {
                "few": {**hour, "quota": 3, "mode": "local"},
                "many": {**hour, "quota": 1_000_000, "mode": "strict"},
            },
            "routes": [
                route("items", "/items/*", auth="none", upstream="app"),
                route("away", auth="none", upstream="away"),
                route("private", rate_limits=["many"], respond={}),
                route("few", auth="none", rate_limits=["few"], respond={}),
            ],
            **settings,
        }
        file = directory / "gateway.yaml"
        file.write_text(json.dumps(document))
        program = stack.enter_context(Program("run", "-c", file))
        # With everything on, a loaded machine is busy with imports for a while.
        program.event("listening", patience=3 * PATIENCE)
        yield Whole(program, upstream, away)


def route(name: str, path: str | None = None, **keys: object) -> dict[str, object]:
    """A route to the path of its name, or to `path`."""
    return {"name": name, "match": {"paths": [path or f"/{name}"]}, **keys}
