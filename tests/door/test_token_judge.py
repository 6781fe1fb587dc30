"""The model of token checks against PyJWT: the judge is judged before it is used."""

from __future__ import annotations

import pytest
from hypothesis import given, settings

from tests.door import judge
from tests.door.comparison import NOW
from tests.door.keys import PAIRS
from tests.door.model.authentication import claims
from tests.door.model.authentication.compact import take_apart
from tests.door.model.authentication.specification import Jwt
from tests.door.model.authentication.strict_json import UnfitError
from tests.door.strategies.tokens import Case, cases
from tests.door.tokens import mint


def model_accepts(case: Case) -> bool:
    """The model's own checks, without a gate around them."""
    try:
        token = take_apart(case.token)
        claims.check(token, case.rules, case.now)
    except (UnfitError, claims.InvalidTokenError):
        return False
    algorithm, key_id = str(token.header["alg"]), token.header.get("kid")
    return any(
        key.signed(algorithm, token.signing_input, token.signature)
        for key in case.keys
        if algorithm in key.algorithms and (key_id is None or key.id in {None, key_id})
    )


@settings(max_examples=150)
@given(cases())
def test_the_model_is_pyjwt_and_a_little_stricter(case: Case) -> None:
    judged = judge.accepts(case.token, case.keys, case.rules, case.now)
    if len(case.token) > 8192:
        return
    if model_accepts(case):
        assert judged or judge.is_within_a_second(case.token, case.rules, case.now)
        assert judge.strictness(case.token, case.rules, case.now) is None
    elif judged:
        assert judge.strictness(case.token, case.rules, case.now) is not None


@pytest.mark.parametrize(
    ("algorithm", "name"),
    [(algorithm, pair.name) for pair in PAIRS.values() for algorithm in pair.algorithms],
)
def test_every_algorithm(algorithm: str, name: str) -> None:
    token = mint({"exp": int(NOW) + 60}, name, algorithm)
    case = Case(Jwt(algorithms=(algorithm,)), (PAIRS[name].key(),), token)
    assert model_accepts(case)
    assert judge.accepts(case.token, case.keys, case.rules, case.now)
