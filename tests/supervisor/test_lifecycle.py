"""The supervisor as a real process, with toy workers whose behaviour the configuration chooses."""

from __future__ import annotations

import json
import os
import resource
import signal
import socket
import stat
import sys
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

import pytest

from tests.support.patience import PATIENCE
from tests.toys.program import (
    Program,
    children,
    descriptors,
    parse_address,
    refused,
    state,
    wait_until_gone,
)

SUPERVISOR = (sys.executable, "-P", "-m", "tests.toys.supervisor")
ROOT = Path(__file__).parents[2]


class Toys:
    """A supervisor of toys and the file that it loads."""

    def __init__(self, file: Path) -> None:
        self.file = file

    def write(self, behaviour: str = "serves", **settings: object) -> None:
        configuration = {
            "version": 1,
            "listen": "127.0.0.1:0",
            "workers": 1,
            "routes": [{"name": behaviour, "respond": {}}],
            **settings,
        }
        if "listeners" in settings:
            del configuration["listen"]
        self.file.write_text(json.dumps(configuration))

    @contextmanager
    def run(self, *arguments: str) -> Iterator[Program]:
        environment = {
            "PYTHONPATH": f"{ROOT}:{os.environ.get('PYTHONPATH', '')}",
            "TOY_DIRECTORY": str(self.file.parent),
        }
        with Program(
            self.file, *arguments, command=SUPERVISOR, environment=environment, measured=True
        ) as program:
            yield program


@pytest.fixture
def toys(tmp_path: Path) -> Toys:
    made = Toys(tmp_path / "gateway.yaml")
    made.write()
    return made


class Conversation:
    """A connection to a toy."""

    def __init__(self, address: tuple[str, int] | str) -> None:
        family = socket.AF_UNIX if isinstance(address, str) else socket.AF_INET
        self.socket = socket.socket(family)
        self.socket.settimeout(PATIENCE)
        self.socket.connect(address)
        self.lines = self.socket.makefile("rb")

    def say(self, line: str) -> bytes:
        self.socket.sendall(line.encode() + b"\n")
        return self.lines.readline()

    def close(self) -> None:
        self.lines.close()
        self.socket.close()

    def ended(self) -> bool:
        try:
            return self.lines.readline() == b""
        except ConnectionResetError:
            return True


@contextmanager
def conversation(address: tuple[str, int] | str) -> Iterator[Conversation]:
    made = Conversation(address)
    try:
        yield made
    finally:
        made.close()


def who(address: tuple[str, int] | str) -> dict[str, Any]:
    with conversation(address) as talk:
        answer = json.loads(talk.say("who"))
        assert isinstance(answer, dict)
        return answer


def everybody(address: tuple[str, int], count: int) -> set[int]:
    """The processes that answer; asks until `count` of them have."""
    deadline = time.monotonic() + PATIENCE
    found: set[int] = set()
    while len(found) < count and time.monotonic() < deadline:
        found.add(who(address)["pid"])
    return found


# --- start ---------------------------------------------------------------------------------------


def test_listening_is_said_once_all_workers_accept(toys: Toys) -> None:
    toys.write(workers=3)
    with toys.run() as program:
        address = program.address()
        assert program.event("listening")["workers"] == 3
        assert everybody(address, 3) == set(children(program.pid))


def test_workers_may_open_as_many_descriptors_as_the_system_allows(toys: Toys) -> None:
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (min(soft, 512), hard))
    try:
        with toys.run() as program:
            program.event("listening")
            (worker,) = children(program.pid)
            assert resource.prlimit(worker, resource.RLIMIT_NOFILE) == (hard, hard)
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))


@pytest.mark.parametrize(
    ("behaviour", "exit_code", "message"),
    [
        ("refuses", 78, "the toy refuses its configuration"),
        ("fails", 1, "the toy cannot start"),
        ("breaks", 1, "internal error: RuntimeError: the toy has a bug"),
        ("dies", 1, "the worker exited with 3 before it was ready"),
    ],
)
def test_a_first_start_that_fails_ends_the_program_and_says_why(
    toys: Toys, behaviour: str, exit_code: int, message: str
) -> None:
    toys.write(behaviour, workers=2)
    with toys.run() as program:
        assert program.exit_code() == exit_code
        assert program.said == [message]
        assert not program.events("listening")


def test_a_busy_port_is_one_line(toys: Toys) -> None:
    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        other.listen()
        port = other.getsockname()[1]
        toys.write(listen=f"127.0.0.1:{port}")
        with toys.run() as program:
            assert program.exit_code() == 1
            assert program.said == [f"cannot listen on 127.0.0.1:{port}: the address is in use"]


def test_a_second_gateway_on_the_same_port_is_refused(toys: Toys) -> None:
    with toys.run() as first:
        host, port = first.address()
        toys.write(listen=f"{host}:{port}")
        with toys.run() as second:
            assert second.exit_code() == 1


def test_stopping_while_workers_start_ends_them(toys: Toys) -> None:
    toys.write("hangs", workers=2)
    with toys.run() as program:
        # A worker that has taken its signals has said so to nobody; that it exists is enough.
        deadline = time.monotonic() + PATIENCE
        while len(workers := children(program.pid)) < 2 and time.monotonic() < deadline:
            pass
        program.send(signal.SIGTERM)
        assert program.exit_code() == 0
        for worker in workers:
            wait_until_gone(worker)


def test_a_unix_listener_is_served_and_its_file_removed(toys: Toys, tmp_path: Path) -> None:
    path = tmp_path / "gateway.sock"
    toys.write(workers=2, listeners=[{"address": f"unix:{path}"}, {"address": "127.0.0.1:0"}])
    with toys.run() as program:
        addresses = program.event("listening")["addresses"]
        assert addresses[0] == f"unix:{path}"
        assert stat.S_IMODE(path.stat().st_mode) == 0o660
        assert who(str(path))["pid"] in children(program.pid)
        assert who(parse_address(addresses[1]))["pid"] in children(program.pid)
        program.send(signal.SIGTERM)
        assert program.exit_code() == 0
    assert not path.exists()


# --- workers that end ---------------------------------------------------------------------------


def test_a_killed_worker_is_replaced_and_nothing_queued_is_lost(toys: Toys) -> None:
    with toys.run() as program:
        address = program.address()
        (first,) = children(program.pid)
        os.kill(first, signal.SIGKILL)
        wait_until_gone(first)
        # Nobody accepts at this moment; the connection waits for the next worker.
        second = who(address)["pid"]
        assert second != first
        line = program.event("worker ended")
        assert (line["worker"], line["pid"], line["detail"]) == (
            0,
            first,
            "it was ended by SIGKILL",
        )
        assert program.event("worker restarted")["pid"] == second
        assert children(program.pid) == [second]


def test_the_other_workers_live_on(toys: Toys) -> None:
    toys.write(workers=2)
    with toys.run() as program:
        program.event("listening")
        first, other = children(program.pid)
        os.kill(first, signal.SIGKILL)
        program.event("worker restarted")
        assert other in children(program.pid)
        assert len(children(program.pid)) == 2


def test_no_zombie_and_no_descriptor_stays(toys: Toys) -> None:
    with toys.run() as program:
        program.event("listening")
        before = descriptors(program.pid)
        for number in range(1, 4):
            (worker,) = children(program.pid)
            os.kill(worker, signal.SIGKILL)
            program.event("worker restarted", number)
        (worker,) = children(program.pid)
        assert state(worker) != "Z"
        assert descriptors(program.pid) == before


def test_a_worker_that_cannot_come_back_is_tried_again_until_it_can(toys: Toys) -> None:
    broken = toys.file.with_name("broken")
    toys.write("needs-no-file")
    with toys.run() as program:
        program.event("listening")
        broken.touch()
        (worker,) = children(program.pid)
        os.kill(worker, signal.SIGKILL)
        program.event("worker did not start", 2)
        broken.unlink()
        program.event("worker restarted")


# --- end ----------------------------------------------------------------------------------------


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_drains(toys: Toys, number: signal.Signals) -> None:
    toys.write(workers=2)
    with toys.run() as program:
        address = program.address()
        with conversation(address) as talk:
            assert talk.say("hold") == b"held\n"
            program.send(number)
            assert program.event("draining")["signal"] == number.name
            assert refused(address)
            assert talk.say("go") == b"done\n"
        assert program.exit_code() == 0
        program.event("stopped")


def test_a_second_signal_ends_at_once(toys: Toys) -> None:
    with toys.run() as program:
        address = program.address()
        (worker,) = children(program.pid)
        with conversation(address) as talk:
            talk.say("hold")
            program.send(signal.SIGTERM)
            program.event("draining")
            program.send(signal.SIGTERM)
            assert program.exit_code() == 1
            assert talk.ended()
        program.event("stopping at once")
        wait_until_gone(worker)


def test_workers_that_do_not_drain_in_time_are_ended(toys: Toys) -> None:
    toys.write("ignores-term", timeouts={"drain": "100ms"})
    with toys.run() as program:
        with conversation(program.address()) as talk:
            talk.say("hold")
            program.send(signal.SIGTERM)
            assert talk.ended()
        assert program.exit_code() == 0


def test_workers_that_do_not_even_listen_to_signals_are_killed(toys: Toys) -> None:
    toys.write("stalls-on-term", timeouts={"drain": "100ms"})
    with toys.run() as program:
        program.event("listening")
        (worker,) = children(program.pid)
        program.send(signal.SIGTERM)
        assert program.exit_code() == 0
        assert program.event("drain incomplete")["detail"] == "1 workers were ended after 1.1 s"
        wait_until_gone(worker)


def test_workers_end_with_a_supervisor_that_was_killed(toys: Toys) -> None:
    toys.write(workers=2)
    with toys.run() as program:
        address = program.address()
        workers = children(program.pid)
        with conversation(address) as talk:
            talk.say("hold")
            program.send(signal.SIGKILL)
            assert refused(address)
            assert talk.say("go") == b"done\n"  # they drain first
        for worker in workers:
            wait_until_gone(worker)


def test_signals_without_meaning_do_no_harm(toys: Toys) -> None:
    with toys.run() as program:
        address = program.address()
        for number in (signal.SIGUSR1, signal.SIGUSR2):
            program.send(number)
        program.event("signal ignored", 2)
        assert who(address)["pid"] in children(program.pid)


# --- reload -------------------------------------------------------------------------------------


def reload(program: Program, number: int = 1) -> None:
    program.send(signal.SIGHUP)
    program.event("reloaded", number)


def test_a_reload_replaces_the_workers(toys: Toys) -> None:
    toys.write("serves", workers=2)
    with toys.run() as program:
        address = program.address()
        before = set(children(program.pid))
        toys.write("serves-anew", workers=2)
        reload(program)
        program.event("old workers ended")
        answers = [who(address) for _ in range(10)]
        assert {answer["route"] for answer in answers} == {"serves-anew"}
        assert set(children(program.pid)).isdisjoint(before)


def test_a_reload_lets_old_workers_finish(toys: Toys) -> None:
    with toys.run() as program:
        address = program.address()
        with conversation(address) as talk:
            talk.say("hold")
            toys.write("serves-anew")
            reload(program)
            assert who(address)["route"] == "serves-anew"
            assert talk.say("go") == b"done\n"
        program.event("old workers ended")


def test_reloads_leave_no_descriptor_behind(toys: Toys) -> None:
    toys.write(workers=2)
    with toys.run() as program:
        program.event("listening")
        before = descriptors(program.pid)
        for number in range(1, 5):
            reload(program, number)
            program.event("old workers ended", number)
        assert descriptors(program.pid) == before
        assert len(children(program.pid)) == 2


def test_no_connection_is_lost_while_workers_are_replaced(toys: Toys) -> None:
    toys.write(workers=2)
    with toys.run() as program:
        address = program.address()
        for number, workers in enumerate((3, 1, 2), 1):
            toys.write(workers=workers)
            program.send(signal.SIGHUP)
            while len(program.events("old workers ended")) < number:
                who(address)
        assert len(children(program.pid)) == 2


@pytest.mark.parametrize("behaviour", ["refuses", "fails", "dies"])
def test_workers_that_cannot_start_leave_the_old_ones_in_place(toys: Toys, behaviour: str) -> None:
    with toys.run() as program:
        address = program.address()
        before, open_before = children(program.pid), descriptors(program.pid)
        toys.write(behaviour, workers=3)
        program.send(signal.SIGHUP)
        program.event("reload refused")
        assert {who(address)["pid"] for _ in range(10)} == set(before)
        assert children(program.pid) == before
        assert descriptors(program.pid) == open_before


def test_a_bad_file_leaves_the_last_good_configuration_in_place(toys: Toys) -> None:
    with toys.run() as program:
        address = program.address()
        before = children(program.pid)
        toys.write(wrokers=2)
        program.send(signal.SIGHUP)
        refusal = program.event("reload refused")
        assert "last good configuration stays" in refusal["detail"]
        problem = program.event("configuration problem")
        assert problem["code"] == "unknown-key"
        assert problem["place"].startswith(f"{toys.file}:1:")
        assert [who(address)["pid"]] == before == children(program.pid)
        toys.write("serves-anew")
        reload(program)
        assert who(address)["route"] == "serves-anew"


def test_a_reload_moves_to_another_address(toys: Toys, tmp_path: Path) -> None:
    path = tmp_path / "gateway.sock"
    with toys.run() as program:
        old = program.address()
        toys.write(listen=f"unix:{path}")
        reload(program)
        assert program.event("reloaded")["addresses"] == [f"unix:{path}"]
        assert who(str(path))["pid"] in children(program.pid)
        assert refused(old)


def test_a_reload_keeps_the_file_of_a_unix_listener(toys: Toys, tmp_path: Path) -> None:
    path = tmp_path / "gateway.sock"
    toys.write(listen=f"unix:{path}")
    with toys.run() as program:
        program.event("listening")
        toys.write("serves-anew", listen=f"unix:{path}")
        reload(program)
        program.event("old workers ended")
        assert who(str(path))["route"] == "serves-anew"


def test_a_reload_to_a_busy_address_is_refused(toys: Toys) -> None:
    with toys.run() as program, socket.socket() as other:
        address = program.address()
        other.bind(("127.0.0.1", 0))
        other.listen()
        busy = f"127.0.0.1:{other.getsockname()[1]}"
        toys.write(listen=busy)
        program.send(signal.SIGHUP)
        detail = program.event("reload refused")["detail"]
        assert detail.startswith(f"cannot listen on {busy}: the address is in use;")
        assert who(address)["pid"] in children(program.pid)


def test_stopping_in_the_middle_of_a_reload_ends_everything(toys: Toys) -> None:
    with toys.run() as program:
        program.event("listening")
        toys.write("hangs")
        program.send(signal.SIGHUP)
        deadline = time.monotonic() + PATIENCE
        while len(workers := children(program.pid)) < 2 and time.monotonic() < deadline:
            pass
        program.send(signal.SIGTERM)
        assert program.exit_code() == 0
        for worker in workers:
            wait_until_gone(worker)


def test_old_workers_that_still_drain_are_waited_for_at_the_end(toys: Toys) -> None:
    with toys.run() as program:
        with conversation(program.address()) as talk:
            talk.say("hold")
            reload(program)
            program.send(signal.SIGTERM)
            program.event("draining")
            assert talk.say("go") == b"done\n"
        assert program.exit_code() == 0


def test_reloads_beyond_the_limit_wait_for_old_workers(toys: Toys) -> None:
    with toys.run() as program:
        address = program.address()
        with ExitStack() as stack:
            talks = []
            for number in range(1, 5):
                talks.append(stack.enter_context(conversation(address)))
                assert talks[-1].say("hold") == b"held\n"
                reload(program, number)
            program.send(signal.SIGHUP)
            program.event("reload delayed")
            assert len(program.events("reloading")) == 4
            assert talks[0].say("go") == b"done\n"
            program.event("reloaded", 5)
            for talk in talks[1:]:
                assert talk.say("go") == b"done\n"


def test_nohup_is_honoured_where_hangup_would_only_stop(toys: Toys) -> None:
    handler = signal.signal(signal.SIGHUP, signal.SIG_IGN)
    try:
        with toys.run("once") as program:
            address = program.address()
            program.send(signal.SIGHUP)
            assert who(address)["pid"] in children(program.pid)
            assert not program.events("draining")
    finally:
        signal.signal(signal.SIGHUP, handler)


def test_hangup_stops_where_there_is_nothing_to_load_again(toys: Toys) -> None:
    with toys.run("once") as program:
        program.event("listening")
        program.send(signal.SIGHUP)
        assert program.event("draining")["signal"] == "SIGHUP"
        assert program.exit_code() == 0
