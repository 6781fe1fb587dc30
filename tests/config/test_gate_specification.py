from __future__ import annotations

import json
from typing import Any

from hypothesis import given, settings

from pygateway.config import Config, build_gate, gate_specification, load_mapping
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
        "routes": [],
    }


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
