"""The checks, with a gateway that does its job, and with one that does not."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from benches.peers.checks import Findings, Trial, check
from benches.peers.contest import Site, started, tried
from benches.peers.gateways.pygateway import PyGateway
from benches.peers.installation import Installation
from benches.peers.job import Job, Place
from benches.peers.recorder import recording
from benches.peers.tokens import Keys


@pytest.fixture
def site(tmp_path: Path) -> Site:
    core = min(os.sched_getaffinity(0))
    return Site(Installation(tmp_path), tmp_path, Keys(tmp_path), core, core, 0)


@pytest.mark.parametrize(
    "job",
    [
        Job("bare"),
        Job("limited", quota=1),
        Job("full", "RS256"),
        Job("full", "ES256"),
        Job("full", "HS256"),
    ],
    ids=str,
)
def test_this_gateway_passes(job: Job, site: Site) -> None:
    findings = tried(PyGateway(), job, site)
    assert findings.failed == {}
    assert len(findings.passed) > 2


def found(job: Job, site: Site, configured: Job) -> Findings:
    """What the checks of `job` find where the gateway was configured for another one."""
    with recording() as recorder, started(PyGateway(), configured, site, recorder.port) as run:
        return check(Trial(job, run[0], recorder))


def test_a_gateway_that_only_forwards_fails_at_every_duty(site: Site) -> None:
    failed = set(found(Job("full", quota=10), site, Job("bare")).failed)
    assert {"user", "X-Frame-Options", "remaining", "limit", "log"} <= failed
    refusals = {each for each in failed if each.endswith("is refused")}
    assert len(refusals) == 8


def test_tokens_of_another_algorithm_are_not_this_job(site: Site) -> None:
    assert "good token" in found(Job("full", "ES256"), site, Job("full", "RS256")).failed


def test_a_limit_that_is_not_reached_fails(site: Site) -> None:
    failed = found(Job("limited", quota=1), site, Job("limited", quota=100)).failed
    assert set(failed) == {"429", "no refused request is forwarded"}


def test_answers_without_the_upstream_fail(site: Site, tmp_path: Path) -> None:
    with recording() as upstream, recording() as pretender:
        place = Place(tmp_path, pretender.port, upstream.port, site.keys)
        findings = check(Trial(Job("bare"), place, upstream))
    assert findings.failed == {"answers": "the upstream saw 0 requests"}
