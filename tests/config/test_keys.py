"""Keys that a configuration holds: read, bound, and taken by the native gate."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from pydantic import SecretStr

from pygateway import _core
from pygateway.config import Config, ConfigurationError, build_gate, gate_specification, load_text
from pygateway.config.keys import KeyProblem, ShortSecret, shared_secret, static_keys
from pygateway.config.model.providers import SharedSecret
from pygateway.config.pem import looks_like_a_public_key, read_public_key
from tests.config.keys import KINDS, jwk_of, pem_of, private_key, private_pem_of
from tests.config.reading import read

SECRET = "0123456789abcdef" * 4


def provider_of(settings: str) -> str:
    return f"auth: {{providers: {{main: {{issuer: i, {settings}}}}}}}"


def secret(value: str) -> SharedSecret:
    return SharedSecret(value=SecretStr(value))


def test_secrets_are_bound_to_the_algorithms_of_their_provider() -> None:
    config = read(provider_of(f"secrets: [{{id: a, value: {SECRET}}}], algorithms: [HS512, HS256]"))
    (key,) = static_keys(config.auth.providers["main"])
    assert key == ("a", ["HS512", "HS256"], "hmac", SECRET.encode())


@pytest.mark.parametrize(("algorithm", "size"), [("HS256", 32), ("HS384", 48), ("HS512", 64)])
def test_secrets_are_as_long_as_the_hash(algorithm: str, size: int) -> None:
    shared_secret(secret("x" * size), (algorithm,))
    with pytest.raises(ShortSecret) as caught:
        shared_secret(secret("x" * (size - 1)), (algorithm,))
    assert str(caught.value) == (
        f"a secret for {algorithm} has at least {size} bytes (RFC 7518 section 3.2)"
    )
    with pytest.raises(ShortSecret):
        shared_secret(secret("x" * 63), ("HS256", "HS512"))


def test_characters_are_not_bytes() -> None:
    assert len(shared_secret(secret("é" * 16), ("HS256",)).material) == 32


@pytest.mark.parametrize(
    "public",
    [
        pem_of("RSA"),
        f"\n  {pem_of('P-256')}",
        private_pem_of("RSA"),
        "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIBBBBBBBBBBBBBBBBBBBBBBBBBBBBBB me@host",
        json.dumps(jwk_of("RSA")),
    ],
)
def test_a_public_key_is_no_secret(public: str) -> None:
    assert looks_like_a_public_key(public)
    with pytest.raises(KeyProblem, match="this is a public key"):
        shared_secret(secret(public), ("HS256",))


def test_a_secret_needs_an_algorithm_for_secrets() -> None:
    with pytest.raises(KeyProblem):
        shared_secret(secret(SECRET), ("RS256",))


@pytest.mark.parametrize("kind", KINDS)
def test_public_keys_are_read_from_pem(kind: str) -> None:
    assert read_public_key(pem_of(kind)) == private_key(kind).public_key()


@pytest.mark.parametrize(
    ("pem", "message"),
    [
        ("", "holds no public key and no certificate in PEM form"),
        ("no key", "holds no public key and no certificate in PEM form"),
        (private_pem_of("RSA"), "this is a private key"),
        (private_pem_of("P-256") + pem_of("P-256"), "this is a private key"),
        (pem_of("RSA") + pem_of("RSA"), "holds several keys"),
        (pem_of("RSA")[:100] + "\n-----END PUBLIC KEY-----\n", "cannot be read"),
        (pem_of("RSA").replace("PUBLIC KEY", "CERTIFICATE"), "cannot be read"),
        (pem_of("RSA").replace("PUBLIC KEY", "MESSAGE"), "holds no public key"),
    ],
)
def test_what_is_no_public_key(pem: str, message: str) -> None:
    with pytest.raises(KeyProblem, match=message):
        read_public_key(pem)


def test_workers_need_no_file(tmp_path: Path) -> None:
    (tmp_path / "key.pem").write_text(pem_of("RSA"))
    (tmp_path / "secret").write_text(f"{SECRET}\n")
    keys = {"keys": [jwk_of("P-256", kid="b"), {"kty": "oct", "k": "cHJpdmF0ZQ"}]}
    (tmp_path / "keys.json").write_text(json.dumps(keys))
    config = load_text(
        "auth: {providers: {"
        "a: {issuer: i, public_keys: [{id: a, file: key.pem, algorithms: [RS256]}]},"
        "b: {issuer: i, jwks_file: keys.json},"
        "c: {secrets: [{value_file: secret}]}}}",
        directory=tmp_path,
    )
    written = config.to_json()
    for file in tmp_path.iterdir():
        file.unlink()
    again = Config.from_json(written)
    assert again == config
    found = {name: static_keys(provider) for name, provider in again.auth.providers.items()}
    assert [(key.id, key.algorithms, key.kind) for key in found["a"]] == [("a", ["RS256"], "rsa")]
    assert [(key.id, key.kind) for key in found["b"]] == [("b", "p256")]
    assert found["c"][0].material == SECRET.encode()
    assert "cHJpdmF0ZQ" not in written  # private parts are never kept
    assert SECRET not in repr(config)
    assert SECRET not in config.model_dump_json()


@pytest.mark.parametrize("kind", KINDS)
def test_the_native_gate_takes_what_is_read(kind: str, tmp_path: Path) -> None:
    (tmp_path / "key.pem").write_text(pem_of(kind))
    (tmp_path / "keys.json").write_text(json.dumps({"keys": [jwk_of(kind)]}))
    for source in ("public_keys: [{file: key.pem}]", "jwks_file: keys.json"):
        algorithms = "algorithms: [RS256, PS512, ES256, ES384, ES512, ES256K, EdDSA]"
        config = load_text(provider_of(f"{source}, {algorithms}"), directory=tmp_path)
        build_gate(config)
        gate = _core.Gate(gate_specification(config), bytes(32))
        gate.set_keys(0, [*static_keys(config.auth.providers["main"])], False)


def test_what_the_native_gate_refuses_of_keys_is_a_problem() -> None:
    config = read(provider_of(f"secrets: [{{value: {SECRET}}}]"))
    provider = config.auth.providers["main"]
    # Nothing that can be written gets here: the checks refuse it before.
    weak = provider.model_copy(update={"secrets": (secret("short"),)})
    auth = config.auth.model_copy(update={"providers": {"main": weak}})
    with pytest.raises(ConfigurationError) as caught:
        build_gate(config.model_copy(update={"auth": auth}))
    (problem,) = caught.value.problems
    assert problem.code == "bad-key"
    assert problem.message.startswith("provider `main`: ")


def test_keys_that_are_fetched_are_not_static() -> None:
    config = read(provider_of("jwks_url: 'https://idp/keys'"))
    assert static_keys(config.auth.providers["main"]) == []
