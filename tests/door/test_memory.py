"""What is remembered, what ends it, and what it may cost; one thing after the other."""

from __future__ import annotations

import hashlib
import hmac
import json

import pytest

from pygateway._core import Gate, Reject, Unverified
from tests.door.comparison import CLIENT, NOW, SEED
from tests.door.keys import PAIRS
from tests.door.model.authentication.revocation import Revocation
from tests.door.model.authentication.specification import (
    ApiKeys,
    Auth,
    Cache,
    HeaderSource,
    Jwt,
    Protection,
    Provider,
)
from tests.door.model.specification import Route, Specification
from tests.door.sequences import Asking, Conversation
from tests.door.tokens import mint

RULES = Jwt(algorithms=("ES256", "EdDSA", "HS256"), leeway=10.0)
ROUTES = (Route(auth=Protection()),)
KEY, OTHER = PAIRS["p256-a"], PAIRS["p256-b"]


def conversation(cache: Cache | None = None, when_stale: str = "allow") -> Conversation:
    auth = Auth(
        (Provider(kind=RULES),),
        cache=cache or Cache(ttl=100.0, refused_ttl=40.0),
        when_stale=when_stale,
    )
    talk = Conversation(Specification(routes=ROUTES, auth=auth))
    talk.set_keys(0, (KEY.key("k1"),), renewable=True)
    return talk


def asking(pair: str = "p256-a", **claims: object) -> Asking:
    token = mint({"exp": int(NOW) + 1000, **claims}, pair, "ES256", kid="k1")
    return Asking(b"/", [(b"Authorization", b"Bearer " + token)])


def answer(talk: Conversation, asked: Asking) -> str:
    """What the gate says now, which its model says too."""
    native, _ = talk.door.decide(asked.fields, now=talk.now, target=asked.target)
    if isinstance(native, Reject):
        return native.reason
    return native.kind if isinstance(native, Unverified) else "accepted"


def known(talk: Conversation, asked: Asking) -> Asking:
    """The gate has seen this one."""
    assert answer(talk, asked) == "signature"
    talk.visit(asked)
    assert answer(talk, asked) != "signature"
    return asked


def test_what_is_known_ends_with_its_time() -> None:
    talk = conversation()
    asked = known(talk, asking())
    talk.advance(99.75)
    assert answer(talk, asked) == "accepted"
    talk.advance(0.5)
    assert answer(talk, asked) == "signature"


def test_what_is_known_ends_with_the_token() -> None:
    talk = conversation()
    asked = known(talk, asking(exp=int(NOW) + 50))
    talk.advance(49.5)
    assert answer(talk, asked) == "accepted"
    talk.advance(10.5)
    assert answer(talk, asked) == "token-expired"


def test_a_token_that_expired_within_its_leeway_is_accepted() -> None:
    talk = conversation()
    asked = asking(exp=int(NOW) - 5)
    talk.visit(asked)
    assert "Forward" in talk.seen
    talk.advance(5)
    assert answer(talk, asked) == "token-expired"


def test_a_token_that_is_known_is_still_not_valid_before_its_time() -> None:
    """A clock may go back."""
    talk = conversation()
    asked = known(talk, asking(nbf=int(NOW), iat=int(NOW) - 20))
    talk.advance(-10)
    assert answer(talk, asked) == "accepted"
    talk.advance(-0.5)
    assert answer(talk, asked) == "token-invalid"


@pytest.mark.parametrize("renewable", [True, False])
def test_a_key_that_leaves_ends_its_tokens(renewable: bool) -> None:
    talk = conversation()
    asked = known(talk, asking())
    talk.set_keys(0, (OTHER.key("k2"),), renewable)
    assert answer(talk, asked) == ("key" if renewable else "token-invalid")


def test_a_key_that_stays_keeps_its_tokens() -> None:
    talk = conversation()
    asked = known(talk, asking())
    talk.set_keys(0, (OTHER.key("k1"), KEY.key("k1")), renewable=False)
    assert answer(talk, asked) == "accepted"


def test_a_key_of_the_same_id_and_another_material_is_another_key() -> None:
    talk = conversation()
    asked = known(talk, asking())
    talk.set_keys(0, (OTHER.key("k1"),), renewable=True)
    assert answer(talk, asked) == "signature"
    talk.visit(asked)
    assert answer(talk, asked) == "token-invalid"


def test_a_key_that_loses_its_algorithm_ends_its_tokens() -> None:
    pair = PAIRS["rsa-a"]
    rules = Jwt(algorithms=("RS256", "PS256"))
    talk = Conversation(Specification(routes=ROUTES, auth=Auth((Provider(kind=rules),))))
    talk.set_keys(0, (pair.key("k1"),), renewable=False)
    token = mint({"exp": int(NOW) + 1000}, "rsa-a", "PS256")
    asked = known(talk, Asking(b"/", [(b"Authorization", b"Bearer " + token)]))
    talk.set_keys(0, (pair.key("k1", "RS256"),), renewable=False)
    assert answer(talk, asked) == "token-invalid"


def test_a_refusal_is_known_for_its_time() -> None:
    talk = conversation()
    asked = known(talk, asking("p256-b"))
    talk.advance(39.75)
    assert answer(talk, asked) == "token-invalid"
    talk.advance(0.5)
    assert answer(talk, asked) == "signature"


def test_a_refusal_ends_when_the_keys_change() -> None:
    talk = conversation()
    asked = known(talk, asking("p256-b"))
    talk.set_keys(0, (KEY.key("k1"), OTHER.key("k1")), renewable=False)
    assert answer(talk, asked) == "signature"
    talk.visit(asked)
    assert answer(talk, asked) == "accepted"


def test_a_secret_that_comes_later_is_used_at_once() -> None:
    """Refusals of secrets are remembered as well, and end as well."""
    talk = conversation()
    token = mint({"exp": int(NOW) + 1000}, "secret-b", kid="s")
    asked = Asking(b"/", [(b"Authorization", b"Bearer " + token)])
    talk.set_keys(0, (PAIRS["secret-a"].key("s"),), renewable=False)
    assert answer(talk, asked) == answer(talk, asked) == "token-invalid"
    talk.set_keys(0, (PAIRS["secret-a"].key("s"), PAIRS["secret-b"].key("s")), renewable=False)
    assert answer(talk, asked) == "accepted"
    talk.set_keys(0, (PAIRS["secret-a"].key("s"),), renewable=False)
    assert answer(talk, asked) == "token-invalid"


def test_the_last_answer_about_a_credential_counts() -> None:
    """A key that was withdrawn while it was asked about twice must not stay accepted."""
    auth = Auth((Provider(kind=ApiKeys(remote=True), sources=(HeaderSource("X-API-Key"),)),))
    gate = Gate(Specification(routes=ROUTES, auth=auth).to_json(), SEED)
    gate.set_api_keys(0, bytes(32), [])
    fields, peer = [(b"Host", b"a.example"), (b"X-API-Key", b"key")], gate.peer(CLIENT, False)
    first, second = (gate.decide(b"GET", b"/", fields, peer, NOW) for _ in range(2))
    assert isinstance(first, Unverified)
    assert isinstance(second, Unverified)
    gate.admit(first, b'{"sub":"ada"}', NOW + 60, NOW)
    gate.deny(second, "token-invalid", NOW + 1, 60.0)
    last = gate.decide(b"GET", b"/", fields, peer, NOW + 2)
    assert isinstance(last, Reject)


def test_what_the_keys_of_before_refused_may_be_right_by_those_of_now() -> None:
    """The answer came after the keys had changed: it says nothing about a token of the new one."""
    rules = Jwt(algorithms=("ES256K",))
    gate = Gate(Specification(routes=ROUTES, auth=Auth((Provider(kind=rules),))).to_json(), SEED)
    token = mint({"exp": int(NOW) + 60}, "secp256k1-a", "ES256K")
    fields = [(b"Host", b"a.example"), (b"Authorization", b"Bearer " + token)]
    gate.set_keys(0, [("k", ["ES256K"], "external", b"before")], False)
    asked = gate.decide(b"GET", b"/", fields, gate.peer(CLIENT, False), NOW)
    assert isinstance(asked, Unverified)
    gate.set_keys(0, [("k", ["ES256K"], "external", b"now")], False)
    gate.deny(asked, "token-invalid", NOW, 60.0)
    again = gate.decide(b"GET", b"/", fields, gate.peer(CLIENT, False), NOW)
    assert isinstance(again, Unverified)
    assert again.key == b"now"


@pytest.mark.parametrize(
    ("entry", "taken"),
    [
        (Revocation(NOW + 9999, jti="t-1"), True),
        (Revocation(NOW + 9999, jti="t-1", issuer="https://idp.example"), True),
        (Revocation(NOW + 9999, jti="t-1", issuer="https://other.example"), False),
        (Revocation(NOW + 9999, jti="t-10"), False),
        (Revocation(NOW + 9999, jti="ada"), False),
        (Revocation(NOW + 9999, sub="ada", issued_before=NOW - 10), False),
        (Revocation(NOW + 9999, sub="ada", issued_before=NOW - 9.75), True),
        (Revocation(NOW + 9999, sub="t-1", issued_before=NOW), False),
        (Revocation(NOW + 9999, sub="ADA", issued_before=NOW), False),
        (Revocation(NOW + 9999, issued_before=NOW - 10), False),
        (Revocation(NOW + 9999, issued_before=NOW), True),
        (Revocation(NOW + 9999, issued_before=NOW, issuer="https://idp.example"), True),
        (Revocation(NOW + 9999, issued_before=NOW, issuer="main"), False),
    ],
)
@pytest.mark.parametrize("before", [True, False])
def test_revocations_take_what_they_name(entry: Revocation, taken: bool, before: bool) -> None:
    """Whether the token was known already or not."""
    talk = conversation()
    asked = asking(iss="https://idp.example", sub="ada", jti="t-1", iat=NOW - 10)
    if before:
        talk.revoke(lambda _: [entry])
        talk.visit(asked)
    else:
        known(talk, asked)
        talk.revoke(lambda _: [entry])
    assert answer(talk, asked) == ("token-revoked" if taken else "accepted")


def test_tokens_that_say_nothing_count_as_the_provider_s_and_as_old() -> None:
    talk = conversation()
    asked = known(talk, asking())
    talk.revoke(lambda now: [Revocation(now + 9, issued_before=1e-9, issuer="another")])
    assert answer(talk, asked) == "accepted"
    talk.revoke(lambda now: [Revocation(now + 9, issued_before=-1e300, issuer="main")])
    assert answer(talk, asked) == "token-revoked"


@pytest.mark.parametrize(
    ("claims", "not_before", "passes"),
    [
        (b"{}", 0.0, False),
        (b"{}", NOW - 30, False),
        (b"{}", NOW - 10, True),
        (json.dumps({"iat": NOW - 30}).encode(), NOW - 10, False),
        (json.dumps({"iat": NOW - 10}).encode(), 0.0, True),
    ],
)
def test_an_api_key_is_as_old_as_it_says_or_as_its_validity(
    claims: bytes, not_before: float, passes: bool
) -> None:
    """Otherwise a key that is made after everybody was logged out would be refused for years."""
    auth = Auth((Provider(kind=ApiKeys(), sources=(HeaderSource("X-API-Key"),)),))
    gate = Gate(Specification(routes=ROUTES, auth=auth).to_json(), SEED)
    key = (hmac.digest(bytes(32), b"key", hashlib.sha256), claims, not_before, NOW + 1000)
    gate.set_api_keys(0, bytes(32), [key])
    entry = {"issued_before": NOW - 20, "issuer": None, "expires": NOW + 1000}
    gate.revoke(json.dumps([entry]).encode(), NOW)
    fields = [(b"Host", b"a.example"), (b"X-API-Key", b"key")]
    decision = gate.decide(b"GET", b"/", fields, gate.peer(CLIENT, False), NOW)
    reason = decision.reason if isinstance(decision, Reject) else None
    assert reason == (None if passes else "token-revoked")


def test_a_feed_that_went_silent_closes_protected_routes_where_that_is_wanted() -> None:
    for when_stale, expected in (("deny", "auth-unavailable"), ("allow", "accepted")):
        talk = conversation(when_stale=when_stale)
        asked = known(talk, asking())
        talk.set_fresh_until(5)
        talk.advance(5)
        assert answer(talk, asked) == "accepted"
        talk.advance(0.25)
        assert answer(talk, asked) == expected
        talk.set_fresh_until(5)
        assert answer(talk, asked) == "accepted"


def small_gate(cache: Cache) -> Gate:
    auth = Auth((Provider(kind=RULES),), cache=cache)
    gate = Gate(Specification(routes=ROUTES, auth=auth).to_json(), SEED)
    gate.set_keys(0, [PAIRS["secret-a"].key().entry], False)
    return gate


def flooded(gate: Gate, pair: str, many: int) -> dict[str, dict[str, int]]:
    peer = gate.peer(CLIENT, False)
    for number in range(many):
        token = mint({"exp": int(NOW) + 1000, "sub": f"subject-{number}", "pad": "x" * 500}, pair)
        fields = [(b"Host", b"a.example"), (b"Authorization", b"Bearer " + token)]
        decision = gate.decide(b"GET", b"/", fields, peer, NOW)
        assert isinstance(decision, Reject) == (pair == "secret-b")
    statistics: dict[str, dict[str, int]] = json.loads(gate.auth_statistics())
    return statistics


def test_memory_is_bounded_whoever_floods_it() -> None:
    size = 200_000
    gate = small_gate(Cache(bytes=size, refused_bytes=size))
    refused = flooded(gate, "secret-b", 1500)
    assert refused["refusals"]["bytes"] <= size
    assert refused["tokens"]["entries"] == 0
    accepted = flooded(gate, "secret-a", 1500)
    assert accepted["tokens"]["bytes"] <= size
    assert accepted["tokens"]["evictions"] > 0
    assert 0 < accepted["tokens"]["entries"] < 1500
    assert accepted["outcomes"]["accepted"] == 1500
    assert accepted["outcomes"]["token-invalid"] == 1500


def entries(*numbers: int) -> bytes:
    return json.dumps(
        [{"jti": f"t-{number}", "issuer": None, "expires": NOW + 60} for number in numbers]
    ).encode()


def test_revocations_that_find_no_room_change_nothing() -> None:
    auth = Auth((Provider(kind=RULES),), revocations=3)
    gate = Gate(Specification(routes=ROUTES, auth=auth).to_json(), SEED)
    assert gate.revoke(entries(1, 2), NOW) == 2
    with pytest.raises(OverflowError):
        gate.revoke(entries(3, 4), NOW)
    assert len(json.loads(gate.revocations(NOW))) == 2
    assert gate.revoke(entries(2, 3), NOW) == 1
    assert gate.revoke(entries(1, 2, 3), NOW) == 0
    with pytest.raises(OverflowError):
        gate.revoke(entries(4), NOW + 59)
    assert gate.revoke(entries(4).replace(b"1790000060", b"1790000990"), NOW + 61) == 1
    assert len(json.loads(gate.revocations(NOW + 61))) == 1


@pytest.mark.parametrize(
    "text",
    [
        *(b"", b"{}", b"[1]", b"[{}]", b"null", b"[", b'[{"jti":"a"}]', b'[{"expires":1}]'),
        *(b'[{"jti":1,"expires":1}]', b'[{"jti":"a","expires":"1"}]', b'[{"sub":"a","expires":9}]'),
        *(b'[{"issued_before":null,"expires":9}]', b'[{"jti":"a","sub":"b","expires":9}]'),
        *(b'[{"jti":"a","expires":1e999}]', b'[{"jti":"a","expires":9,"unknown":1}]', b"\xff"),
        b'[{"jti":"a","expires":1e12},{"jti":2,"expires":1e12}]',
    ],
)
def test_malformed_revocations_change_nothing(text: bytes) -> None:
    auth = Auth((Provider(kind=RULES),))
    gate = Gate(Specification(routes=ROUTES, auth=auth).to_json(), SEED)
    with pytest.raises(ValueError, match=r".+"):
        gate.revoke(text, NOW)
    assert json.loads(gate.revocations(NOW)) == []
