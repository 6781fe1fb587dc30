"""Why a token is refused, as operators are told: what is said of it is true of it.

The tokens are those of the checks themselves, and what is true of them is found by the model.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from contextlib import suppress
from dataclasses import replace
from typing import Any

from hypothesis import given, settings

from tests.door.auth_comparison import AuthDoor
from tests.door.comparison import CLIENT
from tests.door.keys import PAIRS
from tests.door.model.authentication.claims import (
    InvalidTokenError,
    check_claims,
    has_audience,
    has_issuer,
    media_type,
)
from tests.door.model.authentication.compact import Token, take_apart
from tests.door.model.authentication.ring import Ring
from tests.door.model.authentication.specification import Auth, Jwt, Protection, Provider, Rule
from tests.door.model.authentication.strict_json import UnfitError
from tests.door.model.specification import Route, Specification
from tests.door.strategies.faults import ISSUER, OTHER_ISSUER
from tests.door.strategies.tokens import Case, cases, single_faults
from tests.door.tokens import mint

HOST = (b"Host", b"a.example")
RULES = Jwt(ISSUER, ("api",), ("HS256",), leeway=30.0)
SECRET = PAIRS["secret-a"]


def door_for(case: Case, protection: Protection | None = None) -> AuthDoor:
    route = Route(auth=protection or Protection())
    door = AuthDoor(Specification(routes=(route,), auth=Auth((Provider(kind=case.rules),))))
    door.set_keys(0, case.keys)
    return door


def rehearse(door: AuthDoor, now: float, *fields: tuple[bytes, bytes]) -> dict[str, Any]:
    peer = door.native.peer(CLIENT, False)
    text, _ = door.native.rehearse(b"GET", b"/", [HOST, *fields], peer, now)
    told: dict[str, Any] = json.loads(text)
    return told


def credential_of(case: Case, door: AuthDoor | None = None) -> dict[str, Any]:
    bearer = (b"Authorization", b"Bearer " + case.token)
    told: dict[str, Any] = rehearse(door or door_for(case), case.now, bearer)["credential"]
    return told


def expires(token: Token) -> float:
    value = token.payload["exp"]
    assert isinstance(value, (int, float))
    return value


def fitting(token: Token, case: Case) -> list[bool]:
    """Whether the signature is that of each key which could have made it."""
    algorithm, key_id = token.header["alg"], token.header.get("kid")
    assert isinstance(algorithm, str)
    assert key_id is None or isinstance(key_id, str)
    keys = Ring(case.keys).candidates(key_id, algorithm)
    return [key.signed(algorithm, token.signing_input, token.signature) for key in keys]


def has_type(token: Token, rules: Jwt) -> bool:
    given = token.header.get("typ")
    return isinstance(given, str) and media_type(given) in set(map(media_type, rules.types))


def is_malformed(token: Token) -> bool:
    """Of those that can be taken apart: where the key id is none, or the algorithm no text."""
    key_id = token.header.get("kid", "")
    is_id = isinstance(key_id, str) and len(key_id.encode()) <= 256
    return not is_id or not isinstance(token.header.get("alg"), str)


def has_odd_claim(token: Token) -> bool:
    times = (token.payload[name] for name in ("exp", "nbf", "iat") if name in token.payload)
    names = (token.payload[name] for name in ("sub", "jti") if name in token.payload)
    return any(isinstance(time, bool) or not isinstance(time, (int, float)) for time in times) or (
        any(not isinstance(name, str) or len(name.encode()) > 1024 for name in names)
    )


def latest(case: Case) -> float:
    return case.now + case.rules.leeway


def is_later(token: Token, name: str, case: Case) -> bool:
    value = token.payload[name]
    assert isinstance(value, (int, float))
    return value > latest(case)


def is_issuer(token: Token, rules: Jwt) -> bool:
    return isinstance(token.payload.get("iss", ""), str) and has_issuer(token.payload, rules)


TRUE: dict[str, Callable[[Token, Case], bool]] = {
    "malformed": lambda token, case: is_malformed(token),
    "algorithm-not-allowed": lambda token, case: (
        token.header.get("alg") not in case.rules.algorithms
    ),
    "critical-header": lambda token, case: bool({"crit", "b64", "zip"} & token.header.keys()),
    "wrong-type": lambda token, case: not has_type(token, case.rules),
    "wrong-issuer": lambda token, case: not is_issuer(token, case.rules),
    "wrong-audience": lambda token, case: not has_audience(token.payload, case.rules),
    "missing-claim": lambda token, case: any(
        token.payload.get(name) is None for name in ("exp", *case.rules.required_claims)
    ),
    "malformed-claim": lambda token, case: has_odd_claim(token),
    "expired": lambda token, case: expires(token) <= case.now - case.rules.leeway,
    "too-long-lived": lambda token, case: expires(token) > latest(case) + case.rules.longest_life,
    "not-yet-valid": lambda token, case: is_later(token, "nbf", case),
    "issued-in-future": lambda token, case: is_later(token, "iat", case),
    "unknown-key": lambda token, case: not fitting(token, case),
    "bad-signature": lambda token, case: (
        fitting(token, case) != [] and not any(fitting(token, case))
    ),
}
"""What has to be so where a word is said of a token that can be taken apart."""


def reason(case: Case) -> str | None:
    """The word for a token, once it is found to be true."""
    credential = credential_of(case)
    if credential["verdict"] == "accepted":
        assert credential["tried"] == []
        assert credential["provider"] == "main"
        return None
    (tried,) = credential["tried"]
    assert tried["provider"] == "main"
    why = str(tried["why"])
    if credential["verdict"] == "token-expired":
        assert why == "expired"
    if why in {"too-large", "two-credentials"}:
        return why
    try:
        token = take_apart(case.token)
    except UnfitError:
        # What stands there may not even be a credential. The header alone says enough, if it can
        # be read.
        assert why in {"malformed", "algorithm-not-allowed", "critical-header"}
        return why
    assert TRUE[why](token, case), (why, token)
    if why in {"unknown-key", "bad-signature"}:
        return why
    with suppress(InvalidTokenError):
        check_claims(token.payload, case.rules, case.now)
        assert why in {"malformed", "algorithm-not-allowed", "critical-header", "wrong-type"}
    return why


def named(case: Case) -> Case:
    """With keys that all have an id, so that one can be unknown."""
    return replace(case, keys=tuple(replace(key, id=key.id or "k1") for key in case.keys))


@settings(max_examples=300)
@given(cases())
def test_a_reason_is_true(case: Case) -> None:
    reason(case)


def test_every_fault_on_its_own_has_its_reason() -> None:
    """And there is no reason that none has."""
    found = {reason(each) for case in single_faults() for each in (case, named(case))}
    assert found == {None, *TRUE, "too-large"}


def minted(**changes: object) -> bytes:
    claims = {"iss": ISSUER, "aud": "api", "exp": int(CASE_NOW) + 60, "sub": "ada"}
    return mint({**claims, **changes}, SECRET.name, "HS256", kid="k1")


CASE_NOW = Case(RULES, (), b"").now


def test_what_a_token_says_is_told_but_not_its_signature() -> None:
    token = minted(aud=["web", "x"], jti="7")
    credential = credential_of(Case(RULES, (SECRET.key("k1"),), token))
    assert credential["verdict"] == "token-invalid"
    (tried,) = credential["tried"]
    assert tried["why"] == "wrong-audience"
    assert tried["detail"].endswith('That is "api".')
    assert credential["says"] == {
        "issuer": ISSUER,
        "audience": ["web", "x"],
        "subject": "ada",
        "token_id": "7",
        "key_id": "k1",
        "algorithm": "HS256",
        "type": "JWT",
        "issued_at": None,
        "not_before": None,
        "expires": int(CASE_NOW) + 60,
    }
    text = json.dumps(credential)
    assert not any(part.decode() in text for part in token.split(b"."))


def test_a_key_that_is_unknown_is_told_with_those_that_are_known() -> None:
    case = Case(RULES, (SECRET.key("a"), SECRET.key("b")), minted())
    (tried,) = credential_of(case)["tried"]
    assert tried["why"] == "unknown-key"
    assert tried["detail"].endswith('It has "a", "b".')


def test_where_a_credential_is_looked_for() -> None:
    door = door_for(Case(RULES, (), b""))
    (tried,) = rehearse(door, CASE_NOW)["credential"]["tried"]
    assert tried["why"] == "credential-missing"
    assert "Authorization with the scheme Bearer" in tried["detail"]


def test_two_credentials() -> None:
    door = door_for(Case(RULES, (SECRET.key("k1"),), b""))
    bearer = (b"Authorization", b"Bearer " + minted())
    told = rehearse(door, CASE_NOW, bearer, bearer)
    assert told["refusal"]["name"] == told["credential"]["verdict"] == "bad-request"
    assert [each["why"] for each in told["credential"]["tried"]] == ["two-credentials"]


def test_a_rule_that_is_not_met_is_told_with_what_is_granted() -> None:
    case = Case(RULES, (SECRET.key("k1"),), minted(scope="a c"))
    door = door_for(case, Protection(rule=Rule(all_scopes=("a", "b"), any_roles=("admin",))))
    credential = credential_of(case, door)
    assert (credential["verdict"], credential["provider"]) == ("insufficient-scope", "main")
    (tried,) = credential["tried"]
    assert tried["why"] == "rule-not-met"
    assert 'all of the scopes "a", "b"; it grants "a", "c".' in tried["detail"]
    assert 'one of the roles "admin"; it grants none.' in tried["detail"]


def test_every_provider_of_a_route_says_why_not() -> None:
    """The one that judges, and those that leave it to that one."""
    others = (
        Jwt(OTHER_ISSUER, ("api",), ("HS256",)),
        Jwt(ISSUER, ("web",), ("HS256",)),
        RULES,
        RULES,
    )
    names = ("foreign", "web", "first", "second")
    providers = tuple(Provider(name, kind=kind) for name, kind in zip(names, others, strict=True))
    protection = Protection(providers=(0, 1, 2, 3))
    door = AuthDoor(Specification(routes=(Route(auth=protection),), auth=Auth(providers)))
    door.set_keys(2, (PAIRS["secret-b"].key("k1"),))
    door.set_keys(3, (SECRET.key("k1"),))
    credential = credential_of(Case(RULES, (), minted()), door)
    assert {each["provider"]: each["why"] for each in credential["tried"]} == {
        "foreign": "wrong-issuer",
        "web": "wrong-audience",
        "first": "bad-signature",
        "second": "passed-over",
    }
