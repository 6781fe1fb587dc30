"""How much is measured, and the order in which that is done."""

from __future__ import annotations

from dataclasses import dataclass

from benches.peers import report
from benches.peers.contest import Site, contest, started
from benches.peers.gateways import GATEWAYS
from benches.peers.job import Job
from benches.peers.latency import latencies
from benches.peers.load import Wrong
from benches.peers.memory import measure
from benches.peers.running import DidNotStart
from benches.peers.scenarios import Scenario
from benches.peers.turns import Lines, Turns, rounds


@dataclass(frozen=True)
class Extent:
    """How much is measured.

    Attributes:
        rounds: Turns of each gateway.
        seconds: Of each turn at saturation.
        paced: Seconds of each turn at a fixed rate.
        tokens: New tokens of each turn that is about them.
    """

    rounds: int
    seconds: int
    paced: float
    tokens: int


FULL = Extent(rounds=6, seconds=3, paced=5.0, tokens=4_000)
QUICK = Extent(rounds=2, seconds=1, paced=1.0, tokens=1_500)


def measure_job(
    job: Job,
    scenarios: list[Scenario],
    names: list[str],
    site: Site,
    extent: Extent,
    results: report.Results,
) -> None:
    with contest(names, job, site) as field:
        results.findings[str(job)] = field.findings
        print(report.checks(job, field), flush=True)
        for scenario in scenarios:
            outcome = report.Outcome(scenario, dict(field.left_out))
            if scenario.load == "memory":
                _measure_memory(outcome, names, site)
            else:
                entrants = type(field)(list(field.contestants), outcome.left_out)
                turns = Turns(scenario, site, extent.seconds, extent.rounds, extent.tokens)
                # The first use of a configuration, and of tokens, is not like the others.
                if scenario is scenarios[0] or scenario.tokens == "known":
                    rounds(entrants, 1, turns.warm)
                lines = Lines(entrants)
                outcome.turns = rounds(entrants, extent.rounds, turns)
                outcome.logged = lines.shares(
                    {
                        name: sum(turn.requests for turn in each)
                        for name, each in outcome.turns.items()
                    }
                )
                outcome.lacks = {each.name: each.lacks for each in entrants.contestants}
                if scenario.latency:
                    outcome.latencies = latencies(
                        entrants, outcome.turns, turns.files[0], site, extent.rounds, extent.paced
                    )
            results.outcomes.append(outcome)
            print(report.table(outcome), flush=True)


def _measure_memory(outcome: report.Outcome, names: list[str], site: Site) -> None:
    job = outcome.scenario.job
    token = ""
    if outcome.scenario.tokens == "known":
        token = site.keys.token(job.algorithm, "user-0")
    for name in names:
        if name in outcome.left_out:
            continue
        try:
            with started(GATEWAYS[name], job, site, site.upstream) as (place, pid):
                outcome.memory[name] = measure(pid, place.port, token)
        except (DidNotStart, Wrong, OSError) as reason:
            outcome.left_out[name] = f"not measured: {reason}"
