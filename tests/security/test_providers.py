"""Several providers: a token opens only what its own provider guards (CVE-2022-29226's class)."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.security.forging import (
    AUDIENCE,
    SHARED_KEY,
    claims,
    compact,
    hmac_with,
    public_pem,
    rsa_key,
    shared,
    signed,
    signer,
)
from tests.security.fortress import Fortress, bearer
from tests.support.client import request
from tests.support.gateway import route

if TYPE_CHECKING:
    from collections.abc import Callable

ONE, TWO = "https://one.test", "https://two.test"
TWO_KEY = f"another {SHARED_KEY}"


def of(issuer: str, secret: str, **changes: object) -> str:
    return compact({"alg": "HS256"}, claims(iss=issuer, **changes), hmac_with(secret))


def test_each_token_opens_its_own_route(fortress: Fortress) -> None:
    own = {
        "shared": shared(),
        "public": signed("RS256"),
        "other": of("https://other.test", TWO_KEY),
        "typed": shared(typ="at+jwt"),
    }
    for place, token in own.items():
        fortress.admits_token(place, token)
    for place in ("shared", "public", "other", "typed"):
        for kind, token in own.items():
            # `typed` and `shared` have one issuer and one secret; they differ in `typ` alone.
            if kind != place and (kind, place) != ("typed", "shared"):
                fortress.refuses_token(place, token)
    # Remembered by now, which must not matter.
    for place in ("public", "other", "typed"):
        fortress.refuses_token(place, own["shared"])


@pytest.fixture
def two(build: Callable[..., Fortress]) -> Fortress:
    """Two issuers; one route for each, one for both, and one that names none."""
    told = {"audiences": [AUDIENCE]}
    providers = {
        "one": told
        | {
            "issuer": ONE,
            "secrets": [{"value": SHARED_KEY}],
            "claims_to_headers": {"sub": "X-One"},
        },
        "two": told
        | {"issuer": TWO, "secrets": [{"value": TWO_KEY}], "claims_to_headers": {"sub": "X-Two"}},
    }
    return build(
        auth={"providers": providers, "default": ["two"]},
        routes=[
            route("shared", "/shared/*", upstream="app", auth={"provider": "one"}),
            route("two", "/two/*", upstream="app", auth={"provider": "two"}),
            route("both", "/both/*", upstream="app", auth={"provider": ["one", "two"]}),
            {"name": "default", "match": {"paths": ["/default/*"]}, "upstream": "app"},
        ],
    )


def status(fortress: Fortress, place: str, token: str) -> int:
    code = fortress.gateway.fetch(request("GET", f"/{place}/a", bearer(token))).status
    fortress.seen()
    return code


def test_the_issuer_picks_the_provider_among_those_of_the_route(two: Fortress) -> None:
    one, other = of(ONE, SHARED_KEY), of(TWO, TWO_KEY)
    opened = {
        place: [status(two, place, one), status(two, place, other)]
        for place in ("shared", "two", "both", "default")
    }
    assert opened == {
        "shared": [200, 401], "two": [401, 200], "both": [200, 200], "default": [401, 200],
    }  # fmt: skip


def test_one_issuers_key_does_not_sign_for_the_other(two: Fortress) -> None:
    for place in ("shared", "two", "both", "default"):
        assert status(two, place, of(ONE, TWO_KEY)) == 401
        assert status(two, place, of(TWO, SHARED_KEY)) == 401
        assert status(two, place, of("https://three.test", SHARED_KEY)) == 401
        assert status(two, place, of(f"{ONE} {TWO}", SHARED_KEY)) == 401


def test_one_providers_headers_are_not_the_others_to_give(two: Fortress) -> None:
    received = two.admits("/both/a", "X-One: forged", "X-Two: forged", bearer(of(ONE, SHARED_KEY)))
    assert received.header("X-One") == "user-7"
    assert received.header("X-Two") is None
    assert b"forged" not in received.raw


def test_two_audiences_of_one_issuer_are_two_providers(build: Callable[..., Fortress]) -> None:
    def told(audience: str) -> dict[str, object]:
        return {"issuer": ONE, "audiences": [audience], "secrets": [{"value": SHARED_KEY}]}

    fortress = build(
        auth={"providers": {"a": told("api"), "b": told("billing")}},
        routes=[
            route("a", "/a/*", upstream="app", auth={"provider": "a"}),
            route("b", "/b/*", upstream="app", auth={"provider": "b"}),
            route("both", "/both/*", upstream="app", auth={"provider": ["a", "b"]}),
        ],
    )
    for place, opened in (("a", [200, 401]), ("b", [401, 200]), ("both", [200, 200])):
        tokens = [of(ONE, SHARED_KEY, aud=audience) for audience in ("api", "billing")]
        assert [status(fortress, place, token) for token in tokens] == opened
        assert status(fortress, place, of(ONE, SHARED_KEY, aud="third")) == 401


def test_a_weak_provider_does_not_weaken_a_strong_one(build: Callable[..., Fortress]) -> None:
    """The same issuer, once by secret and once by public key: neither key serves the other."""
    public = public_pem(rsa_key())
    providers = {
        "secret": {"audiences": ["weak"], "issuer": ONE, "secrets": [{"value": SHARED_KEY}]},
        "public": {"audiences": ["strong"], "issuer": ONE, "public_keys": [{"pem": public}]},
    }
    fortress = build(
        auth={"providers": providers},
        routes=[route("both", "/both/*", upstream="app", auth={"provider": ["secret", "public"]})],
    )
    sign = {"HS256": hmac_with(SHARED_KEY), "RS256": signer("RS256", rsa_key())}
    for audience, right in (("weak", "HS256"), ("strong", "RS256")):
        for algorithm, signature in sign.items():
            token = compact({"alg": algorithm}, claims(iss=ONE, aud=audience), signature)
            assert status(fortress, "both", token) == (200 if algorithm == right else 401)
    confused = compact({"alg": "HS256"}, claims(iss=ONE, aud="strong"), hmac_with(public))
    assert status(fortress, "both", confused) == 401
    confused = compact({"alg": "HS256"}, claims(iss=ONE, aud="weak"), hmac_with(public))
    assert status(fortress, "both", confused) == 401


def test_a_provider_without_an_issuer_does_not_take_others_tokens(
    build: Callable[..., Fortress],
) -> None:
    """Null matches any `iss`, but only with its own key and its own audience."""
    providers = {
        "any": {"audiences": [AUDIENCE], "secrets": [{"value": SHARED_KEY}]},
        "two": {"issuer": TWO, "audiences": [AUDIENCE], "secrets": [{"value": TWO_KEY}]},
    }
    fortress = build(
        auth={"providers": providers},
        routes=[
            route("any", "/any/*", upstream="app", auth={"provider": "any"}),
            route("two", "/two/*", upstream="app", auth={"provider": "two"}),
        ],
    )
    assert status(fortress, "any", of(ONE, SHARED_KEY)) == 200
    assert status(fortress, "any", of(TWO, SHARED_KEY)) == 200
    assert status(fortress, "any", of(TWO, TWO_KEY)) == 401
    assert status(fortress, "two", of(TWO, SHARED_KEY)) == 401


def test_a_token_with_an_audience_is_not_for_a_provider_that_has_none(
    build: Callable[..., Fortress],
) -> None:
    """RFC 7519 section 4.1.3: whoever does not identify with a value in `aud` must refuse."""
    fortress = build(
        auth={"providers": {"main": {"issuer": ONE, "secrets": [{"value": SHARED_KEY}]}}},
        routes=[route("main", "/main/*", upstream="app", auth={"provider": "main"})],
    )
    assert status(fortress, "main", of(ONE, SHARED_KEY, aud=None)) == 200
    for audience in (AUDIENCE, [], "", [""], ["a", "b"]):
        assert status(fortress, "main", of(ONE, SHARED_KEY, aud=audience)) == 401


def test_every_refusal_reads_the_same(two: Fortress) -> None:
    """No oracle: which check failed is not to be learnt from the answer."""
    good = of(ONE, SHARED_KEY)
    attempts = [
        "x", "a.b.c", good[:-2], good + "x", of(ONE, TWO_KEY), of(TWO, TWO_KEY),
        of(ONE, SHARED_KEY, aud="x"), of(ONE, SHARED_KEY, exp="x"), of(ONE, SHARED_KEY, nbf=1e18),
        compact({"alg": "none"}, claims(iss=ONE), lambda _: b""),
        compact({"alg": "HS512"}, claims(iss=ONE), hmac_with(SHARED_KEY, "sha512")),
        compact({"alg": "HS256", "kid": "x" * 300}, claims(iss=ONE), hmac_with(SHARED_KEY)),
        compact({"alg": "HS256", "crit": ["x"]}, claims(iss=ONE), hmac_with(SHARED_KEY)),
        "e" * 9000,
    ]  # fmt: skip
    told = set()
    for token in attempts:
        answer = two.gateway.fetch(request("GET", "/shared/a", bearer(token)))
        document = answer.problem("token-invalid")
        told.add(
            (answer.header("WWW-Authenticate"), str(document["title"]), str(document["detail"]))
        )
    assert len(told) == 1
    assert two.seen() == []
