from __future__ import annotations

import pytest

from tests.config.reading import UPSTREAM, problems_of, route

HIDDEN = "hunter2"
"""What no report may show."""


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
        f"redis: {{url: 'redis://:{HIDDEN}@h'}}",
        f"password: {HIDDEN}",
        f"upstreams: {{a: {{endpoints: ['http://u:{HIDDEN}@h']}}}}",
        f"Authorization: Bearer {HIDDEN}: x",
        f"jwt_secret: '{HIDDEN}' x",
    ],
)
def test_secrets_are_masked(text: str) -> None:
    assert any("*" in line for line in shown(text))


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
