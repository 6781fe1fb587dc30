from __future__ import annotations

import pytest
from pydantic import TypeAdapter, ValidationError

from pygateway.config.syntax.hosts import HostName, HostPattern, Origin, is_host, split_authority

PATTERNS: TypeAdapter[str] = TypeAdapter(HostPattern)
ORIGINS: TypeAdapter[str] = TypeAdapter(Origin)
HOSTS: TypeAdapter[str] = TypeAdapter(HostName)


@pytest.mark.parametrize(
    "host",
    [
        "a",
        "a.b.example",
        "a-b.example",
        "a_b",
        "xn--mnchen-3ya",
        "127.0.0.1",
        "[::1]",
        "1a.example",
    ],
)
def test_hosts(host: str) -> None:
    assert is_host(host)


@pytest.mark.parametrize(
    "host",
    [
        "",
        ".",
        "a.",
        ".a",
        "a..b",
        "-a",
        "a-",
        "a b",
        "é",
        "256.0.0.1",
        "1.2.3",
        "0127.0.0.1",
        "::1",
        "[::1",
        "[127.0.0.1]",
        "[fe80::1%eth0]",
        "a@b",
        "a/b",
        "a:1",
        "x" * 64,
        "a." * 127 + "a",
    ],
)
def test_what_is_no_host(host: str) -> None:
    assert not is_host(host)


@pytest.mark.parametrize(
    ("text", "parts"),
    [
        ("a", ("a", None)),
        ("a:80", ("a", 80)),
        ("[::1]", ("[::1]", None)),
        ("[::1]:80", ("[::1]", 80)),
        ("127.0.0.1:65535", ("127.0.0.1", 65535)),
    ],
)
def test_authorities(text: str, parts: tuple[str, int | None]) -> None:
    assert split_authority(text) == parts


@pytest.mark.parametrize(
    "text", ["", ":80", "a:", "a:0", "a:080", "a:65536", "a:b", "::1", "a:1:2", "a:٣"]
)
def test_what_is_no_authority(text: str) -> None:
    assert split_authority(text) is None


@pytest.mark.parametrize(
    ("pattern", "canonical"),
    [
        ("API.Example", "api.example"),
        ("*.Example", "*.example"),
        ("[::1]", "[::1]"),
        ("*.a", "*.a"),
    ],
)
def test_host_patterns_are_lowered(pattern: str, canonical: str) -> None:
    assert PATTERNS.validate_python(pattern) == canonical


@pytest.mark.parametrize(
    "pattern",
    ["*", "*.", "a.*", "*a", "*.*.a", "a:80", "*.a:80", "*.127.0.0.1", "*.[::1]", "http://a", "a/"],
)
def test_what_is_no_host_pattern(pattern: str) -> None:
    with pytest.raises(ValidationError):
        PATTERNS.validate_python(pattern)


@pytest.mark.parametrize(
    ("origin", "canonical"),
    [
        ("*", "*"),
        ("https://App.Example", "https://app.example"),
        ("https://app.example:443", "https://app.example"),
        ("http://app.example:80", "http://app.example"),
        ("http://app.example:443", "http://app.example:443"),
        ("https://*.app.example", "https://*.app.example"),
        ("http://[::1]:3000", "http://[::1]:3000"),
    ],
)
def test_origins_are_what_browsers_send(origin: str, canonical: str) -> None:
    assert ORIGINS.validate_python(origin) == canonical


@pytest.mark.parametrize(
    "origin",
    [
        "",
        "null",
        "app.example",
        "https://",
        "https://a/",
        "https://a/b",
        "https://a?b",
        "ftp://a",
        "https://u@a",
        "https://*",
        "https://a.*",
        "https://*.*.a",
        "https://a:0",
        "https://a b",
    ],
)
def test_what_is_no_origin(origin: str) -> None:
    with pytest.raises(ValidationError, match="origin"):
        ORIGINS.validate_python(origin)


def test_host_names() -> None:
    assert HOSTS.validate_python("Users.Internal") == "users.internal"
    with pytest.raises(ValidationError, match="port"):
        HOSTS.validate_python("users:80")
