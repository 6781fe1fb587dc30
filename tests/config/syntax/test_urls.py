from __future__ import annotations

import pytest
from pydantic_core import PydanticCustomError

from pygateway.config.syntax.urls import check_http_url


@pytest.mark.parametrize(
    "url",
    ["https://a", "http://a:1/", "HTTPS://a.example/x/y.json?z=%20&b", "https://[::1]:8443?x=/?"],
)
def test_urls_that_can_be_fetched(url: str) -> None:
    assert check_http_url(url) == url


@pytest.mark.parametrize(
    ("url", "message"),
    [
        ("a.example", "must be an https URL, or an http one"),
        ("ftp://a", "must be an https URL, or an http one"),
        ("https:a", "must be an https URL, or an http one"),
        ("https://", "the URL needs a host name or address"),
        ("https://a:0", "the URL needs a host name or address"),
        ("https://a b/", "the URL needs a host name or address"),
        ("https://u@a", "the URL has no user and no password"),
        ("https://u:p@a/x", "the URL has no user and no password"),
        ("https://a/#x", "a URL that is fetched has no fragment"),
        ("https://a/ x", "a URL has at most 2048 characters"),
        ("https://a/é", "a URL has at most 2048 characters"),
        ("https://a/\r\nX: y", "a URL has at most 2048 characters"),
        ("https://a/" + "x" * 2048, "a URL has at most 2048 characters"),
    ],
)
def test_urls_that_cannot(url: str, message: str) -> None:
    with pytest.raises(PydanticCustomError) as caught:
        check_http_url(url)
    assert caught.value.type == "bad-url"
    assert message in str(caught.value)


def test_a_near_scheme_is_suggested() -> None:
    with pytest.raises(PydanticCustomError) as caught:
        check_http_url("htps://a/x")
    assert caught.value.context is not None
    assert caught.value.context["suggestion"] in {"https://a/x", "http://a/x"}
