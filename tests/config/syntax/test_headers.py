from __future__ import annotations

import pytest
from pydantic import TypeAdapter, ValidationError

from pygateway.config.syntax.headers import (
    HeaderName,
    HeaderValue,
    Method,
    SecretHeaderValue,
    is_reserved_in_requests,
    is_reserved_in_responses,
    normal_name,
)

NAMES: TypeAdapter[str] = TypeAdapter(HeaderName)
VALUES: TypeAdapter[str] = TypeAdapter(HeaderValue)
METHODS: TypeAdapter[str] = TypeAdapter(Method)


@pytest.mark.parametrize("name", ["X-A", "a", "!#$%&'*+-.^_`|~1", "x" * 256])
def test_names_are_tokens(name: str) -> None:
    assert NAMES.validate_python(name) == name


@pytest.mark.parametrize("name", ["", " ", "a b", "a:", "é", "a\n", "a\0", "(x)", "x" * 257, "٣"])
def test_what_is_no_name(name: str) -> None:
    with pytest.raises(ValidationError, match="header name"):
        NAMES.validate_python(name)


@pytest.mark.parametrize("value", ["", "x", "a b\tc", "~!", "x" * 8192])
def test_values_are_printable(value: str) -> None:
    assert VALUES.validate_python(value) == value


@pytest.mark.parametrize(
    "value", [" x", "x ", "\tx", "a\nb", "a\rb", "\0", "é", "\x7f", "x" * 8193]
)
def test_what_is_no_value(value: str) -> None:
    with pytest.raises(ValidationError, match="header value"):
        VALUES.validate_python(value)


@pytest.mark.parametrize("method", ["GET", "M-SEARCH", "PROPFIND", "X!"])
def test_methods_are_tokens_of_capital_letters(method: str) -> None:
    assert METHODS.validate_python(method) == method


@pytest.mark.parametrize("method", ["", "get", "Get", "A B", "CONNECT", "TRACE", "X" * 33, "GÉT"])
def test_what_is_no_method(method: str) -> None:
    with pytest.raises(ValidationError):
        METHODS.validate_python(method)


def test_both_spellings_are_one_name() -> None:
    assert normal_name("X_Forwarded_For") == normal_name("x-forwarded-for")


@pytest.mark.parametrize("name", ["X-Forwarded-Anything", "x_forwarded_for", "HOST", "Te"])
def test_reserved_in_requests(name: str) -> None:
    assert is_reserved_in_requests(name)


def test_what_routes_may_change() -> None:
    assert not is_reserved_in_requests("Authorization")
    assert not is_reserved_in_requests("X-Forwarded")
    assert not is_reserved_in_responses("Server")
    assert is_reserved_in_responses("date")


def test_secret_values_show_only_when_revealed() -> None:
    adapter: TypeAdapter[SecretHeaderValue] = TypeAdapter(SecretHeaderValue)
    value = adapter.validate_python("open sesame")
    assert "sesame" not in repr(value)
    assert "sesame" not in str(adapter.dump_python(value))
    assert "sesame" not in adapter.dump_json(value).decode()
    assert adapter.dump_json(value, context={"reveal": True}) == b'"open sesame"'
