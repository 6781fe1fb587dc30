"""Whether a gateway does the whole job: asked before anything is measured.

A gateway that fails a check is not measured at that job, unless it says itself what it lacks; that
is printed beside its figures then.
"""

from __future__ import annotations

import http.client
import json
import re
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

from benches.peers.job import ISSUER, LOG_FIELDS, SECURITY_HEADERS, Job, Place
from benches.peers.recorder import ANSWER, Recorder, Seen
from benches.peers.tokens import LIFETIME

TARGET = "/service-42/items?page=2"
TRIAL_QUOTA = 10
"""The quota with which the full job is tried, so that a refusal is soon seen."""
LOG_PATIENCE = 5.0
Headers = Mapping[str, str]


@dataclass(frozen=True)
class Answer:
    """A response; names of its fields in lower case."""

    status: int
    fields: dict[str, str]
    body: bytes


@dataclass
class Findings:
    """What the checks found.

    Attributes:
        passed: Names of the checks that passed.
        failed: What was there instead, by the name of the check.
        request_headers: What the gateway added to a request, or changed.
        response_headers: Likewise.
    """

    passed: list[str] = field(default_factory=list)
    failed: dict[str, str] = field(default_factory=dict)
    request_headers: list[str] = field(default_factory=list)
    response_headers: list[str] = field(default_factory=list)


@dataclass
class Trial:
    """A gateway in front of a recorder, and the job that it has to do."""

    job: Job
    place: Place
    recorder: Recorder

    def ask(
        self,
        headers: Headers | None = None,
        method: str = "GET",
        body: bytes | None = None,
        target: str = TARGET,
    ) -> tuple[Answer, list[Seen]]:
        """Send a request on a connection of its own; gives what the upstream saw, too."""
        self.recorder.take()
        connection = http.client.HTTPConnection("127.0.0.1", self.place.port, timeout=10)
        try:
            connection.request(method, target, body, dict(headers or {}))
            response = connection.getresponse()
            body = response.read()
        finally:
            connection.close()
        fields = {name.lower(): value for name, value in response.getheaders()}
        return Answer(response.status, fields, body), self.recorder.take()

    def bearing(self, token: str) -> Headers:
        """The header of a token."""
        return {"Authorization": f"Bearer {token}"}

    def token(self, subject: str, **claims: object) -> Headers:
        """The header of a good token, but for `claims`."""
        return self.bearing(self.place.keys.token(self.job.algorithm, subject, **claims))


def check(trial: Trial) -> Findings:
    """Make every check of the job."""
    findings = Findings()
    checks = {"full": _full, "limited": _limited, "bare": _bare, "routes": _bare}
    for name, wrong in checks[trial.job.kind](trial, findings):
        if wrong:
            findings.failed[name] = wrong
        else:
            findings.passed.append(name)
    return findings


Outcomes = Iterator[tuple[str, str]]
"""The name of a check, and what was wrong; "" if nothing was."""


def unless(right: bool, wrong: object) -> str:
    """`wrong` in words, if it is."""
    return "" if right else str(wrong)


def _forwarded(answer: Answer, seen: list[Seen]) -> str:
    if answer.status != 200 or answer.body != ANSWER:
        return f"answered {answer.status}"
    return unless(len(seen) == 1, f"the upstream saw {len(seen)} requests")


def _bare(trial: Trial, findings: Findings) -> Outcomes:
    host = "service.example"
    answer, seen = trial.ask({"Host": host, "X-Kept": "as it was"})
    yield "answers", _forwarded(answer, seen)
    if len(seen) != 1:
        return
    request = seen[0]
    _note_headers(request, answer, {"host", "x-kept", "accept-encoding"}, findings)
    yield "target", unless(request.line == f"GET {TARGET} HTTP/1.1", request.line)
    yield "host", unless(request.values("host") == [host], request.values("host"))
    yield "headers", unless(request.values("x-kept") == ["as it was"], request.fields)
    yield from _forwarded_for(request)
    _, again = trial.ask()
    yield (
        "upstream connection used again",
        unless(
            [each.connection for each in again] == [request.connection], "another one was opened"
        ),
    )
    body = bytes(range(256)) * 400
    answer, seen = trial.ask({}, "POST", body)
    yield "upload", _forwarded(answer, seen) or unless(seen[0].body == body, "another body came")
    answer, seen = trial.ask({"Connection": "X-Hop", "X-Hop": "mine"})
    # Required by RFC 9110 section 7.6.1, and yet not everybody does it: told, not demanded.
    if seen and not seen[0].values("x-hop"):
        findings.passed.append("fields named by Connection are dropped")


def _forwarded_for(request: Seen) -> Outcomes:
    values = request.values("x-forwarded-for")
    # Envoy takes another address of the machine's for a loopback client's.
    address = re.fullmatch(r"\d+\.\d+\.\d+\.\d+", ", ".join(values))
    yield "forwarded for", unless(address is not None, f"X-Forwarded-For: {values}")


def _limited(trial: Trial, findings: Findings) -> Outcomes:
    answer, seen = trial.ask()
    yield "first passes", _forwarded(answer, seen)
    answers = [trial.ask() for _ in range(3)]
    statuses = [answer.status for answer, _ in answers]
    yield "429", unless(statuses == [429] * 3, f"answered {statuses}")
    yield "no refused request is forwarded", unless(not any(seen for _, seen in answers), "some")
    findings.response_headers = sorted(answers[0][0].fields)


def _full(trial: Trial, findings: Findings) -> Outcomes:
    asked = [200]
    spoof = {"X-User-ID": "root", "Host": "service.example"}
    answer, seen = trial.ask({**trial.token("anne"), **spoof})
    yield "good token", _forwarded(answer, seen)
    if len(seen) != 1:
        return
    request = seen[0]
    known = {"host", "authorization", "accept-encoding"}
    _note_headers(request, answer, known, findings)
    users = request.values("x-user-id")
    yield "user", unless(users == ["anne"], f"X-User-ID: {users}")
    identities = [*request.values("x-request-id"), answer.fields.get("x-request-id", "none")]
    yield "request id", unless(len(identities) == 2 and len(set(identities)) == 1, identities)
    yield from _forwarded_for(request)
    for name, value in (("proto", "http"), ("host", "service.example")):
        values = request.values(f"x-forwarded-{name}")
        yield f"forwarded {name}", unless(values == [value], values)
    for name, value in SECURITY_HEADERS.items():
        found = answer.fields.get(name.lower())
        yield name, unless(found == value, found)
    for name, headers in _bad(trial):
        answer, seen = trial.ask(headers)
        asked.append(answer.status)
        passed = f"answered {answer.status}, {len(seen)} forwarded"
        # Envoy says 403 where a good token is for others.
        yield name, unless(answer.status in (401, 403) and not seen, passed)
    left = []
    for _ in range(TRIAL_QUOTA):
        answer, _ = trial.ask(trial.token("bert"))
        asked.append(answer.status)
        left.append(_remaining(answer))
    yield "remaining", unless(left == sorted(left, reverse=True) and left[0] > left[-1] >= 0, left)
    answer, seen = trial.ask(trial.token("bert"))
    asked.append(answer.status)
    yield "limit", unless(answer.status == 429 and not seen, f"answered {answer.status}")
    answer, _ = trial.ask(trial.token("cora"))
    asked.append(answer.status)
    yield "limit of one user", unless(answer.status == 200, f"answered {answer.status}")
    yield "log", _log(trial.place, asked)


def _bad(trial: Trial) -> Iterator[tuple[str, Headers]]:
    keys, algorithm = trial.place.keys, trial.job.algorithm
    past = int(time.time()) - LIFETIME
    good = keys.token(algorithm, "anne")
    start, end = good[:-8], good[-8:]
    yield "no token is refused", {}
    yield "garbage is refused", trial.bearing("no.token.this")
    yield "another key's signature is refused", trial.bearing(keys.forged(algorithm, "anne"))
    yield "a changed signature is refused", trial.bearing(start + end.swapcase())
    yield "a token without signature is refused", trial.bearing(keys.unsigned("anne"))
    yield "an expired token is refused", trial.token("anne", exp=past)
    yield "another issuer is refused", trial.token("anne", iss=f"{ISSUER}.evil")
    yield "another audience is refused", trial.token("anne", aud="other")


def _remaining(answer: Answer) -> int:
    """How many requests the answer says are left; -1 if it does not."""
    value = answer.fields.get("x-ratelimit-remaining", "")
    return int(value) if value.isdigit() else -1


def _log(place: Place, asked: list[int]) -> str:
    """Compare the access log with the statuses that were answered; lines may come later."""
    deadline = time.monotonic() + LOG_PATIENCE
    while True:
        lines = place.log.read_text().splitlines() if place.log.exists() else []
        if len(lines) >= len(asked):
            break
        if time.monotonic() > deadline:
            return f"{len(lines)} lines for {len(asked)} requests"
        time.sleep(0.1)
    try:
        entries = [json.loads(line) for line in lines]
    except ValueError:
        return f"no JSON: {lines[0]}"
    statuses = [entry.get("status") for entry in entries]
    if statuses != asked:
        return f"statuses {statuses} for {asked}"
    first = entries[0]
    if first.get("user") != "anne" or first.get("path") != TARGET.partition("?")[0]:
        return f"says {first}"
    return unless(set(first) == set(LOG_FIELDS), f"has the fields {sorted(first)}")


def _note_headers(request: Seen, answer: Answer, sent: set[str], findings: Findings) -> None:
    findings.request_headers = sorted({name for name, _ in request.fields} - sent)
    theirs = {"content-length", "content-type", "server"}
    findings.response_headers = sorted(set(answer.fields) - theirs)
