"""Tokens of every kind and fault: the gate, its model and PyJWT say the same of them."""

from __future__ import annotations

import pytest
from hypothesis import given, settings

from tests.door import judge
from tests.door.auth_comparison import AuthDoor
from tests.door.comparison import NOW
from tests.door.keys import NATIVE, PAIRS
from tests.door.model.authentication.specification import Auth, Jwt, Protection, Provider
from tests.door.model.specification import Route, Specification
from tests.door.strategies.tokens import PAIR_OF, Case, cases, single_faults
from tests.door.tokens import mint

PROTECTED = (Route(auth=Protection()),)


def door_for(case: Case) -> AuthDoor:
    provider = Provider(kind=case.rules)
    door = AuthDoor(Specification(routes=PROTECTED, auth=Auth((provider,))))
    door.set_keys(0, case.keys)
    return door


def compare_with_judge(case: Case) -> str | None:
    """All three of them; gives what the gate is stricter in, where it is."""
    accepted = door_for(case).accepts(case.token, case.now)
    judged = judge.accepts(case.token, case.keys, case.rules, case.now)
    if accepted:
        assert judged or judge.is_within_a_second(case.token, case.rules, case.now)
        assert judge.strictness(case.token, case.rules, case.now) is None
        return None
    if not judged:
        return None
    why = judge.strictness(case.token, case.rules, case.now)
    assert why is not None
    return why


@settings(max_examples=300)
@given(cases())
def test_the_gate_is_pyjwt_and_a_little_stricter(case: Case) -> None:
    compare_with_judge(case)


def test_every_fault_on_its_own() -> None:
    """And every way in which the gate is stricter is one that is met."""
    met = {compare_with_judge(case) for case in single_faults()} - {None}
    assert met == {*judge.MEANING, *(unfit.__name__ for unfit in judge.TEXT), *judge.SHAPE}


@settings(max_examples=60)
@given(cases())
def test_what_was_decided_once_is_decided_again(case: Case) -> None:
    """Memory changes how it is known, and never what."""
    door = door_for(case)
    assert len({door.accepts(case.token, case.now) for _ in range(3)}) == 1


@pytest.mark.parametrize("algorithm", NATIVE)
def test_every_algorithm_with_the_right_key_and_the_wrong_one(algorithm: str) -> None:
    right, wrong = (PAIRS[name] for name in PAIR_OF[algorithm])
    token = mint({"exp": int(NOW) + 60}, right.name, algorithm)
    rules = Jwt(algorithms=(algorithm,))
    assert door_for(Case(rules, (right.key(),), token)).accepts(token)
    assert door_for(Case(rules, (wrong.key(), right.key()), token)).accepts(token)
    assert not door_for(Case(rules, (wrong.key(),), token)).accepts(token)
    assert not door_for(Case(rules, (), token)).accepts(token)


@pytest.mark.parametrize("algorithm", NATIVE)
def test_a_key_is_bound_to_its_algorithms(algorithm: str) -> None:
    """The provider permits them all; the key does not."""
    for name in PAIR_OF[algorithm]:
        others = [other for other in PAIRS[name].algorithms if other != algorithm]
        token = mint({"exp": int(NOW) + 60}, name, algorithm)
        for other in others:
            case = Case(Jwt(algorithms=NATIVE), (PAIRS[name].key(None, other),), token)
            assert not door_for(case).accepts(token)


def test_sixteen_keys_are_tried_and_no_more() -> None:
    token = mint({"exp": int(NOW) + 60}, "ed25519-a", "EdDSA")
    wrong = tuple(PAIRS["ed25519-b"].key(f"k{number}") for number in range(16))
    right = PAIRS["ed25519-a"].key("last")
    rules = Jwt(algorithms=("EdDSA",))
    assert door_for(Case(rules, (*wrong[:15], right), token)).accepts(token)
    assert not door_for(Case(rules, (*wrong, right), token)).accepts(token)
    named = mint({"exp": int(NOW) + 60}, "ed25519-a", "EdDSA", kid="last")
    assert door_for(Case(rules, (*wrong, right), named)).accepts(named)
