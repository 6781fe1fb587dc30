"""PyGateway beside other gateways, on the same work.

    python -m benches.peers [--quick] [--scenario NAME ...] [--gateway NAME ...] [--json FILE]

Installs the others, checks that each does the whole job, measures in turns, prints tables and
writes everything that was found as JSON. `README.md` beside this file says how and why.
"""

from __future__ import annotations

import argparse
import contextlib
import fnmatch
import json
import os
import shutil
import sys
import time
from collections.abc import Iterator
from dataclasses import replace
from itertools import groupby
from pathlib import Path

from benches.peers import report
from benches.peers.contest import Site
from benches.peers.gateways import GATEWAYS, REFERENCE
from benches.peers.installation import FOLDER, Installation, Missing, install
from benches.peers.memory import allow_descriptors
from benches.peers.origin import running_origin
from benches.peers.run import FULL, QUICK, measure_job
from benches.peers.scenarios import SCENARIOS, Scenario
from benches.peers.tokens import Keys
from tests.support.redis import RedisServer

OPTIONAL = ("haproxy-debian",)


def main() -> None:
    """Measure what was asked for."""
    options = _options()
    scenarios = _selected(options.scenario)
    extent = QUICK if options.quick else FULL
    extent = replace(
        extent,
        rounds=options.rounds or extent.rounds,
        seconds=options.seconds or extent.seconds,
    )
    names = [
        name for name in GATEWAYS if name in (options.gateway or set(GATEWAYS) - set(OPTIONAL))
    ]
    installation = install()
    for program in (REFERENCE, "wrk"):
        try:
            installation.program(program)
        except Missing as reason:
            sys.exit(f"{program} is needed, and missing: {reason}")
    results = report.Results(_versions(names, installation), extent, time.time())
    print(report.head(results), flush=True)
    needs_redis = any(scenario.job.redis for scenario in scenarios)
    with _site(installation, needs_redis=needs_redis) as site:
        for job, group in groupby(scenarios, key=lambda scenario: scenario.job):
            measure_job(job, list(group), names, site, extent, results)
    print(report.slope_table(results.outcomes))
    results.seconds = time.time() - results.began
    options.json.parent.mkdir(parents=True, exist_ok=True)
    options.json.write_text(json.dumps(results.document(), indent=1) + "\n")
    print(f"\n{results.seconds:.0f} s in all; everything that was found is in {options.json}")


@contextlib.contextmanager
def _site(installation: Installation, *, needs_redis: bool) -> Iterator[Site]:
    """Run what all gateways have in common."""
    cores = sorted(os.sched_getaffinity(0))
    if len(cores) < 2:
        sys.exit("two cores are needed: one for the gateways, one for the load and the upstream")
    load_core, core = cores[0], cores[-1]
    # This process and what it starts stay away from the gateways' core.
    os.sched_setaffinity(0, {load_core})
    allow_descriptors()
    folder = FOLDER.absolute() / "run"
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    folder.chmod(0o755)  # a worker may be another user
    with contextlib.ExitStack() as stack:
        redis = stack.enter_context(RedisServer(folder)).url if needs_redis else ""
        origin = stack.enter_context(running_origin(folder / "origin", load_core, installation))
        yield Site(installation, folder, Keys(folder), core, load_core, origin.port, redis)


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--quick", action="store_true", help="everything, in a few minutes")
    parser.add_argument(
        "--scenario", action="append", metavar="NAME", help="only these; may have wildcards"
    )
    parser.add_argument(
        "--gateway", action="append", metavar="NAME", choices=GATEWAYS, help="only these"
    )
    parser.add_argument("--rounds", type=int, help="turns of each gateway; even is better")
    parser.add_argument("--seconds", type=int, help="of each turn")
    parser.add_argument("--json", type=Path, default=FOLDER / "results.json")
    parser.add_argument("--list", action="store_true", help="say what there is to choose from")
    options = parser.parse_args()
    if options.list:
        for scenario in SCENARIOS:
            print(f"{scenario.name:<16} {scenario.title}")
        print(f"\ngateways: {', '.join(GATEWAYS)}")
        sys.exit(0)
    return options


def _selected(patterns: list[str] | None) -> list[Scenario]:
    chosen = [
        scenario
        for scenario in SCENARIOS
        if not patterns or any(fnmatch.fnmatch(scenario.name, each) for each in patterns)
    ]
    if not chosen:
        sys.exit(f"no scenario is called {' or '.join(patterns or [])}; --list tells their names")
    # Those of a job follow each other, so that it is started once; memory comes with its own.
    jobs = list(dict.fromkeys(scenario.job for scenario in SCENARIOS))
    return sorted(chosen, key=lambda scenario: jobs.index(scenario.job))


def _versions(names: list[str], installation: Installation) -> dict[str, str]:
    versions = {}
    for name in names:
        try:
            versions[name] = GATEWAYS[name].version(installation)
        except Missing as reason:
            versions[name] = f"- {reason}"
    return versions


if __name__ == "__main__":
    main()
