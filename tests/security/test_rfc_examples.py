"""The signed examples of RFC 7515, 7519, 7520, 7797 and 8037, and the keys in them."""

from __future__ import annotations

import json
import time
from typing import TYPE_CHECKING

import jwt
import pytest

from pygateway.config.key_material import public_key_material
from tests.security.door import ACCEPTED, Door
from tests.security.forging import SHARED_KEY, b64, claims, public_pem, rsa_key, unb64
from tests.security.fortress import Fortress, bearer
from tests.security.vectors import (
    FRODO,
    JOE,
    JOE_EXPIRES,
    RFC7515_A1,
    RFC7515_A2,
    RFC7520_4_4,
    RFC7520_4_5_DETACHED,
    RFC7797_DETACHED,
    UNSECURED,
    WITH_CLAIMS,
    WITHOUT_CLAIMS,
    Example,
    Jwk,
)
from tests.support.client import request
from tests.support.gateway import route

if TYPE_CHECKING:
    from collections.abc import Callable

    from pygateway.config.keys import KeyMaterial

EXAMPLES = {example.source: example for example in (*WITH_CLAIMS, *WITHOUT_CLAIMS)}

BEFORE = JOE_EXPIRES - 1.0


def public(jwk: Jwk) -> Jwk:
    return {name: value for name, value in jwk.items() if name != "d"}


def native(example: Example) -> KeyMaterial | tuple[str | None, list[str], str, bytes]:
    """The example's key as the door takes it."""
    key_id = example.key.get("kid")
    if example.key["kty"] == "oct":
        return key_id, [example.algorithm], "hmac", unb64(example.key["k"])
    key = jwt.PyJWK(public(example.key), example.algorithm).key
    return public_key_material(key_id, key, [example.algorithm])


def door(example: Example, **told: object) -> Door:
    """A door that trusts the example's key, and nothing else."""
    source: dict[str, object] = {"public_keys": [{"pem": public_pem(rsa_key())}]}
    algorithms = ["RS256", "PS384", "ES256", "ES512", "EdDSA"]
    if example.key["kty"] == "oct":
        source, algorithms = {"secrets": [{"value": SHARED_KEY}]}, ["HS256"]
    provider = {"issuer": "joe", "algorithms": algorithms, "leeway": "0s"} | source | told
    made = Door({"main": provider})
    made.gate.set_keys(0, [native(example)], False)
    return made


# --- the examples themselves ----------------------------------------------------------------------


@pytest.mark.parametrize("source", EXAMPLES)
def test_the_examples_were_copied_faithfully(source: str) -> None:
    """A library verifies them."""
    example = EXAMPLES[source]
    key = jwt.PyJWK(public(example.key), example.algorithm)
    signed = jwt.PyJWS().decode(example.token, key, algorithms=[example.algorithm])
    assert b64(signed) == example.token.split(".")[1]


def test_the_detached_examples_were_copied_faithfully() -> None:
    jws = jwt.PyJWS()
    key = jwt.PyJWK(RFC7515_A1.key, "HS256")
    with_text = jws.decode_complete(
        RFC7797_DETACHED, key, algorithms=["HS256"], detached_payload=b"$.02"
    )
    assert with_text["payload"] == b"$.02"
    header, nothing, signature = RFC7520_4_5_DETACHED.split(".")
    assert nothing == ""
    assert f"{header}.{FRODO}.{signature}" == RFC7520_4_4.token


@pytest.mark.parametrize("example", WITH_CLAIMS, ids=lambda example: example.source)
def test_an_example_with_claims_is_a_credential_until_it_expires(example: Example) -> None:
    made = door(example)
    assert made.ask(example.token, BEFORE) == ACCEPTED
    assert made.ask(example.token, BEFORE - 86_400) == ACCEPTED
    assert made.ask(example.token, JOE_EXPIRES) == "token-expired"
    # A private claim of the example, by a name with dots and slashes.
    root = {"required_claims": ["http://example.com/is_root"]}
    assert door(example, **root).ask(example.token, BEFORE) == ACCEPTED
    assert door(example, required_claims=["sub"]).ask(example.token, BEFORE) == "token-invalid"
    assert door(example, issuer="jim").ask(example.token, BEFORE) == "token-invalid"


@pytest.mark.parametrize("example", WITH_CLAIMS, ids=lambda example: example.source)
def test_every_octet_of_an_example_counts(example: Example) -> None:
    made = door(example)
    for position, character in enumerate(example.token):
        other = "A" if character != "A" else "B"
        forged = f"{example.token[:position]}{other}{example.token[position + 1 :]}"
        assert made.ask(forged, BEFORE) in {"token-invalid", "token-expired"}, position
    assert made.ask(example.token, BEFORE) == ACCEPTED


@pytest.mark.parametrize("example", WITHOUT_CLAIMS, ids=lambda example: example.source)
def test_an_example_without_claims_is_signed_and_no_credential(example: Example) -> None:
    assert door(example).ask(example.token, BEFORE) == "token-invalid"


@pytest.mark.parametrize("example", EXAMPLES.values(), ids=EXAMPLES)
def test_the_key_of_an_example_signs_credentials(example: Example) -> None:
    """With the private key as it is printed there, a library signs claims."""
    made = door(example)
    key = jwt.PyJWK(example.key, example.algorithm)
    headers = {"kid": example.key["kid"]} if "kid" in example.key else {}
    payload = {"iss": "joe", "exp": JOE_EXPIRES}
    token = jwt.encode(payload, key.key, example.algorithm, headers=headers)
    assert made.ask(token, BEFORE) == ACCEPTED
    assert made.ask(token, JOE_EXPIRES) == "token-expired"
    # The example's own signature is good, and of something else.
    foreign = f"{token.rpartition('.')[0]}.{example.token.rpartition('.')[2]}"
    assert made.ask(foreign, BEFORE) == "token-invalid"
    if headers:
        stranger = jwt.encode(payload, key.key, example.algorithm, headers={"kid": "another"})
        assert made.ask(stranger, BEFORE) == "token-invalid"


@pytest.mark.parametrize("example", EXAMPLES.values(), ids=EXAMPLES)
def test_an_unsecured_example_is_refused(example: Example) -> None:
    """RFC 7515 appendix A.5, RFC 7519 section 6.1."""
    made = door(example)
    header = b64(b'{"alg":"none"}')
    assert f"{header}.{JOE}." == UNSECURED
    assert made.ask(UNSECURED, BEFORE) == "token-invalid"
    assert made.ask(UNSECURED + RFC7515_A2.token.rpartition(".")[2], BEFORE) == "token-invalid"


def test_detached_and_unencoded_examples_are_refused() -> None:
    assert door(RFC7520_4_4).ask(RFC7520_4_5_DETACHED, BEFORE) == "token-invalid"
    assert door(RFC7515_A1).ask(RFC7797_DETACHED, BEFORE) == "token-invalid"


# --- over sockets ---------------------------------------------------------------------------------


def test_the_published_keys_work_over_sockets(
    build: Callable[..., Fortress], tmp_path_factory: pytest.TempPathFactory
) -> None:
    """All public keys of the examples in one `jwks_file`; two of RFC 7520 share their `kid`."""
    signing = [example for example in EXAMPLES.values() if example.key["kty"] != "oct"]
    published = [public(example.key) for example in signing]
    unique = list({json.dumps(key, sort_keys=True): key for key in published}.values())
    file = tmp_path_factory.mktemp("keys") / "jwks.json"
    file.write_text(json.dumps({"keys": unique}))
    fortress = build(
        auth={
            "providers": {
                "rfc": {
                    "issuer": "joe",
                    "jwks_file": str(file),
                    "algorithms": ["RS256", "PS384", "ES256", "ES512", "EdDSA"],
                    "claims_to_headers": {"sub": "X-User-ID"},
                },
            }
        },
        routes=[route("rfc", "/rfc/*", upstream="app", auth={"provider": "rfc"})],
    )
    for example in signing:
        key = jwt.PyJWK(example.key, example.algorithm)
        headers = {"kid": example.key["kid"]} if "kid" in example.key else {}
        payload = {"iss": "joe", "exp": int(time.time()) + 60, "sub": example.source}
        token = jwt.encode(payload, key.key, example.algorithm, headers=headers)
        assert fortress.admits_token("/rfc/a", token).header("X-User-ID") == example.source
        answer = fortress.gateway.fetch(request("GET", "/rfc/a", bearer(example.token)))
        expected = "token-expired" if example in WITH_CLAIMS else "token-invalid"
        answer.problem(expected)
    answer = fortress.gateway.fetch(request("GET", "/rfc/a", bearer(UNSECURED)))
    answer.problem("token-invalid")
    assert fortress.seen() == []


def test_a_claims_set_of_today_is_not_mistaken(fortress: Fortress) -> None:
    """The fortress trusts none of these keys."""
    for example in EXAMPLES.values():
        if example.key["kty"] == "oct":
            continue
        key = jwt.PyJWK(example.key, example.algorithm)
        token = jwt.encode(claims(), key.key, example.algorithm)
        fortress.refuses_token("public", token)
