"""Gateways that run at the same time, ready for the same job: tried first, and then started."""

from __future__ import annotations

import contextlib
import tempfile
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

from benches.harness import free_port
from benches.peers.checks import TRIAL_QUOTA, Findings, Trial, check
from benches.peers.gateways import GATEWAYS, REFERENCE, Gateway
from benches.peers.installation import Installation, Missing
from benches.peers.job import Job, Place
from benches.peers.recorder import recording
from benches.peers.running import PATIENCE, DidNotStart, running
from benches.peers.tokens import Keys

STAND_IN = f"{REFERENCE}, bare"
"""The reference where it cannot do the job: it forwards the same requests, and does no more."""


@dataclass(frozen=True)
class Site:
    """What all gateways have in common.

    Attributes:
        folder: For everything that is written.
        core: On which gateways run.
        load_core: On which everything else runs.
        upstream: Port of the upstream.
        redis: URL of the Redis; "" without one.
    """

    installation: Installation
    folder: Path
    keys: Keys
    core: int
    load_core: int
    upstream: int
    redis: str = ""


@dataclass(frozen=True)
class Contestant:
    """A gateway that runs.

    Attributes:
        name: Under which its figures are listed.
        log: Its access log, where the job has one.
        bare: Whether it forwards without the job's duties: the reference, where it cannot do more.
        lacks: Parts of the job that it leaves out.
    """

    name: str
    pid: int
    port: int
    log: Path | None = None
    bare: bool = False
    lacks: tuple[str, ...] = ()


@dataclass
class Field:
    """Those who take part in a job, those who do not, and what the checks found."""

    contestants: list[Contestant] = field(default_factory=list)
    left_out: dict[str, str] = field(default_factory=dict)
    findings: dict[str, Findings] = field(default_factory=dict)

    def leave_out(self, name: str, reason: str) -> None:
        """Take somebody out."""
        self.left_out[name] = reason
        self.contestants = [each for each in self.contestants if each.name != name]


@contextlib.contextmanager
def started(gateway: Gateway, job: Job, site: Site, upstream: int) -> Iterator[tuple[Place, int]]:
    """Run a gateway in a place of its own; gives its process id, too.

    Raises:
        DidNotStart: It does not do that.
        Missing: It is not there.
    """
    folder = Path(tempfile.mkdtemp(prefix=f"{gateway.name}-", dir=site.folder))
    folder.chmod(0o755)  # a worker may be another user
    place = Place(folder, free_port(), upstream, site.keys, site.redis)
    command = gateway.command(job, place, site.installation)
    environment = {**site.installation.environment(), **gateway.environment}
    with running(command, site.core, place.port, folder, environment) as pid:
        deadline = time.monotonic() + PATIENCE
        while not gateway.ready(place):
            if time.monotonic() > deadline:
                raise DidNotStart("it listens, but does not route")
            time.sleep(0.05)
        yield place, pid


def tried(gateway: Gateway, job: Job, site: Site) -> Findings:
    """What a gateway does that is configured for a job, but with a quota that is soon used up."""
    trial_job = replace(job, quota=TRIAL_QUOTA) if job.kind == "full" else job
    with recording() as recorder, started(gateway, trial_job, site, recorder.port) as (place, _):
        return check(Trial(trial_job, place, recorder))


@contextlib.contextmanager
def contest(names: Sequence[str], job: Job, site: Site) -> Iterator[Field]:
    """Try gateways, and run those that can do the job; the reference runs in any case."""
    lists = Field()
    able = [name for name in names if _is_able(name, job, site, lists)]
    with contextlib.ExitStack() as stack:
        runs = [(name, GATEWAYS[name], job, False) for name in able]
        if REFERENCE not in able:
            runs.insert(0, (STAND_IN, GATEWAYS[REFERENCE], Job("bare"), True))
        for name, gateway, does, bare in runs:
            try:
                place, pid = stack.enter_context(started(gateway, does, site, site.upstream))
            except (DidNotStart, Missing) as reason:
                lists.left_out[name] = f"did not start: {reason}"
                continue
            log = place.log if does.kind == "full" else None
            missed = () if bare else lists.findings[name].failed
            lacks = tuple(each for each in gateway.lacks(job) if each in missed)
            lists.contestants.append(Contestant(name, pid, place.port, log, bare, lacks))
        yield lists


def _is_able(name: str, job: Job, site: Site, lists: Field) -> bool:
    gateway = GATEWAYS[name]
    reason = gateway.cannot(job)
    if not reason:
        try:
            findings = lists.findings[name] = tried(gateway, job, site)
        except (DidNotStart, Missing) as failure:
            reason = f"did not start: {failure}"
        except OSError as failure:
            reason = f"failed in the checks: {failure}"
        else:
            failed = set(findings.failed) - set(gateway.lacks(job))
            reason = "; ".join(f"{each}: {findings.failed[each]}" for each in sorted(failed))
    if reason:
        lists.left_out[name] = reason
    return not reason
