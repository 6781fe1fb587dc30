"""A worker as a real process, whose supervisor is the test."""

from __future__ import annotations

import json
import os
import signal
import socket
import struct
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from pygateway.config import load_text
from tests.support.patience import PATIENCE
from tests.support.redis import RedisServer

REAL = (sys.executable, "-P", "-m", "pygateway.worker")
TOY = (sys.executable, "-P", str(Path(__file__).parent / "toys" / "worker.py"))


class Worker:
    """A worker process, and the supervisor's end of its channel."""

    def __init__(self, command: tuple[str, ...] = TOY) -> None:
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.channel, theirs = socket.socketpair()
        self.channel.settimeout(PATIENCE)
        with theirs:
            self.process = subprocess.Popen(
                command,
                stdin=theirs.fileno(),
                stderr=subprocess.PIPE,
                pass_fds=[self.listener.fileno()],
            )

    def send(self, message: dict[str, Any]) -> None:
        payload = json.dumps(message).encode()
        self.channel.sendall(struct.pack(">I", len(payload)) + payload)

    def receive(self) -> dict[str, Any]:
        (length,) = struct.unpack(">I", self.channel.recv(4, socket.MSG_WAITALL))
        message = json.loads(self.channel.recv(length, socket.MSG_WAITALL))
        assert isinstance(message, dict)
        return message

    def launch(self, configuration: str, **members: Any) -> dict[str, Any]:  # noqa: ANN401
        """Send a configuration; give the worker's answer."""
        self.launch_without_waiting(configuration, **members)
        return self.receive()

    def launch_without_waiting(self, configuration: str, **members: Any) -> None:  # noqa: ANN401
        """Send a configuration."""
        document = {
            "kind": "launch",
            "slot": 7,
            "configuration": load_text(configuration).to_json(),
            "sockets": [self.listener.fileno()],
            **members,
        }
        self.send(document)

    def connect(self) -> socket.socket:
        connection = socket.create_connection(self.listener.getsockname(), PATIENCE)
        connection.settimeout(PATIENCE)
        return connection

    def exit_code(self) -> int:
        return self.process.wait(PATIENCE)

    def log(self) -> list[dict[str, Any]]:
        """Every log line; waits for the end of the process."""
        assert self.process.stderr is not None
        return [json.loads(line) for line in self.process.stderr]


@contextmanager
def started(command: tuple[str, ...] = TOY) -> Iterator[Worker]:
    worker = Worker(command)
    try:
        yield worker
    finally:
        worker.process.kill()
        worker.process.wait(PATIENCE)
        assert worker.process.stderr is not None
        worker.process.stderr.close()
        worker.channel.close()
        worker.listener.close()


def toy(behaviour: str, drain: str = "30s") -> str:
    return f"{{timeouts: {{drain: {drain}}}, routes: [{{name: {behaviour}, respond: {{}}}}]}}"


def hold(connection: socket.socket) -> None:
    connection.sendall(b"hold\n")
    assert connection.recv(100) == b"held\n"


def test_by_hand_it_says_what_starts_it() -> None:
    done = subprocess.run(
        REAL,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=PATIENCE,
        check=False,
    )
    assert done.returncode == 2
    assert done.stderr == "pygateway.worker is started by `pygateway run`, not by hand\n"


def test_a_socket_that_is_no_channel_is_not_taken_for_one() -> None:
    with socket.create_server(("127.0.0.1", 0)) as other:
        done = subprocess.run(
            REAL, stdin=other.fileno(), capture_output=True, timeout=PATIENCE, check=False
        )
    assert done.returncode == 2


def test_a_supervisor_that_is_gone_before_it_spoke_ends_it() -> None:
    with started() as worker:
        worker.channel.close()
        assert worker.exit_code() == 1


def test_ready_is_said_when_it_accepts() -> None:
    with started() as worker:
        assert worker.launch(toy("serves")) == {"kind": "ready"}
        with worker.connect() as connection:
            connection.sendall(b"who\n")
            assert json.loads(connection.recv(1000))["pid"] == worker.process.pid


def test_the_whole_gateway_serves_until_it_is_told_to_stop() -> None:
    with started(REAL) as worker:
        route = "{name: hello, match: {paths: [/hello]}, respond: {body: hello}}"
        assert worker.launch(f"routes: [{route}]") == {"kind": "ready"}
        with worker.connect() as connection:
            connection.sendall(b"GET /hello HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n")
            answer = connection.makefile("rb").read()
            assert answer.startswith(b"HTTP/1.1 200 OK\r\n")
            assert answer.endswith(b"\r\n\r\nhello")
        worker.process.send_signal(signal.SIGTERM)
        assert worker.receive() == {"kind": "draining"}
        assert worker.exit_code() == 0


@pytest.mark.parametrize(
    ("behaviour", "exit_code", "reason"),
    [
        ("refuses", 78, "the toy refuses its configuration"),
        ("fails", 1, "the toy cannot start"),
        ("breaks", 1, "internal error: RuntimeError: the toy has a bug"),
    ],
)
def test_it_says_why_it_cannot_serve(behaviour: str, exit_code: int, reason: str) -> None:
    with started() as worker:
        answer = worker.launch(toy(behaviour))
        assert answer == {"kind": "failed", "exit_code": exit_code, "reason": reason}
        assert worker.exit_code() == exit_code
        lines = worker.log()
        assert [line["event"] for line in lines] == (
            ["internal error"] if behaviour == "breaks" else []
        )
        if lines:
            assert lines[0]["worker"] == 7
            assert "RuntimeError: the toy has a bug" in lines[0]["exception"]


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_drains(number: signal.Signals) -> None:
    with started() as worker:
        worker.launch(toy("serves"))
        with worker.connect() as connection:
            hold(connection)
            worker.process.send_signal(number)
            assert worker.receive() == {"kind": "draining"}
            connection.sendall(b"go\n")
            assert connection.recv(100) == b"done\n"
        assert worker.exit_code() == 0


@pytest.mark.parametrize("number", [signal.SIGHUP, signal.SIGUSR1, signal.SIGUSR2])
def test_a_signal_that_is_for_the_supervisor_ends_nothing(number: signal.Signals) -> None:
    with started() as worker:
        worker.launch(toy("serves"))
        with worker.connect() as connection:
            hold(connection)
            worker.process.send_signal(number)
            # Signals are delivered in the order of their numbers, and this one is the highest.
            worker.process.send_signal(signal.SIGTERM)
            assert worker.receive() == {"kind": "draining"}
            connection.sendall(b"go\n")
            assert connection.recv(100) == b"done\n"
        assert worker.exit_code() == 0


def test_its_last_words_are_a_report_that_nobody_asked_for() -> None:
    with started(REAL) as worker:
        limits = "rate_limits: {all: {by: global, quota: 5, window: 1h}}"
        route = "{name: hello, respond: {}, rate_limits: [all]}"
        worker.launch(f"{{{limits}, routes: [{route}]}}")
        with worker.connect() as connection:
            connection.sendall(b"GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n")
            assert connection.recv(100).startswith(b"HTTP/1.1 200")
        worker.process.send_signal(signal.SIGTERM)
        assert worker.receive() == {"kind": "draining"}
        report = worker.receive()
        assert (report["kind"], report["number"]) == ("report", 0)
        assert report["document"]["rate_limits"]["policies"]["all"]["admitted"] == 1
        assert worker.exit_code() == 0


def test_a_supervisor_that_does_not_take_its_last_words_is_not_waited_for() -> None:
    with started() as worker:
        worker.launch(toy("verbose"))
        worker.process.send_signal(signal.SIGTERM)
        assert worker.receive() == {"kind": "draining"}
        assert worker.exit_code() == 0


def test_a_second_signal_ends_at_once() -> None:
    with started() as worker:
        worker.launch(toy("serves"))
        with worker.connect() as connection:
            hold(connection)
            worker.process.send_signal(signal.SIGTERM)
            worker.receive()
            worker.process.send_signal(signal.SIGTERM)
            assert worker.exit_code() == 1


def test_the_end_of_the_supervisor_drains() -> None:
    with started() as worker:
        worker.launch(toy("serves"))
        with worker.connect() as connection:
            hold(connection)
            worker.channel.close()
            connection.sendall(b"go\n")
            assert connection.recv(100) == b"done\n"
        assert worker.exit_code() == 0
        (line,) = worker.log()
        assert line["detail"] == "the supervisor is gone"


def test_a_gateway_that_does_not_heed_its_drain_time_is_not_waited_for() -> None:
    with started() as worker:
        worker.launch(toy("ignores-term", drain="100ms"))
        worker.process.send_signal(signal.SIGTERM)
        assert worker.exit_code() == 0


def test_nothing_is_left_on_standard_input_and_every_descriptor_is_its_own() -> None:
    with started() as worker:
        worker.launch(toy("serves"))
        assert os.readlink(f"/proc/{worker.process.pid}/fd/0") == os.devnull


ENTRY = {"jti": "a", "issuer": None, "expires": 9e9}


def test_it_begins_with_what_is_revoked_and_takes_more() -> None:
    with started() as worker:
        worker.launch(toy("serves"), revocations=[ENTRY], fresh_until=5.5)
        worker.send({"kind": "revoke", "number": 1, "entries": [ENTRY, ENTRY]})
        worker.send({"kind": "ask-report", "number": 2})
        assert worker.receive() == {"kind": "applied", "number": 1, "problem": None}
        report = worker.receive()
        assert (report["kind"], report["number"]) == ("report", 2)
        assert report["document"] == {"connections": 0, "revoked": 3, "feed": None}


def test_what_is_revoked_while_it_starts_is_taken_before_it_is_ready() -> None:
    with started() as worker:
        worker.launch_without_waiting(toy("serves"))
        worker.send({"kind": "revoke", "number": 1, "entries": [ENTRY]})
        kinds = {worker.receive()["kind"], worker.receive()["kind"]}
        assert kinds == {"applied", "ready"}


def test_it_is_told_while_it_drains() -> None:
    with started() as worker:
        worker.launch(toy("serves"))
        with worker.connect() as connection:
            hold(connection)
            worker.process.send_signal(signal.SIGTERM)
            assert worker.receive() == {"kind": "draining"}
            worker.send({"kind": "revoke", "number": 1, "entries": [ENTRY]})
            assert worker.receive()["kind"] == "applied"
            connection.sendall(b"go\n")
            assert connection.recv(100) == b"done\n"
        assert worker.exit_code() == 0


def test_more_than_it_has_room_for_is_a_reason_not_to_serve() -> None:
    with started() as worker:
        answer = worker.launch(toy("full"), revocations=[ENTRY])
        assert answer["kind"] == "failed"
        assert answer["reason"] == "no room for more than 0 revocations"


def test_bugs_in_what_it_is_asked_do_not_make_it_deaf() -> None:
    with started() as worker:
        worker.launch(toy("muddled"))
        for number in (1, 3):
            worker.send({"kind": "revoke", "number": number, "entries": [ENTRY]})
            worker.send({"kind": "ask-report", "number": number + 1})
            assert worker.receive()["problem"] == "internal error: RuntimeError"
            assert worker.receive()["document"]["problem"] == "internal error: RuntimeError"


PROTECTED = """
redis: {{url: "{url}"}}
auth:
  providers:
    main: {{secrets: [{{id: a, value: 0123456789abcdef0123456789abcdef}}]}}
routes: [{{name: hello, respond: {{}}}}]
"""


def test_it_follows_redis(tmp_path: Path) -> None:
    with RedisServer(tmp_path) as server, started(REAL) as worker:
        target = "{pygateway:revocations}:entries"
        server.command("HSET", target, '["jti",null,"a"]', "0.0 9e9", "head", "1-0 x")
        assert worker.launch(PROTECTED.format(url=server.url)) == {"kind": "ready"}
        worker.send({"kind": "ask-report", "number": 1})
        report = worker.receive()["document"]
        assert report["feed"]["connected"]
        assert report["auth"]["revocations"] == 1


def test_a_hung_redis_does_not_keep_it_from_serving(tmp_path: Path) -> None:
    with RedisServer(tmp_path) as server, started(REAL) as worker:
        server.hang()
        assert worker.launch(PROTECTED.format(url=server.url)) == {"kind": "ready"}
        worker.send({"kind": "ask-report", "number": 1})
        assert not worker.receive()["document"]["feed"]["connected"]
        worker.process.send_signal(signal.SIGTERM)
        assert worker.receive() == {"kind": "draining"}
        assert worker.exit_code() == 0
