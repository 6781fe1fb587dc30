from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from benches.harness import free_port
from benches.peers.running import DidNotStart, Processor, processor, running

BUSY = """
import time
while time.process_time() < 0.3: pass
print(time.process_time(), flush=True)
input()
"""
LISTENS = """
import socket, sys
with socket.create_server(("127.0.0.1", int(sys.argv[1]))) as server:
    print("a line of the log", flush=True)
    while True:
        server.accept()[0].close()
"""


def test_processor_seconds_are_those_that_a_process_counts_itself() -> None:
    with subprocess.Popen(
        [sys.executable, "-c", BUSY], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as child:
        assert child.stdout is not None
        said = float(child.stdout.readline())
        found = processor(child.pid)
        child.kill()
    assert said <= found.seconds < said + 0.1
    assert found.user > 0


def test_processor_seconds_of_children_are_counted() -> None:
    parent = f"import subprocess, sys; subprocess.run([sys.executable, '-c', {BUSY!r}])"
    with subprocess.Popen(
        [sys.executable, "-c", parent], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as child:
        assert child.stdout is not None
        said = float(child.stdout.readline())
        found = processor(child.pid)
        child.communicate("\n")
    assert found.seconds > said


def test_the_users_part_is_that_of_the_time_between() -> None:
    before, after = Processor(10.0, 900, 100), Processor(12.0, 910, 130)
    assert after.since(before) == (2.0, 0.5)


def test_less_than_a_tick_is_not_divided() -> None:
    assert Processor(1.5, 7, 7).since(Processor(1.0, 7, 7)) == (0.5, 0.0)


def test_standard_output_becomes_the_log(tmp_path: Path) -> None:
    port = free_port()
    with running([sys.executable, "-c", LISTENS, str(port)], 0, port, tmp_path) as pid:
        assert Path(f"/proc/{pid}").exists()
    assert (tmp_path / "access.log").read_text() == "a line of the log\n"
    assert not Path(f"/proc/{pid}").exists()


def test_a_program_that_ends_is_reported_with_its_last_words(tmp_path: Path) -> None:
    command = [sys.executable, "-c", "raise SystemExit('no such directive')"]
    with (
        pytest.raises(DidNotStart, match="no such directive"),
        running(command, 0, free_port(), tmp_path),
    ):
        pass
