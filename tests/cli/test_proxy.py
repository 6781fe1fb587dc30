from __future__ import annotations

import argparse
import json
import signal
import socket
import time
from collections.abc import Iterator

import jwt
import pytest

from pygateway.cli.proxy import configuration, split_prefix
from pygateway.config import load_mapping
from tests.cli.conftest import Run
from tests.support.client import Client, request
from tests.support.messages import Response
from tests.toys.program import Program


@pytest.fixture
def echo() -> Iterator[str]:
    with Program("echo", "--listen", "127.0.0.1:0") as program:
        host, port = program.address()
        yield f"{host}:{port}"


def seen(response: Response) -> dict[str, str]:
    assert response.status == 200, response
    document = json.loads(response.body)
    return {"target": document["target"], "host": dict(document["headers"])["Host"]}


def proxy(*arguments: str, environment: dict[str, str] | None = None) -> Program:
    listen = ("--from", "127.0.0.1:0", "--workers", "1")
    return Program("proxy", *listen, *arguments, environment=environment)


def test_forwards_everything_and_keeps_the_host(echo: str) -> None:
    with proxy("--to", f"http://{echo}") as program, Client(program.address()) as client:
        answer = client.exchange(request("GET", "/a/b?c=d", host="www.example"))
        assert seen(answer) == {"target": "/a/b?c=d", "host": "www.example"}
        assert answer.header("X-Frame-Options") == "DENY"


def test_a_path_of_the_url_becomes_a_prefix(echo: str) -> None:
    with proxy("--to", f"http://{echo}/base/") as program, Client(program.address()) as client:
        assert seen(client.exchange(request("GET", "/a")))["target"] == "/base/a"


def test_the_host_can_be_the_upstreams(echo: str) -> None:
    arguments = ("--to", f"http://{echo}", "--host", "upstream")
    with proxy(*arguments) as program, Client(program.address()) as client:
        assert seen(client.exchange(request("GET", "/")))["host"] == echo


def test_variables_change_defaults_and_those_of_others_do_not_matter(echo: str) -> None:
    environment = {"PYGATEWAY__HEALTH_PATH": "/up", "REDIS_URL": "redis://elsewhere"}
    running = proxy("--to", f"http://{echo}", environment=environment)
    with running as program, Client(program.address()) as client:
        assert json.loads(client.exchange(request("GET", "/up")).body)["status"] == "ok"
        assert seen(client.exchange(request("GET", "/health")))["target"] == "/health"


def test_hangup_stops_it_because_there_is_no_file_to_load_again(echo: str) -> None:
    with proxy("--to", f"http://{echo}") as program:
        program.event("listening")
        program.send(signal.SIGHUP)
        assert program.exit_code() == 0


def test_a_url_that_is_none_is_a_problem(run: Run) -> None:
    outcome = run("proxy", "--to", "localhost:9000")
    assert outcome.code == 78
    assert "did you mean `http://localhost:9000`?" in outcome.err


def test_a_busy_port_is_one_line(run: Run) -> None:
    with socket.create_server(("127.0.0.1", 0)) as other:
        address = f"127.0.0.1:{other.getsockname()[1]}"
        outcome = run("proxy", "--to", "http://127.0.0.1:9", "--from", address)
        assert outcome.code == 1
        assert outcome.err == f"pygateway: cannot listen on {address}: the address is in use\n"


@pytest.mark.parametrize(
    ("url", "endpoint", "prefix"),
    [
        ("http://a:1", "http://a:1", ""),
        ("http://a:1/", "http://a:1", ""),
        ("https://a/b/c/", "https://a", "/b/c"),
        ("unix:/run/a.sock", "unix:/run/a.sock", ""),
        ("http:///a", "http:///a", ""),
    ],
)
def test_a_url_is_split_into_endpoint_and_prefix(url: str, endpoint: str, prefix: str) -> None:
    assert split_prefix(url) == (endpoint, prefix)


def test_the_options_become_a_configuration() -> None:
    arguments = argparse.Namespace(
        to="http://a:1/base", listen="127.0.0.1:0", host="upstream", workers="3"
    )
    config = load_mapping(configuration(arguments))
    assert (str(config.listeners[0].address), config.workers) == ("127.0.0.1:0", 3)
    assert config.upstreams["to"].endpoints[0].url == "http://a:1"
    assert (config.routes[0].rewrite.host, config.routes[0].rewrite.add_prefix) == (
        "upstream",
        "/base",
    )


def test_the_rate_limit_of_the_environment_is_the_route_s() -> None:
    arguments = argparse.Namespace(
        to="http://a", listen="127.0.0.1:0", host="preserve", workers=None
    )
    config = load_mapping(configuration(arguments), {"RATE_LIMIT_REQUESTS_PER_MINUTE": "5"})
    assert config.rate_limits_of(config.routes[0]) == (("per-user", 1),)
    assert config.rate_limits["per-user"].quota == 5


def test_with_a_secret_of_the_environment_every_request_needs_a_token(echo: str) -> None:
    """A protection that was asked for is never overlooked."""
    shared = "a secret of more than thirty-two bytes"
    environment = {"JWT_SECRET_KEY": shared}
    running = proxy("--to", f"http://{echo}", environment=environment)
    with running as program, Client(program.address()) as client:
        client.exchange(request("GET", "/")).problem("token-missing")
        claims = {"sub": "ada", "exp": int(time.time()) + 600}
        bearer = f"Authorization: Bearer {jwt.encode(claims, shared, 'HS256')}"
        assert seen(client.exchange(request("GET", "/a", bearer)))["target"] == "/a"


def test_a_protection_that_cannot_hold_is_refused(
    run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("JWT_SECRET_KEY", "x" * 31)
    outcome = run("proxy", "--to", "http://127.0.0.1:9")
    assert outcome.code == 78
    assert "JWT_SECRET_KEY" in outcome.err
    assert "xxx" not in outcome.err


@pytest.mark.parametrize(
    ("name", "value"),
    [("RATE_LIMIT_ENABLED", "perhaps"), ("RATE_LIMIT_REQUESTS_PER_MINUTE", "many")],
)
def test_rate_limits_that_cannot_hold_are_refused_and_not_overlooked(
    run: Run, monkeypatch: pytest.MonkeyPatch, name: str, value: str
) -> None:
    monkeypatch.setenv(name, value)
    outcome = run("proxy", "--to", "http://127.0.0.1:9")
    assert outcome.code == 78
    assert name in outcome.err


def test_the_rate_limit_of_the_environment_holds(echo: str) -> None:
    environment = {"RATE_LIMIT_REQUESTS_PER_MINUTE": "1"}
    running = proxy("--to", f"http://{echo}", environment=environment)
    with running as program, Client(program.address()) as client:
        assert seen(client.exchange(request("GET", "/a")))["target"] == "/a"
        client.exchange(request("GET", "/a")).problem("rate-limited")


@pytest.mark.parametrize(
    ("url", "split"),
    [
        ("http://h", ("http://h", "")),
        ("https://http/base/", ("https://http", "/base")),
        ("http://h/a?b=c", ("http://h/a?b=c", "")),
        ("unix:/run/x.sock", ("unix:/run/x.sock", "")),
    ],
)
def test_a_base_path_becomes_a_prefix(url: str, split: tuple[str, str]) -> None:
    assert split_prefix(url) == split
