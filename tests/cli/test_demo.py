from __future__ import annotations

import argparse
import json
import shlex
import signal
import socket
from collections.abc import Iterator

import jwt
import pytest

from pygateway.cli.demo import admin_address
from tests.cli.conftest import Run
from tests.support.client import Client, request
from tests.support.messages import Response
from tests.toys.program import Program, children, wait_until_gone


@pytest.fixture(scope="module")
def demo() -> Iterator[Program]:
    # Variables that would change, or refuse, another configuration do not matter to the demo.
    environment = {"PYGATEWAY__HEALTH_PATH": "/up", "REDIS_URL": "redis://elsewhere"}
    arguments = ("demo", "--listen", "127.0.0.1:0", "--workers", "1")
    with Program(*arguments, environment=environment, measured=True) as program:
        program.line("Ctrl-C")
        yield program


def commands(program: Program) -> list[str]:
    return [line.strip() for line in program.printed if line.startswith("  curl ")]


def test_prints_what_to_try(demo: Program) -> None:
    host, port = demo.address()
    assert len(commands(demo)) >= 6
    for command in commands(demo):
        assert f"http://{host}:{port}/" in command


@pytest.mark.parametrize(
    ("path", "status", "text"),
    [
        ("/echo/a?b=c", 200, '"target": "/echo/a?b=c"'),
        ("/echo", 200, '"target": "/echo"'),
        ("/users/7", 401, "urn:pygateway:problem:token-missing"),
        ("/old/place", 308, ""),
        ("/hello", 200, "Hello from PyGateway.\n"),
        ("/nowhere", 404, "urn:pygateway:problem:route-not-found"),
        ("/health", 200, '"status": "ok"'),
    ],
)
def test_every_stop_of_the_tour_answers(demo: Program, path: str, status: int, text: str) -> None:
    with Client(demo.address()) as client:
        answer = client.exchange(request("GET", path))
        assert answer.status == status
        assert text in answer.body.decode()


def token(program: Program) -> str:
    (line,) = (line for line in program.printed if line.startswith("  TOKEN="))
    return line.removeprefix("  TOKEN=")


def test_the_token_opens_what_it_is_for(demo: Program) -> None:
    bearer = f"Authorization: Bearer {token(demo)}"
    with Client(demo.address()) as client:
        answer = client.exchange(request("GET", "/users/7", bearer))
        assert answer.status == 200
        assert answer.header("X-Demo") == "rewritten"
        seen = json.loads(answer.body)
        assert seen["target"] == "/accounts/7/profile"
        headers = dict(seen["headers"])
        assert (headers["X-User-ID"], headers["X-User-Scopes"]) == ("ada", "users:read")
        refused = client.exchange(request("PUT", "/users/7", bearer))
        assert refused.status == 403
        refused.problem("insufficient-scope")
        assert 'scope="users:write"' in (refused.header("WWW-Authenticate") or "")


def test_every_demo_has_a_secret_of_its_own(demo: Program) -> None:
    with Program("demo", "--listen", "127.0.0.1:0", "--workers", "1") as other:
        other.line("Ctrl-C")
        bearer = f"Authorization: Bearer {token(demo)}"
        with Client(other.address()) as client:
            client.exchange(request("GET", "/users/7", bearer)).problem("token-invalid")


def test_a_secret_of_the_environment_is_used() -> None:
    shared = "a secret that the user has and others do not"
    environment = {"JWT_SECRET_KEY": shared}
    arguments = ("demo", "--listen", "127.0.0.1:0", "--workers", "1")
    with Program(*arguments, environment=environment) as program:
        program.line("Ctrl-C")
        claims = jwt.decode(token(program), shared, algorithms=["HS256"], audience="demo")
        assert claims["sub"] == "ada"
        with Client(program.address()) as client:
            bearer = f"Authorization: Bearer {token(program)}"
            assert client.exchange(request("GET", "/users/7", bearer)).status == 200
        assert not any(shared in line for line in program.printed + program.said)


def test_a_short_secret_is_refused_and_not_shown(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("JWT_SECRET_KEY", "short-and-bad")
    outcome = run("demo", "--listen", "127.0.0.1:0")
    assert outcome.code == 78
    assert "short-and-bad" not in outcome.err + outcome.out
    assert "32" in outcome.err


def test_a_method_that_is_not_allowed_is_refused(demo: Program) -> None:
    with Client(demo.address()) as client:
        answer = client.exchange(request("DELETE", "/users/7"))
        assert (answer.status, answer.header("Allow")) == (405, "GET, HEAD, PUT")


def follow(address: tuple[str, int], command: str, token: str) -> Response:
    """Do what a shell and curl would do with a printed line."""
    options = argparse.ArgumentParser()
    options.add_argument("-i", action="store_true")
    options.add_argument("-L", action="store_true")
    options.add_argument("-X", dest="method")
    options.add_argument("-d", dest="body", default="")
    options.add_argument("-H", dest="lines", action="append", default=[])
    options.add_argument("url")
    program, *words = shlex.split(command.replace("$TOKEN", token))
    assert program == "curl"
    wanted = options.parse_args(words)
    method = wanted.method or ("POST" if wanted.body else "GET")
    target = wanted.url.removeprefix("http://{}:{}".format(*address))
    with Client(address) as client:
        answer = client.exchange(request(method, target, *wanted.lines, body=wanted.body.encode()))
        location = answer.header("Location")
        if wanted.L and location is not None:
            answer = client.exchange(request(method, location))
        return answer


def test_the_printed_lines_work(demo: Program) -> None:
    own = token(demo)
    statuses = [follow(demo.address(), command, own).status for command in commands(demo)]
    assert statuses == [200, 200, 401, 200, 403, 200, 200, 404, 405, 200, 200]
    (few,) = (command for command in commands(demo) if "/limited" in command)
    statuses = [follow(demo.address(), few, own).status for _ in range(4)]
    assert statuses[-1] == 429


def test_the_rate_limit_of_the_environment_replaces_its_own() -> None:
    arguments = ("demo", "--listen", "127.0.0.1:0", "--workers", "1")
    with Program(*arguments, environment={"RATE_LIMIT_REQUESTS_PER_MINUTE": "2"}) as program:
        program.line("Ctrl-C")
        assert not any("/limited" in line for line in program.printed)
        with Client(program.address()) as client:
            answers = [client.exchange(request("GET", "/hello")) for _ in range(3)]
        assert [answer.status for answer in answers] == [200, 200, 429]
        answers[2].problem("rate-limited")


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGHUP])
def test_ends_by_signal_with_all_that_it_started(number: signal.Signals) -> None:
    with Program("demo", "--listen", "127.0.0.1:0", "--workers", "1") as program:
        program.line("Ctrl-C")
        (worker,) = children(program.pid)
        program.send(number)
        assert program.exit_code() == 0
        wait_until_gone(worker)


def test_a_busy_port_is_one_line_with_a_way_out(run: Run) -> None:
    with socket.create_server(("127.0.0.1", 0)) as other:
        address = f"127.0.0.1:{other.getsockname()[1]}"
        outcome = run("demo", "--listen", address)
        assert (outcome.code, outcome.out) == (1, "")
        assert outcome.err == (
            f"pygateway: cannot listen on {address}: the address is in use "
            "(--listen 127.0.0.1:0 takes a free port)\n"
        )


def test_a_bad_option_value_is_a_problem_of_the_command_line(run: Run) -> None:
    outcome = run("demo", "--listen", "127.0.0.1:0", "--workers", "many")
    assert outcome.code == 78
    assert outcome.err.startswith("command line: error[wrong-type]: ")


def test_the_dashboard_is_where_it_says(demo: Program) -> None:
    (line,) = (line for line in demo.printed if "/dashboard" in line)
    host, _, port = line.split("//")[1].split("/")[0].rpartition(":")
    with Client((host, int(port))) as client:
        client.send(f"GET /dashboard HTTP/1.1\r\nHost: {host}:{port}\r\n\r\n".encode())
        page = client.response()
    assert page.status == 200
    assert b"<html" in page.body


def test_the_admin_server_makes_way_for_who_listens_already() -> None:
    with socket.socket() as taken:
        taken.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            taken.bind(("127.0.0.1", 8001))
        except OSError:
            pass  # Somebody else is there, which serves as well.
        else:
            taken.listen()
        assert admin_address("127.0.0.1:8000") == "127.0.0.1:0"
    assert admin_address("127.0.0.1:0") == "127.0.0.1:0"
