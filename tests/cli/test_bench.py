from __future__ import annotations

import json
import re
import signal
import socket
import ssl
from pathlib import Path
from xml.etree import ElementTree as Tree

import pytest

from tests.cli.conftest import Outcome, Run
from tests.conftest import StartGateway, StartUpstream
from tests.support.certificates import Authority
from tests.support.gateway import configuration
from tests.support.upstream import Conversation, ScriptedUpstream, answering, listening, ok
from tests.toys.program import Program

SHORT = ("--duration", "0.2s", "--warmup", "0", "--connections", "2", "--max-lag", "60s")
"""A load that is quick, and that a busy machine does not make invalid."""

OPEN = (*SHORT, "--rate", "100")


@pytest.fixture
def upstream(start_upstream: StartUpstream) -> ScriptedUpstream:
    return start_upstream()


def bench(run: Run, upstream: ScriptedUpstream, *arguments: str | Path) -> Outcome:
    return run("bench", f"{upstream.url}/a?b", *OPEN, *arguments)


def test_measures(run: Run, upstream: ScriptedUpstream) -> None:
    outcome = bench(run, upstream)
    assert (outcome.code, outcome.err) == (0, "")
    lines = outcome.out.splitlines()
    assert lines[:2] == [
        f"GET {upstream.url}/a",
        "open loop: 100 requests a second at fixed times, 2 connections; 0.2 s",
    ]
    assert "requests  20 due, 20 answered, 0 failed" in lines
    assert "statuses  200: 20" in lines
    assert any(re.match(r"latency +\d+\.\d{3} m?s +\d", line) for line in lines)
    assert upstream.next_request().target == "/a?b"


def test_a_closed_loop(run: Run, upstream: ScriptedUpstream) -> None:
    outcome = run("bench", upstream.url, *SHORT)
    assert outcome.code == 0
    assert "closed loop: 2 connections, each asking again" in outcome.out
    assert "note: a closed loop finds the maximum" in outcome.out


def test_objectives_that_hold(run: Run, upstream: ScriptedUpstream) -> None:
    outcome = bench(run, upstream, "--slo", "p99<60s", "--slo", "rate>=1/s", "--slo", "errors<=0")
    assert outcome.code == 0
    assert outcome.out.endswith("\n\npassed\n")
    assert len(re.findall(r"  holds\n", outcome.out)) == 3


def test_an_objective_that_is_missed(run: Run, upstream: ScriptedUpstream) -> None:
    outcome = bench(run, upstream, "--slo", "p50<1us", "--slo", "errors<1%")
    assert outcome.code == 1
    assert outcome.out.endswith("\n\nfailed: p50<1us does not hold\n")


def test_errors_are_missed_unless_they_are_expected(
    run: Run, start_upstream: StartUpstream
) -> None:
    refusing = start_upstream(answering(b"HTTP/1.1 401 No\r\nContent-Length: 0\r\n\r\n"))
    outcome = bench(run, refusing, "--slo", "p99<60s")
    assert outcome.code == 1
    assert "errors    100 % (status other than 2xx 3xx: 20)" in outcome.out
    assert "failed: errors<1% does not hold" in outcome.out
    assert bench(run, refusing, "--slo", "p99<60s", "--expect", "401").code == 0
    assert bench(run, refusing, "--slo", "p99<60s", "--expect", "4xx").code == 0


def test_a_load_that_is_late_is_said_and_fails(run: Run, upstream: ScriptedUpstream) -> None:
    outcome = bench(run, upstream, "--max-lag", "0")
    assert outcome.code == 1
    assert "not valid: the load itself was late by" in outcome.out
    assert outcome.out.endswith("failed: not valid\n")


def test_everything_can_be_written(run: Run, upstream: ScriptedUpstream, tmp_path: Path) -> None:
    files = [tmp_path / name for name in ("r.json", "r.xml", "r.csv")]
    outcome = bench(
        run, upstream, "--slo", "p50<1us", "--json",
        "--save", files[0], "--junit", files[1], "--csv", files[2],
    )  # fmt: skip
    assert outcome.code == 1
    document = json.loads(outcome.out)
    assert document == json.loads(files[0].read_text())
    assert document["setting"]["url"] == f"{upstream.url}/a"
    assert document["total"]["requests"] == 20
    assert document["objectives"][0]["holds"] is False
    junit = Tree.fromstring(files[1].read_text())  # noqa: S314 - our own
    assert (junit.get("tests"), junit.get("failures")) == ("3", "1")
    failure = junit.find(".//failure")
    assert failure is not None
    assert f"GET {upstream.url}/a" in (failure.text or "")
    assert files[2].read_text().startswith("seconds_from,seconds_up_to,count,share\n")


def test_nothing_secret_is_written(run: Run, upstream: ScriptedUpstream, tmp_path: Path) -> None:
    tokens = tmp_path / "tokens"
    tokens.write_text("hushhush\n")
    files = [tmp_path / "r.json", tmp_path / "r.xml"]
    outcome = run(
        "bench", f"{upstream.url}/?key=hushhush", *OPEN, "--bearer-file", tokens,
        "-H", "X-Key: hushhush", "--save", files[0], "--junit", files[1],
    )  # fmt: skip
    assert outcome.code == 0
    for text in (outcome.out, outcome.err, *(file.read_text() for file in files)):
        assert "hushhush" not in text
    request = upstream.next_request()
    assert request.header("Authorization") == "Bearer hushhush"
    assert request.header("X-Key") == "hushhush"


def test_targets_and_bodies_of_files(run: Run, upstream: ScriptedUpstream, tmp_path: Path) -> None:
    targets, body = tmp_path / "targets", tmp_path / "body"
    targets.write_text("/a\nPUT /b\n")
    body.write_bytes(b"\0\xff")
    outcome = run(
        "bench", upstream.url, *OPEN, "--targets", targets, "--data-file", body,
        "--connections", "1",
    )  # fmt: skip
    assert outcome.code == 0
    first, second = upstream.next_request(), upstream.next_request()
    assert (first.method, first.target, first.body) == ("POST", "/a", b"\0\xff")
    assert (second.method, second.target) == ("PUT", "/b")


def test_a_gateway(run: Run, upstream: ScriptedUpstream, start_gateway: StartGateway) -> None:
    gateway = start_gateway(configuration({"users": upstream.url}))
    assert isinstance(gateway.address, tuple)
    host, port = gateway.address
    outcome = run("bench", f"http://{host}:{port}/", *OPEN, "--slo", "errors<=0")
    assert outcome.code == 0, outcome.out


def test_tls_and_whom_to_trust(run: Run, start_upstream: StartUpstream, tmp_path: Path) -> None:
    authority = Authority(tmp_path)
    upstream = start_upstream(tls=authority.server("127.0.0.1"))
    refused = bench(run, upstream)
    assert refused.code == 1
    assert "its certificate is not trusted" in refused.err
    assert bench(run, upstream, "--ca-file", authority.file).code == 0
    assert bench(run, upstream, "--insecure").code == 0


def test_a_unix_socket(run: Run, start_upstream: StartUpstream, tmp_path: Path) -> None:
    upstream = start_upstream(listener=listening(tmp_path / "s"))
    outcome = run("bench", "http://users.test/", *OPEN, "--unix-socket", tmp_path / "s")
    assert outcome.code == 0
    assert upstream.next_request().header("Host") == "users.test"


def test_a_baseline(run: Run, upstream: ScriptedUpstream, tmp_path: Path) -> None:
    file = tmp_path / "baseline.json"
    assert bench(run, upstream, "--rounds", "3", "--save", file).code == 0
    same = bench(run, upstream, "--rounds", "3", "--baseline", file, "--max-regression", "100000%")
    assert same.code == 0
    assert "MEDIAN OF ROUNDS" in same.out
    assert same.out.endswith("passed\n")
    # As if everything had been a thousand times as fast.
    document = json.loads(file.read_text())
    for each in document["rounds"]:
        each["latency"] = {name: value / 1000 for name, value in each["latency"].items()}
    file.write_text(json.dumps(document))
    slower = bench(run, upstream, "--rounds", "3", "--baseline", file)
    assert slower.code == 1
    assert "failed: p50 has regressed, p90 has regressed, p99 has regressed" in slower.out


def test_what_is_no_baseline(run: Run, upstream: ScriptedUpstream, tmp_path: Path) -> None:
    file = tmp_path / "baseline.json"
    for text, message in (
        ("", "no report of pygateway bench"),
        ("{}", "no report of pygateway bench"),
        ('{"schema_version": 2}', "no report of pygateway bench"),
    ):
        file.write_text(text)
        outcome = bench(run, upstream, "--baseline", file)
        assert (outcome.code, message in outcome.err) == (2, True), outcome.err
    bench(run, upstream, "--save", file)
    outcome = bench(run, upstream, "--baseline", file)
    assert outcome.code == 2
    assert "not comparable: it has 1 round" in outcome.err
    assert bench(run, upstream, "--baseline", tmp_path / "none").code == 2


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_gives_what_there_is_so_far(
    start_upstream: StartUpstream, number: signal.Signals, tmp_path: Path
) -> None:
    reached = []

    def script(conversation: Conversation) -> None:
        while True:
            conversation.request()
            conversation.send(ok())
            reached.append(1)
            if len(reached) == 30:
                program.send(number)

    upstream = start_upstream(script)
    file = tmp_path / "r.json"
    load = ("--rate", "50", "--duration", "60s", "--warmup", "0", "--connections", "1")
    judgement = ("--slo", "p99<60s", "--max-lag", "60s", "--save", file)
    with Program("bench", upstream.url, *load, *judgement) as program:
        assert program.exit_code() == 1
        assert program.printed[-1] == "failed: interrupted"
    document = json.loads(file.read_text())
    assert document["interrupted"]
    # The answer to the 29th has come, because the 30th was sent.
    assert 29 <= document["total"]["requests"] < 60 * 50


def test_a_signal_before_anything_is_measured(start_upstream: StartUpstream) -> None:
    def script(conversation: Conversation) -> None:
        conversation.request()
        program.send(signal.SIGINT)
        conversation.until_closed()

    url = start_upstream(script).url
    with Program("bench", url, "--warmup", "60s", "--connections", "1") as program:
        assert program.exit_code() == 1
        assert program.said == ["pygateway: interrupted before anything was measured"]
        assert program.printed == []


def test_a_server_that_does_not_even_accept_is_one_line() -> None:
    with socket.socket() as listener, socket.socket() as first, socket.socket() as second:
        listener.bind(("127.0.0.1", 0))
        listener.listen(0)
        for client in (first, second):
            client.setblocking(False)
            client.connect_ex(listener.getsockname())
        url = f"http://127.0.0.1:{listener.getsockname()[1]}/"
        with Program("bench", url, "--timeout", "0.5s") as program:
            assert program.exit_code() == 1
            assert program.said == [f"pygateway: cannot connect to {url[7:-1]}: no answer in time"]


def test_nobody_there_is_one_line(run: Run) -> None:
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    outcome = run("bench", f"http://127.0.0.1:{port}/")
    assert (outcome.code, outcome.out) == (1, "")
    assert outcome.err == (f"pygateway: cannot connect to 127.0.0.1:{port}: nobody listens there\n")


def test_a_slip_in_an_objective_has_a_caret(run: Run) -> None:
    outcome = run("bench", "http://127.0.0.1:1/", "--slo", "p99<5")
    assert outcome.code == 2
    assert outcome.err == (
        "pygateway: --slo: a unit is expected: us, ms, s\n    p99<5\n         ^\n"
    )


def test_a_caret_stands_where_it_should_behind_what_cannot_be_shown(run: Run) -> None:
    outcome = run("bench", "http://127.0.0.1:1/", "--slo", "p99\t< \x1b5")
    *_, shown, caret = outcome.err.splitlines()
    assert shown == "    p99 < \\x1b5"
    assert caret == "          ^"


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--rate", "0"], "not a rate from 0.01/s"),
        (["--rate", "nan"], "not a rate"),
        (["--rate", "1e9"], "not a rate"),
        (["--rate", "many"], "not a rate"),
        (["--duration", "0"], "not a duration"),
        (["--duration", "2h"], "not a duration"),
        (["--duration", "soon"], "not a duration"),
        (["--timeout", "11m"], "not a duration"),
        (["--connections", "0"], "not a number of connections"),
        (["--connections", "10001"], "not a number of connections"),
        (["--connections", "\u0661"], "not a number of connections"),
        (["--rounds", "31"], "not a number of rounds"),
        (["--max-regression", "-1%"], "expected one argument"),
        (["--max-regression=-1%"], "not a share"),
        (["--expect", "6xx"], "not a status"),
        (["--expect", "20"], "not a status"),
        (["--expect", ""], "not a status"),
        (["--arrivals", "poisson"], "--arrivals poisson needs a --rate"),
        (["--rate", "1", "--duration", "0.5s"], "not one request is due"),
        (["--insecure"], "--ca-file and --insecure are for https"),
        (["-H", "no colon"], "-H takes 'Name: value'"),
        (["-H", "Content-Length: 5"], "made by the load itself"),
        (["-H", "a: b\r\nc: d"], "characters that cannot be sent"),
        (["--method", "GE T"], "no method"),
        (["--data", "a", "--data-file", "b"], "not allowed with"),
        (["--data-file", "nowhere"], "--data-file nowhere: No such file"),
        (["--targets", "nowhere"], "--targets nowhere: No such file"),
        (["--bearer-file", "nowhere"], "--bearer-file nowhere: No such file"),
        (["--slo", "p99<1s", "--slo", "p99<1s"], "given twice"),
        (["--save", "no/such/file"], "cannot be written"),
        (["--junit", "."], "cannot be written"),
    ],
)
def test_wrong_usage(run: Run, arguments: list[str], message: str) -> None:
    outcome = run("bench", "http://127.0.0.1:1/", *arguments)
    assert (outcome.code, outcome.out) == (2, "")
    assert message in outcome.err


def test_files_of_no_use(run: Run, tmp_path: Path) -> None:
    file = tmp_path / "f"
    for option, text, message in (
        ("--targets", "a\n", f"--targets {file}: line 1: no target"),
        ("--bearer-file", "a b\n", f"--bearer-file {file}: line 1: no token"),
        ("--ca-file", "no certificate", "--ca-file"),
    ):
        file.write_text(text)
        outcome = run("bench", "https://127.0.0.1:1/", option, file)
        assert (outcome.code, message in outcome.err) == (2, True), outcome.err


def test_a_url_that_is_none(run: Run) -> None:
    outcome = run("bench", "127.0.0.1:8000")
    assert outcome.code == 2
    assert "did you mean http://127.0.0.1:8000?" in outcome.err


def test_more_connections_than_descriptors(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("resource.getrlimit", lambda _: (64, 128))
    outcome = run("bench", "http://127.0.0.1:1/", "--connections", "100")
    assert outcome.code == 2
    assert "this process may have 128 descriptors" in outcome.err


def test_trust_is_the_system_s_by_default() -> None:
    from pygateway.cli.benching import _trust

    context = _trust(None, insecure=False)
    assert (context.verify_mode, context.check_hostname) == (ssl.CERT_REQUIRED, True)
