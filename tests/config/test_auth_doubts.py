"""Warnings about authentication that works and is weaker than it looks."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from pygateway.config import ConfigurationProblem, check
from tests.config.keys import jwk_of
from tests.config.reading import UPSTREAM
from tests.support.certificates import Authority

SECRET = "x" * 32
GOOD = "issuer: i, audiences: [api], jwks_url: 'https://i/keys'"


def doubts(
    directory: Path, provider: str, *, rest: str = "revocation: {file: r}", top: str = ""
) -> list[ConfigurationProblem]:
    """Check one provider that a route uses; a warning about an open route is not counted."""
    file = directory / "gateway.yaml"
    file.write_text(
        f"auth: {{{rest}, providers: {{main: {{{provider}}}}}}}\n{UPSTREAM}{top}\n"
        "routes: [{name: a, upstream: users, auth: {provider: main}}]\n"
    )
    config, problems = check(file, {})
    assert config is not None, problems
    assert all(problem.severity == "warning" for problem in problems)
    return list(problems)


def codes(
    directory: Path, provider: str, *, rest: str = "revocation: {file: r}", top: str = ""
) -> list[str]:
    return [problem.code for problem in doubts(directory, provider, rest=rest, top=top)]


def test_a_strong_provider_draws_no_warning(tmp_path: Path) -> None:
    assert codes(tmp_path, GOOD) == []


@pytest.mark.parametrize(
    ("provider", "found"),
    [
        ("issuer: i, jwks_url: 'https://i'", ["no-audience"]),
        (f"audiences: [a], secrets: [{{value: {SECRET}}}]", ["no-issuer"]),
        (f"secrets: [{{value: {SECRET}}}]", ["no-audience", "no-issuer"]),
        (
            f"issuer: i, audiences: [a, b], secrets: [{{value: {SECRET}}}]",
            ["shared-secret-audiences"],
        ),
        ("issuer: i, audiences: [a, b], jwks_url: 'https://i'", []),
        (f"{GOOD}, leeway: 5m", []),
        (f"{GOOD}, leeway: 301s", ["long-leeway"]),
        (
            f"issuer: i, audiences: [a], secrets: [{{value: {SECRET}}}], jwks: {{keys: 1}}",
            ["idle-setting"],
        ),
        ("forward_auth: {url: 'http://a'}", []),
        ("forward_auth: {url: 'http://a', on_failure: allow}", ["open-on-failure"]),
        (f"api_keys: {{pepper: {SECRET}, keys: []}}", []),
    ],
)
def test_doubts_of_a_provider(tmp_path: Path, provider: str, found: list[str]) -> None:
    assert sorted(codes(tmp_path, provider)) == found


@pytest.mark.parametrize(
    ("rest", "top", "found"),
    [
        ("realm: a", "", ["volatile-revocations"]),
        ("realm: a", "redis: redis://h", []),
        ("revocation: {file: r}", "", []),
        ("revocation: {file: r, when_stale: deny}", "", ["idle-setting"]),
        ("revocation: {when_stale: deny}", "redis: redis://h", []),
    ],
)
def test_revocations_that_are_forgotten(
    tmp_path: Path, rest: str, top: str, found: list[str]
) -> None:
    assert codes(tmp_path, GOOD, rest=rest, top=top) == found
    assert codes(tmp_path, "forward_auth: {url: 'http://a'}", rest="realm: a") == []


def test_authorities_for_a_redis_without_tls(tmp_path: Path) -> None:
    ca_file = Authority(tmp_path).file
    for scheme, found in (("redis", ["idle-setting"]), ("rediss", [])):
        top = f"redis: {{url: '{scheme}://h', ca_file: {ca_file}}}"
        assert codes(tmp_path, GOOD, top=top) == found


def test_keys_of_a_set_that_are_not_used(tmp_path: Path) -> None:
    keys = [jwk_of("P-256", kid="a"), jwk_of("RSA", kid="b", use="enc"), {"kty": "oct"}]
    (tmp_path / "keys.json").write_text(json.dumps({"keys": keys}))
    found = doubts(tmp_path, "issuer: i, audiences: [a], jwks_file: keys.json")
    assert [problem.message for problem in found] == [
        "key 2 (`b`): `use` is not `sig`; the key is not used",
        "key 3: a secret in a public set is no secret; the key is not used",
    ]
    assert {(problem.code, problem.line) for problem in found} == {("skipped-key", 1)}


def test_open_routes_beside_protected_ones(tmp_path: Path) -> None:
    file = tmp_path / "gateway.yaml"
    file.write_text(
        f"auth: {{revocation: {{file: r}}, providers: {{main: {{{GOOD}}}, spare: {{{GOOD}}}}}}}\n"
        f"{UPSTREAM}routes:\n"
        "  - {name: a, upstream: users, auth: {provider: main}}\n"
        "  - {name: b, match: {paths: [/b]}, upstream: users, auth: none}\n"
        "  - {name: c, match: {paths: [/c]}, redirect: /b, auth: none}\n"
    )
    _, problems = check(file, {})
    assert [(p.code, p.line, p.column) for p in problems] == [
        ("unused-provider", 1, 108),
        ("public-route", 5, 60),
    ]
    assert "`b`" in problems[1].message


def test_a_configuration_without_providers_says_how_to_protect(tmp_path: Path) -> None:
    file = tmp_path / "gateway.yaml"
    file.write_text(f"{UPSTREAM}routes: [{{name: a, upstream: users}}]")
    (problem,) = check(file, {})[1]
    assert problem.code == "open-routes"
    assert "auth.providers" in problem.message


@pytest.mark.parametrize(
    ("places", "names", "found"),
    [
        ("[bearer]", "[main, keys]", ["shadowed-provider"]),
        ("[bearer, {header: X-Key}]", "[main, keys]", []),
        ("[{header: X-Key}]", "[main, keys]", []),
        ("[bearer]", "[keys, more]", ["shadowed-provider"]),
        ("[bearer]", "[main, more]", []),
    ],
)
def test_providers_that_no_credential_gets_to(
    tmp_path: Path, places: str, names: str, found: list[str]
) -> None:
    file = tmp_path / "gateway.yaml"
    file.write_text(
        f"auth: {{revocation: {{file: r}}, providers: {{main: {{{GOOD}}}, more: {{{GOOD}}},"
        f" keys: {{token_from: {places}, api_keys: {{pepper: {SECRET}, keys: []}}}}}}}}\n"
        f"{UPSTREAM}routes: [{{name: a, upstream: users, auth: {{provider: {names}}}}}]"
    )
    _, problems = check(file, {})
    assert [p.code for p in problems if p.code != "unused-provider"] == found
