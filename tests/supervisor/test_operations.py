"""The supervisor with its admin server, and toy workers."""

from __future__ import annotations

import http.client
import json
import os
import signal
import socket
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

from tests.admin.serving import Reply
from tests.supervisor.test_lifecycle import Toys, conversation, everybody, who
from tests.support.patience import PATIENCE
from tests.toys.program import Program, children, parse_address, refused

TOKEN = "sixteen-letters-or-more"  # noqa: S105 - of these tests
PROVIDERS = {"main": {"secrets": [{"id": "a", "value": "0123456789abcdef" * 2}]}}


@pytest.fixture
def toys(tmp_path: Path) -> Toys:
    made = Toys(tmp_path / "gateway.yaml")
    made.write(admin="127.0.0.1:0")
    return made


@pytest.fixture
def program(toys: Toys) -> Iterator[Program]:
    with toys.run() as running:
        yield running


def admin(program: Program) -> tuple[str, int]:
    return parse_address(program.event("listening")["admin"][0])


def ask(
    address: tuple[str, int], method: str, path: str, body: object = None, token: str | None = None
) -> Reply:
    connection = http.client.HTTPConnection(*address, timeout=3 * PATIENCE)
    headers = {"Content-Type": "application/json"}
    if token is not None:
        headers["Authorization"] = f"Bearer {token}"
    try:
        connection.request(method, path, None if body is None else json.dumps(body), headers)
        response = connection.getresponse()
        return Reply(response.status, {}, json.loads(response.read()))
    finally:
        connection.close()


def revoke(address: tuple[str, int], name: str) -> dict[str, Any]:
    reply = ask(address, "POST", "/revocations", {"jti": name})
    assert reply.status == 200, reply
    document: dict[str, Any] = reply.document
    return document


def revoked(address: tuple[str, int]) -> list[str]:
    return [entry["jti"] for entry in who(address)["revoked"]]


def test_without_a_word_about_it_there_is_no_admin_server(toys: Toys) -> None:
    toys.write()
    with toys.run() as program:
        assert "admin" not in program.event("listening")


def test_what_is_answered_is_heeded_by_every_worker(toys: Toys) -> None:
    toys.write(admin="127.0.0.1:0", workers=3)
    with toys.run() as program:
        address = program.address()
        assert revoke(admin(program), "a")["complete"]
        seen: set[int] = set()
        while len(seen) < 3:
            assert revoked(address) == ["a"]
            seen |= everybody(address, 1)


def test_successors_of_all_kinds_know_what_is_revoked(toys: Toys, program: Program) -> None:
    address, operator = program.address(), admin(program)
    revoke(operator, "a")
    (worker,) = children(program.pid)
    os.kill(worker, signal.SIGKILL)
    program.event("worker restarted")
    assert revoked(address) == ["a"]
    revoke(operator, "b")
    assert ask(operator, "POST", "/reload").status == 200
    assert sorted(revoked(address)) == ["a", "b"]


def test_a_file_outlives_the_program(toys: Toys, tmp_path: Path) -> None:
    auth = {"revocation": {"file": str(tmp_path / "kept")}, "providers": PROVIDERS}
    toys.write(admin="127.0.0.1:0", auth=auth)
    with toys.run() as program:
        revoke(admin(program), "a")
        program.process.kill()
        program.exit_code()
    with toys.run() as program:
        assert revoked(program.address()) == ["a"]
        assert ask(admin(program), "GET", "/revocations").document["total"] == 1


def test_a_file_that_cannot_be_used_keeps_the_program_from_starting(
    toys: Toys, tmp_path: Path
) -> None:
    (tmp_path / "kept").write_text("something else")
    toys.write(auth={"revocation": {"file": str(tmp_path / "kept")}, "providers": PROVIDERS})
    with toys.run() as program:
        assert program.exit_code() == 1
        assert program.said == [f"{tmp_path}/kept is not a file of revocations"]


def test_a_busy_admin_port_keeps_the_program_from_starting(toys: Toys) -> None:
    with socket.create_server(("127.0.0.1", 0)) as other:
        port = other.getsockname()[1]
        toys.write(admin=f"127.0.0.1:{port}")
        with toys.run() as program:
            assert program.exit_code() == 1
            assert program.said == [f"cannot listen on 127.0.0.1:{port}: the address is in use"]


def test_a_refused_reload_is_explained_and_remembered(toys: Toys, program: Program) -> None:
    operator = admin(program)
    toys.file.write_text(toys.file.read_text().replace('"workers"', '"wrokers"'))
    reply = ask(operator, "POST", "/reload")
    assert reply.status == 409
    (error,) = reply.document["errors"]
    assert error["code"] == "unknown-key"
    status = ask(operator, "GET", "/status").document
    assert status["status"] == "degraded"
    assert not status["configuration"]["last_reload_successful"]
    toys.write(admin="127.0.0.1:0")
    assert ask(operator, "POST", "/reload").status == 200
    status = ask(operator, "GET", "/status").document
    assert status["configuration"]["last_reload_successful"]
    assert status["problems"] == []


def test_a_reload_that_workers_refuse_changes_nothing(toys: Toys, program: Program) -> None:
    operator = admin(program)
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    toys.write("fails", admin=f"127.0.0.1:{port}")
    reply = ask(operator, "POST", "/reload")
    assert (reply.status, reply.document["detail"]) == (409, "the toy cannot start")
    assert refused(("127.0.0.1", port))
    assert ask(operator, "GET", "/livez").status == 200


def test_a_reload_moves_the_admin_server_and_changes_its_token(
    toys: Toys, program: Program
) -> None:
    operator = admin(program)
    toys.write(admin={"address": "127.0.0.1:0", "token": TOKEN})
    assert ask(operator, "POST", "/reload").status == 200
    assert ask(operator, "GET", "/status").status == 401
    assert ask(operator, "GET", "/status", token=TOKEN).status == 200
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    toys.write(admin=f"127.0.0.1:{port}")
    assert ask(operator, "POST", "/reload", token=TOKEN).status == 200
    assert ask(("127.0.0.1", port), "GET", "/livez").status == 200
    assert refused(operator)
    toys.write()
    assert ask(("127.0.0.1", port), "POST", "/reload").status == 200
    assert refused(("127.0.0.1", port))


def test_where_there_is_nothing_to_load_again_a_reload_says_so(toys: Toys) -> None:
    with toys.run("once") as program:
        reply = ask(admin(program), "POST", "/reload")
        assert (reply.status, reply.document["detail"]) == (409, "There is nothing to load again.")


def test_draining_is_asked_for_and_seen(toys: Toys, program: Program) -> None:
    operator = admin(program)
    with conversation(program.address()) as talk:
        assert talk.say("hold") == b"held\n"
        assert ask(operator, "GET", "/readyz").status == 200
        assert ask(operator, "POST", "/drain").status == 202
        # Asked twice it is the same; only a signal forces.
        assert ask(operator, "POST", "/drain").status == 202
        assert ask(operator, "GET", "/readyz").status == 503
        assert ask(operator, "POST", "/reload").status == 409
        assert revoke(operator, "late")["complete"]
        assert talk.say("go") == b"done\n"
    assert program.exit_code() == 0
    assert program.event("draining")["signal"] == "admin"


def test_the_status_names_workers(toys: Toys, program: Program) -> None:
    status = ask(admin(program), "GET", "/status").document
    assert status["status"] == "ok"
    (worker,) = status["workers"]
    assert worker["pid"] in children(program.pid)
    assert worker["report"]["revoked"] == 0
    assert status["listeners"] == program.event("listening")["addresses"]
    assert status["revocations"]["redis"] is None


def test_a_worker_that_cannot_heed_it_is_named(toys: Toys) -> None:
    toys.write("full", admin="127.0.0.1:0")
    with toys.run() as program:
        reply = ask(admin(program), "POST", "/revocations", {"jti": "a"})
        assert reply.status == 202
        (unheard,) = reply.document["unheard"]
        assert unheard["pid"] in children(program.pid)


def explained(operator: tuple[str, int]) -> Reply:
    reply = ask(operator, "POST", "/explain", {"url": "/"})
    assert reply.status == 200, reply
    return reply


def test_the_level_of_the_log_holds_for_all_workers_until_a_reload(
    toys: Toys, program: Program
) -> None:
    operator = admin(program)
    explained(operator)
    assert ask(operator, "PUT", "/log", {"level": "debug"}).document["level"] == "debug"
    explained(operator)
    assert program.event("asked")["level"] == "debug"
    (worker,) = children(program.pid)
    os.kill(worker, signal.SIGKILL)
    program.event("worker restarted")
    explained(operator)
    program.event("asked", 2)
    toys.write(admin="127.0.0.1:0", log={"level": "info"})
    assert ask(operator, "POST", "/reload").status == 200
    operator = parse_address(program.event("reloaded")["admin"][0])
    assert ask(operator, "GET", "/log").document["level"] == "info"
    explained(operator)
    ask(operator, "PUT", "/log", {"level": "error"})
    ask(operator, "PUT", "/log", {"level": "info"})
    program.event("log level set", 2)
    assert len(program.events("asked")) == 2


def test_the_configuration_says_how_serious_lines_have_to_be(toys: Toys) -> None:
    toys.write(admin="127.0.0.1:0", log={"level": "debug"})
    with toys.run() as program:
        explained(admin(program))
        program.event("asked")


def test_a_request_is_explained_by_a_worker(program: Program) -> None:
    document = explained(admin(program)).document
    assert document["worker"] == 0
    assert json.loads(document["reason"])["target"] == "/"


def test_what_is_needed_is_checked_one_by_one(toys: Toys, program: Program) -> None:
    operator = admin(program)
    reply = ask(operator, "GET", "/health")
    assert (reply.status, reply.document["status"]) == (200, "ok")
    checks = {each["name"]: each["status"] for each in reply.document["checks"]}
    assert checks == {
        "workers": "ok",
        "store": "unused",
        "upstreams": "unused",
        "revocations": "ok",
        "access_log": "ok",
        "tracing": "unused",
        "configuration": "ok",
    }


def test_a_flood_of_probes_asks_workers_seldom(toys: Toys) -> None:
    toys.write("counts-reports", admin="127.0.0.1:0")
    with toys.run() as program, ThreadPoolExecutor(8) as pool:
        operator = admin(program)
        began = time.monotonic()
        paths = ["/readyz", "/health", "/readyz?verbose", "/livez"] * 25
        replies = list(pool.map(lambda path: ask(operator, "GET", path), paths))
        (worker,) = ask(operator, "GET", "/status").document["workers"]
    assert {reply.status for reply in replies} == {200}
    assert worker["report"]["reports"] <= 2 + (time.monotonic() - began) / 1.0


def test_what_runs_is_shown(toys: Toys, program: Program) -> None:
    operator = admin(program)
    assert ask(operator, "GET", "/config").document["workers"] == 1
    (route,) = ask(operator, "GET", "/routes").document
    assert (route["name"], route["action"]) == ("serves", "respond")
    assert ask(operator, "GET", "/upstreams").document == []
