from __future__ import annotations

import json
import re
from pathlib import Path

import pytest

from tests.cli.conftest import Run


def test_lists_routes_for_people(run: Run, good: Path) -> None:
    outcome = run("routes", "-c", good)
    assert outcome.code == 0
    headings, *rows = outcome.out.splitlines()
    assert headings.split() == ["ROUTE", "METHODS", "HOSTS", "PATHS", "IF", "AUTH", "ACTION"]
    assert [row.split()[0] for row in rows] == ["users", "split", "old", "hello"]
    assert rows[0].split() == [
        "users", "GET", "api.example", "/users/{id}", "X-Env:", "prod", "open", "upstream", "users",
    ]  # fmt: skip
    assert "?debug, ?mode=1" in rows[1]
    assert rows[1].endswith("upstream users:9 canary:1")
    assert rows[2].endswith("redirect 308 /new")
    assert rows[3].endswith("respond 201")


def test_lists_routes_for_programs(run: Run, good: Path) -> None:
    first, second, *_ = json.loads(run("routes", "-c", good, "--json").out)
    assert first == {
        "name": "users",
        "match": {
            "hosts": ["api.example"],
            "paths": ["/users/{id}"],
            "methods": ["GET"],
            "headers": {"X-Env": "prod"},
            "query": {},
        },
        "providers": [],
        "optional": False,
        "rate_limits": [],
        "action": "upstream users",
    }
    assert second["match"]["query"] == {"debug": None, "mode": "1"}


@pytest.mark.parametrize(
    "arguments",
    [
        ["GET", "http://api.example/users/7", "-H", "X-Env: prod"],
        ["GET", "https://API.example:443/users/7?x=1", "-H", "x-env:prod"],
        ["GET", "/users/7", "-H", "Host: api.example", "-H", "X-Env: prod"],
        ["HEAD", "http://api.example/a/../users/%37", "-H", "X-Env: prod"],
    ],
)
def test_says_which_route_takes_a_request(run: Run, good: Path, arguments: list[str]) -> None:
    outcome = run("routes", "-c", good, "match", *arguments)
    assert outcome.code == 0
    assert outcome.out.startswith("route users: ")
    assert "path as routed: /users/7\n" in outcome.out


def test_says_why_the_others_do_not(run: Run, good: Path) -> None:
    outcome = run("routes", "-c", good, "match", "GET", "/hello")
    assert outcome.out.startswith("route hello: ")
    for other in ("users", "split", "old"):
        assert f"  not {other}: " in outcome.out


PROTECTED = """\
version: 1
auth:
  providers:
    main: {audiences: [api], secrets: [{value: "0123456789abcdef0123456789abcdef"}]}
    partners: {api_keys: {pepper: "0123456789abcdef0123456789abcdef", keys: []}}
upstreams:
  users: {endpoints: ["http://127.0.0.1:9001"]}
routes:
  - {name: open, match: {paths: [/open]}, upstream: users, auth: none}
  - {name: both, match: {paths: [/both]}, upstream: users}
  - name: perhaps
    match: {paths: [/perhaps]}
    upstream: users
    auth: {provider: main, optional: true}
"""


@pytest.fixture
def protected(tmp_path: Path) -> Path:
    file = tmp_path / "protected.yaml"
    file.write_text(PROTECTED)
    return file


def test_lists_whose_credentials_a_route_takes(run: Run, protected: Path) -> None:
    _, *rows = run("routes", "-c", protected).out.splitlines()
    shown = [re.split(r" {2,}", row)[-2] for row in rows]
    assert shown == ["open", "main, partners", "main or none"]
    listed = json.loads(run("routes", "-c", protected, "--json").out)
    assert [(route["providers"], route["optional"]) for route in listed] == [
        ([], False),
        (["main", "partners"], False),
        (["main"], True),
    ]


@pytest.mark.parametrize(
    ("path", "said"),
    [("/open", "open"), ("/both", "main, partners"), ("/perhaps", "main or none")],
)
def test_says_whose_credentials_a_request_needs(
    run: Run, protected: Path, path: str, said: str
) -> None:
    assert f"\nauth: {said}\n" in run("routes", "-c", protected, "match", "GET", path).out


LIMITED = """\
version: 1
rate_limits:
  per-ip: {by: ip, quota: 1000, window: 60s}
  reports: {by: ip, quota: 10, window: 60s}
default_rate_limits: [per-ip]
routes:
  - {name: usual, match: {paths: [/usual]}, redirect: /}
  - name: costly
    match: {paths: [/costly]}
    redirect: /
    rate_limits: [per-ip, {name: reports, cost: 5}]
  - {name: free, match: {paths: [/free]}, redirect: /, rate_limits: []}
"""


@pytest.fixture
def limited(tmp_path: Path) -> Path:
    file = tmp_path / "limited.yaml"
    file.write_text(LIMITED)
    return file


def test_lists_the_rate_limits_of_routes(run: Run, limited: Path) -> None:
    headings, *rows = run("routes", "-c", limited).out.splitlines()
    assert headings.split()[-3:] == ["AUTH", "LIMITS", "ACTION"]
    shown = [re.split(r" {2,}", row)[-2] for row in rows]
    assert shown == ["per-ip", "per-ip reports:5", "-"]
    listed = json.loads(run("routes", "-c", limited, "--json").out)
    assert [route["rate_limits"] for route in listed] == [
        [{"name": "per-ip", "cost": 1}],
        [{"name": "per-ip", "cost": 1}, {"name": "reports", "cost": 5}],
        [],
    ]


@pytest.mark.parametrize(
    ("path", "said"), [("/usual", "per-ip"), ("/costly", "per-ip reports:5"), ("/free", "-")]
)
def test_says_which_rate_limits_a_request_is_held_to(
    run: Run, limited: Path, path: str, said: str
) -> None:
    outcome = run("routes", "-c", limited, "match", "GET", path)
    assert f"\nlimits: {said}\n" in outcome.out


def test_says_nothing_of_rate_limits_where_there_are_none(run: Run, good: Path) -> None:
    assert "limits" not in run("routes", "-c", good, "match", "GET", "/hello").out


def test_no_route_is_exit_code_1(run: Run, good: Path) -> None:
    outcome = run("routes", "-c", good, "match", "GET", "http://api.example/nowhere")
    assert outcome.code == 1
    assert outcome.out.startswith("no route: ")


def test_a_request_that_is_refused_is_not_routed(run: Run, good: Path) -> None:
    outcome = run("routes", "-c", good, "match", "GET", "/../etc")
    assert outcome.code == 1
    assert outcome.out.startswith("no route: ")


def test_the_options_may_stand_on_either_side(run: Run, good: Path) -> None:
    before = run("routes", "-c", good, "--json", "match", "GET", "/hello")
    after = run("routes", "match", "GET", "/hello", "-c", good, "--json")
    assert json.loads(before.out) == json.loads(after.out)
    assert json.loads(after.out)["route"] == "hello"


def test_a_host_without_a_path_means_the_root(run: Run, good: Path) -> None:
    outcome = run("routes", "-c", good, "match", "GET", "http://api.example", "--json")
    assert json.loads(outcome.out)["canonical_path"] == "/"


@pytest.mark.parametrize("url", ["ftp://a/b", "http:///b"])
def test_other_urls_are_wrong_usage(run: Run, good: Path, url: str) -> None:
    outcome = run("routes", "-c", good, "match", "GET", url)
    assert (outcome.code, outcome.out) == (2, "")
    assert "not a URL of http or https" in outcome.err


@pytest.mark.parametrize("header", ["X-Env", ": prod"])
def test_a_header_without_a_name_is_wrong_usage(run: Run, good: Path, header: str) -> None:
    outcome = run("routes", "-c", good, "match", "GET", "/", "-H", header)
    assert outcome.code == 2
    assert "-H takes 'Name: value'" in outcome.err
