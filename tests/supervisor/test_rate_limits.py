"""The whole program with rate limits: what is counted, said and kept, whatever becomes of workers.

Nothing is a toy here: workers, gateways and Redis are those that users have.
"""

from __future__ import annotations

import http.client
import json
import os
import signal
import socket
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from prometheus_client.openmetrics.parser import text_string_to_metric_families

from tests.admin.serving import Reply
from tests.supervisor.test_operations import admin, ask
from tests.support.client import Client, request
from tests.support.patience import PATIENCE
from tests.support.redis import RedisServer
from tests.toys.program import Program, children

DECISIONS = "pygateway_rate_limit_decisions_total"
COMMANDS = "pygateway_store_commands_total"
Numbers = dict[tuple[str, ...], float]


class Running:
    """A running gateway with two workers, and the file of its configuration."""

    def __init__(self, file: Path, **settings: Any) -> None:  # noqa: ANN401 - as YAML has them
        self.file = file
        self.write(**settings)

    def write(self, **settings: Any) -> None:  # noqa: ANN401
        document = {
            "listen": "127.0.0.1:0",
            "admin": "127.0.0.1:0",
            "workers": 2,
            "rate_limits": {"all": {"by": "global", "quota": 5, "window": "1h"}},
            "routes": [{"name": "r", "auth": "none", "respond": {}, "rate_limits": ["all"]}],
            **settings,
        }
        self.file.write_text(json.dumps(document))

    @contextmanager
    def run(self) -> Iterator[Program]:
        with Program("run", "-c", self.file, measured=True) as self.program:
            self.program.event("listening")
            yield self.program

    def fetch(self, count: int = 1) -> list[int]:
        """Send requests, each on a connection of its own; give the statuses."""
        statuses = []
        for _ in range(count):
            with Client(self.program.address()) as client:
                statuses.append(client.exchange(request("GET", "/")).status)
        return statuses

    def scrape(self) -> Numbers:
        """Every sample by its name and the values of its labels."""
        connection = http.client.HTTPConnection(*admin(self.program), timeout=PATIENCE)
        try:
            headers = {"Accept": "application/openmetrics-text; version=1.0.0"}
            connection.request("GET", "/metrics", headers=headers)
            response = connection.getresponse()
            assert response.status == 200
            text = response.read().decode()
        finally:
            connection.close()
        return {
            (sample.name, *(value for _, value in sorted(sample.labels.items()))): sample.value
            for family in text_string_to_metric_families(text)  # type: ignore[no-untyped-call]
            for sample in family.samples
        }

    def has_store(self) -> None:
        """Wait until every worker can ask the store; a start waits for it a moment only."""
        deadline = time.monotonic() + PATIENCE
        while not self.scrape()["pygateway_store_up",]:
            assert time.monotonic() < deadline

    def decisions(self) -> tuple[float, float]:
        """How many requests were admitted and refused."""
        numbers = self.scrape()
        return numbers[DECISIONS, "admitted", "all"], numbers[DECISIONS, "refused", "all"]

    def ask(self, method: str, path: str) -> Reply:
        return ask(admin(self.program), method, path)

    def busy_worker(self) -> int:
        """Wait until connections are left to one worker alone; give its process."""
        deadline = time.monotonic() + PATIENCE
        while True:
            workers = self.ask("GET", "/status").document["workers"]
            busy: list[int] = [each["pid"] for each in workers if each["report"]["connections"]]
            if len(busy) == 1:
                return busy[0]
            assert time.monotonic() < deadline, workers

    def readiness(self, status: int) -> list[str]:
        """Wait until the gateway is as ready as that; give the reasons."""
        deadline = time.monotonic() + PATIENCE
        while (reply := self.ask("GET", "/readyz")).status != status:
            assert time.monotonic() < deadline, reply
        reasons: list[str] = reply.document["reasons"]
        return reasons


@pytest.fixture
def running(tmp_path: Path) -> Iterator[Running]:
    made = Running(tmp_path / "gateway.yaml")
    with made.run():
        yield made


@pytest.fixture
def redis(tmp_path: Path) -> Iterator[RedisServer]:
    with RedisServer(tmp_path) as server:
        yield server


def test_all_workers_are_counted_together(running: Running) -> None:
    assert running.decisions() == (0, 0)
    assert sorted(running.fetch(20)) == [200] * 5 + [429] * 15
    assert running.decisions() == (5, 15)
    numbers = running.scrape()
    assert numbers["pygateway_rate_limit_crowded_total", "all"] == 0
    assert numbers["pygateway_config_last_reload_successful",] == 1
    assert not [name for name, *_ in numbers if "store" in name]
    limits = running.ask("GET", "/status").document["rate_limits"]
    assert limits["policies"]["all"]["refused"] == 15
    assert limits["store"] is None


def test_a_killed_worker_takes_nothing_along_that_was_seen(running: Running) -> None:
    running.fetch(9)
    assert running.decisions() == (5, 4)
    for worker in children(running.program.pid):
        os.kill(worker, signal.SIGKILL)
    assert running.decisions() == (5, 4)
    running.program.event("worker restarted", 2)
    assert running.decisions() == (5, 4)
    # The windows stay, too.
    assert running.fetch(3) == [429] * 3
    assert running.decisions() == (5, 7)


def test_a_reload_between_two_scrapes_loses_nothing(running: Running) -> None:
    assert running.decisions() == (0, 0)
    running.fetch(9)
    limit = {"by": "global", "quota": 5, "window": "1h"}
    running.write(rate_limits={"all": limit, "more": limit})
    assert running.ask("POST", "/reload").status == 200
    running.program.event("old workers ended")
    assert running.decisions() == (5, 4)
    assert running.scrape()[DECISIONS, "admitted", "more"] == 0
    running.fetch(2)
    assert running.decisions() == (5, 6)


def test_a_refused_reload_is_a_number(running: Running) -> None:
    running.file.write_text("{")
    assert running.ask("POST", "/reload").status == 409
    assert running.scrape()["pygateway_config_last_reload_successful",] == 0


def test_a_worker_that_hangs_keeps_nobody_from_the_numbers(running: Running) -> None:
    running.fetch(9)
    assert running.decisions() == (5, 4)
    hung = children(running.program.pid)[0]
    os.kill(hung, signal.SIGSTOP)
    assert running.decisions() == (5, 4)
    assert running.ask("GET", "/readyz").status == 200
    os.kill(hung, signal.SIGCONT)
    assert running.decisions() == (5, 4)


def test_what_a_killed_worker_had_in_flight_is_forgotten(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as upstream:
        upstream.settimeout(PATIENCE)
        running = Running(
            tmp_path / "gateway.yaml",
            rate_limits={"slow": {"by": "global", "concurrency": 1}},
            upstreams={"app": {"endpoints": ["http://{}:{}".format(*upstream.getsockname())]}},
            routes=[{"name": "r", "auth": "none", "upstream": "app", "rate_limits": ["slow"]}],
        )
        with running.run() as program, Client(program.address()) as first:
            first.send(request("GET", "/"))
            held, _ = upstream.accept()
            with held:
                assert running.fetch(4) == [429] * 4
                os.kill(running.busy_worker(), signal.SIGKILL)
                program.event("worker restarted")
            with Client(program.address()) as second:
                second.send(request("GET", "/"))
                answered, _ = upstream.accept()
                with answered:
                    answered.settimeout(PATIENCE)
                    assert answered.recv(65536).startswith(b"GET ")
                    answered.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n")
                    assert second.response().status == 200


def test_the_store_is_watched(tmp_path: Path, redis: RedisServer) -> None:
    policy = {"by": "global", "quota": 5, "window": "1h", "mode": "strict"}
    running = Running(tmp_path / "gateway.yaml", redis=redis.url, rate_limits={"all": policy})
    with running.run() as program:
        running.has_store()
        assert sorted(running.fetch(9)) == [200] * 5 + [429] * 4
        before = running.scrape()
        assert before["pygateway_store_up",] == 1
        assert before["pygateway_store_gateways",] == 1
        assert before[COMMANDS,] >= 5
        assert before["pygateway_store_missed_total",] == 0
        assert running.ask("GET", "/status").document["problems"] == []
        redis.kill()
        program.event("rate limit store is away", 2)
        assert running.scrape()["pygateway_store_up",] == 0
        assert running.readiness(200) == []
        status = running.ask("GET", "/status").document
        assert status["status"] == "degraded"
        assert [each for each in status["problems"] if "rate limit" in each] == [
            f"the rate limit store is away: {redis.url}: {reason(status)}"
        ]
        assert not status["rate_limits"]["store"]["up"]
        redis.start()
        program.event("rate limit store is back", 2)
        after = running.scrape()
        assert after["pygateway_store_up",] == 1
        assert after[COMMANDS,] > before[COMMANDS,]


def reason(status: dict[str, Any]) -> str:
    """Why the first worker has no store."""
    problem: str = status["workers"][0]["report"]["rate_limits"]["store"]["nodes"][0]["problem"]
    return problem


def test_errors_of_the_store_are_counted_by_kind(tmp_path: Path, redis: RedisServer) -> None:
    policy = {"by": "global", "quota": 5, "window": "1h", "mode": "strict"}
    running = Running(tmp_path / "gateway.yaml", redis=redis.url, rate_limits={"all": policy})
    with running.run() as program:
        running.has_store()
        redis.command("CONFIG", "SET", "maxmemory", 1)
        running.fetch(4)
        program.event("rate limit store is away")
        assert running.scrape()["pygateway_store_errors_total", "OOM"] >= 1


def test_a_closed_policy_makes_readiness_depend_on_the_store(
    tmp_path: Path, redis: RedisServer
) -> None:
    policy = {"by": "global", "quota": 5, "window": "1h", "on_store_failure": "closed"}
    running = Running(tmp_path / "gateway.yaml", redis=redis.url, rate_limits={"all": policy})
    with running.run() as program:
        assert running.readiness(200) == []
        redis.kill()
        assert running.readiness(503) == [
            "the rate limit store is away, and requests are refused by: all"
        ]
        program.event("rate limit store is away", 2)
        assert running.fetch() == [503]
        assert running.decisions() == (0, 0)
        assert running.scrape()[DECISIONS, "unavailable", "all"] == 1
        assert "refused by: all" in running.ask("GET", "/status").document["problems"][0]
        redis.start()
        assert running.readiness(200) == []
        # A configuration in which nobody uses the policy does not depend on it.
        route = {"name": "r", "auth": "none", "respond": {}, "rate_limits": []}
        running.write(redis=redis.url, rate_limits={"all": policy}, routes=[route])
        assert running.ask("POST", "/reload").status == 200
        redis.kill()
        program.event("rate limit store is away", 4)
        assert running.readiness(200) == []
