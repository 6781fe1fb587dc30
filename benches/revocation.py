"""How long a revoked token lives on: two gateways of two workers each, and one Redis.

    python -m benches.revocation [--trials 200]

Every trial makes a token, has all four workers accept it, revokes it at the first gateway, and asks
all four until each refuses. The time counts from the moment the admin server has answered.

    plain       Redis runs
    restarted   Redis was killed and started again, empty, right before the revocation
    away        Redis was killed before the revocation; here the time counts from its return
"""

from __future__ import annotations

import argparse
import contextlib
import http.client
import json
import math
import statistics
import tempfile
import time
import uuid
from collections.abc import Callable
from pathlib import Path
from typing import Any

import jwt

from tests.support.redis import RedisServer
from tests.toys.program import Program, parse_address

SECRET = "an-example-secret-of-48-bytes-for-the-benchmark!"  # noqa: S105 - protects nothing
WORKERS = 2
GIVE_UP = 30.0

CONFIGURATION = """
version: 1
listen: 127.0.0.1:0
admin: 127.0.0.1:0
workers: {workers}
redis: {{url: "{url}"}}
auth:
  providers:
    main: {{secrets: [{{id: only, value: "{secret}"}}]}}
routes:
  - name: hello
    respond: {{body: hello}}
"""


class Gateway:
    """A running gateway with a connection to each of its workers."""

    def __init__(self, program: Program) -> None:
        line = program.event("listening")
        self._address = parse_address(line["addresses"][0])
        self._admin = parse_address(line["admin"][0])
        self.connections: list[http.client.HTTPConnection] = []
        self._reach_every_worker()

    def _reach_every_worker(self) -> None:
        """Connect until the status says that each worker has a connection, and keep one of each."""
        taken: set[int] = set()
        while len(taken) < WORKERS:
            before = self._counts()
            connection = http.client.HTTPConnection(*self._address, timeout=GIVE_UP)
            self.accepts(connection, "none")
            now = self._counts()
            new = [worker for worker in now if now[worker] > before[worker]]
            if taken.isdisjoint(new):
                taken.update(new)
                self.connections.append(connection)
            else:
                connection.close()

    def _counts(self) -> dict[int, int]:
        status = self._ask("GET", "/status")
        return {each["worker"]: each["report"]["connections"] for each in status["workers"]}

    def revoke(self, token_id: str) -> bool:
        """Revoke a token; give whether everybody was told."""
        answer = self._ask("POST", "/revocations", json.dumps({"jti": token_id}))
        return bool(answer["complete"])

    def _ask(self, method: str, path: str, body: str | None = None) -> dict[str, Any]:
        connection = http.client.HTTPConnection(*self._admin, timeout=GIVE_UP)
        with contextlib.closing(connection):
            connection.request(method, path, body, {"Content-Type": "application/json"})
            answer: dict[str, Any] = json.loads(connection.getresponse().read())
            return answer

    @staticmethod
    def accepts(connection: http.client.HTTPConnection, token: str) -> bool:
        """Whether the worker behind a connection accepts a token."""
        connection.request("GET", "/", headers={"Authorization": f"Bearer {token}"})
        response = connection.getresponse()
        response.read()
        return response.status == 200


def main() -> None:
    """Measure, and print a table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--trials", type=int, default=200)
    trials = parser.parse_args().trials
    with contextlib.ExitStack() as stack:
        directory = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        redis = stack.enter_context(RedisServer(directory))
        first, second = gateways(stack, directory, redis.url)
        print(f"{'':10} {'p50':>9} {'p99':>9} {'max':>9}   milliseconds, {trials} trials")
        for name, prepare, follow in (
            ("plain", lambda: None, None),
            ("restarted", lambda: restart(redis), None),
            ("away", redis.kill, redis.start),
        ):
            report(name, [trial(first, second, prepare, follow) for _ in range(trials)])


def gateways(stack: contextlib.ExitStack, directory: Path, url: str) -> list[Gateway]:
    """Start two gateways."""
    file = directory / "gateway.yaml"
    file.write_text(CONFIGURATION.format(workers=WORKERS, url=url, secret=SECRET))
    programs = [stack.enter_context(Program("run", "-c", file)) for _ in range(2)]
    return [Gateway(program) for program in programs]


def restart(redis: RedisServer) -> None:
    """Kill Redis and start it again, empty."""
    redis.kill()
    redis.start()


def trial(
    first: Gateway,
    second: Gateway,
    prepare: Callable[[], object],
    follow: Callable[[], object] | None,
) -> float:
    """Give the seconds until every worker has refused a token that was revoked at the first."""
    token_id = uuid.uuid4().hex
    claims = {"sub": "somebody", "jti": token_id, "exp": time.time() + 3600}
    token = jwt.encode(claims, SECRET)
    connections = [*first.connections, *second.connections]
    for connection in connections:
        if not Gateway.accepts(connection, token):
            raise AssertionError("a good token was refused")
    prepare()
    complete = first.revoke(token_id)
    if follow is not None:
        if complete:
            raise AssertionError("nobody could be told, and the answer says otherwise")
        follow()
    start = time.perf_counter()
    waiting = list(connections)
    while waiting:
        waiting = [connection for connection in waiting if Gateway.accepts(connection, token)]
        if time.perf_counter() - start > GIVE_UP:
            raise AssertionError(f"{len(waiting)} workers still accept the token")
    return time.perf_counter() - start


def report(name: str, seconds: list[float]) -> None:
    """Print one line of the table."""
    times = sorted(1000 * each for each in seconds)
    p99 = times[math.ceil(len(times) * 0.99) - 1]
    print(f"{name:10} {statistics.median(times):9.1f} {p99:9.1f} {times[-1]:9.1f}", flush=True)


if __name__ == "__main__":
    main()
