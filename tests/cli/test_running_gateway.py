"""The commands that ask a running gateway, with one that runs."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from pygateway.cli.admin_client import AdminClient
from pygateway.cli.traffic_rates import compare
from pygateway.config import Address
from tests.cli.conftest import Run
from tests.support.client import Client, request
from tests.support.upstream import ScriptedUpstream
from tests.toys.program import Program


@pytest.fixture
def upstream() -> Iterator[ScriptedUpstream]:
    with ScriptedUpstream() as scripted:
        yield scripted


@pytest.fixture
def program(tmp_path: Path, upstream: ScriptedUpstream) -> Iterator[Program]:
    file = tmp_path / "gateway.yaml"
    configuration: dict[str, Any] = {
        "listen": "127.0.0.1:0",
        "admin": "127.0.0.1:0",
        "workers": 2,
        "access_log": "off",
        "rate_limits": {"few": {"by": "ip", "quota": 2, "window": "1h"}},
        "upstreams": {"app": {"endpoints": [upstream.url]}},
        "routes": [
            {
                "name": "app",
                "match": {"paths": ["/app/*"]},
                "upstream": "app",
                "auth": "none",
                "rate_limits": ["few"],
                "rewrite": {"strip_prefix": "/app"},
            }
        ],
    }
    file.write_text(json.dumps(configuration))
    with Program("run", "-c", file) as running:
        yield running


@pytest.fixture
def at(program: Program) -> list[str]:
    return ["--admin", program.event("listening")["admin"][0]]


def test_explain(run: Run, program: Program, at: list[str], upstream: ScriptedUpstream) -> None:
    outcome = run("explain", "GET", "http://a.test/app/x?y", *at)
    assert (outcome.code, outcome.err) == (0, "")
    assert "limit few: admitted, 1 of 2 left\n" in outcome.out
    assert f"upstream: app, next {upstream.url}\n" in outcome.out
    assert "  GET /x?y HTTP/1.1\n" in outcome.out
    with Client(program.address()) as client:
        for status in (200, 200, 429):
            assert client.exchange(request("GET", "/app/x")).status == status
    refused = run("explain", "GET", "/app/x", "--json", *at)
    told = json.loads(refused.out)
    assert (refused.code, told["status"], told["limits"][0]["verdict"]) == (1, 429, "refused")
    other = run("explain", "GET", "/app/x", "--client", "192.0.2.7", *at)
    assert other.code == 0


def test_log_level(run: Run, at: list[str]) -> None:
    assert run("log-level", *at).out == "info\n"
    assert run("log-level", "debug", *at).code == 0
    told = json.loads(run("log-level", "--json", *at).out)
    assert told == {"level": "debug", "configured": "info", "format": "auto"}


def test_debugging_tells_of_requests_that_failed(
    run: Run, program: Program, at: list[str], upstream: ScriptedUpstream
) -> None:
    upstream.close()
    with Client(program.address()) as client:
        assert client.exchange(request("GET", "/app/x")).status == 502
    assert program.events("request met a problem") == []
    run("log-level", "debug", *at)
    with Client(program.address()) as client:
        reply = client.exchange(request("GET", "/app/x?secret"))
    line = program.event("request met a problem")
    assert line["request_id"] == reply.header("X-Request-ID")
    assert (line["level"], line["problem"]) == ("debug", "upstream-unreachable")
    assert (line["method"], line["path"], line["route"], line["upstream"]) == (
        "GET",
        "/app/x",
        "app",
        "app",
    )
    status = run("status", *at)
    assert "unreachable" in status.out


def test_status(run: Run, program: Program, at: list[str], upstream: ScriptedUpstream) -> None:
    with Client(program.address()) as client:
        assert client.exchange(request("GET", "/app/x")).status == 200
    outcome = run("status", *at)
    assert (outcome.code, outcome.err) == (0, "")
    assert ": ok\n" in outcome.out
    assert f"app       {upstream.url}" in outcome.out
    (described,) = json.loads(run("status", "--json", *at).out)["upstreams"]
    assert (described["status"], described["workers"]) == ("ok", 2)


def test_top(run: Run, program: Program, at: list[str], upstream: ScriptedUpstream) -> None:
    """What is told is what was sent, to the request."""
    statuses = Counter[int]()

    def send() -> None:
        with Client(program.address()) as client:
            for target in ["/app/x"] * 3 + ["/nowhere"] * 4:
                statuses[client.exchange(request("GET", target)).status] += 1

    admin = AdminClient(Address.parse(at[1]), None)
    before = admin.ask("GET", "/traffic").document
    send()
    told = compare(before, admin.ask("GET", "/traffic").document).to_json()
    assert statuses == {200: 2, 429: 1, 404: 4}
    seconds = told["seconds"]
    routes = {each["route"]: each for each in told["routes"]}
    assert routes["app"]["requests"] * seconds == pytest.approx(3)
    assert routes["app"]["client_errors"] == pytest.approx(1 / 3)
    assert routes[""]["requests"] * seconds == pytest.approx(4)
    assert told["total"]["times"]["p99"] > 0
    (app,) = told["upstreams"]
    assert (app["requests"] * seconds, app["endpoints"]) == (pytest.approx(2), 1)
    assert told["policies"]["few"]["refused"] * seconds == pytest.approx(1)
    assert [worker["state"] for worker in told["workers"]] == ["ready", "ready"]
    outcome = run("top", "--once", "--interval", "0.1", *at)
    assert (outcome.code, outcome.err) == (0, "")
    rows = [line.split() for line in outcome.out.splitlines()]
    assert ["app", "0", "-", "-", "-", "-", "0B", "0B"] in rows
    assert json.loads(run("top", "--json", "--interval", "0.1", *at).out)["upstreams"]


@pytest.mark.parametrize("command", ["status", "top", "explain", "log-level"])
def test_every_command_explains_itself(run: Run, command: str) -> None:
    outcome = run(command, "--help")
    assert outcome.code == 0
    assert "--json" in outcome.out
