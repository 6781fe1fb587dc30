"""Errors between the values of admin, redis, auth and the routes' auth."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from pygateway.errors import ConfigurationProblem
from tests.config.keys import jwk_of, pem_of
from tests.config.reading import UPSTREAM, codes_of, problem_of, problems_of, read

SECRET = "x" * 32
PEPPER = "p" * 32
HASH = "0f" * 32
TOKENS = "{issuer: i, jwks_url: 'https://i/keys'}"
SERVICE = "{forward_auth: {url: 'http://127.0.0.1:1/'}}"
KEYS = f"{{api_keys: {{pepper: {PEPPER}, keys: [{{id: a, hash: {HASH}, owner: o}}]}}}}"


def provider(settings: str) -> str:
    return f"auth: {{providers: {{main: {{{settings}}}}}}}"


def access(auth: str, providers: str = f"main: {TOKENS}, service: {SERVICE}") -> str:
    return (
        f"auth: {{providers: {{{providers}}}}}\n"
        f"{UPSTREAM}routes: [{{name: route, upstream: users, auth: {auth}}}]"
    )


def single(text: str, directory: Path | None = None) -> ConfigurationProblem:
    (problem,) = problems_of(text, directory=directory)
    return problem


@pytest.mark.parametrize("address", ["0.0.0.0:8001", "[::]:8001", "10.0.0.1:0", "gateway:8001"])
def test_an_admin_server_that_others_reach_needs_a_token(address: str) -> None:
    assert problem_of(f"admin: '{address}'").code == "exposed-admin"
    read(f"admin: {{address: '{address}', token: {'t' * 16}}}")
    # A bad token is a problem of its own, and a token all the same.
    assert codes_of(f"admin: {{address: '{address}', token: short}}") == ["short-secret"]


@pytest.mark.parametrize("address", ["127.0.0.1:1", "127.9.9.9:1", "[::1]:1", "localhost:1"])
def test_an_admin_server_on_loopback_needs_none(address: str) -> None:
    read(f"admin: '{address}'")
    read("admin: 'unix:/run/admin.sock'")


def test_the_admin_server_has_an_address_of_its_own() -> None:
    problem = problem_of("admin: 127.0.0.1:8000\nlisten: 127.0.0.1:8000")
    assert problem.code == "duplicate-address"
    read("admin: 127.0.0.1:0\nlisten: 127.0.0.1:0")


@pytest.mark.parametrize(
    ("settings", "code"),
    [
        ("issuer: i", "missing-key"),
        ("issuer: i, discovery: false", "missing-key"),
        ("issuer: i, jwks_url: 'https://i', discovery: true", "conflicting-keys"),
        (f"issuer: i, discovery: true, secrets: [{{value: {SECRET}}}]", "conflicting-keys"),
        ("jwks_url: 'https://i'", "missing-key"),
        ("issuer: i, jwks_url: 'http://i'", "insecure-url"),
        ("issuer: i, jwks_url: 'HTTP://i'", "insecure-url"),
        ("issuer: i, jwks_url: 'ftp://i'", "bad-url"),
        ("issuer: i, discovery: true", "bad-url"),
        ("issuer: 'https://i?x', discovery: true", "bad-url"),
        ("issuer: 'http://i', discovery: true", "insecure-url"),
        ("issuer: i, jwks_url: 'https://i', jwks: {refresh: 2h}", "out-of-range"),
        ("issuer: i, jwks_url: 'https://i', jwks: {refresh: 1s}", "out-of-range"),
        ("issuer: i, jwks_url: 'https://i', jwks: {minimum_refresh: 2h}", "out-of-range"),
        ("issuer: i, jwks_url: 'https://i', jwks: {maximum_refresh: 10s}", "out-of-range"),
        (f"secrets: [{{value: {SECRET}}}], algorithms: [RS256]", "unsafe-algorithm"),
        ("issuer: i, jwks_url: 'https://i', algorithms: [HS256]", "unsafe-algorithm"),
        (f"secrets: [{{value: {SECRET}}}], algorithms: [HS512]", "short-secret"),
        (f"secrets: [{{value: {'x' * 31}}}]", "short-secret"),
        ("secrets: [{id: a}]", "missing-key"),
        ("secrets: []", "out-of-range"),
        (f"secrets: [{{value: {SECRET}, value_file: f}}]", "unreadable-file"),
        (f"secrets: [{{value: {SECRET}}}, {{value: {SECRET}}}]", "bad-key"),
        (
            f"secrets: [{{id: a, value: {SECRET}}}, {{id: a, value: {'y' * 32}}}]",
            "duplicate-name",
        ),
        ("issuer: i, public_keys: [{id: a}]", "missing-key"),
        ("issuer: i, public_keys: [{pem: text}]", "bad-key"),
        (f"api_keys: {{pepper: {PEPPER}}}", "missing-key"),
        ("api_keys: {keys: []}", "missing-key"),
        (f"api_keys: {{pepper: {PEPPER}, redis: true}}", "missing-key"),
        (f"api_keys: {{pepper: {'p' * 31}, keys: []}}", "short-secret"),
        (f"api_keys: {{pepper: {PEPPER}, keys: []}}, leeway: 1s", "conflicting-keys"),
        (f"api_keys: {{pepper: {PEPPER}, keys: []}}, roles_claim: r", "conflicting-keys"),
        ("forward_auth: {url: 'http://a'}, token_from: [bearer]", "conflicting-keys"),
        ("forward_auth: {url: 'http://a'}, claims_to_headers: {a: X-A}", "conflicting-keys"),
        ("forward_auth: {}", "missing-key"),
        ("forward_auth: {url: 'http://u:p@a'}", "bad-url"),
        ("forward_auth: {url: 'http://a', response_headers: [Cookie]}", "reserved-header"),
        ("forward_auth: {url: 'http://a', response_headers: [X-A, x_a]}", "duplicate-name"),
        ("forward_auth: {url: 'http://a', request_headers: [Connection]}", "reserved-header"),
    ],
)
def test_what_is_wrong_with_a_provider(settings: str, code: str) -> None:
    assert problem_of(provider(settings)).code == code


@pytest.mark.parametrize(
    "settings",
    [
        "issuer: 'https://i/realms/a', discovery: true",
        "issuer: 'http://127.0.0.1:1', discovery: true, jwks: {allow_http: true}",
        "issuer: i, jwks_url: 'http://i', jwks: {allow_http: true}",
        "issuer: i, jwks_url: 'https://i', discovery: false",
        f"secrets: [{{value: {SECRET}}}]",
        "forward_auth: {url: 'http://a/x?y=z', response_headers: [X-Forwarded-User, X-User]}",
    ],
)
def test_what_is_right_with_a_provider(settings: str) -> None:
    read(provider(settings))


@pytest.mark.parametrize(
    ("headers", "code"),
    [
        ("{sub: Host}", "reserved-header"),
        ("{sub: X-Forwarded-For}", "reserved-header"),
        ("{sub: X_Request_ID}", "reserved-header"),
        ("{sub: Authorization}", "reserved-header"),
        ("{sub: cookie}", "reserved-header"),
        ("{sub: Content-Type}", "reserved-header"),
        ("{sub: Access-Control-Allow-Origin}", "reserved-header"),
        ("{sub: X-Token}", "conflicting-keys"),
        ("{sub: X-User, email: x_user}", "conflicting-keys"),
        ("{sub: 'X User'}", "bad-header-name"),
        ("{sub: X-Forwarded-User, 'a.b': X-B}", None),
    ],
)
def test_headers_that_tell_of_claims(headers: str, code: str | None) -> None:
    text = provider(
        f"secrets: [{{value: {SECRET}}}], token_from: [{{header: X-Token}}],"
        f" claims_to_headers: {headers}"
    )
    if code is None:
        read(text)
    else:
        assert problem_of(text).code == code


@pytest.mark.parametrize(
    ("sources", "code"),
    [
        ("[bearer, bearer]", "duplicate-name"),
        ("[{header: X-A}, {header: x_a}]", "duplicate-name"),
        ("[{header: Authorization}]", "conflicting-keys"),
        ("[{header: Cookie}]", "conflicting-keys"),
        ("[{header: X-Forwarded-For}]", "reserved-header"),
        ("[{header: A, cookie: b}]", "conflicting-keys"),
        ("[{header: 'A B'}]", "bad-header-name"),
        ("[{cookie: 'a=b'}]", "bad-name"),
        ("[]", "out-of-range"),
        ("[{}]", "missing-key"),
        ("[{cookie: }]", "missing-key"),
        ("[query]", "not-allowed-value"),
        ("[{query: a}]", "unknown-key"),
    ],
)
def test_places_of_credentials(sources: str, code: str) -> None:
    text = provider(f"secrets: [{{value: {SECRET}}}], token_from: {sources}")
    assert problem_of(text).code == code


@pytest.mark.parametrize(
    ("auth", "code"),
    [
        ("{provider: mian}", "unknown-provider"),
        ("{provider: [main, main]}", "duplicate-name"),
        ("{provider: [main, service]}", "conflicting-keys"),
        ("{provider: service, scopes: [a]}", "conflicting-keys"),
        ("{provider: service, claims: {a: b}}", "conflicting-keys"),
        ("{provider: ''}", "bad-name"),
        ("{provider: []}", "out-of-range"),
        ("nnone", "not-allowed-value"),
        ("[main]", "wrong-type"),
        ("{optional: maybe}", "wrong-type"),
        ("{authorization: replace}", "not-allowed-value"),
        ("{scopes: ['a b']}", "bad-scope"),
        ("{claims: {a: {match: x}}}", "wrong-type"),
        ("{claims: {a: }}", "wrong-type"),
        ("{claims: {a: []}}", "out-of-range"),
        ("{claims: {a: {in: x}}}", "wrong-type"),
        ("{claims: {a: {matches: '('}}}", "bad-pattern"),
        ("{claims: {'a.': x}}", "bad-claim"),
    ],
)
def test_what_is_wrong_with_a_route(auth: str, code: str) -> None:
    assert problem_of(access(auth)).code == code


def test_a_near_provider_is_suggested() -> None:
    problem = problem_of(access("{provider: mian}"))
    assert (problem.suggestion, problem.allowed) == ("main", ("main", "service"))


def test_without_providers_nothing_can_be_demanded() -> None:
    for text in ("", "auth: {realm: x}\n", "auth:\n", "auth: {providers: }\n"):
        problem = single(f"{text}{UPSTREAM}routes: [{{name: a, upstream: users, auth: {{}}}}]")
        assert problem.code == "unknown-provider"
        assert problem.message.startswith("there are no providers")


def test_a_provider_that_is_wrong_is_still_known() -> None:
    assert codes_of(access("{provider: main}", "main: {issuer: i}")) == ["missing-key"]
    assert codes_of(access("{provider: main}", "main: text")) == ["wrong-type"]
    assert codes_of("auth: {default: [main], providers: {main: text}}") == ["wrong-type"]


@pytest.mark.parametrize(
    ("default", "code"),
    [
        ("mian", "unknown-provider"),
        ("[main, main]", "duplicate-name"),
        ("[main, service]", "conflicting-keys"),
        ("[]", "out-of-range"),
        ("main", None),
        ("[service]", None),
    ],
)
def test_providers_of_routes_that_name_none(default: str, code: str | None) -> None:
    text = f"auth: {{default: {default}, providers: {{main: {TOKENS}, service: {SERVICE}}}}}"
    if code is None:
        read(text)
    else:
        assert problem_of(text).code == code


def test_of_several_services_one_is_the_default() -> None:
    providers = f"a: {SERVICE}, b: {SERVICE}"
    assert problem_of(access("{optional: true}", providers)).code == "missing-key"
    read(access("none", providers))
    read(access("{provider: a}", providers))


def test_routes_without_auth_are_protected() -> None:
    text = (
        f"auth: {{providers: {{a: {TOKENS}, b: {SERVICE}, c: {KEYS}}}}}\n{UPSTREAM}routes:"
        " [{name: a, upstream: users}, {name: b, upstream: users, auth: none},"
        " {name: c, upstream: users, auth: {provider: b}}, {name: d, redirect: /x}]"
    )
    config = read(text)
    assert [config.providers_of(route) for route in config.routes] == [
        ("a", "c"),
        (),
        ("b",),
        ("a", "c"),
    ]
    only = read(access("{optional: true}", f"a: {SERVICE}"))
    assert only.providers_of(only.routes[0]) == ("a",)
    assert read(UPSTREAM).default_providers() == ()


def test_a_key_set_is_checked(tmp_path: Path) -> None:
    file = tmp_path / "keys.json"
    text = provider("issuer: i, jwks_file: keys.json")
    assert single(text, tmp_path).code == "unreadable-file"
    file.write_text("no JSON")
    assert single(text, tmp_path).code == "bad-file"
    file.write_text('{"keys": []}')
    assert single(text, tmp_path).message == "the set has no keys"
    file.write_text(json.dumps({"keys": [{"kty": "oct", "k": "AAAA"}, jwk_of("RSA-1024")]}))
    problem = single(text, tmp_path)
    assert (problem.code, problem.message) == (
        "bad-key",
        "no key of the set can be used: key 1: a secret in a public set is no secret;"
        " key 2: an RSA key has at least 2048 bits (RFC 7518 section 3.3)",
    )
    file.write_bytes(b"x" * (1024**2 + 1))
    assert single(text, tmp_path).code == "too-large"


def test_a_public_key_is_checked(tmp_path: Path) -> None:
    (tmp_path / "rsa.pem").write_text(pem_of("RSA"))
    (tmp_path / "small.pem").write_text(pem_of("RSA-1024"))

    def found(keys: str) -> ConfigurationProblem:
        text = provider(f"issuer: i, algorithms: [RS256, ES256], public_keys: [{keys}]")
        return single(text, tmp_path)

    assert found("{file: small.pem}").code == "bad-key"
    pem = json.dumps(pem_of("RSA"))
    assert found(f"{{file: rsa.pem, pem: {pem}}}").code == "conflicting-keys"
    assert found("{file: rsa.pem, algorithms: [ES256]}").message == (
        "the key (RSA) is for RS256, RS384, RS512, PS256, PS384, PS512, and none of them is"
        " accepted"
    )
    problem = found("{file: rsa.pem, algorithms: [PS256]}")
    assert (problem.code, problem.allowed) == ("not-allowed-value", ("RS256", "ES256"))
    assert found("{file: rsa.pem}, {file: rsa.pem}").message == "this key is there before"


def test_files_of_authorities_are_read(tmp_path: Path) -> None:
    (tmp_path / "ca.pem").write_text("no certificate")
    for text in (
        "redis: {url: 'rediss://h', ca_file: ca.pem}",
        provider("issuer: i, jwks_url: 'https://i', jwks: {ca_file: ca.pem}"),
    ):
        assert single(text, tmp_path).code == "bad-file"


def test_the_file_of_revocations_can_be_there(tmp_path: Path) -> None:
    for file in ("missing/file", "."):
        assert single(f"auth: {{revocation: {{file: {file}}}}}", tmp_path).code == "bad-file"
    read(f"auth: {{revocation: {{file: {tmp_path}/revocations}}}}")


def test_everything_is_reported_at_once() -> None:
    text = (
        "auth: {providers: {a: {issuer: i, jwks_url: 'http://i', algorithms: [HS256, none]},"
        f" b: {{secrets: [{{value: short}}], algorithms: [RS256, HS256]}}}}}}\n{UPSTREAM}"
        "routes: [{name: a, upstream: users, auth: {provider: c, scopes: ['']}}]"
    )
    assert sorted(codes_of(text)) == [
        "bad-scope",
        "insecure-url",
        "short-secret",
        "unknown-provider",
        "unsafe-algorithm",
        "unsafe-algorithm",
        "unsafe-algorithm",
    ]
