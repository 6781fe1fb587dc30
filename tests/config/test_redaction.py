from __future__ import annotations

import pytest

from tests.config.reading import UPSTREAM, problems_of, route

HIDDEN = "hunter2"
"""What no report may show."""


def auth(settings: str) -> str:
    return f"auth: {{providers: {{main: {{{settings}}}}}}}"


def shown(text: str) -> list[str]:
    problems = problems_of(text)
    assert not any(HIDDEN in repr(problem) for problem in problems), problems
    return [problem.source_line or "" for problem in problems]


@pytest.mark.parametrize(
    "text",
    [
        route(f'upstream: users, headers: {{request: {{set: {{Host: "{HIDDEN}"}}}}}}'),
        route(f'upstream: users, headers: {{request: {{add: {{X-A: ["{HIDDEN}é"]}}}}}}'),
        route(f'upstream: users, headers: {{request: {{set: "{HIDDEN}"}}}}'),
        route(f"upstream: users, headers: {{request: {{set: {{A: 1, A: {HIDDEN}}}}}}}"),
        route(f"upstream: users, match: {{headers: {{Authorization: {HIDDEN}é}}}}"),
        route(f"upstream: users, api_key: {HIDDEN}"),
        f"redis: {{url: 'redis://:{HIDDEN}@h', timeout: 2h}}",
        f"password: {HIDDEN}",
        f"upstreams: {{a: {{endpoints: ['http://u:{HIDDEN}@h']}}}}",
        f"Authorization: Bearer {HIDDEN}: x",
        f"jwt_secret: '{HIDDEN}' x",
        f"admin: {{token: {HIDDEN}}}",
        f"admin: {{token: {HIDDEN}",
        f"redis: {{url: 'redis://:a/{HIDDEN}@b@h', timeout: 2h}}",
        f"redis: {{url: 'redis://h', password: {HIDDEN}, timeout: 2h}}",
        auth(f"secrets: [{{id: a, value: {HIDDEN}}}]"),
        auth(f"secrets: [{HIDDEN}]"),
        auth(f"secrets: {HIDDEN}"),
        auth(f"secrets: [{{id: a, value: {HIDDEN}, value: b}}]"),
        auth(f"secrets: [{{id: a\n, value: {HIDDEN}]"),
        auth(f"public_keys: [{{pem: {HIDDEN}}}]"),
        auth(f"api_keys: {{pepper: {HIDDEN}}}"),
        auth(f"api_keys: {{pepper: {HIDDEN}, keys: []"),
        auth(f"api_keys: {{keys: [{{id: a, hash: {HIDDEN}, owner: b}}]}}"),
        auth(f"forward_auth: {{url: 'http://u:{HIDDEN}@h'}}"),
        auth(f"secrets: [{{valeu: {HIDDEN}}}]"),
        auth(f"secrets: [{{id: a, {HIDDEN}: 1}}]"),
        auth(f"secrets: {{{HIDDEN}: 1}}"),
        auth(f"secrets: {{{HIDDEN}: 1, {HIDDEN}: 2}}"),
        auth(f"secrets: [{{id: {{a: {HIDDEN}}}}}]"),
        auth(f"secrets: [[{HIDDEN}]]"),
        auth(f"secret: [{{valeu: {HIDDEN}}}]"),
        auth(f"secerts: [{{valeu: {HIDDEN}}}]"),
        auth(f"api_kyes: {{peper: {HIDDEN}}}"),
        auth(f"api_keys: {{peper: {HIDDEN}}}"),
        auth(f"api_keys: {{keys: {HIDDEN}}}"),
        auth(f"api_keys: {{keys: [{HIDDEN}]}}"),
        auth(f"api_keys: {{keys: {{{HIDDEN}: 1}}}}"),
        auth(f"api_keys: {{keys: [{{hsah: {HIDDEN}, owner: b}}]}}"),
        auth(f"api_keys: {{keys: [{{id: a, claims: {{exp: {HIDDEN}}}}}]}}"),
        auth(f"api_keys: {HIDDEN}"),
        auth(f"secrets: [{{valeu: &a {HIDDEN}}}, {{valeu: *a}}]"),
        f"auth: {{providers: [{{secrets: [{{valeu: {HIDDEN}}}]}}]}}",
        f"auth: {{main: {{secrets: [{{valeu: {HIDDEN}}}]}}}}",
        f"auth: {{providers: {{api_keys: {{api_keys: {{peper: {HIDDEN}}}}}}}}}",
        f"x-secrets: &a [{{valeu: {HIDDEN}}}]\nauth: {{providers: {{a: {{secrets: *a}}}}}}",
        f"x-b: &a {{valeu: {HIDDEN}}}\nauth: {{providers: {{a: {{secrets: [{{<<: *a}}]}}}}}}",
        f"auth:\n  providers:\n    a:\n      secrets:\n      - valeu: '{HIDDEN}' x\n",
        f"auth:\n providers:\n  a:\n   api_keys:\n    keys:\n    - hsah: '{HIDDEN}' x",
        f"auth:\n  providers:\n    a:\n      api_keys:\n        '{HIDDEN}' x: 1",
        f"auth:\n  providers: [\n  {HIDDEN * 6}\n",  # a line of a key in PEM form
    ],
)
def test_secrets_are_masked(text: str) -> None:
    assert any("*" in line for line in shown(text))


def test_a_secret_in_place_of_a_key_is_in_no_message() -> None:
    problem = problems_of(auth(f"secrets: [{{{HIDDEN}: 1}}]"))[0]
    assert problem.code == "unknown-key"
    assert problem.message == "this is not a key here"
    problem = problems_of(auth(f"secrets: [{{valeu: {HIDDEN}}}]"))[0]
    assert problem.suggestion == "value"
    assert "value" in problem.allowed


def test_secrets_of_several_lines_are_masked() -> None:
    text = (
        f"{UPSTREAM}routes:\n  - name: a\n    upstream: users\n    headers:\n      request:\n"
        f'        set:\n          X-A: "{HIDDEN}\n            {HIDDEN}\\u00e9"\n          Host: x\n'
    )
    shown(text)


def test_masks_keep_columns() -> None:
    value = "öö"
    problem = problems_of(route(f"headers: {{request: {{set: {{A: {value}, Host: b}}}}}}, x: 1"))[
        -1
    ]
    assert problem.code == "unknown-key"
    assert problem.source_line is not None
    assert problem.column is not None
    assert problem.source_line[problem.column - 1 :].startswith("x: 1")


def test_references_and_files_are_shown() -> None:
    text = route(
        "headers: {request: {set: {Authorization: 'Bearer ${NO_SUCH}', X-A: {value_file: none}}}},"
        " upstream: users"
    )
    (line, other) = shown(text)
    assert "Bearer ${NO_SUCH}" in line
    assert "value_file: none" in other


@pytest.mark.parametrize(
    "text",
    [
        auth("token_from: [{cookie: 'se ssion'}], secrets: [{value: x}]").replace("x}]", "}]"),
        auth("claims_to_headers: {password_changed: 'X Y'}, issuer: i, discovery: off"),
        "auth: {token_bytes: 1}",
        auth("api_keys: {file: [], redis: maybe}"),
        auth("api_keys: {keys: [{id: '', owner: '', expires: never, not_before: 1, roles: ['']}]}"),
        auth("api_keys: {keys: [{id: a, scopes: ['a b']}]}"),
        auth("secrets: [{id: '', value_file: none}]"),
        auth("audience: api"),
        "auth: {providers: {secrets: {audience: api}, api_keys: {isuer: i}}}",
        "upstreams: {token-service: {endpoints: ['ftp://a'], blancer: x}}",
        route("upstream: users, auth: {authorization: replace}"),
        route("upstream: users, auth: {claims: {token_use: [[]]}}"),
        "rate_limits: {per-token: 5, a: {by: api_kye, tiers: {token: 0, secret: x}, tokens: 5}}",
        "rate_limits: {api_keys: {by: {header: X-Token}, quota: 0, window: 1s}}",
    ],
)
def test_names_that_only_sound_like_secrets_are_shown(text: str) -> None:
    assert not any("*" in line for line in shown(text))
