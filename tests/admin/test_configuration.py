from __future__ import annotations

from collections.abc import Iterator

import pytest

from pygateway.config import Admin, load_text
from tests.admin.serving import Serving

TEXT = """
admin: {address: 127.0.0.1:8001, token: sixteen-letters-or-more}
auth: {providers: {main: {secrets: [{id: a, value: a-secret-that-nobody-must-see-here}]}}}
rate_limits: {per-ip: {by: ip, quota: 5, window: 1s}}
upstreams:
  users: {endpoints: ["http://10.0.0.1:9000", {url: "http://10.0.0.2:9000", weight: 2}]}
routes:
  - name: users
    match: {paths: ["/users/*"], methods: [GET], headers: {X-Env: prod, X-Api-Key: a-secret}}
    upstream: users
    auth: {provider: main, scopes: [read], optional: true}
    rate_limits: [{name: per-ip, cost: 3}]
    rewrite: {strip_prefix: /users}
    headers: {request: {set: {X-Internal: a-secret}}}
  - {name: moved, match: {paths: [/old]}, redirect: /new, auth: none}
  - {name: fixed, match: {paths: [/fixed]}, respond: {body: hi}, auth: none}
"""


@pytest.fixture
def admin() -> Iterator[Serving]:
    with Serving(Admin()) as serving:
        serving.control.configuration = load_text(TEXT)
        yield serving


def test_the_configuration_is_shown_without_its_secrets(admin: Serving) -> None:
    reply = admin.ask("GET", "/config")
    assert "a-secret" not in str(reply.document)
    assert reply.document["admin"]["token"] == "*" * 10
    assert reply.document["routes"][0]["headers"]["request"]["set"] == {"X-Internal": "*" * 10}
    assert reply.document["routes"][0]["match"]["headers"]["X-Env"] == "prod"


def test_every_default_is_filled_in(admin: Serving) -> None:
    document = admin.ask("GET", "/config").document
    assert document["limits"]["header_count"] == 100
    assert document["log"] == {"level": "info", "format": "auto"}
    assert document["upstreams"]["users"]["pool"]["max_idle"] == 256


def test_routes_are_described_in_order(admin: Serving) -> None:
    users, moved, fixed = admin.ask("GET", "/routes").document
    assert users == {
        "name": "users",
        "match": {
            "hosts": [],
            "paths": ["/users/*"],
            "methods": ["GET"],
            "headers": {"X-Env": "prod", "X-Api-Key": "*" * 10},
            "query": {},
        },
        "action": "upstream",
        "upstream": [{"name": "users", "weight": 1}],
        "redirect": None,
        "respond": None,
        "auth": users["auth"],
        "rate_limits": [{"name": "per-ip", "cost": 3}],
        "rewrite": {"strip_prefix": "/users", "add_prefix": None, "path": None, "host": "preserve"},
    }
    assert (users["auth"]["providers"], users["auth"]["optional"]) == (["main"], True)
    assert users["auth"]["rule"]["scopes"] == ["read"]
    assert (moved["action"], moved["redirect"]) == ("redirect", {"status": 308, "location": "/new"})
    assert (fixed["action"], fixed["respond"]["status"]) == ("respond", 200)
    assert (fixed["auth"]["providers"], fixed["rate_limits"]) == ([], [])


def test_upstreams_are_described(admin: Serving) -> None:
    endpoint = {
        "endpoint": "http://10.0.0.1:9000",
        "weight": 1,
        "reachable": False,
        "active": 2,
        "idle": 3,
        "queued": 4,
    }
    described = {
        "name": "users",
        "status": "unreachable",
        "balancer": "round_robin",
        "workers": 2,
        "endpoints": [endpoint],
    }
    admin.control.described = [described]
    assert admin.ask("GET", "/upstreams").document == [described]


def test_browsers_are_shown_the_dashboard(admin: Serving) -> None:
    reply = admin.ask("GET", "/")
    assert (reply.status, reply.headers["location"]) == (307, "/dashboard")
