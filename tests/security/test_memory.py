"""What is remembered of a token ends with its time, its key, and its revocation.

At the door, where time is passed in.
"""

from __future__ import annotations

import pytest

from pygateway.config.key_material import public_key_material
from tests.security.door import ACCEPTED, Door
from tests.security.forging import (
    AUDIENCE,
    ISSUER,
    P256_ORDER,
    SHARED_KEY,
    Json,
    b64,
    compact,
    ec_key,
    hmac_with,
    public_pem,
    rsa_key,
    signer,
    unb64,
)

NOW = 1_800_000_000.0


def payload(**changes: object) -> Json:
    made = {"iss": ISSUER, "aud": AUDIENCE, "sub": "ada", "iat": NOW - 10, "exp": NOW + 600}
    return {name: value for name, value in (made | changes).items() if value is not None}


def hs(**changes: object) -> str:
    return compact({"alg": "HS256"}, payload(**changes), hmac_with(SHARED_KEY))


def es(**changes: object) -> str:
    return compact({"alg": "ES256"}, payload(**changes), signer("ES256", ec_key()))


MAKERS = {"shared": hs, "public": es}


@pytest.fixture
def door() -> Door:
    told = {"issuer": ISSUER, "audiences": [AUDIENCE], "leeway": "30s"}
    return Door(
        {
            "shared": told | {"secrets": [{"value": SHARED_KEY}]},
            "public": told
            | {"public_keys": [{"pem": public_pem(ec_key())}], "algorithms": ["ES256", "RS256"]},
        }
    )


def material(
    key_id: str | None, key: object, algorithm: str
) -> tuple[str | None, list[str], str, bytes]:
    return public_key_material(key_id, key, [algorithm])


# --- time -----------------------------------------------------------------------------------------


@pytest.mark.parametrize("place", MAKERS)
def test_a_remembered_token_expires_to_the_second(door: Door, place: str) -> None:
    token = MAKERS[place]()
    assert door.ask(token, NOW, place) == ACCEPTED
    assert door.is_remembered(token, NOW, place)
    assert door.ask(token, NOW + 600, place) == ACCEPTED
    assert door.ask(token, NOW + 629.9, place) == ACCEPTED
    # `exp` says on or after which it must not be accepted (RFC 7519 section 4.1.4).
    assert door.ask(token, NOW + 630, place) == "token-expired"
    assert door.ask(token, NOW + 1e6, place) == "token-expired"


@pytest.mark.parametrize("place", MAKERS)
def test_expiry_ends_what_was_remembered_and_not_the_other_way_round(
    door: Door, place: str
) -> None:
    """Longer than the cache's own bound: looked at again, with the same result."""
    token = MAKERS[place](exp=NOW + 86_400)
    for later in (0, 299, 301, 3600, 86_000, 86_429):
        assert door.ask(token, NOW + later, place) == ACCEPTED
    assert door.ask(token, NOW + 86_430, place) == "token-expired"


@pytest.mark.parametrize("place", MAKERS)
def test_a_token_before_its_time_is_refused_and_then_accepted(door: Door, place: str) -> None:
    token = MAKERS[place](nbf=NOW + 100)
    assert door.ask(token, NOW, place) == "token-invalid"
    assert door.ask(token, NOW + 69, place) == "token-invalid"
    assert door.ask(token, NOW + 70, place) == ACCEPTED
    # A clock that is set back takes the acceptance with it, remembered or not.
    assert door.ask(token, NOW, place) == "token-invalid"


@pytest.mark.parametrize("place", MAKERS)
def test_a_token_from_the_future_waits(door: Door, place: str) -> None:
    token = MAKERS[place](iat=NOW + 100)
    assert door.ask(token, NOW, place) == "token-invalid"
    assert door.ask(token, NOW + 70, place) == ACCEPTED


def test_an_expired_token_is_called_expired_only_where_it_was_ours(door: Door) -> None:
    """Otherwise anyone could learn which claims would have been right."""
    expired = payload(exp=NOW - 100)
    for wrong in (
        compact({"alg": "HS256"}, expired | {"iss": "https://other"}, hmac_with(SHARED_KEY)),
        compact({"alg": "HS256"}, expired | {"aud": "other"}, hmac_with(SHARED_KEY)),
        compact({"alg": "none"}, expired, lambda _: b""),
    ):
        assert door.ask(wrong, NOW, "shared") == "token-invalid"


# --- keys -----------------------------------------------------------------------------------------


def test_a_key_that_leaves_takes_its_tokens_along(door: Door) -> None:
    old, new = ec_key("p256 old"), ec_key("p256 new")
    tokens = {
        name: compact({"alg": "ES256", "kid": name}, payload(), signer("ES256", key))
        for name, key in (("old", old), ("new", new))
    }
    public = door.index["public"]

    def publish(*names: str) -> None:
        keys = [material(n, {"old": old, "new": new}[n].public_key(), "ES256") for n in names]
        door.gate.set_keys(public, keys, False)

    publish("old", "new")
    for token in tokens.values():
        assert door.ask(token, NOW, "public") == ACCEPTED
        assert door.is_remembered(token, NOW, "public")
    publish("new")
    assert door.ask(tokens["old"], NOW, "public") == "token-invalid"
    assert door.is_remembered(tokens["new"], NOW, "public"), "the other key has stayed"
    assert door.ask(tokens["new"], NOW, "public") == ACCEPTED
    publish("new", "old")
    assert door.ask(tokens["old"], NOW, "public") == ACCEPTED
    publish()
    for token in tokens.values():
        assert door.ask(token, NOW, "public") == "token-invalid"


def test_a_secret_that_leaves_takes_its_tokens_along(door: Door) -> None:
    shared = door.index["shared"]
    token = hs()
    assert door.ask(token, NOW, "shared") == ACCEPTED
    door.gate.set_keys(shared, [(None, ["HS256"], "hmac", b"another secret" * 4)], False)
    assert door.ask(token, NOW, "shared") == "token-invalid"
    door.gate.set_keys(shared, [(None, ["HS256"], "hmac", SHARED_KEY.encode())], False)
    assert door.ask(token, NOW, "shared") == ACCEPTED


def test_an_id_that_gets_another_key_does_not_keep_the_old_ones_tokens(door: Door) -> None:
    first, second = ec_key("p256 first"), ec_key("p256 second")
    public = door.index["public"]
    token = compact({"alg": "ES256", "kid": "k"}, payload(), signer("ES256", first))
    door.gate.set_keys(public, [material("k", first.public_key(), "ES256")], False)
    assert door.ask(token, NOW, "public") == ACCEPTED
    door.gate.set_keys(public, [material("k", second.public_key(), "ES256")], False)
    assert door.ask(token, NOW, "public") == "token-invalid"


def test_a_key_that_changes_its_algorithm_ends_what_it_signed(door: Door) -> None:
    public, key = door.index["public"], rsa_key().public_key()
    token = compact({"alg": "RS256"}, payload(), signer("RS256", rsa_key()))
    door.gate.set_keys(public, [material(None, key, "RS256")], False)
    assert door.ask(token, NOW, "public") == ACCEPTED
    # The same material for another use is another key.
    door.gate.set_keys(public, [(None, ["ES256"], "p256", point())], False)
    assert door.ask(token, NOW, "public") == "token-invalid"


def point() -> bytes:
    return material(None, ec_key().public_key(), "ES256")[3]


def test_a_refusal_is_void_as_soon_as_the_right_key_is_there(door: Door) -> None:
    """A token may come before the gateway has heard of its key."""
    late = ec_key("p256 late")
    public = door.index["public"]
    token = compact({"alg": "ES256"}, payload(), signer("ES256", late))
    assert door.ask(token, NOW, "public") == "token-invalid"
    assert door.ask(token, NOW, "public") == "token-invalid"
    keys = [material(None, key.public_key(), "ES256") for key in (ec_key(), late)]
    door.gate.set_keys(public, keys, False)
    assert door.ask(token, NOW, "public") == ACCEPTED


# --- revocation -----------------------------------------------------------------------------------


@pytest.mark.parametrize("place", MAKERS)
@pytest.mark.parametrize(
    "entry",
    [
        {"jti": "t1"},
        {"jti": "t1", "issuer": ISSUER},
        {"sub": "ada", "issued_before": NOW},
        {"sub": "ada", "issuer": ISSUER, "issued_before": NOW},
        {"issued_before": NOW},
        {"issued_before": NOW, "issuer": ISSUER},
    ],
)
def test_a_revocation_ends_a_remembered_token(door: Door, place: str, entry: Json) -> None:
    token, other = MAKERS[place](jti="t1"), MAKERS[place](jti="t2", sub="bob", iat=NOW)
    for one in (token, other):
        assert door.ask(one, NOW, place) == ACCEPTED
        assert door.is_remembered(one, NOW, place)
    assert door.revoke(NOW, **entry) == 1
    assert door.ask(token, NOW, place) == "token-revoked"
    assert door.ask(token, NOW + 500, place) == "token-revoked"
    # Issued at the very second, by somebody else, with another id.
    assert door.ask(other, NOW, place) == ACCEPTED
    assert door.revoke(NOW, **entry) == 0, "the same again is nothing new"


@pytest.mark.parametrize("place", MAKERS)
def test_a_token_may_be_revoked_before_it_is_seen(door: Door, place: str) -> None:
    door.revoke(NOW, jti="t1")
    assert door.ask(MAKERS[place](jti="t1"), NOW, place) == "token-revoked"
    assert door.ask(MAKERS[place](jti="t2"), NOW, place) == ACCEPTED


@pytest.mark.parametrize(
    "entry",
    [
        {"jti": "t1", "issuer": "https://other.test"},
        {"jti": "T1"},
        {"jti": "t1 "},
        {"jti": "ada"},
        {"sub": "t1", "issued_before": NOW},
        {"sub": "ada", "issuer": "https://other.test", "issued_before": NOW},
        {"sub": "ada", "issued_before": NOW - 10},
        {"issued_before": NOW - 10},
        {"issued_before": NOW, "issuer": "https://other.test"},
    ],
)
def test_a_revocation_means_no_other_token(door: Door, entry: Json) -> None:
    for place, make in MAKERS.items():
        token = make(jti="t1")
        assert door.ask(token, NOW, place) == ACCEPTED
        door.revoke(NOW, **entry)
        assert door.ask(token, NOW, place) == ACCEPTED


def test_a_token_that_does_not_say_when_it_was_issued_was_issued_before(door: Door) -> None:
    token = hs(iat=None)
    assert door.ask(token, NOW) == ACCEPTED
    door.revoke(NOW, issued_before=1)
    assert door.ask(token, NOW) == "token-revoked"


def test_a_revoked_token_that_has_expired_is_one_or_the_other(door: Door) -> None:
    token = hs(jti="t1")
    door.revoke(NOW, jti="t1")
    assert door.ask(token, NOW + 1000) in {"token-expired", "token-revoked"}


def test_the_other_form_of_a_signature_is_revoked_with_it(door: Door) -> None:
    """With (r, s) also (r, n - s) verifies; a token is its `jti`, and not its bytes."""
    token = es(jti="t1")
    signature = unb64(token.rpartition(".")[2])
    s = int.from_bytes(signature[32:], "big")
    mirrored = signature[:32] + (P256_ORDER - s).to_bytes(32, "big")
    other = f"{token.rpartition('.')[0]}.{b64(mirrored)}"
    assert door.ask(token, NOW, "public") == ACCEPTED
    assert door.ask(other, NOW, "public") == ACCEPTED
    door.revoke(NOW, jti="t1")
    assert door.ask(token, NOW, "public") == "token-revoked"
    assert door.ask(other, NOW, "public") == "token-revoked"


@pytest.mark.parametrize(
    "raw",
    [b"", b"{}", b"null", b"[1]", b"[{}]", b'[{"jti":1,"expires":1}]', b'[{"jti":"a"}]', b"[[]]",
     b'[{"jti":"a","expires":"x"}]', b'[{"jti":"a","jti":"b","expires":1e10}]', b"[",
     b'[{"sub":"a","expires":1e10}]', b'[{"issued_before":null,"expires":1e10}]',
     b'[{"jti":"a","expires":1e400}]', b'[{"jti":"a","unknown":1,"expires":1e10}]'],
)  # fmt: skip
def test_a_malformed_revocation_changes_nothing(door: Door, raw: bytes) -> None:
    with pytest.raises(ValueError, match=r".+"):
        door.gate.revoke(raw, NOW)
    assert door.ask(hs(jti="a"), NOW) == ACCEPTED


def test_a_list_with_one_bad_entry_is_applied_not_at_all(door: Door) -> None:
    good = b'{"jti":"t1","expires":1e10}'
    with pytest.raises(ValueError, match=r".+"):
        door.gate.revoke(b"[" + good + b',{"jti":7}]', NOW)
    assert door.ask(hs(jti="t1"), NOW) == ACCEPTED


def test_a_list_that_does_not_fit_is_applied_not_at_all() -> None:
    told = {"issuer": ISSUER, "audiences": [AUDIENCE], "secrets": [{"value": SHARED_KEY}]}
    door = Door({"main": told}, revocation={"entries": 2})
    assert door.revoke(NOW, jti="a") == 1
    two = b'[{"jti":"b","expires":1900000000},{"jti":"c","expires":1900000000}]'
    with pytest.raises(OverflowError):
        door.gate.revoke(two, NOW)
    assert door.ask(hs(jti="a"), NOW) == "token-revoked"
    assert door.ask(hs(jti="b"), NOW) == ACCEPTED
    assert door.revoke(NOW, jti="b") == 1


# --- what is remembered of whom -------------------------------------------------------------------


def test_a_stale_feed_closes_where_it_is_told_to() -> None:
    told = {"issuer": ISSUER, "audiences": [AUDIENCE], "secrets": [{"value": SHARED_KEY}]}
    for policy, later in (("deny", "auth-unavailable"), ("allow", ACCEPTED)):
        door = Door({"main": told}, revocation={"when_stale": policy})
        token = hs()
        assert door.ask(token, NOW) == ACCEPTED
        door.gate.set_fresh_until(NOW + 30)
        assert door.ask(token, NOW + 29) == ACCEPTED
        assert door.ask(token, NOW + 31) == later
        door.gate.set_fresh_until(NOW + 60)
        assert door.ask(token, NOW + 31) == ACCEPTED


def test_a_token_of_one_provider_is_remembered_for_that_one_alone() -> None:
    """The same bytes: accepted where they belong, and refused elsewhere before and after."""
    told = {"issuer": ISSUER, "audiences": [AUDIENCE]}
    door = Door(
        {
            "one": told | {"secrets": [{"value": SHARED_KEY}]},
            "two": told | {"secrets": [{"value": f"not {SHARED_KEY}"}]},
        }
    )
    token = hs()
    for _ in range(3):
        assert door.ask(token, NOW, "two") == "token-invalid"
        assert door.ask(token, NOW, "one") == ACCEPTED


def test_a_flood_of_forged_tokens_does_not_push_the_good_out(door: Door) -> None:
    good = es()
    assert door.ask(good, NOW, "public") == ACCEPTED
    for number in range(3000):
        forged = f"{good.rpartition('.')[0]}.{b64(number.to_bytes(64, 'big'))}"
        assert door.ask(forged, NOW, "public") == "token-invalid"
    assert door.is_remembered(good, NOW, "public")
    refusals = door.statistics()["refusals"]
    assert 0 < refusals["bytes"] <= 4 << 20


def test_one_forged_token_costs_one_signature(door: Door) -> None:
    forged = compact({"alg": "ES256"}, payload(), signer("ES256", ec_key("p256 stranger")))
    assert not door.is_remembered(forged, NOW, "public")
    assert door.ask(forged, NOW, "public") == "token-invalid"
    assert door.is_remembered(forged, NOW, "public")
    assert door.ask(forged, NOW, "public") == "token-invalid"


def test_the_memory_is_bounded_whatever_comes() -> None:
    told = {"issuer": ISSUER, "audiences": [AUDIENCE], "secrets": [{"value": SHARED_KEY}]}
    door = Door({"main": told}, cache={"size": "64KiB", "refused_size": "64KiB"})
    for number in range(2000):
        assert door.ask(hs(sub=f"user-{number}", filler="x" * 400), NOW) == ACCEPTED
    counted = door.statistics()["tokens"]
    assert 0 < counted["bytes"] <= 64 << 10
    assert counted["evictions"] > 0
