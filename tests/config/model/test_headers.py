from __future__ import annotations

import pytest

from pygateway.config.model.headers import DEFAULT_SECURITY_HEADERS, HSTS, SecurityHeaders
from tests.config.reading import problem_of, read, route


def test_default_stands_for_the_default_headers() -> None:
    assert SecurityHeaders(base="default").resolve({}) == DEFAULT_SECURITY_HEADERS
    assert HSTS in DEFAULT_SECURITY_HEADERS


def test_none_stands_for_nothing() -> None:
    assert SecurityHeaders(base="none").resolve(DEFAULT_SECURITY_HEADERS) == {}


def test_changes_replace_add_and_take_out() -> None:
    policy = SecurityHeaders(changes={"a": "2", "B": None, "C": "3"})
    assert policy.resolve({"A": "1", "b": "1", "D": "1"}) == {"D": "1", "a": "2", "C": "3"}


@pytest.mark.parametrize(
    ("text", "dumped"),
    [("default", "default"), ("none", "none"), ("{X-A: b, X-B: }", {"X-A": "b", "X-B": None})],
)
def test_security_headers_are_written_as_they_were(text: str, dumped: object) -> None:
    assert read(f"security_headers: {text}").model_dump()["security_headers"] == dumped


def test_a_header_named_base_is_a_header() -> None:
    config = read("security_headers: {base: none}")
    assert config.security_headers.changes == {"base": "none"}


@pytest.mark.parametrize("text", ["defualt", "[a]", "{X A: b}", "{X-A: 'é'}"])
def test_what_are_no_security_headers(text: str) -> None:
    problem_of(f"security_headers: {text}")


def test_a_value_and_a_list_of_values_can_be_added() -> None:
    config = read(route("upstream: users, headers: {response: {add: {A: x, B: [y, z]}}}"))
    added = config.routes[0].headers.response.add
    assert {name: [v.get_secret_value() for v in values] for name, values in added.items()} == {
        "A": ["x"],
        "B": ["y", "z"],
    }


def test_cors_has_the_safe_defaults() -> None:
    config = read(route("upstream: users, cors: {origins: [https://a.example]}"))
    cors = config.routes[0].cors
    assert cors is not None
    assert cors.methods == ("GET", "HEAD", "POST")
    assert not cors.credentials
    assert cors.max_age is None


@pytest.mark.parametrize("cors", ["{}", "{origins: []}", "{origins: [https://a], max_age: 2d}"])
def test_what_is_no_cors_policy(cors: str) -> None:
    problem_of(route(f"upstream: users, cors: {cors}"))
