from __future__ import annotations

import pytest

from pygateway.config import Config, Provider
from tests.config.reading import problem_of, read

SECRET = "x" * 32


def provider_of(settings: str) -> Provider:
    config = read(f"auth: {{providers: {{main: {{{settings}}}}}}}")
    assert Config.from_json(config.to_json()) == config
    return config.auth.providers["main"]


def test_defaults_of_authentication() -> None:
    auth = read("").auth
    assert (auth.realm, auth.default, auth.token_bytes, auth.waiting) == (
        "pygateway",
        None,
        8192,
        1024,
    )
    assert (auth.cache.size, auth.cache.ttl) == (64 * 1024**2, 300.0)
    assert (auth.cache.refused_size, auth.cache.refused_ttl) == (4 * 1024**2, 60.0)
    revocation = auth.revocation
    assert (revocation.file, revocation.when_stale) == (None, "allow")
    assert (revocation.stale_after, revocation.entries) == (30.0, 100_000)
    assert auth.providers == {}


def test_defaults_of_tokens() -> None:
    provider = provider_of(f"secrets: [{{value: {SECRET}}}]")
    assert (provider.kind, provider.fetches_keys) == ("jwt", False)
    assert (provider.issuer, provider.audiences, provider.types) == (None, (), ())
    assert (provider.leeway, provider.longest_life) == (30.0, 30 * 86400.0)
    assert (provider.scope_claim, provider.roles_claim) == (None, "roles")
    assert provider.algorithms == ("HS256",)
    assert provider.model_dump()["token_from"] == ("bearer",)


@pytest.mark.parametrize(
    "source", ["jwks_url: 'https://i/k'", "issuer: 'https://i', discovery: on"]
)
def test_defaults_of_public_keys(source: str) -> None:
    issuer = "" if "issuer" in source else "issuer: i, "
    provider = provider_of(f"{issuer}{source}")
    assert provider.algorithms == ("RS256", "ES256", "EdDSA")
    assert provider.fetches_keys
    jwks = provider.jwks
    assert (jwks.refresh, jwks.minimum_refresh, jwks.maximum_refresh) == (300.0, 30.0, 3600.0)
    assert (jwks.cooldown, jwks.timeout, jwks.stale) == (10.0, 5.0, 86400.0)
    assert (jwks.size, jwks.keys, jwks.redirects) == (512 * 1024, 100, 0)
    assert not jwks.allow_http


def test_defaults_of_other_kinds() -> None:
    keys = provider_of(f"api_keys: {{pepper: {SECRET}, keys: []}}")
    assert keys.kind == "api-keys"
    assert keys.model_dump()["token_from"] == ({"header": "X-API-Key"},)
    service = provider_of("forward_auth: {url: 'http://a'}")
    assert (service.kind, service.token_from, service.algorithms) == ("forward-auth", (), ())
    policy = service.forward_auth
    assert policy is not None
    assert (policy.timeout, policy.cache, policy.on_failure) == (1.0, 0.0, "deny")
    assert (policy.request_headers, policy.response_headers) == (("Authorization", "Cookie"), ())
    assert policy.body == 64 * 1024


def test_places_of_credentials() -> None:
    provider = provider_of(
        f"secrets: [{{value: {SECRET}}}],"
        " token_from: [{cookie: session}, bearer, {header: X-Token}]"
    )
    assert provider.model_dump()["token_from"] == (
        {"cookie": "session"},
        "bearer",
        {"header": "X-Token"},
    )


@pytest.mark.parametrize(
    ("settings", "code"),
    [
        ("leeway: 11m", "out-of-range"),
        ("longest_life: 1s", "out-of-range"),
        ("algorithms: [none]", "unsafe-algorithm"),
        ("algorithms: [NONE]", "unsafe-algorithm"),
        ("algorithms: [nOnE]", "unsafe-algorithm"),
        ("algorithms: [hs256]", "not-allowed-value"),
        ("algorithms: [ES521]", "not-allowed-value"),
        ("algorithms: []", "out-of-range"),
        ("issuer: ''", "bad-name"),
        ('issuer: "a\\nb"', "bad-name"),
        ("audiences: [[a]]", "wrong-type"),
        ("scope_claim: a..b", "bad-claim"),
        ("discovery: maybe", "wrong-type"),
        ("jwks: {redirects: 6}", "out-of-range"),
        ("jwks: {keys: 0}", "out-of-range"),
        ("issuer_url: x", "unknown-key"),
    ],
)
def test_what_no_provider_has(settings: str, code: str) -> None:
    text = f"auth: {{providers: {{main: {{secrets: [{{value: {SECRET}}}], {settings}}}}}}}"
    assert problem_of(text).code == code


@pytest.mark.parametrize(
    ("settings", "code"),
    [
        ("realm: 'a \"b\"'", "bad-name"),
        ("token_bytes: 1MiB", "out-of-range"),
        ("waiting: 0", "out-of-range"),
        ("cache: {size: 1KiB}", "out-of-range"),
        ("cache: {ttl: 2d}", "out-of-range"),
        ("revocation: {when_stale: maybe}", "not-allowed-value"),
        ("revocation: {stale_after: 1ms}", "out-of-range"),
        ("revocation: {entries: 0}", "out-of-range"),
        ("provider: {}", "unknown-key"),
    ],
)
def test_what_authentication_does_not_have(settings: str, code: str) -> None:
    assert problem_of(f"auth: {{{settings}}}").code == code
