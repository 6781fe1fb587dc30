from __future__ import annotations

import json
import signal
import socket

import pytest

from tests.cli.conftest import Run
from tests.support.client import Client, request
from tests.toys.program import Program


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_echoes_until_a_signal(number: signal.Signals) -> None:
    with Program("echo", "--listen", "127.0.0.1:0", measured=True) as program:
        with Client(program.address()) as client:
            answer = client.exchange(request("GET", "/a"))
            assert json.loads(answer.body)["target"] == "/a"
            program.send(number)
            client.ended()
        assert program.exit_code() == 0


def test_a_busy_port_is_one_line(run: Run) -> None:
    with socket.create_server(("127.0.0.1", 0)) as other:
        address = f"127.0.0.1:{other.getsockname()[1]}"
        outcome = run("echo", "--listen", address)
        assert outcome.code == 1
        assert outcome.err == f"pygateway: cannot listen on {address}: Address already in use\n"


def test_a_name_that_does_not_resolve_is_one_line(run: Run) -> None:
    outcome = run("echo", "--listen", "nowhere.invalid:1")
    assert outcome.code == 1
    assert outcome.err.startswith("pygateway: cannot listen on nowhere.invalid:1: ")
    assert outcome.err.count("\n") == 1


@pytest.mark.parametrize("address", ["8000", "a:b", "unix:/tmp/a.sock"])
def test_other_addresses_are_wrong_usage(run: Run, address: str) -> None:
    outcome = run("echo", "--listen", address)
    assert outcome.code == 2
    assert outcome.err.startswith("pygateway: --listen: ")
