"""What the native gate is built from: the part of the configuration that decides."""

from __future__ import annotations

import json
from typing import Any

from .auth_specification import auth_specification, route_auth_specification
from .model.access_log import AccessLog
from .model.headers import DEFAULT_SECURITY_HEADERS, HSTS, Cors, HeaderChanges
from .model.root import Config
from .model.routes import Rewrite, Route
from .rate_limit_specification import (
    rate_limits_specification,
    route_rate_limits_specification,
)

VIA = "pygateway"
"""The pseudonym in Via (RFC 9110 section 7.6.3): it names no machine of the network behind."""


def gate_specification(config: Config) -> bytes:
    """Write the JSON that `pygateway._core.Gate` is built from."""
    security_headers = config.security_headers.resolve(DEFAULT_SECURITY_HEADERS)
    headers, hsts = _split_hsts(security_headers)
    specification: dict[str, Any] = {
        "limits": {
            "header_bytes": config.limits.header_bytes,
            "header_count": config.limits.header_count,
            "target_bytes": config.limits.target_bytes,
            "body_bytes": config.limits.body_bytes,
        },
        "trusted_proxies": config.trusted_proxies,
        "via": VIA,
        "health_path": config.health_path,
        "security_headers": headers,
        "hsts": hsts,
        "upstreams": list(config.upstreams),
        "routes": [_route(config, route, security_headers) for route in config.routes],
    }
    if config.access_log is not None:
        specification["access_log"] = _access_log(config.access_log)
    if config.tracing is not None:
        specification["tracing"] = {"ratio": config.tracing.ratio}
    if config.auth.providers:
        specification["auth"] = auth_specification(config.auth)
    if config.rate_limits:
        specification["rate_limits"] = rate_limits_specification(config)
    return json.dumps(specification, separators=(",", ":")).encode("ascii")


def _access_log(log: AccessLog) -> dict[str, Any]:
    fields = log.fields if log.format == "json" else ()
    return {"format": log.format, "fields": fields, "sample": log.sample}


def _route(config: Config, route: Route, inherited: dict[str, str]) -> dict[str, Any]:
    policy = route.security_headers
    headers, hsts = _split_hsts(inherited if policy is None else policy.resolve(inherited))
    written: dict[str, Any] = {
        "name": route.name,
        "hosts": route.match.hosts,
        "paths": route.match.paths,
        "methods": route.match.methods,
        "headers": list(route.match.headers.items()),
        "query": list(route.match.query.items()),
        "action": _action(route),
        "rewrite": _rewrite(route.rewrite),
        "request_headers": _changes(route.headers.request),
        "response_headers": _changes(route.headers.response),
        "security_headers": None if policy is None else headers,
        "hsts": hsts,
        "body_bytes": route.limits.body_bytes,
        "cors": None if route.cors is None else _cors(route.cors),
    }
    if config.auth.providers:
        written["auth"] = route_auth_specification(config, route)
    if limits := route_rate_limits_specification(config, route):
        written["rate_limits"] = limits
    return written


def _split_hsts(headers: dict[str, str]) -> tuple[list[tuple[str, str]], str | None]:
    """Part HSTS, which is for TLS only (RFC 6797 section 7.2), from the other headers."""
    others = [(name, value) for name, value in headers.items() if name.lower() != HSTS.lower()]
    hsts = next((value for name, value in headers.items() if name.lower() == HSTS.lower()), None)
    return others, hsts


def _action(route: Route) -> dict[str, Any]:
    if route.redirect is not None:
        redirect = route.redirect
        return {"redirect": {"status": redirect.status, "location": redirect.location}}
    if route.respond is not None:
        respond = route.respond
        headers = list(respond.headers.items())
        return {"respond": {"status": respond.status, "headers": headers, "body": respond.body}}
    return {"forward": {}}


def _rewrite(rewrite: Rewrite) -> dict[str, Any]:
    word = rewrite.host in {"preserve", "upstream"}
    return {
        "strip_prefix": rewrite.strip_prefix,
        "add_prefix": rewrite.add_prefix,
        "path": rewrite.path,
        "host": rewrite.host if word else {"literal": rewrite.host},
    }


def _changes(changes: HeaderChanges) -> dict[str, Any]:
    return {
        "set": [(name, value.get_secret_value()) for name, value in changes.set.items()],
        "add": [
            (name, value.get_secret_value())
            for name, values in changes.add.items()
            for value in values
        ],
        "remove": changes.remove,
    }


def _cors(cors: Cors) -> dict[str, Any]:
    return {
        "origins": cors.origins,
        "methods": cors.methods,
        "headers": cors.headers,
        "expose": cors.expose,
        "credentials": cors.credentials,
        "max_age": None if cors.max_age is None else int(cors.max_age),
    }
