"""What it costs to know who a client is: the decision for a route that is open, for one that is not
with a token that is known, and for tokens that are new or refused."""

from __future__ import annotations

import hashlib
import hmac
import json
from collections.abc import Callable
from typing import Any

import jwt
import pytest
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from pytest_benchmark.fixture import BenchmarkFixture

from pygateway._core import Forward, Gate, Peer, Reject, Unverified

NOW = 1_700_000_000.0
SECRET = bytes(range(32))
PEPPER = bytes(32)
ISSUER = "https://idp.example"


def specification() -> dict[str, Any]:
    """`/open/*` is for everybody; `/token/*` needs a token, and `/key/*` an API key."""

    def provider(name: str, source: dict[str, Any], kind: dict[str, Any]) -> dict[str, Any]:
        return {
            "name": name,
            "sources": [source],
            "claims_to_headers": [[["sub"], "X-User-ID"], [["scope"], "X-User-Scopes"]],
            "scope_claims": [["scope"], ["scp"]],
            "roles_claim": ["roles"],
            "kind": kind,
        }

    def route(name: str, providers: list[int]) -> dict[str, Any]:
        rule = {"all_scopes": ["users:read"], "any_scopes": [], "any_roles": [], "claims": []}
        access = {
            "providers": providers,
            "optional": False,
            "authorization": "pass",
            "rule": rule,
        }
        return {
            "name": name,
            "hosts": [],
            "paths": [f"/{name}/{{id}}"],
            "methods": [],
            "headers": [],
            "query": [],
            "action": {"forward": {}},
            "rewrite": {"strip_prefix": None, "add_prefix": None, "path": None, "host": "preserve"},
            "request_headers": {"set": [], "add": [], "remove": []},
            "response_headers": {"set": [], "add": [], "remove": []},
            "security_headers": None,
            "hsts": None,
            "body_bytes": None,
            "cors": None,
            "auth": access if providers else None,
        }

    tokens = {
        "issuer": ISSUER,
        "audiences": ["api"],
        "algorithms": ["HS256", "RS256", "ES256", "EdDSA"],
        "types": [],
        "leeway": 30.0,
        "required_claims": ["sub"],
        "longest_life": 2_592_000.0,
    }
    return {
        "limits": {
            "header_bytes": 32768,
            "header_count": 200,
            "target_bytes": 8192,
            "body_bytes": 1 << 24,
        },
        "trusted_proxies": [],
        "via": "pygateway",
        "health_path": "/health",
        "security_headers": [["X-Content-Type-Options", "nosniff"]],
        "hsts": None,
        "auth": {
            "realm": "pygateway",
            "token_bytes": 8192,
            "cache": {
                "bytes": 1 << 26,
                "ttl": 300.0,
                "refused_bytes": 1 << 22,
                "refused_ttl": 60.0,
            },
            "when_stale": "allow",
            "revocations": 100_000,
            "providers": [
                provider("main", {"bearer": {}}, {"jwt": tokens}),
                provider("partners", {"header": "X-API-Key"}, {"api_keys": {"remote": False}}),
            ],
        },
        "routes": [route("open", []), route("token", [0]), route("key", [1])],
    }


class Keys:
    """One key of each kind, to sign with and as the gate gets them."""

    def __init__(self) -> None:
        rsa_key = rsa.generate_private_key(65537, 2048)
        ec_key = ec.generate_private_key(ec.SECP256R1())
        ed_key = ed25519.Ed25519PrivateKey.generate()
        point = ec_key.public_key().public_bytes(Encoding.X962, PublicFormat.UncompressedPoint)
        der = rsa_key.public_key().public_bytes(Encoding.DER, PublicFormat.PKCS1)
        self.private: dict[str, Any] = {
            "HS256": SECRET,
            "RS256": rsa_key,
            "ES256": ec_key,
            "EdDSA": ed_key,
        }
        self.public: list[tuple[str | None, list[str], str, bytes]] = [
            ("HS256", ["HS256"], "hmac", SECRET),
            ("RS256", ["RS256"], "rsa", der),
            ("ES256", ["ES256"], "p256", point),
            ("EdDSA", ["EdDSA"], "ed25519", ed_key.public_key().public_bytes_raw()),
        ]

    def token(self, algorithm: str, number: int = 0) -> str:
        """A token as identity providers issue them, of about 400 bytes before its signature."""
        claims = {
            "iss": ISSUER,
            "aud": "api",
            "sub": f"0b6e2f1c-7a55-4b0e-8f0e-{number:012}",
            "jti": f"5f0c7a4e-9a33-4d8b-bb53-{number:012}",
            "iat": NOW,
            "exp": NOW + 3600,
            "scope": "users:read users:write",
            "client_id": "web",
            "email": "somebody@example.com",
        }
        headers = {"kid": algorithm}
        return jwt.encode(claims, self.private[algorithm], algorithm, headers=headers)


@pytest.fixture(scope="module")
def keys() -> Keys:
    return Keys()


@pytest.fixture
def gate(keys: Keys) -> Gate:
    gate = Gate(json.dumps(specification()).encode(), bytes(32))
    gate.set_keys(0, keys.public, False)
    digest = hmac.digest(PEPPER, b"key-of-a-partner", hashlib.sha256)
    claims = b'{"sub": "partner", "scope": "users:read"}'
    gate.set_api_keys(1, PEPPER, [(digest, claims, 0.0, float("inf"))])
    return gate


@pytest.fixture
def peer(gate: Gate) -> Peer:
    return gate.peer("127.0.0.1", False)


def head(path: str, credential: str) -> bytes:
    """A request as browsers send them, with a credential that ends with its line."""
    others = "".join(f"X-Custom-Header-{n}: some value of usual length\r\n" for n in range(8))
    return f"GET {path}/7 HTTP/1.1\r\nHost: api.example\r\n{others}{credential}\r\n\r\n".encode()


def learn(gate: Gate, peer: Peer, message: bytes) -> None:
    """Let the gate find out about the credential of a request, whichever way that is."""
    decision = gate.decide_head(message, peer, NOW)
    if isinstance(decision, Unverified):
        gate.verify(decision, NOW)


@pytest.mark.parametrize("algorithm", ["HS256", "RS256"])
@pytest.mark.parametrize("path", ["/open", "/token"])
def test_known_token(
    benchmark: BenchmarkFixture, gate: Gate, peer: Peer, keys: Keys, path: str, algorithm: str
) -> None:
    message = head(path, f"Authorization: Bearer {keys.token(algorithm)}")
    learn(gate, peer, message)
    decision = benchmark(gate.decide_head, message, peer, NOW)
    assert isinstance(decision, Forward)
    assert (decision.user is None) == (path == "/open")


@pytest.mark.parametrize("path", ["/open", "/key"])
def test_known_api_key(benchmark: BenchmarkFixture, gate: Gate, peer: Peer, path: str) -> None:
    message = head(path, "X-API-Key: key-of-a-partner")
    learn(gate, peer, message)
    assert isinstance(benchmark(gate.decide_head, message, peer, NOW), Forward)


def test_no_token(benchmark: BenchmarkFixture, gate: Gate, peer: Peer) -> None:
    decision = benchmark(gate.decide_head, head("/token", "X-Nothing: 1"), peer, NOW)
    assert isinstance(decision, Reject)
    assert decision.reason == "token-missing"


@pytest.mark.parametrize("algorithm", ["HS256", "RS256"])
def test_known_forgery(
    benchmark: BenchmarkFixture, gate: Gate, peer: Peer, keys: Keys, algorithm: str
) -> None:
    signed, other = keys.token(algorithm, 0), keys.token(algorithm, 1)
    forged = f"{signed.rpartition('.')[0]}.{other.rpartition('.')[2]}"
    message = head("/token", f"Authorization: Bearer {forged}")
    learn(gate, peer, message)
    decision = benchmark(gate.decide_head, message, peer, NOW)
    assert isinstance(decision, Reject)
    assert decision.reason == "token-invalid"


def test_garbage(benchmark: BenchmarkFixture, gate: Gate, peer: Peer) -> None:
    message = head("/token", f"Authorization: Bearer {'A' * 300}.{'A' * 300}.{'A' * 86}")
    decision = benchmark(gate.decide_head, message, peer, NOW)
    assert isinstance(decision, Reject)


@pytest.mark.parametrize("algorithm", ["HS256", "RS256", "ES256", "EdDSA"])
def test_new_token(
    benchmark: BenchmarkFixture, gate: Gate, peer: Peer, keys: Keys, algorithm: str
) -> None:
    """From a token that was never seen to its decision: two decisions, but for shared secrets."""
    messages = iter(
        [
            head("/token", f"Authorization: Bearer {keys.token(algorithm, number)}")
            for number in range(1100)
        ]
    )

    def decide() -> object:
        message = next(messages)
        decision = gate.decide_head(message, peer, NOW)
        if isinstance(decision, Unverified):
            verdict = gate.verify(decision, NOW)
            decision = gate.decide_head(message, peer, NOW, verdict)
        return decision

    run: Callable[..., object] = benchmark.pedantic  # it has no annotations of its own
    assert isinstance(run(decide, rounds=1000, warmup_rounds=100), Forward)


@pytest.mark.parametrize("algorithm", ["HS256", "RS256", "ES256", "EdDSA"])
def test_new_token_by_pyjwt(benchmark: BenchmarkFixture, keys: Keys, algorithm: str) -> None:
    """The same verification by PyJWT, which judges the native one in the tests."""
    private = keys.private[algorithm]
    public = private if isinstance(private, str | bytes) else private.public_key()
    token = keys.token(algorithm)

    def verify() -> object:
        options: Any = {"verify_exp": False}
        return jwt.decode(
            token,
            public,
            algorithms=[algorithm],
            audience=None,
            issuer=ISSUER,
            options=options | {"verify_aud": False},
        )

    assert benchmark(verify)
