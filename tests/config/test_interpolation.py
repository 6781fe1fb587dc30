from __future__ import annotations

import pytest

from tests.config.reading import problem_of, problems_of, read, route

ENVIRONMENT = {"NAME": "value", "EMPTY": "", "LIST": "10.0.0.0/8, 192.0.2.1", "N": "3"}


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("${NAME}", "value"),
        ("a-${NAME}-b", "a-value-b"),
        ("${NAME}${NAME}", "valuevalue"),
        ("${EMPTY}", ""),
        ("${EMPTY:-default}", "default"),
        ("${UNSET:-default}", "default"),
        ("${UNSET:-}", ""),
        ("$${NAME}", "${NAME}"),
        ("$NAME", "$NAME"),
        ("${UNSET:-a:-b}", "a:-b"),
    ],
)
def test_references_are_replaced(text: str, expected: str) -> None:
    config = read(route(f'respond: {{body: "{text}"}}'), ENVIRONMENT)
    assert config.routes[0].respond is not None
    assert config.routes[0].respond.body == expected


def test_numbers_may_be_references() -> None:
    assert read("workers: ${N}\nlimits: {header_count: '${N}'}", ENVIRONMENT).workers == 3


def test_a_reference_where_a_list_is_wanted_is_split_at_commas() -> None:
    config = read("trusted_proxies: ${LIST}", ENVIRONMENT)
    assert config.trusted_proxies == ("10.0.0.0/8", "192.0.2.1/32")


def test_what_is_put_in_adds_no_structure() -> None:
    config = read(route('respond: {body: "${BODY}"}'), {"BODY": "x\nroutes: []"})
    assert config.routes[0].respond is not None
    assert config.routes[0].respond.body == "x\nroutes: []"


def test_what_is_put_in_is_not_replaced_again() -> None:
    config = read(route('respond: {body: "${A}"}'), {"A": "${B}"})
    assert config.routes[0].respond is not None
    assert config.routes[0].respond.body == "${B}"


@pytest.mark.parametrize(("quote", "column"), [("", 12), ('"', 13), ("'", 13)])
def test_an_undefined_variable_is_pointed_at(quote: str, column: int) -> None:
    problem = problem_of(f"workers: {quote}1-${{WORKRES}}{quote}", {"WORKERS": "2"})
    assert problem.code == "undefined-variable"
    assert (problem.line, problem.column) == (1, column)
    assert problem.suggestion == "WORKERS"


@pytest.mark.parametrize("text", ["${", "${}", "${a b}", "${1}", "${NAME", "${NAME:default}"])
def test_broken_references(text: str) -> None:
    problem = problem_of(f"workers: '{text}'", ENVIRONMENT)
    assert problem.code == "bad-interpolation"


def test_every_undefined_variable_is_reported() -> None:
    text = route("respond: {body: '${ONE} ${TWO}'}")
    assert [problem.code for problem in problems_of(text)] == ["undefined-variable"] * 2


def test_keys_are_not_replaced() -> None:
    problem = problem_of("'${NAME}': 1", ENVIRONMENT)
    assert problem.code == "unknown-key"


def test_an_alias_is_replaced_once() -> None:
    text = f"x-body: &body $${{NAME}}\n{route('respond: {body: *body }')}"
    config = read(text, ENVIRONMENT)
    assert config.routes[0].respond is not None
    assert config.routes[0].respond.body == "${NAME}"
