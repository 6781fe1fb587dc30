from __future__ import annotations

import pytest

from pygateway.config import Endpoint
from tests.config.reading import read


def test_an_endpoint_may_be_its_url() -> None:
    config = read("upstreams: {a: {endpoints: [http://a:1, {url: http://b:2, weight: 3}]}}")
    assert [(e.url, e.weight) for e in config.upstreams["a"].endpoints] == [
        ("http://a:1", 1),
        ("http://b:2", 3),
    ]


@pytest.mark.parametrize(
    ("url", "parts"),
    [
        ("https://[::1]", ("https", "::1", 443, None, "[::1]")),
        ("http://a:8080", ("http", "a", 8080, None, "a:8080")),
        ("unix:/run/a.sock", ("http", "", 0, "/run/a.sock", "localhost")),
    ],
)
def test_endpoints_are_taken_apart(url: str, parts: tuple[object, ...]) -> None:
    endpoint = Endpoint(url=url)
    assert (
        endpoint.scheme,
        endpoint.host,
        endpoint.port,
        endpoint.path,
        endpoint.authority,
    ) == parts
    assert endpoint == Endpoint(url=url)


def test_defaults() -> None:
    upstream = read("upstreams: {a: {endpoints: [http://a]}}").upstreams["a"]
    assert upstream.balancer == "round_robin"
    assert (upstream.pool.max_idle, upstream.pool.idle_timeout) == (256, 60.0)
    assert (upstream.pool.max_connections, upstream.pool.max_queue) == (1024, 1024)
    assert upstream.pool.queue_timeout == 1.0
    assert upstream.retry.attempts == 2
    assert (upstream.tls.ca_file, upstream.tls.server_name, upstream.tls.verify) == (
        None,
        None,
        True,
    )
    assert upstream.timeouts.connect is None


@pytest.mark.parametrize("word", ["true", "True", "yes", "on", "1"])
def test_words_for_true(word: str) -> None:
    text = f"upstreams: {{a: {{endpoints: [http://a], tls: {{verify: {word}}}}}}}"
    assert read(text).upstreams["a"].tls.verify is True


@pytest.mark.parametrize("word", ["false", "no", "off", "0"])
def test_words_for_false(word: str) -> None:
    text = f"upstreams: {{a: {{endpoints: [https://a], tls: {{verify: {word}}}}}}}"
    assert read(text).upstreams["a"].tls.verify is False
