"""`pygateway run` as users know it: a whole gateway, real workers, real signals."""

from __future__ import annotations

import json
import os
import signal
import socket
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import jwt
import pytest

from tests.cli.conftest import Run
from tests.limits.fleet import eventually
from tests.support.client import Client, request
from tests.support.patience import PATIENCE
from tests.toys.program import Program, children, descriptors, refused, wait_until_gone


def write(file: Path, body: str, **settings: object) -> None:
    document = {
        "version": 1,
        "listen": "127.0.0.1:0",
        "workers": 2,
        "routes": [{"name": "fixed", "respond": {"body": body}, "auth": "none"}],
        **settings,
    }
    file.write_text(json.dumps(document))


@pytest.fixture
def file(tmp_path: Path) -> Path:
    made = tmp_path / "gateway.yaml"
    write(made, "first")
    return made


def fetch(address: tuple[str, int] | str) -> str:
    with Client(address) as client:
        answer = client.exchange(request("GET", "/"))
        assert answer.status == 200, answer
        return answer.body.decode()


class SlowUpstream:
    """Accepts one connection at a time and answers when it is told to."""

    def __init__(self) -> None:
        self.server = socket.create_server(("127.0.0.1", 0))
        self.server.settimeout(PATIENCE)
        self.asked = threading.Event()
        self.go = threading.Event()
        self.thread = threading.Thread(target=self.serve)
        self.thread.start()

    @property
    def url(self) -> str:
        host, port = self.server.getsockname()
        return f"http://{host}:{port}"

    def serve(self) -> None:
        connection, _ = self.server.accept()
        with connection:
            connection.settimeout(PATIENCE)
            connection.recv(10_000)
            self.asked.set()
            self.go.wait(PATIENCE)
            connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nslow")

    def close(self) -> None:
        self.go.set()
        self.thread.join(PATIENCE)
        self.server.close()


@pytest.fixture
def slow() -> Iterator[SlowUpstream]:
    upstream = SlowUpstream()
    yield upstream
    upstream.close()


def forwarding(upstream: SlowUpstream) -> dict[str, object]:
    return {
        "upstreams": {"slow": {"endpoints": [upstream.url]}},
        "routes": [{"name": "slow", "upstream": "slow", "auth": "none"}],
    }


def test_serves_the_file_until_it_is_told_to_stop(file: Path) -> None:
    with Program("run", "-c", file) as program:
        address = program.address()
        assert fetch(address) == "first"
        program.send(signal.SIGTERM)
        assert program.exit_code() == 0
        assert program.said == []
        (line,) = program.printed
        assert json.loads(line)["route"] == "fixed"
        assert refused(address)


@pytest.mark.parametrize(
    "arrange",
    [
        lambda file: ({"PYGATEWAY_CONFIG": str(file)}, Path("/")),
        lambda file: ({}, file.parent),
    ],
    ids=["variable", "working directory"],
)
def test_the_file_is_found(
    file: Path, arrange: Callable[[Path], tuple[dict[str, str], Path]]
) -> None:
    environment, directory = arrange(file)
    with Program("run", environment=environment, directory=directory) as program:
        assert fetch(program.address()) == "first"


def test_the_environment_alone_configures(tmp_path: Path) -> None:
    environment = {
        "PYGATEWAY__LISTEN": "127.0.0.1:0",
        "PYGATEWAY__WORKERS": "1",
        "PYGATEWAY__ROUTES": '[{name: fixed, respond: {body: "from the environment"}}]',
    }
    with Program("run", environment=environment, directory=tmp_path) as program:
        assert fetch(program.address()) == "from the environment"


def test_the_environments_secret_alone_protects_every_route(tmp_path: Path) -> None:
    shared = "a secret of more than thirty-two bytes"
    environment = {
        "JWT_SECRET_KEY": shared,
        "PYGATEWAY__LISTEN": "127.0.0.1:0",
        "PYGATEWAY__WORKERS": "2",
        "PYGATEWAY__ROUTES": "[{name: fixed, respond: {body: inside}}]",
    }
    with Program("run", environment=environment, directory=tmp_path) as program:
        claims = {"sub": "ada", "exp": int(time.time()) + 600}
        bearer = f"Authorization: Bearer {jwt.encode(claims, shared, 'HS256')}"
        # Several connections, so that more than one worker is likely to be asked.
        for _ in range(8):
            with Client(program.address()) as client:
                client.exchange(request("GET", "/")).problem("token-missing")
                assert client.exchange(request("GET", "/", bearer)).body == b"inside"


def test_a_secret_shorter_than_its_hash_is_refused_at_load(run: Run, file: Path) -> None:
    write(file, "first", auth={"providers": {"main": {"secrets": [{"value": "s" * 31}]}}})
    outcome = run("run", "-c", file)
    assert (outcome.code, outcome.out) == (78, "")
    assert "sss" not in outcome.err


def test_options_win_over_file_and_environment(file: Path) -> None:
    write(file, "first", listen="127.0.0.1:1", workers=7)
    arguments = ("run", "-c", str(file), "--listen", "127.0.0.1:0", "--workers", "1")
    with Program(*arguments, environment={"PYGATEWAY__WORKERS": "5"}) as program:
        assert fetch(program.address()) == "first"
        assert program.event("listening")["workers"] == 1


def test_a_file_of_the_working_directory_does_not_stand_in_for_a_module(
    file: Path, tmp_path: Path
) -> None:
    (tmp_path / "json.py").write_text("raise SystemExit('the wrong module')")
    with Program("run", directory=tmp_path) as program:
        assert fetch(program.address()) == "first"


def test_a_killed_worker_comes_back(file: Path) -> None:
    write(file, "first", workers=1)
    with Program("run", "-c", file) as program:
        address = program.address()
        (worker,) = children(program.pid)
        os.kill(worker, signal.SIGKILL)
        assert fetch(address) == "first"
        program.event("worker restarted")


def test_a_request_in_flight_is_answered_before_the_end(file: Path, slow: SlowUpstream) -> None:
    write(file, "", **forwarding(slow))
    with Program("run", "-c", file) as program:
        address = program.address()
        with Client(address) as client:
            client.send(request("GET", "/"))
            assert slow.asked.wait(PATIENCE)
            program.send(signal.SIGTERM)
            assert refused(address)
            slow.go.set()
            answer = client.response()
            assert (answer.body, answer.closes) == (b"slow", True)
            client.ended()
        assert program.exit_code() == 0


def test_a_second_signal_does_not_wait_for_it(file: Path, slow: SlowUpstream) -> None:
    write(file, "", **forwarding(slow))
    with Program("run", "-c", file) as program:
        workers = children(program.pid)
        with Client(program.address()) as client:
            client.send(request("GET", "/"))
            assert slow.asked.wait(PATIENCE)
            program.send(signal.SIGINT)
            program.event("draining")
            program.send(signal.SIGINT)
            assert program.exit_code() == 1
            client.broken_off()
        for worker in workers:
            wait_until_gone(worker)
        # What was cut off is told of all the same.
        (line,) = (json.loads(line) for line in program.printed)
        assert (line["status"], line["problem"]) == (499, "client-closed-request")


def test_a_log_that_is_rotated_while_the_gateway_starts_does_not_end_it(file: Path) -> None:
    with Program("run", "-c", file) as program:
        status = Path(f"/proc/{program.pid}/status")
        bit = 1 << (signal.SIGUSR1 - 1)

        def ignores() -> bool:
            line = next(line for line in status.read_text().splitlines() if "SigIgn" in line)
            return bool(int(line.split()[1], 16) & bit)

        eventually(ignores, "the first thing that it does")
        for number in (signal.SIGUSR1, signal.SIGUSR2):
            program.send(number)
        assert fetch(program.address()) == "first"


def test_a_request_in_flight_outlives_a_reload(file: Path, slow: SlowUpstream) -> None:
    write(file, "", **forwarding(slow))
    with Program("run", "-c", file) as program:
        address = program.address()
        with Client(address) as client:
            client.send(request("GET", "/"))
            assert slow.asked.wait(PATIENCE)
            write(file, "second")
            program.send(signal.SIGHUP)
            program.event("reloaded")
            assert fetch(address) == "second"
            slow.go.set()
            assert client.response().body == b"slow"
        program.event("old workers ended")


def test_reloading_under_load_fails_no_request_and_leaks_no_descriptor(file: Path) -> None:
    with Program("run", "-c", file) as program:
        address = program.address()
        before = descriptors(program.pid)
        answers: list[str] = []
        failures: list[BaseException] = []
        stop = threading.Event()

        def load() -> None:
            try:
                while not stop.is_set():
                    answers.append(fetch(address))
            except BaseException as failure:
                failures.append(failure)

        threads = [threading.Thread(target=load) for _ in range(4)]
        for thread in threads:
            thread.start()
        for number, workers in enumerate((1, 3, 2), 1):
            write(file, f"version {number}", workers=workers)
            program.send(signal.SIGHUP)
            program.event("old workers ended", number)
        assert fetch(address) == "version 3"
        stop.set()
        for thread in threads:
            thread.join(PATIENCE)
        assert failures == []
        assert {"first", "version 1", "version 2"} <= set(answers)
        # A listening socket that one of the three workers had is kept; see `listening`.
        assert descriptors(program.pid) == before + 1


def test_a_unix_listener_outlives_a_reload(file: Path, tmp_path: Path) -> None:
    path = tmp_path / "gateway.sock"
    write(file, "first", listen=f"unix:{path}")
    with Program("run", "-c", file) as program:
        program.event("listening")
        write(file, "second", listen=f"unix:{path}")
        program.send(signal.SIGHUP)
        program.event("old workers ended")
        assert fetch(str(path)) == "second"
        program.send(signal.SIGTERM)
        assert program.exit_code() == 0
    assert not path.exists()


def test_a_bad_file_is_refused_and_the_last_good_one_stays(file: Path) -> None:
    with Program("run", "-c", file) as program:
        address = program.address()
        workers = children(program.pid)
        file.write_text("version: 1\nrouts: []\n")
        program.send(signal.SIGHUP)
        program.event("reload refused")
        assert program.event("configuration problem")["place"] == f"{file}:2:1"
        assert fetch(address) == "first"
        assert children(program.pid) == workers


def test_workers_end_with_a_killed_supervisor(file: Path) -> None:
    with Program("run", "-c", file) as program:
        address = program.address()
        workers = children(program.pid)
        program.send(signal.SIGKILL)
        for worker in workers:
            wait_until_gone(worker)
        assert refused(address)


def test_a_bad_file_is_reported_whole_and_is_78(run: Run, bad: Path) -> None:
    outcome = run("run", "-c", bad)
    assert (outcome.code, outcome.out) == (78, "")
    assert f"{bad}:2:1: error[unknown-key]: " in outcome.err
    assert outcome.err.endswith("2 errors\n")


def test_an_unreadable_file_is_78(run: Run, tmp_path: Path) -> None:
    outcome = run("run", "-c", tmp_path / "missing.yaml")
    assert outcome.code == 78
    assert (
        "missing.yaml: error[unreadable-file]: cannot read the file: No such file or directory"
        in outcome.err
    )


def test_a_busy_port_is_one_line_and_1(run: Run, file: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as other:
        address = f"127.0.0.1:{other.getsockname()[1]}"
        outcome = run("run", "-c", file, "--listen", address)
        assert (outcome.code, outcome.out) == (1, "")
        assert outcome.err == f"pygateway: cannot listen on {address}: the address is in use\n"
