"""`/health` on the gateway itself."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest

from tests.support.client import request
from tests.support.gateway import route

if TYPE_CHECKING:
    from tests.wire.conftest import Proxied


@pytest.mark.parametrize("target", ["/health", "/health/", "/health?x=y", "//health"])
def test_health_is_answered_without_the_upstream(proxied: Proxied, target: str) -> None:
    gateway, upstream = proxied()
    with gateway.client() as client:
        response = client.exchange(request("GET", target))
        assert response.status == 200
        assert response.header("Content-Type") == "application/json"
        assert "no-store" in response.tokens("Cache-Control")
        report = json.loads(response.body)
        assert report["status"] == "ok"
        assert "app" in report["upstreams"]
        assert client.exchange(request("HEAD", target)).status == 200
        assert client.exchange(request("GET", "/")).body == b"ok"
    assert upstream.next_request().target == "/"


def test_health_needs_no_particular_host(proxied: Proxied) -> None:
    gateway, _ = proxied(routes=[route("api", upstream="app", match={"hosts": ["api.test"]})])
    assert gateway.fetch(request("GET", "/health", host="10.0.0.1:8000")).status == 200
    assert gateway.fetch(request("GET", "/health", host=None, version="1.0")).status == 200


def test_the_path_of_health_can_be_moved(proxied: Proxied) -> None:
    gateway, upstream = proxied(health_path="/_status")
    assert json.loads(gateway.fetch(request("GET", "/_status")).body)["status"] == "ok"
    assert gateway.fetch(request("GET", "/health")).body == b"ok"
    assert upstream.next_request().target == "/health"


@pytest.mark.parametrize("off", [False, None, ""])
def test_health_can_be_turned_off(proxied: Proxied, off: object) -> None:
    gateway, _ = proxied(health_path=off)
    assert gateway.fetch(request("GET", "/health")).body == b"ok"


def test_a_route_may_claim_the_path_of_health(proxied: Proxied) -> None:
    gateway, upstream = proxied(
        routes=[route("health", "/health", upstream="app"), route("all", upstream="app")]
    )
    assert gateway.fetch(request("GET", "/health")).body == b"ok"
    assert upstream.next_request().target == "/health"


def test_another_method_on_the_path_of_health_is_routed(proxied: Proxied) -> None:
    gateway, upstream = proxied()
    assert gateway.fetch(request("POST", "/health")).body == b"ok"
    assert upstream.next_request().method == "POST"
