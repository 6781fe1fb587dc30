from __future__ import annotations

import pytest
from pydantic import TypeAdapter, ValidationError

from pygateway.config.syntax.paths import (
    HealthPath,
    LocationTemplate,
    PathPattern,
    PathPrefix,
    PathTemplate,
    parameters_of,
    shape_of,
)

PATTERNS: TypeAdapter[str] = TypeAdapter(PathPattern)
PREFIXES: TypeAdapter[str] = TypeAdapter(PathPrefix)
TEMPLATES: TypeAdapter[str] = TypeAdapter(PathTemplate)
LOCATIONS: TypeAdapter[str] = TypeAdapter(LocationTemplate)
HEALTH: TypeAdapter[str] = TypeAdapter(HealthPath)


def suggestion(adapter: TypeAdapter[str], text: str) -> str | None:
    with pytest.raises(ValidationError) as caught:
        adapter.validate_python(text)
    (error,) = caught.value.errors()
    suggested = error["ctx"]["suggestion"]
    assert suggested is None or isinstance(suggested, str)
    return suggested


@pytest.mark.parametrize(
    "pattern",
    [
        "/",
        "/a",
        "/a/",
        "/*",
        "/a/*",
        "/{id}",
        "/a/{id}/b/*",
        "/a-b._~!$&'()+,;=:@",
        "/%C3%A9",
        "/a%2Fb",
        "/.well-known/x",
        "/...",
        "/%2A",
    ],
)
def test_path_patterns(pattern: str) -> None:
    assert PATTERNS.validate_python(pattern) == pattern


@pytest.mark.parametrize(
    "pattern",
    [
        "",
        "a",
        "*",
        "//",
        "/a//b",
        "/a/./b",
        "/..",
        "/..;x",
        "/a*",
        "/*/a",
        "/**",
        "/{id}x",
        "/x{id}",
        "/{}",
        "/{1}",
        "/{a-b}",
        "/{a",
        "/a}",
        "/{a}/{a}",
        "/{rest}",
        "/{path}",
        "/{host}",
        "/{query}",
        "/a b",
        "/é",
        "/a?b",
        "/a#b",
        "/%",
        "/%4",
        "/%zz",
        "/%41",
        "/%2f",
        "/%00",
        "/%0A",
        "/%7F",
        "/a\\b",
        '/"',
        "/<",
        "/[",
        "/^",
        "/`",
        "/|",
        "/" + "x" * 2048,
    ],
)
def test_what_is_no_path_pattern(pattern: str) -> None:
    with pytest.raises(ValidationError):
        PATTERNS.validate_python(pattern)


@pytest.mark.parametrize(
    ("pattern", "suggested"),
    [("users", "/users"), ("/a//b", "/a/b"), ("/caf%c3%a9", "caf%C3%A9"), ("/%41%2f", "A%2F")],
)
def test_canonical_forms_are_suggested(pattern: str, suggested: str) -> None:
    assert suggestion(PATTERNS, pattern) == suggested


@pytest.mark.parametrize("prefix", ["/a", "/a/b", "/%C3%A9"])
def test_prefixes(prefix: str) -> None:
    assert PREFIXES.validate_python(prefix) == prefix


@pytest.mark.parametrize("prefix", ["", "a", "/", "/a/", "/a/*", "/{id}", "//a", "/a b"])
def test_what_is_no_prefix(prefix: str) -> None:
    with pytest.raises(ValidationError):
        PREFIXES.validate_python(prefix)


@pytest.mark.parametrize(
    "template", ["/", "/a/{id}", "{path}", "/v2{path}", "/a/{rest}", "/{a}-{b}"]
)
def test_path_templates(template: str) -> None:
    assert TEMPLATES.validate_python(template) == template


@pytest.mark.parametrize(
    "template",
    [
        "",
        "a",
        "{id}/a",
        "/a//b",
        "/{query}",
        "/a{",
        "/a}",
        "/{}",
        "/{a b}",
        "/a?b",
        "/a b",
        "/..",
        "/v2/{path}",
    ],
)
def test_what_is_no_path_template(template: str) -> None:
    with pytest.raises(ValidationError):
        TEMPLATES.validate_python(template)


@pytest.mark.parametrize(
    "location",
    [
        "/",
        "/a?b=c",
        "{path}",
        "{path}?x=1",
        "https://a.example",
        "https://a.example/",
        "http://a:8080/x",
        "https://{host}{path}",
        "https://{host}:8443/x{query}",
        "https://a?b",
        "https://a{query}",
        "https://[::1]/x",
        "/%7Euser",
        "/a#b",
    ],
)
def test_locations(location: str) -> None:
    assert LOCATIONS.validate_python(location) == location


@pytest.mark.parametrize(
    "location",
    [
        "",
        "a",
        "//evil.example",
        "ftp://a",
        "javascript:x",
        "https://",
        "https:///a",
        "https://a b",
        "{rest}",
        "{id}",
        "https://{tenant}.example/",
        "https://a.example{rest}",
        "https://{host}{id}",
        "https://a.example:{id}",
        "https://u@a.example",
        "/a\nb",
        "/é",
        "/{",
        "https://a:0/",
    ],
)
def test_clients_never_choose_where_they_are_sent(location: str) -> None:
    with pytest.raises(ValidationError):
        LOCATIONS.validate_python(location)


@pytest.mark.parametrize(
    ("path", "canonical"), [("/health", "/health"), ("/health/", "/health"), ("/a/b", "/a/b")]
)
def test_health_paths(path: str, canonical: str) -> None:
    assert HEALTH.validate_python(path) == canonical


@pytest.mark.parametrize("path", ["/", "health", "//", "/*", "/{id}", "/a//"])
def test_what_is_no_health_path(path: str) -> None:
    with pytest.raises(ValidationError):
        HEALTH.validate_python(path)


def test_parameters_and_shapes() -> None:
    assert parameters_of("/a/{id}/{name}/*") == ("id", "name")
    assert shape_of("/a/{id}") == shape_of("/a/{name}") != shape_of("/a/id")
