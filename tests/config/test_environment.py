from __future__ import annotations

from pathlib import Path

import pytest

from pygateway.config import (
    Config,
    ConfigurationError,
    ConfigurationProblem,
    KeyPart,
    Overrides,
    check,
    load,
)
from tests.config.reading import UPSTREAM, problem_of, problems_of, read

SECRET = {"JWT_SECRET_KEY": "x" * 32}


def from_environment(**variables: str) -> Config:
    return load(None, variables)


def refused(**variables: str) -> ConfigurationProblem:
    with pytest.raises(ConfigurationError) as caught:
        load(None, variables)
    (problem,) = caught.value.problems
    return problem


def test_the_environment_alone_configures() -> None:
    config = from_environment(
        PYGATEWAY__LISTEN="127.0.0.1:0",
        PYGATEWAY__LIMITS__BODY_BYTES="1GB",
        PYGATEWAY__TIMEOUTS='{"idle": "5s", "drain": 1}',
        PYGATEWAY__TRUSTED_PROXIES="10.0.0.0/8,192.0.2.1",
        PYGATEWAY__UPSTREAMS__USERS__ENDPOINTS="http://a:1, http://b:2",
        PYGATEWAY__ROUTES__0__NAME="users",
        PYGATEWAY__ROUTES__0__MATCH__PATHS="[/users/*, '/people/{id}']",
        PYGATEWAY__ROUTES__0__UPSTREAM="users",
    )
    assert str(config.listeners[0].address) == "127.0.0.1:0"
    assert config.limits.body_bytes == 10**9
    assert (config.timeouts.idle, config.timeouts.drain) == (5.0, 1.0)
    assert config.trusted_proxies == ("10.0.0.0/8", "192.0.2.1/32")
    assert [e.url for e in config.upstreams["users"].endpoints] == ["http://a:1", "http://b:2"]
    assert config.routes[0].match.paths == ("/users/*", "/people/{id}")


def test_variables_go_over_the_file() -> None:
    config = read(
        "limits: {header_count: 5, body_bytes: 1KiB}", {"PYGATEWAY__LIMITS__HEADER_COUNT": "7"}
    )
    assert (config.limits.header_count, config.limits.body_bytes) == (7, 1024)


def test_a_variable_for_a_section_and_one_for_a_key_in_it_add_up() -> None:
    config = from_environment(
        PYGATEWAY__LIMITS__HEADER_COUNT="7",
        PYGATEWAY__LIMITS="{header_count: 5, connections: 9}",
    )
    assert (config.limits.header_count, config.limits.connections) == (7, 9)


def test_listen_and_listeners_replace_each_other() -> None:
    file = "listeners: [{address: '127.0.0.1:1'}, {address: '127.0.0.1:2'}]"
    config = read(file, {"PYGATEWAY__LISTEN": "127.0.0.1:3"})
    assert [str(listener.address) for listener in config.listeners] == ["127.0.0.1:3"]
    config = read("listen: 127.0.0.1:1", {"PYGATEWAY__LISTENERS": "[{address: '127.0.0.1:4'}]"})
    assert [str(listener.address) for listener in config.listeners] == ["127.0.0.1:4"]


def test_names_are_found_in_any_spelling() -> None:
    config = read(
        "upstreams: {user-service.v2: {endpoints: [http://a]}}",
        {"PYGATEWAY__UPSTREAMS__USER_SERVICE_V2__BALANCER": "least_requests"},
    )
    assert config.upstreams["user-service.v2"].balancer == "least_requests"


def test_items_of_lists_are_replaced_and_appended() -> None:
    config = read(
        f"{UPSTREAM}routes: [{{name: a, upstream: users}}]",
        {
            "PYGATEWAY__ROUTES__0__NAME": "b",
            "PYGATEWAY__ROUTES__1": "{name: c, upstream: users}",
            "PYGATEWAY__UPSTREAMS__USERS__ENDPOINTS__0": "http://other",
        },
    )
    assert [route.name for route in config.routes] == ["b", "c"]
    assert config.upstreams["users"].endpoints[0].url == "http://other"


def test_a_section_without_a_value_takes_variables() -> None:
    assert read("limits:\n", {"PYGATEWAY__LIMITS__HEADER_COUNT": "7"}).limits.header_count == 7


def test_variables_are_not_interpolated() -> None:
    config = read(
        f"{UPSTREAM}routes: [{{name: a, respond: {{}}}}]",
        {"PYGATEWAY__ROUTES__0__RESPOND__BODY": "${X}"},
    )
    assert config.routes[0].respond is not None
    assert config.routes[0].respond.body == "${X}"


@pytest.mark.parametrize(
    ("name", "value", "code"),
    [
        ("PYGATEWAY__LIMITS__HEDER_COUNT", "1", "unknown-key"),
        ("PYGATEWAY__TIMEOUTS__IDLE", "soon", "bad-duration"),
        ("PYGATEWAY__LIMITS", "{header_count: [}", "bad-yaml"),
        ("PYGATEWAY__LIMITS", "{header_count: 1, header_count: 2}", "duplicate-key"),
        ("PYGATEWAY__LIMITS", "text", "wrong-type"),
        ("PYGATEWAY__LIMITS____HEADER_COUNT", "1", "bad-variable"),
        ("PYGATEWAY__", "1", "bad-variable"),
        ("PYGATEWAY__REDIS__URL", "http://h", "bad-url"),
        ("PYGATEWAY__RATE_LIMITS__A", "{by: adress, concurrency: 1}", "not-allowed-value"),
        ("PYGATEWAY__DEFAULT_RATE_LIMITS", "per-user", "unknown-rate-limit"),
        ("PYGATEWAY__ACCESS_LOG__FIELDS", "path,pth", "not-allowed-value"),
        ("PYGATEWAY__ROUTES", "[{name: a, upstream: nobody}]", "unknown-upstream"),
    ],
)
def test_problems_name_the_variable(name: str, value: str, code: str) -> None:
    problem = refused(**{name: value})
    assert (problem.code, problem.file, problem.line) == (code, "environment", None)
    assert problem.message.startswith(f"{name}: ")


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("PYGATEWAY__WORKERS__COUNT", "PYGATEWAY__WORKERS is a value"),
        ("PYGATEWAY__TRUSTED_PROXIES__FIRST", "PYGATEWAY__TRUSTED_PROXIES is a list"),
        ("PYGATEWAY__TRUSTED_PROXIES__5", "next index is 1"),
    ],
)
def test_names_that_lead_nowhere(name: str, message: str) -> None:
    problem = problem_of("workers: 2\ntrusted_proxies: [10.0.0.0/8]", {name: "x"})
    assert problem.code == "bad-variable"
    assert message in problem.message


def test_other_variables_are_nobodys_business() -> None:
    assert from_environment(PYGATEWAY_CONFIG="x", PYGATEWAY="y", PATH="z") == load(None, {})


def test_the_command_line_goes_over_everything(tmp_path: Path) -> None:
    file = tmp_path / "gateway.yaml"
    file.write_text("listeners: [{address: '127.0.0.1:1'}]\nworkers: 2\n")
    config = load(file, {"PYGATEWAY__WORKERS": "3"}, Overrides(listen="127.0.0.1:9", workers=4))
    assert str(config.listeners[0].address) == "127.0.0.1:9"
    assert config.workers == 4


def test_problems_of_the_command_line_name_the_option() -> None:
    with pytest.raises(ConfigurationError) as caught:
        load(None, {}, Overrides(listen="8000", workers="0"))
    listen, workers = caught.value.problems
    assert (listen.file, listen.code) == ("command line", "bad-address")
    assert listen.message.startswith("--listen: ")
    assert workers.message.startswith("--workers: ")


@pytest.mark.parametrize(
    ("variables", "code"),
    [
        ({"JWT_SECRET_KEY": ""}, "short-secret"),
        ({"JWT_SECRET_KEY": "x" * 31}, "short-secret"),
        ({"JWT_SECRET_KEY": "\N{SNOWMAN}" * 10}, "short-secret"),
        ({"REDIS_URL": "localhost"}, "bad-url"),
        ({"RATE_LIMIT_ENABLED": "perhaps"}, "wrong-type"),
        ({"RATE_LIMIT_REQUESTS_PER_MINUTE": "0"}, "out-of-range"),
        ({"RATE_LIMIT_REQUESTS_PER_MINUTE": "-1"}, "out-of-range"),
        ({"RATE_LIMIT_REQUESTS_PER_MINUTE": "1.5"}, "out-of-range"),
        ({"RATE_LIMIT_REQUESTS_PER_MINUTE": "67108865"}, "out-of-range"),
        ({"RATE_LIMIT_REQUESTS_PER_MINUTE": "1" * 5000}, "out-of-range"),
        ({"RATE_LIMIT_REQUESTS_PER_MINUTE": "\N{ARABIC-INDIC DIGIT SIX}"}, "out-of-range"),
        ({"RATE_LIMIT_REQUESTS_PER_MINUTE": "many", "RATE_LIMIT_ENABLED": "1"}, "out-of-range"),
    ],
)
def test_protection_that_was_asked_for_is_refused_not_ignored(
    variables: dict[str, str], code: str
) -> None:
    problem = refused(**variables)
    assert problem.code == code
    assert problem.message.startswith(tuple(variables))


@pytest.mark.parametrize(
    "variables",
    [
        {"REDIS_URL": ""},
        {"RATE_LIMIT_ENABLED": "false"},
        {"RATE_LIMIT_ENABLED": "off", "RATE_LIMIT_REQUESTS_PER_MINUTE": "60"},
        {"RATE_LIMIT_ENABLED": "", "RATE_LIMIT_REQUESTS_PER_MINUTE": "many"},
        {"RATE_LIMIT_REQUESTS_PER_MINUTE": ""},
    ],
)
def test_protection_that_is_turned_off_is_no_problem(variables: dict[str, str]) -> None:
    assert load(None, variables) == load(None, {})


def test_secrets_in_variables_are_not_repeated() -> None:
    secret = "-".join(["hunter2"] * 2)
    problems = problems_of(
        "",
        {
            "JWT_SECRET_KEY": secret,
            "PYGATEWAY__UPSTREAMS__A__ENDPOINTS": f"http://u:{secret}@host",
            "PYGATEWAY__LISTEN": secret,
        },
    )
    assert len(problems) == 3
    assert not any(secret in repr(problem) for problem in problems)


def test_the_secret_of_earlier_gateways_makes_a_provider() -> None:
    for secret in ("x" * 32, "\N{SNOWMAN}" * 11):
        config = from_environment(JWT_SECRET_KEY=secret)
        (only,) = config.auth.providers.items()
        name, provider = only
        assert (name, provider.kind, provider.algorithms) == ("environment", "jwt", ("HS256",))
        assert provider.secrets[0].value is not None
        assert provider.secrets[0].value.get_secret_value() == secret
        assert secret not in repr(config)


@pytest.mark.parametrize("auth", ["auth:", "auth: {realm: api}", "auth: {providers: }", "auth: {}"])
def test_a_secret_protects_what_was_written_without_providers(auth: str) -> None:
    config = read(f"{UPSTREAM}routes: [{{name: a, upstream: users}}]\n{auth}", SECRET)
    assert config.providers_of(config.routes[0]) == ("environment",)


def test_a_secret_beside_providers_is_not_used_and_says_so(tmp_path: Path) -> None:
    file = tmp_path / "gateway.yaml"
    file.write_text(f"auth: {{providers: {{main: {{secrets: [{{value: {'y' * 32}}}]}}}}}}")
    config, problems = check(file, SECRET)
    assert config is not None
    assert list(config.auth.providers) == ["main"]
    (problem,) = [problem for problem in problems if problem.file == "environment"]
    assert (problem.code, problem.severity) == ("idle-setting", "warning")
    assert problem.message.startswith("JWT_SECRET_KEY: ")


def test_a_secret_does_not_hide_what_is_wrong_with_providers() -> None:
    assert problem_of("auth: {providers: text}", SECRET).code == "wrong-type"
    assert problem_of("auth: text", SECRET).code == "wrong-type"


@pytest.mark.parametrize("redis", ["", "redis:", "redis: {timeout: 1s}"])
def test_the_redis_of_earlier_gateways(redis: str) -> None:
    config = read(redis, {"REDIS_URL": "redis://:hunter2@cache:7000/2"})
    assert config.redis is not None
    assert config.redis.url == "redis://cache:7000/2"
    assert config.redis.password is not None
    assert config.redis.password.get_secret_value() == "hunter2"


@pytest.mark.parametrize("redis", ["redis: redis://mine", "redis: {url: redis://mine}"])
def test_a_redis_that_is_configured_goes_first(redis: str) -> None:
    config = read(redis, {"REDIS_URL": "redis://other"})
    assert config.redis is not None
    assert config.redis.url == "redis://mine"


@pytest.mark.parametrize(
    ("variables", "quota"),
    [
        ({"RATE_LIMIT_ENABLED": "true"}, 60),
        ({"RATE_LIMIT_ENABLED": " Yes "}, 60),
        ({"RATE_LIMIT_ENABLED": "1", "RATE_LIMIT_REQUESTS_PER_MINUTE": ""}, 60),
        ({"RATE_LIMIT_ENABLED": "on", "RATE_LIMIT_REQUESTS_PER_MINUTE": "100"}, 100),
        ({"RATE_LIMIT_REQUESTS_PER_MINUTE": " 1 "}, 1),
        ({"RATE_LIMIT_REQUESTS_PER_MINUTE": "67108864"}, 67_108_864),
    ],
)
def test_the_rate_limit_of_earlier_gateways(variables: dict[str, str], quota: int) -> None:
    config = read(
        f"{UPSTREAM}routes: [{{name: a, upstream: users}},"
        " {name: b, upstream: users, rate_limits: []}]",
        variables,
    )
    ((name, policy),) = config.rate_limits.items()
    assert (name, policy.key_parts()) == ("per-user", (KeyPart("user"),))
    assert (policy.quota, policy.window, config.mode_of(policy)) == (quota, 60.0, "local")
    limited, unlimited = config.routes
    assert config.rate_limits_of(limited) == (("per-user", 1),)
    assert config.rate_limits_of(unlimited) == ()


def test_the_rate_limit_of_earlier_gateways_is_shared_by_redis() -> None:
    config = from_environment(RATE_LIMIT_ENABLED="true", REDIS_URL="redis://h")
    assert config.mode_of(config.rate_limits["per-user"]) == "leased"


@pytest.mark.parametrize("limits", ["rate_limits:", "rate_limits: {}", "default_rate_limits:"])
def test_a_rate_limit_goes_where_nothing_else_was_said(limits: str) -> None:
    config = read(limits, {"RATE_LIMIT_ENABLED": "true"})
    assert (list(config.rate_limits), config.default_rate_limits) == (["per-user"], ("per-user",))


def test_routes_keep_the_defaults_that_were_written() -> None:
    config = read("default_rate_limits: []", {"RATE_LIMIT_ENABLED": "true"})
    assert (list(config.rate_limits), config.default_rate_limits) == (["per-user"], ())


@pytest.mark.parametrize("name", ["RATE_LIMIT_ENABLED", "RATE_LIMIT_REQUESTS_PER_MINUTE"])
def test_a_rate_limit_beside_others_is_not_used_and_says_so(tmp_path: Path, name: str) -> None:
    file = tmp_path / "gateway.yaml"
    file.write_text("rate_limits: {mine: {by: ip, quota: 5, window: 1s}}")
    config, problems = check(file, {name: "1"})
    (problem,) = [problem for problem in problems if problem.file == "environment"]
    assert (problem.code, problem.severity) == ("idle-setting", "warning")
    assert problem.message.startswith(f"{name}: ")
    assert config is not None
    assert list(config.rate_limits) == ["mine"]


def test_a_rate_limit_does_not_hide_what_is_wrong_with_others() -> None:
    assert problem_of("rate_limits: text", {"RATE_LIMIT_ENABLED": "1"}).code == "wrong-type"


def test_rate_limits_of_routes_may_come_from_variables() -> None:
    config = from_environment(
        PYGATEWAY__RATE_LIMITS__PER_USER="{by: user, quota: 5, window: 1s}",
        PYGATEWAY__RATE_LIMITS__BURST__BY="user, ip",
        PYGATEWAY__RATE_LIMITS__BURST__CONCURRENCY="3",
        PYGATEWAY__UPSTREAMS__USERS__ENDPOINTS="http://a",
        PYGATEWAY__ROUTES__0="{name: a, upstream: users}",
        PYGATEWAY__ROUTES__0__RATE_LIMITS="per_user, burst",
        PYGATEWAY__ROUTES__1="{name: b, upstream: users, rate_limits: [{name: per_user, cost: 2}]}",
        PYGATEWAY__ROUTES__2="{name: c, upstream: users}",
        PYGATEWAY__ROUTES__2__RATE_LIMITS="",
        PYGATEWAY__DEFAULT_RATE_LIMITS="burst",
    )
    assert config.rate_limits["burst"].by == (KeyPart("user"), KeyPart("ip"))
    a, b, c = map(config.rate_limits_of, config.routes)
    assert (a, b, c) == ((("per_user", 1), ("burst", 1)), (("per_user", 2),), ())
