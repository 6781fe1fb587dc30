from __future__ import annotations

import json

from benches.peers.checks import Findings
from benches.peers.contest import STAND_IN, Field
from benches.peers.figures import Turn
from benches.peers.job import Job
from benches.peers.latency import DIRECT, AtRate
from benches.peers.memory import Memory
from benches.peers.report import Outcome, Results, checks, slope_table, slopes, table
from benches.peers.run import QUICK
from benches.peers.scenarios import SCENARIOS

SCENARIO = {scenario.name: scenario for scenario in SCENARIOS}
BUSY = Turn(requests=20_000, seconds=1.0, total=1.0, user=0.4)
IDLE = Turn(requests=20_000, seconds=1.0, total=0.4, user=0.2)


def row(text: str, name: str) -> str:
    return next(line for line in text.splitlines() if line.split(" - ")[0].strip().startswith(name))


def test_ratios_are_to_the_reference() -> None:
    text = table(Outcome(SCENARIO["bare-1k"], {}, turns={"nginx": [IDLE], "pygateway": [BUSY]}))
    assert row(text, "pygateway").split()[1] == "50.0"
    assert row(text, "pygateway").split()[6] == "2.50"
    assert row(text, "nginx").split()[6] == "1.00"


def test_where_the_reference_cannot_do_the_job_its_bare_self_stands_in() -> None:
    text = table(Outcome(SCENARIO["full"], {}, turns={STAND_IN: [IDLE], "pygateway": [BUSY]}))
    assert row(text, "pygateway").split()[6] == "2.50"


def test_a_maximum_that_was_not_reached_is_marked() -> None:
    text = table(Outcome(SCENARIO["bare-1k"], {}, turns={"nginx": [IDLE], "pygateway": [BUSY]}))
    assert "> 20000" in row(text, "nginx")
    assert ">" not in row(text, "pygateway")


def test_who_is_left_out_is_listed_with_the_reason() -> None:
    text = table(Outcome(SCENARIO["full"], {"caddy": "checks no tokens"}, turns={"nginx": [IDLE]}))
    assert row(text, "caddy").split(None, 1) == ["caddy", "- checks no tokens"]


def test_what_somebody_lacks_stands_beside_its_figures() -> None:
    outcome = Outcome(
        SCENARIO["full"],
        {},
        lacks={"nginx": ("remaining",)},
        turns={"nginx": [IDLE], "pygateway": [BUSY]},
        logged={"nginx": 1.0, "pygateway": 0.9},
    )
    text = table(outcome)
    assert row(text, "nginx").endswith("without: remaining")
    assert row(text, "pygateway").endswith("only 90.0% of the requests are in its log")


def test_throughput_is_of_bytes_for_each_second_of_the_processor() -> None:
    text = table(Outcome(SCENARIO["bare-100k"], {}, turns={"nginx": [BUSY]}))
    assert row(text, "nginx").split()[-1] == "2048"


def test_the_checks_of_a_job_are_told() -> None:
    findings = Findings(["answers", "target"], {"log": "0 lines"}, ["via", "x-request-id"], [])
    text = checks(Job("full"), Field(findings={"pygateway": findings}))
    assert "2 passed, failed: log" in row(text, "pygateway")
    assert "requests get: via, x-request-id" in text
    assert "answers get" not in text


def test_slopes_need_both_scenarios() -> None:
    few = Outcome(SCENARIO["bare-1k"], {}, turns={"nginx": [IDLE], "caddy": [IDLE]})
    many = Outcome(SCENARIO["headers-60"], {}, turns={"nginx": [BUSY]})
    assert slopes([few]) == {}
    assert set(slopes([few, many])) == {"nginx"}
    assert round(slopes([few, many])["nginx"].median, 3) == round(30 / 55, 3)
    assert row(slope_table([few, many]), "nginx").split()[1] == "0.55"
    assert slope_table([few]) == ""


def test_everything_is_written_as_json() -> None:
    times = {"p50_ms": 1.0, "p99_ms": 2.0, "p999_ms": 3.0}
    outcome = Outcome(
        SCENARIO["full"],
        {"caddy": "checks no tokens"},
        turns={"nginx": [IDLE], "pygateway": [BUSY]},
        latencies=[AtRate(25, 1000.0, {DIRECT: [times], "pygateway": [times]})],
    )
    idle = Outcome(SCENARIO["idle-bare"], {}, memory={"nginx": [Memory(1, 2)] * 3})
    results = Results({"nginx": "1.22.1"}, QUICK, 0.0, outcomes=[outcome, idle])
    document = json.loads(json.dumps(results.document()))
    full, memory = document["scenarios"]
    assert full["gateways"]["pygateway"]["ratio"]["median"] == 2.5
    assert full["latencies"][0]["times"]["pygateway"] == [times]
    assert full["left_out"] == {"caddy": "checks no tokens"}
    assert memory["memory"]["nginx"][2] == {"connections": 10_000, "proportional": 1, "resident": 2}
