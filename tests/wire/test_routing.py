"""Routes end to end: matching, rewriting, redirects, fixed responses and CORS."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from tests.support.client import request
from tests.support.gateway import RunningGateway, configuration, route
from tests.support.upstream import Conversation, answering, ok

if TYPE_CHECKING:
    from tests.conftest import StartGateway, StartUpstream
    from tests.support.upstream import ScriptedUpstream
    from tests.wire.conftest import Proxied


def fixed(name: str, *paths: str, **keys: Any) -> dict[str, Any]:  # noqa: ANN401
    """A route that answers with its own name."""
    return route(name, *paths, respond={"status": 200, "body": name}, **keys)


def taken_by(gateway: RunningGateway, raw: bytes) -> str:
    """Name of the fixed route that answers."""
    response = gateway.fetch(raw)
    return response.body.decode() if response.status == 200 else str(response.status)


def test_routes_are_told_apart_by_all_that_a_request_says(start_gateway: StartGateway) -> None:
    gateway = start_gateway(
        configuration(
            {},
            routes=[
                fixed("default"),
                fixed("host", match={"hosts": ["api.test"]}),
                fixed("wildcard", match={"hosts": ["*.test"]}),
                fixed("static", "/users/me"),
                fixed("param", "/users/{id}"),
                fixed("rest", "/users/*"),
                fixed("method", "/users/{id}", match={"methods": ["DELETE"]}),
                fixed("header", "/users/{id}", match={"headers": {"X-Env": "canary"}}),
                fixed("query", "/users/{id}", match={"query": {"debug": "1"}}),
            ],
        )
    )
    example = "other.example"
    assert taken_by(gateway, request("GET", "/", host=example)) == "default"
    assert taken_by(gateway, request("GET", "/", host="api.test")) == "host"
    assert taken_by(gateway, request("GET", "/", host="API.TEST:8000")) == "host"
    assert taken_by(gateway, request("GET", "/", host="x.y.test")) == "wildcard"
    assert taken_by(gateway, request("GET", "/users/me", host=example)) == "static"
    assert taken_by(gateway, request("GET", "/users/7", host=example)) == "param"
    assert taken_by(gateway, request("GET", "/users/7/books", host=example)) == "rest"
    assert taken_by(gateway, request("GET", "/users/", host=example)) == "rest"
    assert taken_by(gateway, request("GET", "/users", host=example)) == "default"
    assert taken_by(gateway, request("DELETE", "/users/7", host=example)) == "method"
    assert taken_by(gateway, request("GET", "/users/7", "X-Env: canary", host=example)) == "header"
    assert taken_by(gateway, request("GET", "/users/7", "X-Env: prod", host=example)) == "param"
    assert taken_by(gateway, request("GET", "/users/7?a=b&debug=1", host=example)) == "query"
    # The path that routes is the canonical one.
    assert taken_by(gateway, request("GET", "/x/../users/./%6De", host=example)) == "static"
    assert taken_by(gateway, request("GET", "//users//me", host=example)) == "static"


@pytest.mark.parametrize(
    "target",
    ["/public/..%2fadmin", "/public/%2e%2e%2fadmin", "/public%5c..%5cadmin",
     "/public/..%5Cadmin", "/public/..;/admin", "/public/x;/..;/../admin"],
)  # fmt: skip
def test_a_path_that_an_upstream_could_read_as_another_route_is_refused(
    proxied: Proxied, target: str
) -> None:
    gateway, upstream = proxied(
        routes=[
            fixed("admin", "/admin"),
            fixed("administration", "/admin/*"),
            route("public", "/public/*", upstream="app"),
            route("rest", upstream="app"),
        ]
    )
    response = gateway.fetch(request("GET", target))
    assert response.status == 400, response
    upstream.no_request()


@pytest.mark.parametrize(
    ("rewrite", "target", "forwarded"),
    [
        ({}, "/api/users/7?x=1", "/api/users/7?x=1"),
        ({}, "/api//a/./b/../c", "/api/a/c"),
        ({}, "/api/%7euser/%e2%82%ac", "/api/~user/%E2%82%AC"),
        ({}, '/api/"<x>"', "/api/%22%3Cx%3E%22"),
        ({}, "/api?", "/api?"),
        ({}, "/api/?a=%zz&b=/../c", "/api/?a=%zz&b=/../c"),
        ({"strip_prefix": "/api"}, "/api/users/7?x=1", "/users/7?x=1"),
        ({"strip_prefix": "/api"}, "/api", "/"),
        ({"strip_prefix": "/api"}, "/api/", "/"),
        ({"strip_prefix": "/api"}, "/apiary", "/apiary"),
        ({"add_prefix": "/v1"}, "/users", "/v1/users"),
        ({"strip_prefix": "/api", "add_prefix": "/v1"}, "/api/users", "/v1/users"),
    ],
)
def test_the_path_that_is_forwarded(
    proxied: Proxied, rewrite: dict[str, str], target: str, forwarded: str
) -> None:
    gateway, upstream = proxied(routes=[route("all", upstream="app", rewrite=rewrite)])
    assert gateway.fetch(request("GET", target)).status == 200
    assert upstream.next_request().target == forwarded


def test_path_templates(proxied: Proxied) -> None:
    gateway, upstream = proxied(
        routes=[
            route("a", "/users/{id}/*", upstream="app", rewrite={"path": "/accounts/{id}/{rest}"}),
            route("b", "/old/*", upstream="app", rewrite={"path": "/new{path}"}),
        ]
    )
    assert gateway.fetch(request("GET", "/users/7/books/3?page=2")).status == 200
    assert upstream.next_request().target == "/accounts/7/books/3?page=2"
    assert gateway.fetch(request("GET", "/old/x")).status == 200
    assert upstream.next_request().target == "/new/old/x"


@pytest.mark.parametrize(
    ("setting", "expected"),
    [("preserve", "gateway.test:8000"), ("upstream", None), ("internal.test", "internal.test")],
)
def test_the_host_that_the_upstream_sees(
    proxied: Proxied, setting: str, expected: str | None
) -> None:
    gateway, upstream = proxied(routes=[route("all", upstream="app", rewrite={"host": setting})])
    assert gateway.fetch(request("POST", "/", host="gateway.test:8000", body=b"abc")).status == 200
    received = upstream.next_request()
    assert received.header("Host") == (expected or upstream.authority)
    assert received.body == b"abc"
    assert received.header("X-Forwarded-Host") == "gateway.test:8000"


@pytest.mark.parametrize(
    ("redirect", "target", "status", "location"),
    [
        ("https://new.test{path}", "/a/b?q=1", 308, "https://new.test/a/b?q=1"),
        ({"status": 302, "location": "/login?next={path}"}, "/a?q=1", 302, "/login?next=/a"),
        ({"status": 301, "location": "https://{host}{path}"}, "/a", 301, "https://gateway.test/a"),
    ],
)
def test_redirects(
    start_gateway: StartGateway, redirect: object, target: str, status: int, location: str
) -> None:
    gateway = start_gateway(configuration({}, routes=[route("r", redirect=redirect)]))
    with gateway.client() as client:
        for _ in range(2):
            response = client.exchange(request("GET", target))
            assert (response.status, response.header("Location")) == (status, location)


@pytest.mark.parametrize(
    "target", ["//evil.test", "//evil.test/..", "/%5cevil.test", "/\\evil.test"]
)
def test_a_redirect_to_the_path_never_leads_to_another_host(
    start_gateway: StartGateway, target: str
) -> None:
    gateway = start_gateway(configuration({}, routes=[route("r", redirect="{path}")]))
    location = gateway.fetch(request("GET", target)).header("Location")
    assert location is None or not location.startswith(("//", "/\\"))


def test_fixed_responses_carry_their_headers(start_gateway: StartGateway) -> None:
    gateway = start_gateway(
        configuration(
            {},
            routes=[
                route(
                    "robots",
                    "/robots.txt",
                    respond={
                        "status": 200,
                        "headers": {"Content-Type": "text/plain", "Cache-Control": "max-age=60"},
                        "body": "User-agent: *\nDisallow: /\n",
                    },
                ),
                route("gone", "/gone", respond={"status": 204}),
            ],
        )
    )
    with gateway.client() as client:
        response = client.exchange(request("GET", "/robots.txt"))
        assert response.header("Content-Type") == "text/plain"
        assert response.header("Cache-Control") == "max-age=60"
        assert response.body == b"User-agent: *\nDisallow: /\n"
        assert client.exchange(request("GET", "/gone")).status == 204
        assert client.exchange(request("POST", "/robots.txt", body=b"x")).status == 200


def test_weighted_upstreams_share_as_configured(
    start_gateway: StartGateway, start_upstream: StartUpstream
) -> None:
    stable, canary = (
        start_upstream(answering(ok(b"stable"))),
        start_upstream(answering(ok(b"canary"))),
    )
    gateway = start_gateway(
        configuration(
            {"stable": stable.url, "canary": canary.url},
            routes=[
                route(
                    "all",
                    upstream=[{"name": "stable", "weight": 9}, {"name": "canary", "weight": 1}],
                )
            ],
        )
    )
    with gateway.client() as client:
        bodies = [client.exchange(request()).body for _ in range(100)]
    assert bodies.count(b"canary") == 10
    # Spread, not in a row.
    assert b"canary" in bodies[:10]


def test_ten_thousand_routes_are_served(start_gateway: StartGateway) -> None:
    routes = [fixed(f"r{number}", f"/service-{number}/{{id}}") for number in range(10_000)]
    gateway = start_gateway(configuration({}, routes=routes))
    for number in (0, 4_999, 9_999):
        assert taken_by(gateway, request("GET", f"/service-{number}/x")) == f"r{number}"


# --- CORS -----------------------------------------------------------------------------------------

CORS = {
    "origins": ["https://app.test", "https://*.example"],
    "methods": ["GET", "PUT"],
    "headers": ["X-Token"],
    "expose": ["X-Total"],
    "credentials": True,
    "max_age": "10m",
}


def preflight(origin: str, method: str, headers: str | None = None) -> bytes:
    """An OPTIONS request as browsers send it before the real one."""
    lines = [f"Origin: {origin}", f"Access-Control-Request-Method: {method}"]
    if headers:
        lines.append(f"Access-Control-Request-Headers: {headers}")
    return request("OPTIONS", "/items", *lines)


@pytest.fixture
def shared(proxied: Proxied) -> tuple[RunningGateway, ScriptedUpstream]:
    """A route with CORS in front of an upstream that has ideas of its own."""
    return proxied(
        answering(ok(b"data", "Access-Control-Allow-Origin: *", "X-Total: 3", "Vary: Accept")),
        routes=[route("items", "/items", upstream="app", cors=CORS)],
    )


def test_a_preflight_is_answered_by_the_gateway(
    shared: tuple[RunningGateway, ScriptedUpstream],
) -> None:
    gateway, upstream = shared
    with gateway.client() as client:
        response = client.exchange(preflight("https://app.test", "PUT", "x-token"))
        assert (response.status, response.body) == (204, b"")
        assert response.header("Access-Control-Allow-Origin") == "https://app.test"
        assert response.header("Access-Control-Allow-Credentials") == "true"
        assert response.header("Access-Control-Max-Age") == "600"
        assert "put" in response.tokens("Access-Control-Allow-Methods")
        assert response.tokens("Access-Control-Allow-Headers") == ["x-token"]
        assert {"origin", "access-control-request-method", "access-control-request-headers"} <= set(
            response.tokens("Vary")
        )
        assert client.exchange(request("GET", "/items")).status == 200
    assert upstream.next_request().method == "GET"
    upstream.no_request()


@pytest.mark.parametrize(
    "raw",
    [
        preflight("https://evil.test", "PUT"),
        preflight("https://app.test.evil.test", "PUT"),
        preflight("http://app.test", "PUT"),
        preflight("https://example", "PUT"),
        preflight("null", "PUT"),
        preflight("https://app.test", "DELETE"),
        preflight("https://app.test", "PUT", "x-other"),
    ],
)
def test_a_preflight_that_is_not_allowed_allows_nothing(
    shared: tuple[RunningGateway, ScriptedUpstream], raw: bytes
) -> None:
    gateway, upstream = shared
    response = gateway.fetch(raw)
    assert response.status in {204, 403, 405}
    assert not [name for name in response.names() if name.startswith("access-control-allow-o")]
    upstream.no_request()


@pytest.mark.parametrize("origin", ["https://app.test", "https://a.b.example"])
def test_a_response_names_the_allowed_origin_and_varies(
    shared: tuple[RunningGateway, ScriptedUpstream], origin: str
) -> None:
    gateway, _ = shared
    response = gateway.fetch(request("GET", "/items", f"Origin: {origin}"))
    assert response.all("Access-Control-Allow-Origin") == [origin]
    assert response.header("Access-Control-Allow-Credentials") == "true"
    assert response.header("Access-Control-Expose-Headers") == "X-Total"
    assert {"accept", "origin"} <= set(response.tokens("Vary"))
    assert response.body == b"data"


@pytest.mark.parametrize("lines", [[], ["Origin: https://evil.test"]])
def test_a_response_allows_no_other_origin(
    shared: tuple[RunningGateway, ScriptedUpstream], lines: list[str]
) -> None:
    gateway, _ = shared
    response = gateway.fetch(request("GET", "/items", *lines))
    assert response.all("Access-Control-Allow-Origin") == []
    assert "origin" in response.tokens("Vary")


def test_an_error_of_the_gateway_can_be_read_by_the_allowed_origin(
    start_gateway: StartGateway, start_upstream: StartUpstream
) -> None:
    def script(conversation: Conversation) -> None:
        conversation.request()

    upstream = start_upstream(script)
    gateway = start_gateway(
        configuration({"app": upstream.url}, routes=[route("items", upstream="app", cors=CORS)])
    )
    response = gateway.fetch(request("GET", "/items", "Origin: https://app.test"))
    response.problem("upstream-unreachable")
    assert response.header("Access-Control-Allow-Origin") == "https://app.test"
