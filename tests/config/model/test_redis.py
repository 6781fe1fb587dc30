from __future__ import annotations

from pathlib import Path

import pytest

from pygateway.config import Config, Redis, RedisLocation, load_text
from tests.config.reading import problem_of, problems_of, read


def redis_of(text: str) -> Redis:
    redis = read(f"redis: {text}").redis
    assert redis is not None
    return redis


def test_defaults() -> None:
    redis = redis_of("redis://h")
    assert (redis.timeout, redis.key_prefix) == (0.05, "pygateway")
    assert (redis.username, redis.password, redis.ca_file) == (None, None, None)
    assert read("").redis is None


@pytest.mark.parametrize(
    ("url", "location"),
    [
        ("redis://h", RedisLocation("server", False, (("h", 6379),))),
        ("REDISS://H:1/3", RedisLocation("server", True, (("h", 1),), database=3)),
        ("redis://[::1]:7/", RedisLocation("server", False, (("::1", 7),))),
        ("unix:///run/r.sock", RedisLocation("socket", False, (), path="/run/r.sock")),
        (
            "unix:///run/r.sock?db=4",
            RedisLocation("socket", False, (), path="/run/r.sock", database=4),
        ),
        (
            "redis+sentinel://a,b:1/main/2",
            RedisLocation("sentinel", False, (("a", 26379), ("b", 1)), database=2, service="main"),
        ),
        ("redis+cluster://a:1,b", RedisLocation("cluster", False, (("a", 1), ("b", 6379)))),
    ],
)
def test_urls(url: str, location: RedisLocation) -> None:
    assert redis_of(f"'{url}'").location == location


@pytest.mark.parametrize(
    "url",
    [
        "h:6379",
        "http://h",
        "redis:h",
        "redis://",
        "redis://h:0",
        "redis://h/x",
        "redis://h/1/2",
        "redis://a,b",
        "redis://h?socket_timeout=9",
        "redis://h#x",
        "unix://run/r.sock",
        "unix:///run/r.sock?password=x",
        "redis+sentinel://a",
        "redis+sentinel://a/",
        "redis+sentinel://a/main/x",
        "redis+cluster://a/0",
        "redis+cluster://a,,b",
    ],
)
def test_what_is_no_url(url: str) -> None:
    assert problem_of(f"redis: '{url}'").code in {"bad-url", "bad-socket-path"}


@pytest.mark.parametrize(
    "text",
    [
        "redis://me:hun%40ter2@h/1",
        "{url: 'redis://h/1', username: me, password: hun@ter2}",
        "{url: 'redis://:hun@ter2@h/1', username: me}",
    ],
)
def test_user_and_password_are_apart_from_the_url(text: str) -> None:
    config = read(f"redis: {text}")
    redis = config.redis
    assert redis is not None
    assert redis.password is not None
    assert (redis.url, redis.username) == ("redis://h/1", "me")
    assert redis.password.get_secret_value() == "hun@ter2"
    assert "ter2" not in repr(config)
    assert "ter2" not in config.model_dump_json()
    assert Config.from_json(config.to_json()) == config


def test_a_password_may_be_in_a_file(tmp_path: Path) -> None:
    (tmp_path / "password").write_text("hunter2\n")
    config = load_text("redis: {url: 'redis://h', password_file: password}", directory=tmp_path)
    assert config.redis is not None
    assert config.redis.password is not None
    assert config.redis.password.get_secret_value() == "hunter2"
    text = "redis: {url: 'redis://:x@h', password_file: password}"
    (problem,) = problems_of(text, directory=tmp_path)
    assert problem.code == "conflicting-keys"


@pytest.mark.parametrize(
    ("settings", "code"),
    [
        ("timeout: 0s", "out-of-range"),
        ("timeout: 11s", "out-of-range"),
        ("key_prefix: ''", "bad-name"),
        ("key_prefix: '{a}'", "bad-name"),
        ("username: ''", "out-of-range"),
        ("urls: x", "unknown-key"),
    ],
)
def test_what_else_is_wrong(settings: str, code: str) -> None:
    assert problem_of(f"redis: {{url: 'redis://h', {settings}}}").code == code


def test_the_url_is_needed() -> None:
    assert problem_of("redis: {timeout: 1s}").code == "missing-key"
    # A mistake elsewhere in the section is reported as well.
    assert len(problems_of("redis: {url: x, timeout: 1h}")) == 2
