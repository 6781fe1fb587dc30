"""The access log of a whole gateway: real workers, killed and reloaded, and what is left of it."""

from __future__ import annotations

import itertools
import json
import os
import signal
import subprocess
import threading
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from tests.support.client import Client, request
from tests.support.patience import PATIENCE
from tests.support.rings import until
from tests.toys.program import PYGATEWAY, Program, children, parse_address, wait_until_gone

Line = dict[str, Any]


class Gateway:
    """A configuration file beside the log that it writes."""

    def __init__(self, directory: Path) -> None:
        self.file = directory / "gateway.yaml"
        self.log = directory / "access.log"
        self.write()

    def write(self, access_log: object = "access.log", **settings: object) -> None:
        document = {
            "listen": "127.0.0.1:0",
            "admin": "127.0.0.1:0",
            "workers": 2,
            "access_log": access_log,
            "routes": [
                {"name": "hello", "match": {"paths": ["/hello"]}, "respond": {"body": "hi"}},
                {"name": "any", "match": {"paths": ["/any/*"]}, "respond": {}},
            ],
            **settings,
        }
        self.file.write_text(json.dumps(document))

    @contextmanager
    def run(self) -> Iterator[Program]:
        with Program("run", "-c", self.file) as program:
            program.event("listening")
            yield program

    def lines(self, *others: Path) -> list[Line]:
        """Every line of the log, and of files that it was before."""
        text = b"".join(path.read_bytes() for path in (*others, self.log) if path.exists())
        assert not text or text.endswith(b"\n")
        return [json.loads(line) for line in text.splitlines()]


@pytest.fixture
def gateway(tmp_path: Path) -> Gateway:
    return Gateway(tmp_path)


def ask(program: Program, target: str = "/hello", *lines: str) -> str:
    """Ask on a connection of its own; give the request's identifier."""
    with Client(program.address()) as client:
        answer = client.exchange(request("GET", target, *lines))
    identifier = answer.header("X-Request-ID")
    assert identifier
    return identifier


def status(program: Program) -> Any:  # noqa: ANN401 - JSON
    address = program.event("listening")["admin"][0]
    with urllib.request.urlopen(f"http://{address}/status", timeout=PATIENCE) as reply:
        return json.load(reply)


class Load:
    """Clients that ask one request after another, and note which were answered.

    A connection that ends is followed by another one; its last request may have been cut off.
    """

    def __init__(self, program: Program, clients: int = 3) -> None:
        self.answered: list[str] = []
        self._address = program.address()
        self._stop = threading.Event()
        self._threads = [threading.Thread(target=self._run) for _ in range(clients)]
        for thread in self._threads:
            thread.start()

    def _run(self) -> None:
        while not self._stop.is_set():
            try:
                with Client(self._address) as client:
                    while not self._stop.is_set():
                        answer = client.exchange(request("GET", "/hello"))
                        self.answered.append(str(answer.header("X-Request-ID")))
            except (OSError, AssertionError, EOFError):
                continue

    def more(self, count: int = 200) -> None:
        """Wait until so many more were answered."""
        goal = len(self.answered) + count
        until(lambda: len(self.answered) >= goal, "answers")

    def stop(self) -> list[str]:
        self._stop.set()
        for thread in self._threads:
            thread.join(PATIENCE)
        return self.answered


def identifiers(lines: list[Line]) -> list[str]:
    found = [line["request_id"] for line in lines]
    assert len(set(found)) == len(found), "a line stands twice"
    return found


def test_lines_go_to_standard_output_where_nothing_is_said(gateway: Gateway) -> None:
    document = json.loads(gateway.file.read_text())
    del document["access_log"]
    gateway.file.write_text(json.dumps(document))
    with gateway.run() as program:
        identifier = ask(program, "/hello?token=secret")
        line = json.loads(program.line("{"))
    assert line["request_id"] == identifier
    assert (line["path"], line["status"], line["bytes_out"]) == ("/hello", 200, 2)
    assert not any("secret" in text for text in program.printed)


def test_all_is_written_before_the_program_ends(gateway: Gateway) -> None:
    with gateway.run() as program:
        asked = [ask(program) for _ in range(20)]
        program.send(signal.SIGTERM)
        assert program.exit_code() == 0
    assert sorted(identifiers(gateway.lines())) == sorted(asked)


def test_it_can_be_off(gateway: Gateway) -> None:
    gateway.write(False)
    with gateway.run() as program:
        ask(program)
        assert status(program)["access_log"] is None
    assert not gateway.log.exists()
    assert program.printed == []


def test_rotation_under_load_loses_no_line(gateway: Gateway) -> None:
    kept = []
    with gateway.run() as program:
        load = Load(program)
        for number in range(4):
            load.more()
            until(lambda: bool(gateway.log.stat().st_size), "writing")
            kept.append(gateway.log.rename(gateway.log.with_suffix(f".{number}")))
            program.send(signal.SIGUSR1)
            until(gateway.log.exists, "a new file")
        load.more()
        answered = load.stop()
    assert all(path.stat().st_size for path in (*kept, gateway.log))
    assert sorted(identifiers(gateway.lines(*kept))) == sorted(answered)


def test_lines_of_a_killed_worker_are_not_lost(gateway: Gateway) -> None:
    with gateway.run() as program:
        load = Load(program)
        for number in range(3):
            load.more()
            os.kill(children(program.pid)[number % 2], signal.SIGKILL)
            program.event("worker restarted", number + 1)
        load.more()
        answered = load.stop()
    logged = identifiers(gateway.lines())
    assert set(answered) <= set(logged)
    # Each kill may have come between the line and the answer, for a client at a time.
    assert len(logged) <= len(answered) + 9


def test_workers_write_what_a_killed_supervisor_has_left(gateway: Gateway) -> None:
    with gateway.run() as program:
        workers = children(program.pid)
        with Client(program.address()) as client:
            before = client.exchange(request("GET", "/hello")).header("X-Request-ID")
            until(lambda: len(gateway.lines()) == 1, "the first line")
            program.send(signal.SIGSTOP)
            stuck = [client.exchange(request("GET", "/hello")) for _ in range(3)]
            program.send(signal.SIGKILL)
            for worker in workers:
                # They drain, and the connection is idle.
                wait_until_gone(worker)
    asked = [before, *(answer.header("X-Request-ID") for answer in stuck)]
    assert identifiers(gateway.lines()) == asked


def reload(program: Program, number: int) -> None:
    program.send(signal.SIGHUP)
    program.event("old workers ended", number)


def test_a_reload_moves_and_changes_the_log(gateway: Gateway) -> None:
    other = gateway.log.with_name("other.log")
    with gateway.run() as program:
        first = ask(program)
        gateway.write({"path": "other.log", "format": "combined"})
        reload(program, 1)
        ask(program, "/any/thing", 'User-Agent: a "b"')
        gateway.write({"path": "other.log", "fields": ["worker", "path"]})
        reload(program, 2)
        ask(program, "/any/more")
        gateway.write("off")
        reload(program, 3)
        ask(program)
        gateway.write()
        reload(program, 4)
        last = ask(program)
        until(lambda: status(program)["access_log"]["written_lines"] == 4, "writing")
    combined, chosen = other.read_text().splitlines()
    assert combined.endswith(r'"GET /any/thing HTTP/1.1" 200 0 "-" "a \x22b\x22"')
    assert json.loads(chosen) in (
        {"worker": 0, "path": "/any/more"},
        {"worker": 1, "path": "/any/more"},
    )
    assert identifiers(gateway.lines()) == [first, last]


def test_no_line_is_lost_when_a_reload_moves_the_log_under_load(gateway: Gateway) -> None:
    other = gateway.log.with_name("other.log")
    with gateway.run() as program:
        load = Load(program)
        for number, path in enumerate(["other.log", "access.log", "other.log"], 1):
            load.more()
            gateway.write(path)
            reload(program, number)
        load.more()
        answered = load.stop()
    logged = identifiers(gateway.lines(other))
    assert set(answered) <= set(logged)
    assert len(logged) - len(answered) < 10


def test_a_log_that_cannot_be_opened_is_refused(gateway: Gateway) -> None:
    gateway.write("none/access.log")
    with Program("run", "-c", gateway.file) as program:
        assert program.exit_code() == 78
    gateway.write()
    with gateway.run() as program:
        gateway.write("none/access.log")
        program.send(signal.SIGHUP)
        program.event("reload refused")
        identifier = ask(program)
    assert identifiers(gateway.lines()) == [identifier]


def test_a_full_disk_stops_nobody_and_is_told(gateway: Gateway) -> None:
    gateway.write({"path": "/dev/full", "buffer": "64KiB"})
    with gateway.run() as program:
        for _ in range(3):
            ask(program)
        program.event("access log stands still")
        for _ in range(400):
            ask(program)
        document = status(program)
        assert document["status"] == "degraded"
        assert "the access log is not written: No space left on device" in document["problems"]
        assert document["access_log"]["pending_bytes"] > 0
        program.send(signal.SIGTERM)
        assert program.exit_code() == 0
        assert program.event("access log lost lines")["lines"] > 0
    assert len(program.events("access log stands still")) == 1


def test_a_reader_of_standard_output_that_stands_still_stops_nobody(gateway: Gateway) -> None:
    gateway.write("stdout", workers=1)
    with (
        gateway.file.with_name("errors").open("w+") as errors,
        subprocess.Popen(
            [*PYGATEWAY, "run", "-c", str(gateway.file)], stdout=subprocess.PIPE, stderr=errors
        ) as process,
    ):
        said = gateway.file.with_name("errors")
        until(lambda: '"listening"' in said.read_text(), "listening")
        address = parse_address(json.loads(said.read_text().splitlines()[0])["addresses"][0])
        asked = []
        with Client(address) as client:
            # More than a pipe has room for.
            for _ in range(400):
                answer = client.exchange(request("GET", "/hello"))
                asked.append(answer.header("X-Request-ID"))
        process.send_signal(signal.SIGTERM)
        # The rest comes only now, when somebody reads.
        assert process.stdout is not None
        lines = [json.loads(line) for line in process.stdout]
        assert process.wait(PATIENCE) == 0
    assert identifiers(lines) == asked


HOSTILE = [
    'GET /any/"},{"status":200 HTTP/1.1',
    "GET /any/%0d%0a%00%22%5c HTTP/1.1",
    "GET /any/\xff\xfe\x80 HTTP/1.1",
    "GET /any/a\x7fb HTTP/1.1",
    'GET /any/?"\\ HTTP/1.1',
    'G"T /any/ HTTP/1.1',
    'GET /any/ HTTP/1.1\r\nUser-Agent: "}\\\x1b[2J\xe2\x80\xa8\xe2\x80\xae\xff\t"',
    'GET /any/ HTTP/1.1\r\nReferer: https://ada:secret@a/"?token=secret#secret',
    "GET /any/ HTTP/1.1\r\nUser-Agent: a\nForged: line",
    "GET /any/ HTTP/1.1\r\nUser-Agent: " + "x" * 5000,
    "GET /any/" + "y" * 5000 + " HTTP/1.1",
    "GET http://gateway.test/any/secret?secret HTTP/1.1",
    'GET /any/ HTTP/1.1\r\nX-Request-ID: "forged"',
    "nonsense",
    "\x16\x03\x01\x02\x00\x01\x00\x01",
]


def send_raw(address: tuple[str, int], head: str) -> None:
    with Client(address) as client:
        host = "" if "nonsense" in head else "\r\nHost: gateway.test"
        client.send_while_accepted(f"{head}{host}\r\nConnection: close\r\n\r\n".encode("latin-1"))
        client.finish_sending()
        client.remains()


@pytest.mark.parametrize("form", ["json", "combined"])
def test_every_request_is_one_line_whatever_it_holds(gateway: Gateway, form: str) -> None:
    fields = ["request_id", "method", "path", "status", "user_agent", "referer", "host"]
    chosen = {"fields": fields} if form == "json" else {}
    gateway.write({"path": "access.log", "format": form, **chosen})
    with gateway.run() as program:
        for head in HOSTILE:
            send_raw(program.address(), head)
    text = gateway.log.read_bytes()
    lines = text.splitlines(keepends=True)
    assert all(line.endswith(b"\n") for line in lines)
    assert len(text.decode().splitlines()) == len(lines)
    assert len(lines) == len(HOSTILE)
    for line, head in itertools.zip_longest(lines, HOSTILE):
        assert not any(byte < 0x20 or byte == 0x7F for byte in line[:-1]), (line, head)
        if form == "json":
            assert list(json.loads(line)) == fields, head
    assert b"secret@" not in text
    assert b"token=" not in text
