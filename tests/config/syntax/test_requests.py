from __future__ import annotations

import pytest

from pygateway.config.syntax.requests import split_request_url


@pytest.mark.parametrize(
    ("url", "expected"),
    [
        ("/a/../b?c#d", (False, "", "/a/../b?c#d")),
        ("*", (False, "", "*")),
        ("http://a.test", (False, "a.test", "/")),
        ("http://a.test:81/b", (False, "a.test:81", "/b")),
        ("HTTPS://a.test/b", (True, "a.test", "/b")),
        ("https://[::1]:8443?b=/", (True, "[::1]:8443", "/?b=/")),
        ("http://user@a.test/", (False, "user@a.test", "/")),
        ("http://a.test//b", (False, "a.test", "//b")),
    ],
)
def test_a_url_is_split_as_it_is_written(url: str, expected: tuple[bool, str, str]) -> None:
    assert split_request_url(url) == expected


@pytest.mark.parametrize("url", ["", "a.test/b", "ftp://a.test/", "http:///b", "http://", "://a"])
def test_what_is_no_url(url: str) -> None:
    with pytest.raises(ValueError, match=r"not a URL|neither a URL"):
        split_request_url(url)
