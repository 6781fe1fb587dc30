"""A gate that is asked what it would say before it is asked, and held to that.

It stands in for the gate of a `Door`, so that every conversation and every history of the other
tests becomes one of rehearsals as well.
"""

from __future__ import annotations

import json
from typing import Any

from pygateway._core import (
    Forward,
    Funding,
    Gate,
    Peer,
    Reject,
    Respond,
    Unfunded,
    Unverified,
    Verdict,
)
from tests.door.comparison import Decision
from tests.door.heads import parse
from tests.door.model.verdict import Fields

Question = tuple[bytes, bytes, tuple[tuple[bytes, bytes], ...], str, bool, float]

CHANGING = {b"x-request-id", b"traceparent"}
"""Fields of a head that are others every time."""


class RehearsingGate:
    """A gate whose every decision was rehearsed at the same moment.

    Attributes:
        native: The gate.
        compared: How often a rehearsal could be compared with the decision, by its outcome.
    """

    def __init__(self, native: Gate) -> None:
        self.native = native
        self.compared: dict[str, int] = {}
        self._open: dict[Question, dict[str, Any]] = {}

    def __getattr__(self, name: str) -> Any:  # noqa: ANN401 - whatever the gate has
        if not name.endswith("statistics") and name not in {"verify", "peer", "revocations"}:
            # What was rehearsed before may not hold any more.
            self._open.clear()
        return getattr(self.native, name)

    def decide(
        self,
        method: bytes,
        target: bytes,
        headers: Fields,
        peer: Peer,
        now: float,
        version: int = 11,
        verdict: Verdict | None = None,
        funding: Funding | None = None,
    ) -> Decision:
        assert version == 11
        question = (method, target, tuple(headers), peer.address, peer.trusted, now)
        told = None
        if verdict is None and funding is None:
            told = self.rehearse(method, target, headers, peer, now)
        elif verdict is not None and funding is None:
            told = self._open.pop(question, None)
        self._open.clear()
        decision = self.native.decide(method, target, headers, peer, now, version, verdict, funding)
        if told is None:
            return decision
        if isinstance(decision, Unverified) and decision.kind == "signature":
            assert told["outcome"] != "unverified" or told["credential"]["open"] != "signature"
            self._open[question] = told
        else:
            assert_same(told, decision)
            outcome = told["outcome"]
            self.compared[outcome] = self.compared.get(outcome, 0) + 1
        return decision

    def rehearse(
        self, method: bytes, target: bytes, headers: Fields, peer: Peer, now: float
    ) -> dict[str, Any]:
        """What it would say, which leaves no trace."""
        before = self._state(now)
        text, _ = self.native.rehearse(method, target, headers, peer, now)
        again, _ = self.native.rehearse(method, target, headers, peer, now)
        assert self._state(now) == before
        told: dict[str, Any] = json.loads(text)
        assert steady(told) == steady(json.loads(again))
        return told

    def _state(self, now: float) -> tuple[bytes, bytes, bytes]:
        native = self.native
        return native.limit_statistics(), native.auth_statistics(), native.revocations(now)


def steady(told: dict[str, Any]) -> dict[str, Any]:
    """What was told, but for what is different every time."""
    return {**told, "head": lines_of(told["head"].encode("latin-1"))} if "head" in told else told


def lines_of(head: bytes) -> tuple[bytes, Fields]:
    """The start line and fields of a head, but for those that change."""
    complete = head if head.endswith(b"\r\n\r\n") else head + b"\r\n"
    start, fields = parse(complete)
    return start, [field for field in fields if field[0].lower() not in CHANGING]


def assert_same(told: dict[str, Any], decision: Decision) -> None:
    """What was told is what came."""
    assert told["route_index"] == decision.route
    assert told["client"] == decision.client
    assert told["canonical_path"] == decision.path
    assert_accounted_for(told)
    match decision:
        case Forward():
            assert told["outcome"] == "forward"
            assert told["host_from_endpoint"] == decision.host_from_endpoint
            assert lines_of(told["head"].encode("latin-1")) == lines_of(decision.head)
            assert_accepted(told, decision)
        case Respond():
            assert (told["outcome"], told["answer"]["kind"]) == ("respond", decision.kind)
            assert told["answer"]["status"] == decision.status
            assert told["answer"]["headers"] == text(decision.headers)
            assert_accepted(told, decision)
        case Reject():
            refusal = told["refusal"]
            assert told["outcome"] == "reject"
            assert (refusal["name"], refusal["detail"]) == (decision.reason, decision.detail)
            assert refusal["headers"] == text(decision.headers)
            assert refusal["violated"] == decision.violated
            refused = {each["policy"] for each in told["limits"] if each["verdict"] == "refused"}
            assert refused == set(decision.violated)
        case Unverified():
            assert (told["outcome"], told["credential"]["open"]) == ("unverified", decision.kind)
        case Unfunded():
            assert told["outcome"] == "unfunded"
            short = [each for each in told["limits"] if each["verdict"] == "unfunded"]
            assert len(short) == len(decision.acquires)


def assert_accepted(told: dict[str, Any], decision: Forward | Respond) -> None:
    credential = told["credential"]
    assert (credential and credential["subject"]) == decision.user
    assert {each["verdict"] for each in told["limits"]} <= {
        "admitted",
        "shadowed",
        "uncounted",
        "exempt",
    }


REASONS = {
    "token-missing": {"credential-missing"},
    "bad-request": {"two-credentials"},
    "token-expired": {"expired"},
    "token-revoked": {"revoked"},
    "insufficient-scope": {"rule-not-met"},
    "auth-unavailable": {"revocations-unknown", "unavailable"},
    "token-invalid": {
        "malformed",
        "two-credentials",
        "too-large",
        "algorithm-not-allowed",
        "critical-header",
        "wrong-type",
        "wrong-issuer",
        "wrong-audience",
        "missing-claim",
        "malformed-claim",
        "too-long-lived",
        "not-yet-valid",
        "issued-in-future",
        "unknown-key",
        "bad-signature",
        "unknown-api-key",
    },
}
"""What operators are told, by what clients are told of the one provider that judges."""


def assert_accounted_for(told: dict[str, Any]) -> None:
    """A refusal of a credential has a reason, and nothing else has one."""
    credential, refusal = told["credential"], told.get("refusal")
    name = None if refusal is None else refusal["name"]
    if name not in REASONS or (name == "bad-request" and credential is None):
        assert credential is None or credential["tried"] == []
        return
    tried = {each["why"] for each in credential["tried"]}
    # A service's word is not known any better, and stands for all that clients can be told.
    assert tried == {"denied"} or tried & REASONS[name], (name, credential)
    assert all(each["detail"].endswith(".") for each in credential["tried"])


def text(fields: Fields) -> list[list[str]]:
    return [[part.decode("latin-1") for part in field] for field in fields]
