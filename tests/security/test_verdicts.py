"""A verdict is about one credential, at one gate, for as long as it holds."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from pygateway._core import Forward, Reject, Unverified
from tests.security.door import Door
from tests.security.forging import (
    AUDIENCE,
    ISSUER,
    SHARED_KEY,
    Json,
    compact,
    ec_key,
    hmac_with,
    public_pem,
    signer,
)
from tests.support.client import request

if TYPE_CHECKING:
    from pygateway._core import Verdict

NOW = 1_800_000_000.0


def token(subject: str = "ada", key: str = "p256", **changes: object) -> str:
    payload: Json = {"iss": ISSUER, "aud": AUDIENCE, "sub": subject, "exp": NOW + 600, "jti": "t1"}
    return compact({"alg": "ES256"}, payload | changes, signer("ES256", ec_key(key)))


def make_door() -> Door:
    """Nothing is remembered here, so that the verdict alone decides."""
    told = {"issuer": ISSUER, "audiences": [AUDIENCE], "algorithms": ["ES256"]}
    providers = {
        "one": told | {"public_keys": [{"pem": public_pem(ec_key())}]},
        "two": told | {"public_keys": [{"pem": public_pem(ec_key("p256 two"))}]},
    }
    return Door(providers, cache={"ttl": "0s", "refused_ttl": "0s"})


@pytest.fixture
def door() -> Door:
    return make_door()


def head(text: str, place: str = "one") -> bytes:
    return request("GET", f"/{place}/a", f"Authorization: Bearer {text}")


def asked(door: Door, text: str, place: str = "one", now: float = NOW) -> Unverified:
    decision = door.gate.decide_head(head(text, place), door.peer, now)
    assert isinstance(decision, Unverified)
    return decision


def decide(
    door: Door, text: str, verdict: Verdict | None, place: str = "one", now: float = NOW
) -> str:
    decision = door.gate.decide_head(head(text, place), door.peer, now, verdict)
    if isinstance(decision, Forward):
        return f"forward for {decision.user}"
    return decision.reason if isinstance(decision, Reject) else type(decision).__name__


def test_a_verdict_opens_for_its_own_token(door: Door) -> None:
    verdict = door.gate.verify(asked(door, token()), NOW)
    assert (verdict.accepted, verdict.reason, verdict.subject) == (True, None, "ada")
    assert decide(door, token(), None) == "Unverified", "another signature is another token"


def test_a_verdict_is_about_those_very_bytes(door: Door) -> None:
    mine, other = token(), token("admin", key="p256 stranger")
    verdict = door.gate.verify(asked(door, mine), NOW)
    assert decide(door, mine, verdict) == "forward for ada"
    for text in (other, mine[:-1] + ("A" if mine[-1] != "A" else "Q"), token("bob")):
        assert decide(door, text, verdict) in {"Unverified", "token-invalid"}
    refusal = door.gate.verify(asked(door, other), NOW)
    assert (refusal.accepted, refusal.reason, refusal.subject) == (False, "token-invalid", None)
    assert decide(door, mine, refusal) == "Unverified"
    assert decide(door, other, refusal) == "token-invalid"


def test_a_verdict_is_about_one_provider(door: Door) -> None:
    mine = token()
    verdict = door.gate.verify(asked(door, mine), NOW)
    assert decide(door, mine, verdict, "two") == "Unverified"
    refusal = door.gate.verify(asked(door, mine, "two"), NOW)
    assert decide(door, mine, refusal, "two") == "token-invalid"
    assert decide(door, mine, refusal, "one") == "Unverified"


def test_a_verdict_is_of_one_gate(door: Door) -> None:
    mine, other = token(), make_door()
    unverified = asked(other, mine)
    verdict = other.gate.verify(unverified, NOW)
    assert decide(door, mine, verdict) == "Unverified"
    with pytest.raises(ValueError, match=r".+"):
        door.gate.verify(unverified, NOW)
    with pytest.raises(ValueError, match=r".+"):
        door.gate.deny(unverified, "token-invalid", NOW)


def test_a_verdict_ends_with_what_it_rests_on(door: Door) -> None:
    mine = token()
    verdict = door.gate.verify(asked(door, mine), NOW)
    assert decide(door, mine, verdict, now=NOW + 629) == "forward for ada"
    assert decide(door, mine, verdict, now=NOW + 631) == "token-expired"
    door.revoke(NOW, jti="t1")
    assert decide(door, mine, verdict) == "token-revoked"


def test_a_verdict_ends_with_its_key(door: Door) -> None:
    mine = token()
    verdict = door.gate.verify(asked(door, mine), NOW)
    door.gate.set_keys(0, [], False)
    assert decide(door, mine, verdict) == "token-invalid"


def test_what_expires_while_it_waits_is_not_admitted(door: Door) -> None:
    mine = token()
    unverified = asked(door, mine)
    late = door.gate.verify(unverified, NOW + 700)
    assert (late.accepted, late.reason) == (False, "token-expired")
    door.revoke(NOW, jti="t1")
    revoked = door.gate.verify(unverified, NOW)
    assert (revoked.accepted, revoked.reason) == (False, "token-revoked")


def test_a_key_that_leaves_while_a_token_waits_does_not_verify_it(door: Door) -> None:
    unverified = asked(door, token())
    door.gate.set_keys(0, [], False)
    verdict = door.gate.verify(unverified, NOW)
    assert (verdict.accepted, verdict.reason) == (False, "token-invalid")


def test_a_signature_is_nobody_elses_to_judge(door: Door) -> None:
    unverified = asked(door, token("admin", key="p256 stranger"))
    with pytest.raises(ValueError, match=r".+"):
        door.gate.admit(unverified, b'{"sub":"admin"}', NOW + 60, NOW)


@pytest.mark.parametrize("reason", ["", "internal", "overloaded", "nonsense", "route-not-found"])
def test_a_denial_is_about_the_credential(door: Door, reason: str) -> None:
    with pytest.raises(ValueError, match=r".+"):
        door.gate.deny(asked(door, token()), reason, NOW)


def test_nothing_is_remembered_where_nothing_may_be(door: Door) -> None:
    mine = token(iat=NOW)
    for _ in range(3):
        door.gate.verify(asked(door, mine), NOW)
        assert not door.is_remembered(mine, NOW, "one")


def test_a_secret_needs_no_verdict() -> None:
    door = Door({"main": {"issuer": ISSUER, "secrets": [{"value": SHARED_KEY}]}})
    text = compact({"alg": "HS256"}, {"iss": ISSUER, "exp": NOW + 60}, hmac_with(SHARED_KEY))
    assert door.ask(text, NOW) == "accepted"
    assert door.is_remembered(text, NOW)
