"""What a gate says that it would do is what it does, and saying so leaves no trace."""

from __future__ import annotations

import json
import os
from dataclasses import replace
from typing import cast

from hypothesis import given, settings
from hypothesis import strategies as st

from pygateway._core import Arena, Forward, Gate, Unfunded, Unverified
from tests.door.auth_comparison import AuthDoor
from tests.door.comparison import CLIENT, NOW, SEED, Door
from tests.door.keys import PAIRS
from tests.door.limit_comparison import Visit
from tests.door.model.authentication.compact import decoded
from tests.door.model.rate_limits.specification import Applied, Policy, Size
from tests.door.model.specification import Route, Specification
from tests.door.model.verdict import Fields
from tests.door.rehearsal import RehearsingGate, assert_same
from tests.door.strategies.rate_limits import CROWDS, POLICIES, STRICT, clients, specifications
from tests.door.strategies.requests import TRUSTED_NETWORKS, any_fields
from tests.door.strategies.sequences import EXTERNAL, EXTERNAL_RINGS, SECRETS, TOKENS, Step, steps
from tests.door.strategies.sequences import specification as with_providers
from tests.door.test_auth_sequences import conversation
from tests.door.test_rate_limits import LOCAL_STEPS, STORE_STEPS, history, many
from tests.door.test_rate_limits import Step as LimitStep
from tests.door.test_robustness import SPECIFICATION, any_targets, methods

HOST = (b"Host", b"a.example")


def rehearsing(door: Door) -> RehearsingGate:
    """Have a door rehearse everything."""
    gate = RehearsingGate(door.native)
    door.native = cast("Gate", gate)
    return gate


@settings(max_examples=300)
@given(methods(), any_targets(), any_fields(), st.sampled_from([CLIENT, "10.0.0.1", ""]))
def test_every_request_is_rehearsed_as_it_is_decided(
    method: bytes, target: bytes, fields: Fields, address: str
) -> None:
    door = Door(SPECIFICATION)
    gate = rehearsing(door)
    door.ask(method, target, [HOST, *fields], address=address)
    assert sum(gate.compared.values()) == 1


@settings(max_examples=200)
@given(st.sampled_from(["allow", "deny"]), steps())
def test_credentials_are_rehearsed_as_they_are_decided(when_stale: str, taken: list[Step]) -> None:
    talk = conversation(when_stale)
    rehearsing(talk.door)
    for step in taken:
        step(talk)


@settings(max_examples=150)
@given(specifications(POLICIES, POLICIES, CROWDS), clients(), many(LOCAL_STEPS))
def test_limits_of_a_machine_are_rehearsed_as_they_are_decided(
    specification: Specification, some: list[Visit], steps: list[LimitStep]
) -> None:
    taken = history(specification, some)
    rehearsing(taken.door)
    for one in steps:
        one(taken)
    taken.finish()


@settings(max_examples=150)
@given(specifications(STRICT, STRICT, POLICIES), clients(), many(STORE_STEPS))
def test_limits_of_a_store_are_rehearsed_as_they_are_decided(
    specification: Specification, some: list[Visit], steps: list[LimitStep]
) -> None:
    taken = history(specification, some)
    rehearsing(taken.door)
    taken.set_store(True, 1)
    for one in steps:
        one(taken)
    taken.finish()


def test_a_rehearsal_charges_nothing() -> None:
    policy = Policy("one", window=Size(1, 60_000))
    door = Door(
        Specification(
            routes=(Route("a", rate_limits=(Applied(0, 1),)),),
            rate_limits=(policy,),
            trusted_proxies=TRUSTED_NETWORKS,
        )
    )
    peer = door.native.peer(CLIENT, False)

    def rehearsed() -> dict[str, object]:
        text, _ = door.native.rehearse(b"GET", b"/", [HOST], peer, NOW)
        (limit,) = json.loads(text)["limits"]
        return dict(limit)

    for _ in range(3):
        assert (rehearsed()["verdict"], rehearsed()["remaining"]) == ("admitted", 0)
    assert isinstance(door.ask(b"GET", b"/", [HOST]), Forward)
    assert rehearsed()["verdict"] == "refused"
    assert rehearsed()["retry_seconds"] == 60.0 - NOW % 60 + 60.0


def test_what_the_store_has_handed_out_is_seen_and_not_spent() -> None:
    policy = Policy("one", window=Size(10, 60_000), mode="leased")
    door = Door(
        Specification(
            routes=(Route("a", rate_limits=(Applied(0, 1),)),),
            rate_limits=(policy,),
            trusted_proxies=TRUSTED_NETWORKS,
        )
    )
    gate = rehearsing(door)
    gate.set_store(True, 1, 1)
    asked = door.ask(b"GET", b"/", [HOST])
    assert isinstance(asked, Unfunded)
    until_ms = int(60_000 - NOW * 1000 % 60_000)
    granted = (3, 7, int(NOW * 1000) // 60_000, until_ms, 0)
    peer = gate.peer(CLIENT, False)
    funding = gate.fund(asked, [granted], NOW, NOW)
    assert isinstance(gate.decide(b"GET", b"/", [HOST], peer, NOW, 11, None, funding), Forward)
    told = [gate.rehearse(b"GET", b"/", [HOST], peer, NOW)["limits"][0] for _ in range(3)]
    assert [(each["verdict"], each["remaining"]) for each in told] == [("admitted", 8)] * 3
    for _ in range(2):
        assert isinstance(door.ask(b"GET", b"/", [HOST]), Forward)
    assert isinstance(door.ask(b"GET", b"/", [HOST]), Unfunded)
    gate.set_store(False, 1, 1)
    assert isinstance(door.ask(b"GET", b"/", [HOST]), Forward)
    assert gate.compared == {"unfunded": 2, "forward": 3}


def test_nothing_of_a_rehearsal_is_counted() -> None:
    """Neither for this worker nor for all of them."""
    specification = with_providers("allow")
    policy = Policy("one", window=Size(1, 60_000), concurrency=1)
    routes = tuple(replace(each, rate_limits=(Applied(0, 1),)) for each in specification.routes)
    limited = replace(specification, routes=routes, rate_limits=(policy,))
    descriptor = os.memfd_create("table")
    try:
        arena = Arena.create(descriptor, 1024)
    finally:
        os.close(descriptor)
    gate = Gate(limited.to_json(), SEED, arena)
    gate.set_keys(SECRETS, [PAIRS["secret-a"].key("s1").entry], False)
    peer = gate.peer(CLIENT, False)
    before = arena.measurements(), gate.auth_statistics(), gate.limit_statistics()
    outcomes = set()
    for target in (b"/all", b"/open", b"/scoped", b"/nowhere", b"/keys", b"/optional"):
        for token in (TOKENS[7], TOKENS[8], b"nonsense"):
            fields = [HOST, (b"Authorization", b"Bearer " + token)]
            text, _ = gate.rehearse(b"GET", target, fields, peer, NOW)
            outcomes.add(json.loads(text)["outcome"])
    assert outcomes == {"forward", "reject"}
    assert (arena.measurements(), gate.auth_statistics(), gate.limit_statistics()) == before


def test_a_signature_that_only_others_can_check() -> None:
    door = AuthDoor(with_providers("allow"))
    door.set_keys(EXTERNAL, EXTERNAL_RINGS[0])
    peer = door.native.peer(CLIENT, False)
    fields = [HOST, (b"Authorization", b"Bearer " + TOKENS[9])]
    question = (b"GET", b"/all", fields, peer, NOW)
    text, unverified = door.native.rehearse(*question)
    assert json.loads(text)["credential"]["open"] == "external"
    assert unverified is not None
    before = door.native.auth_statistics()
    claims = decoded(TOKENS[9].split(b".")[1])
    right, _ = door.native.rehearse(*question, unverified, claims)
    wrong, _ = door.native.rehearse(*question, unverified, None)
    assert door.native.auth_statistics() == before
    assert json.loads(right)["credential"]["subject"] == "ada"
    assert json.loads(wrong)["refusal"]["name"] == "token-invalid"
    asked = door.native.decide(*question)
    assert isinstance(asked, Unverified), "nothing was remembered"
    verdict = door.native.admit(asked, claims, NOW + 60, NOW)
    assert_same(json.loads(right), door.native.decide(*question, 11, verdict))


def test_a_key_that_is_not_known_is_not_asked_for() -> None:
    door = AuthDoor(with_providers("allow"))
    door.set_keys(0, [PAIRS["ed25519-b"].key("k3")], renewable=True)
    peer = door.native.peer(CLIENT, False)
    fields = [HOST, (b"Authorization", b"Bearer " + TOKENS[0])]
    text, unverified = door.native.rehearse(b"GET", b"/main", fields, peer, NOW)
    told = json.loads(text)
    assert told["outcome"] == "unverified"
    assert told["credential"].pop("tried") == []
    assert told["credential"].pop("says")["key_id"] == "k1"
    assert told["credential"] == {
        "verdict": "unverified",
        "open": "key",
        "provider": "main",
        "algorithm": "RS256",
        "key_id": "k1",
    }
    assert unverified is not None
