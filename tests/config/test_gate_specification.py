from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given, settings

from pygateway.config import Config, build_gate, gate_specification, load_mapping
from pygateway.config.model.access_log import DEFAULT_FIELDS
from tests.config.configurations import PATIENT, configurations
from tests.config.reading import read, route


def specification(text: str) -> dict[str, Any]:
    decoded: dict[str, Any] = json.loads(gate_specification(read(text)))
    return decoded


def route_specification(settings: str) -> dict[str, Any]:
    (only,) = specification(route(settings))["routes"]
    assert isinstance(only, dict)
    return only


def test_the_whole_of_a_small_configuration() -> None:
    assert specification(
        "health_path: /up\nsecurity_headers: none\ntrusted_proxies: [10.0.0.0/8]"
    ) == {
        "limits": {
            "header_bytes": 32768,
            "header_count": 100,
            "target_bytes": 8192,
            "body_bytes": 16777216,
        },
        "trusted_proxies": ["10.0.0.0/8"],
        "via": "pygateway",
        "health_path": "/up",
        "security_headers": [],
        "hsts": None,
        "upstreams": [],
        "routes": [],
        "access_log": {"format": "json", "fields": list(DEFAULT_FIELDS), "sample": 1.0},
    }


@pytest.mark.parametrize(
    ("text", "written"),
    [
        ("access_log: off", None),
        (
            "access_log: {fields: [status, path], sample: 0.25}",
            {"format": "json", "fields": ["status", "path"], "sample": 0.25},
        ),
        ("access_log: {format: combined}", {"format": "combined", "fields": [], "sample": 1.0}),
    ],
)
def test_the_access_log(text: str, written: object) -> None:
    assert specification(text).get("access_log") == written


def test_the_whole_of_a_route_that_forwards() -> None:
    assert route_specification("upstream: users") == {
        "name": "route",
        "hosts": [],
        "paths": [],
        "methods": [],
        "headers": [],
        "query": [],
        "action": {"forward": {}},
        "rewrite": {"strip_prefix": None, "add_prefix": None, "path": None, "host": "preserve"},
        "request_headers": {"set": [], "add": [], "remove": []},
        "response_headers": {"set": [], "add": [], "remove": []},
        "security_headers": None,
        "hsts": "max-age=63072000",
        "body_bytes": None,
        "cors": None,
    }


def test_matchers() -> None:
    written = route_specification(
        "upstream: users, match: {hosts: [A.example], paths: [/a/*], methods: [GET],"
        " headers: {X-A: , X-B: c}, query: {d: }}"
    )
    assert written["hosts"] == ["a.example"]
    assert written["paths"] == ["/a/*"]
    assert written["methods"] == ["GET"]
    assert written["headers"] == [["X-A", None], ["X-B", "c"]]
    assert written["query"] == [["d", None]]


def test_actions() -> None:
    assert route_specification("redirect: /b")["action"] == {
        "redirect": {"status": 308, "location": "/b"}
    }
    assert route_specification("respond: {status: 418, headers: {A: b}, body: é}")["action"] == {
        "respond": {"status": 418, "headers": [["A", "b"]], "body": "é"}
    }


def test_rewrites() -> None:
    written = route_specification("upstream: users, rewrite: {strip_prefix: /a, host: h:8080}")
    assert written["rewrite"] == {
        "strip_prefix": "/a",
        "add_prefix": None,
        "path": None,
        "host": {"literal": "h:8080"},
    }


def test_header_changes_are_revealed() -> None:
    written = route_specification(
        "upstream: users, headers: {request: {set: {A: b}, add: {C: [d, e]}, remove: [F]}}"
    )
    assert written["request_headers"] == {
        "set": [["A", "b"]],
        "add": [["C", "d"], ["C", "e"]],
        "remove": ["F"],
    }


def test_security_headers_of_a_route_change_the_gateways() -> None:
    text = "security_headers: {X-A: '1', X-Frame-Options: , Strict-Transport-Security: max-age=5}\n"
    inherits = "{name: a, respond: {}}"
    changes = "{name: b, respond: {}, security_headers: {X-A: '2', Strict-Transport-Security: }}"
    default = "{name: c, respond: {}, security_headers: default}"
    none = "{name: d, respond: {}, security_headers: none}"
    written = specification(f"{text}routes: [{inherits}, {changes}, {default}, {none}]")
    assert ["X-A", "1"] in written["security_headers"]
    assert "X-Frame-Options" not in dict(written["security_headers"])
    assert written["hsts"] == "max-age=5"
    a, b, c, d = written["routes"]
    assert (a["security_headers"], a["hsts"]) == (None, "max-age=5")
    assert dict(b["security_headers"])["X-A"] == "2"
    assert "X-Frame-Options" not in dict(b["security_headers"])
    assert b["hsts"] is None
    assert dict(c["security_headers"])["X-Frame-Options"] == "DENY"
    assert c["hsts"] == "max-age=63072000"
    assert (d["security_headers"], d["hsts"]) == ([], None)


def test_cors() -> None:
    written = route_specification(
        "upstream: users, cors: {origins: [https://a.example], credentials: true, max_age: 1h}"
    )
    assert written["cors"] == {
        "origins": ["https://a.example"],
        "methods": ["GET", "HEAD", "POST"],
        "headers": [],
        "expose": [],
        "credentials": True,
        "max_age": 3600,
    }


@given(configurations())
@settings(PATIENT, max_examples=60)
def test_the_native_gate_takes_whatever_the_models_take(mapping: dict[str, object]) -> None:
    build_gate(load_mapping(mapping))


@given(configurations())
@settings(PATIENT, max_examples=20)
def test_workers_build_the_same_gate(mapping: dict[str, object]) -> None:
    config = load_mapping(mapping)
    assert gate_specification(Config.from_json(config.to_json())) == gate_specification(config)


AUTH = """
auth:
  realm: api
  token_bytes: 4KiB
  cache: {size: 1MiB, ttl: 1m, refused_size: 64KiB, refused_ttl: 1s}
  revocation: {when_stale: deny, entries: 7}
  providers:
    main:
      issuer: https://idp.example
      audiences: [a, b]
      algorithms: [RS256, EdDSA]
      types: [at+jwt]
      required_claims: [sub]
      leeway: 5s
      longest_life: 1h
      jwks_url: https://idp.example/keys
      claims_to_headers: {sub: X-User-ID, realm_access.roles: X-Roles}
      scope_claim: permissions.scope
      roles_claim: realm_access.roles
      token_from: [bearer, {cookie: session}, {header: X-Token}]
    partners: {api_keys: {pepper: 0123456789abcdef0123456789abcdef, keys: []}}
    service: {forward_auth: {url: http://a/, response_headers: [X-User], cache: 1s}}
upstreams: {users: {endpoints: [http://127.0.0.1:9000]}}
routes:
  - {name: a, upstream: users}
  - {name: b, upstream: users, auth: none}
  - {name: c, upstream: users, auth: {provider: service, authorization: remove}}
  - name: d
    upstream: users
    auth:
      provider: [partners, main]
      optional: true
      scopes: [a]
      any_scopes: [b]
      roles: [c]
      claims: {tenant: acme, plan: [gold, 7], a.b: {matches: x}}
"""


def test_the_whole_of_authentication() -> None:
    written = specification(AUTH)["auth"]
    providers = {provider.pop("name"): provider for provider in written.pop("providers")}
    assert written == {
        "realm": "api",
        "token_bytes": 4096,
        "cache": {"bytes": 1048576, "ttl": 60.0, "refused_bytes": 65536, "refused_ttl": 1.0},
        "when_stale": "deny",
        "revocations": 7,
    }
    assert list(providers) == ["main", "partners", "service"]
    assert providers["main"] == {
        "sources": [{"bearer": {}}, {"cookie": "session"}, {"header": "X-Token"}],
        "claims_to_headers": [
            [["sub"], "X-User-ID"],
            [["realm_access", "roles"], "X-Roles"],
        ],
        "scope_claims": [["permissions", "scope"]],
        "roles_claim": ["realm_access", "roles"],
        "kind": {
            "jwt": {
                "issuer": "https://idp.example",
                "audiences": ["a", "b"],
                "algorithms": ["RS256", "EdDSA"],
                "types": ["at+jwt"],
                "leeway": 5.0,
                "required_claims": ["sub"],
                "longest_life": 3600.0,
            }
        },
    }
    assert providers["partners"] == {
        "sources": [{"header": "X-API-Key"}],
        "claims_to_headers": [],
        "scope_claims": [["scope"], ["scp"]],
        "roles_claim": ["roles"],
        "kind": {"api_keys": {"remote": False}},
    }
    assert providers["service"]["sources"] == []
    assert providers["service"]["kind"] == {
        "forward_auth": {
            "request_headers": ["Authorization", "Cookie"],
            "response_headers": ["X-User"],
            "cache": 1.0,
            "failure": "deny",
        }
    }


def test_what_routes_demand() -> None:
    a, b, c, d = (written["auth"] for written in specification(AUTH)["routes"])
    anything: dict[str, list[object]] = {
        "all_scopes": [],
        "any_scopes": [],
        "any_roles": [],
        "claims": [],
    }
    assert a == {
        "providers": [0, 1],
        "optional": False,
        "authorization": "pass",
        "rule": anything,
    }
    assert b is None
    assert (c["providers"], c["authorization"]) == ([2], "remove")
    assert (d["providers"], d["optional"]) == ([1, 0], True)
    assert d["rule"] == {
        "all_scopes": ["a"],
        "any_scopes": ["b"],
        "any_roles": ["c"],
        "claims": [
            [["tenant"], {"equals": "acme"}],
            [["plan"], {"in": ["gold", 7]}],
            [["a", "b"], {"matches": "x"}],
        ],
    }


def test_secrets_of_keys_are_in_no_specification() -> None:
    assert b"0123456789abcdef" not in gate_specification(read(AUTH))


def test_tracing_is_there_where_it_is_asked_for() -> None:
    assert "tracing" not in specification("")
    text = "tracing: {endpoint: http://collector:4318, ratio: 0.25}"
    assert specification(text)["tracing"] == {"ratio": 0.25}
