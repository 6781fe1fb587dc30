from __future__ import annotations

import gc
from pathlib import Path

import pytest

from pygateway.config import (
    Config,
    ConfigurationError,
    ConfigurationProblem,
    build_gate,
    check,
    load,
    load_mapping,
)
from tests.config.reading import UPSTREAM, read, route


def test_load_reads_a_file(tmp_path: Path) -> None:
    file = tmp_path / "gateway.yaml"
    file.write_text(route("upstream: users"))
    assert load(file, {}).routes[0].name == "route"


def test_load_without_a_file_has_the_defaults() -> None:
    config = load(None, {})
    assert [str(listener.address) for listener in config.listeners] == ["127.0.0.1:8000"]
    assert config.limits.header_bytes == 32 * 1024
    assert config.health_path == "/health"


def test_load_raises_with_every_error_and_no_warning(tmp_path: Path) -> None:
    file = tmp_path / "gateway.yaml"
    file.write_text("workers: many\nlimits: {header_count: 0}\n")
    with pytest.raises(ConfigurationError) as caught:
        load(file, {})
    problems = caught.value.problems
    assert [(problem.line, problem.severity) for problem in problems] == [
        (1, "error"),
        (2, "error"),
    ]
    assert {problem.file for problem in problems} == {str(file)}


def test_a_file_that_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError) as caught:
        load(tmp_path / "none.yaml", {"JWT_SECRET_KEY": "short"})
    assert [p.code for p in caught.value.problems] == ["unreadable-file", "short-secret"]


def test_files_are_relative_to_the_configuration(tmp_path: Path) -> None:
    file = tmp_path / "gateway.yaml"
    file.write_text("upstreams: {a: {endpoints: [https://a], tls: {ca_file: sub/ca.pem}}}")
    _, problems = check(file, {})
    assert [problem.code for problem in problems] == ["unreadable-file"]


def test_plain_values_configure_too() -> None:
    config = load_mapping(
        {
            "listen": "127.0.0.1:0",
            "workers": 2,
            "upstreams": {"a": {"endpoints": ["http://127.0.0.1:1"], "tls": {"verify": True}}},
            "routes": [{"name": "a", "upstream": "a", "timeouts": {"request": 1.5}}],
            "health_path": False,
        },
        {"PYGATEWAY__WORKERS": "3"},
    )
    assert config.workers == 3
    assert config.routes[0].timeouts.request == 1.5
    assert config.health_path is None


def test_problems_of_plain_values_name_their_origin() -> None:
    with pytest.raises(ConfigurationError) as caught:
        load_mapping({"listen": "nowhere"}, name="--from")
    (problem,) = caught.value.problems
    assert (problem.file, problem.line, problem.code) == ("--from", None, "bad-address")


def test_check_builds_what_the_caller_builds(tmp_path: Path) -> None:
    file = tmp_path / "gateway.yaml"
    file.write_text(route("upstream: users"))
    built: list[Config] = []

    def refuse(config: Config) -> None:
        built.append(config)
        raise ConfigurationError((ConfigurationProblem("cannot-build", "no"),))

    config, problems = check(file, {}, builders=[refuse])
    assert config is None
    assert built[0].routes[0].name == "route"
    assert [problem.code for problem in problems] == ["open-routes", "cannot-build"]


def test_check_builds_nothing_of_what_has_errors(tmp_path: Path) -> None:
    file = tmp_path / "gateway.yaml"
    file.write_text("workers: many")
    config, problems = check(file, {}, builders=[lambda _: pytest.fail("built")])
    assert config is None
    assert len(problems) == 1


def test_what_the_native_gate_refuses_is_a_problem() -> None:
    good = read(route("upstream: users"))
    build_gate(good)
    # Nothing that can be written gets here: the models refuse it before.
    bad = good.model_copy(update={"health_path": "no path"})
    with pytest.raises(ConfigurationError) as caught:
        build_gate(bad)
    (problem,) = caught.value.problems
    assert problem.code == "bad-routing"
    assert "health_path" in problem.message


def test_the_collector_goes_on_afterwards() -> None:
    assert gc.isenabled()
    read(UPSTREAM)
    assert gc.isenabled()
    with pytest.raises(ConfigurationError):
        read("workers: many")
    assert gc.isenabled()


def test_ten_thousand_routes_are_read_as_one() -> None:
    lines = [
        f"  - {{name: r{n}, upstream: users, match: {{paths: ['/r{n}/*']}}}}\n"
        for n in range(10_000)
    ]
    config = read(f"{UPSTREAM}routes:\n{''.join(lines)}")
    assert len(config.routes) == 10_000
