"""Finding out who a client is, through the door: that the two languages understand each other.

What is decided is compared with the model elsewhere; here every call is made, and made wrongly.
"""

from __future__ import annotations

import hashlib
import hmac
import json
from typing import Any, TypeAlias

import jwt
import pytest
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from pygateway._core import Forward, Gate, Peer, Reject, Unverified, Verdict

NOW = 1_700_000_000.0
SECRET = bytes(range(64))
PEPPER = b"p" * 32

PrivateKey: TypeAlias = (
    bytes | rsa.RSAPrivateKey | ec.EllipticCurvePrivateKey | ed25519.Ed25519PrivateKey
)

JWT = {
    "issuer": "https://idp.example",
    "audiences": ["api"],
    "algorithms": [
        *("HS256", "HS384", "HS512", "RS256", "RS384", "RS512", "PS256", "PS384", "PS512"),
        *("ES256", "ES384", "ES512", "EdDSA", "ES256K"),
    ],
    "types": [],
    "leeway": 30.0,
    "required_claims": [],
    "longest_life": 2_592_000.0,
}
SERVICE = {
    "request_headers": ["Authorization"],
    "response_headers": ["X-Auth-User"],
    "cache": 0.0,
    "failure": "deny",
}


def provider(name: str, sources: list[Any], kind: dict[str, Any]) -> dict[str, Any]:
    return {
        "name": name,
        "sources": sources,
        "claims_to_headers": [[["sub"], "X-User-ID"]],
        "scope_claims": [["scope"]],
        "roles_claim": ["roles"],
        "kind": kind,
    }


def route(path: str, providers: list[int]) -> dict[str, Any]:
    rule: dict[str, Any] = {"all_scopes": [], "any_scopes": [], "any_roles": [], "claims": []}
    access = {"providers": providers, "optional": False, "authorization": "pass", "rule": rule}
    return {
        "name": path,
        "hosts": [],
        "paths": [path],
        "methods": [],
        "headers": [],
        "query": [],
        "action": {"forward": {}},
        "rewrite": {"strip_prefix": None, "add_prefix": None, "path": None, "host": "preserve"},
        "request_headers": {"set": [], "add": [], "remove": []},
        "response_headers": {"set": [], "add": [], "remove": []},
        "security_headers": None,
        "hsts": None,
        "body_bytes": 7,
        "cors": None,
        "auth": access if providers else None,
    }


def specification() -> dict[str, Any]:
    return {
        "limits": {
            "header_bytes": 32768,
            "header_count": 100,
            "target_bytes": 8192,
            "body_bytes": 1 << 20,
        },
        "trusted_proxies": [],
        "via": "gw",
        "health_path": None,
        "security_headers": [],
        "hsts": None,
        "auth": {
            "realm": "gw",
            "token_bytes": 8192,
            "cache": {
                "bytes": 1 << 20,
                "ttl": 300.0,
                "refused_bytes": 1 << 18,
                "refused_ttl": 60.0,
            },
            "when_stale": "deny",
            "revocations": 3,
            "providers": [
                provider("main", [{"bearer": {}}], {"jwt": JWT}),
                provider("partners", [{"header": "X-API-Key"}], {"api_keys": {"remote": True}}),
                provider("service", [], {"forward_auth": SERVICE}),
            ],
        },
        "routes": [
            route("/open", []),
            route("/token", [0]),
            route("/key", [1]),
            route("/service", [2]),
            route("/either", [1, 0]),
        ],
    }


@pytest.fixture
def gate() -> Gate:
    return Gate(json.dumps(specification()).encode(), bytes(32))


@pytest.fixture
def peer(gate: Gate) -> Peer:
    return gate.peer("192.0.2.1", False)


def request(path: str, *lines: str) -> bytes:
    text = "".join(f"{line}\r\n" for line in [f"GET {path} HTTP/1.1", "Host: a.example", *lines])
    return f"{text}\r\n".encode()


def with_token(token: str) -> bytes:
    return request("/token", f"Authorization: Bearer {token}")


def token(key: PrivateKey, algorithm: str, **changes: object) -> str:
    claims = {"iss": "https://idp.example", "aud": "api", "sub": "alice", "exp": NOW + 60}
    return jwt.encode(claims | changes, key, algorithm)


def point(key: ec.EllipticCurvePrivateKey) -> bytes:
    return key.public_key().public_bytes(Encoding.X962, PublicFormat.UncompressedPoint)


RSA = rsa.generate_private_key(65537, 2048)
RSA_DER = RSA.public_key().public_bytes(Encoding.DER, PublicFormat.PKCS1)
P256, P384, P521 = (
    ec.generate_private_key(curve) for curve in (ec.SECP256R1(), ec.SECP384R1(), ec.SECP521R1())
)
ED25519 = ed25519.Ed25519PrivateKey.generate()

SIGNERS = [
    *((name, "hmac", SECRET, SECRET) for name in ("HS256", "HS384", "HS512")),
    *((name, "rsa", RSA, RSA_DER) for name in ("RS256", "RS384", "RS512", "PS256", "PS384")),
    ("PS512", "rsa", RSA, RSA_DER),
    ("ES256", "p256", P256, point(P256)),
    ("ES384", "p384", P384, point(P384)),
    ("ES512", "p521", P521, point(P521)),
    ("EdDSA", "ed25519", ED25519, ED25519.public_key().public_bytes_raw()),
]


@pytest.mark.parametrize(
    ("algorithm", "kind", "private", "public"), SIGNERS, ids=[signer[0] for signer in SIGNERS]
)
def test_tokens_by_another_implementation_are_accepted(
    gate: Gate, peer: Peer, algorithm: str, kind: str, private: PrivateKey, public: bytes
) -> None:
    gate.set_keys(0, [(None, [algorithm], kind, public)], False)
    head = with_token(token(private, algorithm))
    decision = gate.decide_head(head, peer, NOW)
    if kind != "hmac":
        assert isinstance(decision, Unverified)
        assert (decision.kind, decision.provider) == ("signature", 0)
        assert (decision.algorithm, decision.key_id) == (algorithm, None)
        assert decision.credential in head
        verdict = gate.verify(decision, NOW)
        assert isinstance(verdict, Verdict)
        assert (verdict.accepted, verdict.reason, verdict.subject) == (True, None, "alice")
        decision = gate.decide_head(head, peer, NOW, verdict)
    assert isinstance(decision, Forward)
    assert decision.user == "alice"
    assert b"\r\nX-User-ID: alice\r\n" in decision.head


def test_what_every_decision_knows(gate: Gate, peer: Peer) -> None:
    unknown = gate.decide_head(request("/nowhere"), peer, NOW)
    refused = gate.decide(b"GET", b"/token", [(b"Host", b"a")], peer, NOW, verdict=None)
    assert isinstance(unknown, Reject)
    assert isinstance(refused, Reject)
    assert (unknown.body_limit, refused.body_limit) == (1 << 20, 7)
    assert (refused.reason, refused.user, refused.keep_alive) == ("token-missing", None, True)
    assert refused.headers == [(b"WWW-Authenticate", b'Bearer realm="gw"')]


def test_a_forgery_is_refused(gate: Gate, peer: Peer) -> None:
    gate.set_keys(0, [("r", ["RS256"], "rsa", RSA_DER)], False)
    other = rsa.generate_private_key(65537, 2048)
    head = with_token(token(other, "RS256"))
    open_ = gate.decide_head(head, peer, NOW)
    assert isinstance(open_, Unverified)
    verdict = gate.verify(open_, NOW)
    assert (verdict.accepted, verdict.reason, verdict.subject) == (False, "token-invalid", None)
    refused = gate.decide_head(head, peer, NOW)
    assert isinstance(refused, Reject)
    assert refused.reason == "token-invalid"
    statistics = json.loads(gate.auth_statistics())
    assert statistics["refusals"]["entries"] == 1
    assert statistics["outcomes"]["token-invalid"] == 1


def test_keys_that_may_be_found(gate: Gate, peer: Peer) -> None:
    gate.set_keys(0, [], True)
    claims = {"iss": "https://idp.example", "aud": "api", "exp": NOW + 60}
    head = with_token(jwt.encode(claims, RSA, "RS256", headers={"kid": "new"}))
    open_ = gate.decide_head(head, peer, NOW)
    assert isinstance(open_, Unverified)
    assert (open_.kind, open_.key_id, open_.key) == ("key", "new", b"")
    with pytest.raises(ValueError, match="signature"):
        gate.verify(open_, NOW)
    denied = gate.deny(open_, "auth-unavailable", NOW)
    refused = gate.decide_head(head, peer, NOW, denied)
    assert isinstance(refused, Reject)
    assert (refused.reason, refused.headers) == ("auth-unavailable", [(b"Retry-After", b"1")])


def test_keys_for_others(gate: Gate, peer: Peer) -> None:
    gate.set_keys(0, [("k", ["ES256K"], "external", b"opaque")], False)
    key = ec.generate_private_key(ec.SECP256K1())
    head = with_token(token(key, "ES256K"))
    open_ = gate.decide_head(head, peer, NOW)
    assert isinstance(open_, Unverified)
    assert (open_.kind, open_.algorithm, open_.key) == ("external", "ES256K", b"opaque")
    assert gate.admit(open_, b"{}", NOW + 10, NOW).subject == "alice"
    assert isinstance(gate.decide_head(head, peer, NOW + 9), Forward)
    assert isinstance(gate.decide_head(head, peer, NOW + 10), Unverified)


def test_api_keys(gate: Gate, peer: Peer) -> None:
    listed = hmac.digest(PEPPER, b"listed", hashlib.sha256)
    gate.set_api_keys(1, PEPPER, [(listed, b'{"sub": "partner"}', 0.0, float("inf"))])
    known = gate.decide_head(request("/key", "X-API-Key: listed"), peer, NOW)
    assert isinstance(known, Forward)
    assert known.user == "partner"
    head = request("/key", "X-API-Key: unlisted")
    open_ = gate.decide_head(head, peer, NOW)
    assert isinstance(open_, Unverified)
    assert (open_.kind, open_.provider, open_.algorithm) == ("api-key", 1, "")
    assert open_.credential == hmac.digest(PEPPER, b"unlisted", hashlib.sha256)
    verdict = gate.admit(open_, b'{"sub": "other"}', NOW, NOW)
    again = gate.decide_head(head, peer, NOW, verdict)
    assert isinstance(again, Forward)
    assert again.user == "other"
    gate.deny(open_, "token-invalid", NOW, remember=5.0)
    assert isinstance(gate.decide_head(head, peer, NOW + 4), Reject)
    assert isinstance(gate.decide_head(head, peer, NOW + 5), Unverified)


def test_services(gate: Gate, peer: Peer) -> None:
    head = request("/service?a=b", "Authorization: Basic eDp5", "X-Other: 1")
    open_ = gate.decide_head(head, peer, NOW)
    assert isinstance(open_, Unverified)
    assert (open_.kind, open_.provider, open_.credential) == ("forward-auth", 2, b"")
    assert (open_.method, open_.target, open_.host) == (b"GET", b"/service?a=b", b"a.example")
    assert (open_.scheme, open_.fields) == ("http", [(b"Authorization", b"Basic eDp5")])
    answered = [(b"x-auth-user", b"ann"), (b"X-Other", b"2")]
    verdict = gate.admit(open_, b'{"sub": "ann"}', NOW, NOW, answered)
    decision = gate.decide_head(head, peer, NOW, verdict)
    assert isinstance(decision, Forward)
    assert b"\r\nX-Auth-User: ann\r\n" in decision.head
    assert b"X-Other: 2" not in decision.head


def test_revocations(gate: Gate, peer: Peer) -> None:
    gate.set_keys(0, [(None, ["HS256"], "hmac", SECRET)], False)
    head = with_token(token(SECRET, "HS256", jti="1"))
    assert isinstance(gate.decide_head(head, peer, NOW), Forward)
    entry = {"jti": "1", "issuer": None, "expires": NOW + 100}
    assert gate.revoke(json.dumps([entry]).encode(), NOW) == 1
    assert gate.revoke(json.dumps([entry]).encode(), NOW) == 0
    assert json.loads(gate.revocations(NOW)) == [entry]
    refused = gate.decide_head(head, peer, NOW)
    assert isinstance(refused, Reject)
    assert refused.reason == "token-revoked"
    assert json.loads(gate.auth_statistics())["revocations"] == 1
    many = [{"jti": str(number), "issuer": None, "expires": NOW + 100} for number in range(2, 5)]
    with pytest.raises(OverflowError, match="3"):
        gate.revoke(json.dumps(many).encode(), NOW)
    for malformed in (b"", b"{}", b"[{}]", b'[{"jti": "1", "extra": 1, "expires": 1}]'):
        with pytest.raises(ValueError, match=r"line 1|EOF"):
            gate.revoke(malformed, NOW)
    gate.set_fresh_until(NOW + 5)
    stale = gate.decide_head(head, peer, NOW + 6)
    assert isinstance(stale, Reject)
    assert stale.reason == "auth-unavailable"


@pytest.mark.parametrize(
    ("key", "problem"),
    [
        (("k", ["HS256"], "hmac", b"short"), "32 bytes"),
        (("k", ["HS512"], "hmac", bytes(63)), "64 bytes"),
        (("k", ["RS256"], "hmac", SECRET), "does not fit"),
        (("k", ["HS256"], "rsa", RSA_DER), "does not fit"),
        (("k", ["none"], "hmac", SECRET), "no algorithm"),
        (("k", [], "hmac", SECRET), "no algorithm"),
        (("k", ["RS256"], "rsa", b"no key"), "RSAPublicKey"),
        (("k", ["ES256"], "p256", point(P384)), "65 bytes"),
        (("k", ["ES256"], "p256", b"\x04" + bytes(64)), "p256"),
        (("k", ["EdDSA"], "ed25519", bytes(31)), "32 bytes"),
        (("k", ["RS256"], "unknown", b""), "no kind"),
    ],
)
def test_unusable_keys_are_named_and_change_nothing(
    gate: Gate, peer: Peer, key: tuple[str, list[str], str, bytes], problem: str
) -> None:
    good = ("good", ["HS256"], "hmac", SECRET)
    gate.set_keys(0, [good], False)
    with pytest.raises(ValueError, match=problem):
        gate.set_keys(0, [key], False)
    decision = gate.decide_head(with_token(token(SECRET, "HS256")), peer, NOW)
    assert isinstance(decision, Forward)


def test_what_makes_no_sense(gate: Gate, peer: Peer) -> None:
    with pytest.raises(ValueError, match="no tokens"):
        gate.set_keys(1, [], False)
    with pytest.raises(ValueError, match="no such provider"):
        gate.set_keys(9, [], False)
    with pytest.raises(ValueError, match="no API keys"):
        gate.set_api_keys(0, PEPPER, [])
    with pytest.raises(ValueError, match="pepper"):
        gate.set_api_keys(1, b"short", [])
    with pytest.raises(ValueError, match="digest"):
        gate.set_api_keys(1, PEPPER, [(b"short", b"{}", 0.0, 1.0)])
    open_ = gate.decide_head(request("/service"), peer, NOW)
    assert isinstance(open_, Unverified)
    with pytest.raises(ValueError, match="JSON"):
        gate.admit(open_, b"[]", NOW, NOW)
    with pytest.raises(ValueError, match="reason"):
        gate.deny(open_, "route-not-found", NOW)
    with pytest.raises(ValueError, match="reason"):
        gate.deny(open_, "nonsense", NOW)
    other = Gate(json.dumps(specification()).encode(), bytes(32))
    with pytest.raises(ValueError, match="another gate"):
        other.admit(open_, b"{}", NOW, NOW)


def test_a_gate_without_providers_knows_no_credentials() -> None:
    plain = specification() | {"auth": None, "routes": [route("/open", [])]}
    gate = Gate(json.dumps(plain).encode(), bytes(32))
    assert (gate.auth_statistics(), gate.revocations(NOW)) == (b"{}", b"[]")
    assert gate.revoke(b'[{"jti": "1", "issuer": null, "expires": 1e12}]', NOW) == 0
    gate.set_fresh_until(0.0)
    with pytest.raises(ValueError, match="no providers"):
        gate.set_keys(0, [], False)


def test_explanations_name_the_providers(gate: Gate, peer: Peer) -> None:
    said = json.loads(gate.explain(b"GET", b"/token", [(b"Host", b"a")], peer))
    assert (said["route"], said["providers"]) == ("/token", ["main"])
    assert said["reason"].startswith("forward: ")


def test_only_the_credential_that_counted_is_for_the_upstream(gate: Gate, peer: Peer) -> None:
    digest = hmac.digest(PEPPER, b"key", hashlib.sha256)
    gate.set_api_keys(1, PEPPER, [(digest, b'{"sub": "partner"}', 0.0, NOW + 60)])
    forged = jwt.encode({"sub": "admin"}, SECRET, "HS256")
    lines = "X-API-Key: key", f"Authorization: Bearer {forged}"
    decision = gate.decide_head(request("/either", *lines), peer, NOW)
    assert isinstance(decision, Forward)
    assert decision.user == "partner"
    assert b"X-API-Key: key" in decision.head
    assert b"Authorization" not in decision.head


@pytest.mark.parametrize(("claims", "reason"), [(400, "token-expired"), (600, "token-invalid")])
def test_tokens_of_very_many_values_are_not_read(
    gate: Gate, peer: Peer, claims: int, reason: str
) -> None:
    gate.set_keys(0, [(None, ["HS256"], "hmac", SECRET)], False)
    many = token(SECRET, "HS256", exp=1, list=[0] * claims)
    decision = gate.decide_head(with_token(many), peer, NOW)
    assert isinstance(decision, Reject)
    assert decision.reason == reason
