"""Envoy."""

from __future__ import annotations

import json
from typing import Any

from benches.peers.gateways.base import Gateway
from benches.peers.installation import Installation
from benches.peers.job import AUDIENCE, ISSUER, ROUTES, SECURITY_HEADERS, WINDOW, Job, Place

Document = dict[str, Any]

TYPE = "type.googleapis.com/"
FILTERS = f"{TYPE}envoy.extensions.filters.http"
ALWAYS = {"default_value": {"numerator": 100, "denominator": "HUNDRED"}}
FORWARD: Document = {"cluster": "origin", "timeout": "60s"}


class Envoy(Gateway):
    """Envoy with one worker thread; it remembers known tokens."""

    name = "envoy"
    program = "envoy"
    limit = "token bucket"

    def command(self, job: Job, place: Place, installation: Installation) -> list[str]:
        file = place.write("envoy.json", json.dumps(document(job, place)))
        program = str(installation.program(self.program))
        options = "--concurrency 1 --disable-hot-restart --log-level error"
        flush = "--file-flush-interval-msec 1000"
        return [program, "-c", str(file), *options.split(), *flush.split()]


def document(job: Job, place: Place) -> Document:
    """The configuration."""
    host: Document = {"name": "all", "domains": ["*"]}
    filters: list[Document] = []
    manager: Document = {
        "@type": f"{TYPE}envoy.extensions.filters.network.http_connection_manager.v3"
        ".HttpConnectionManager",
        "stat_prefix": "front",
        "codec_type": "HTTP1",
        "use_remote_address": True,
        "upgrade_configs": [{"upgrade_type": "websocket"}],
        "stream_idle_timeout": "3600s",
    }
    if job.kind == "routes":
        host["matcher"] = _tree()
    else:
        host["routes"] = [{"match": {"prefix": "/"}, "route": FORWARD}]
    if job.kind == "limited":
        filters.append(_limit(job, [], []))
    if job.kind == "full":
        user = {"request_headers": {"header_name": "x-user-id", "descriptor_key": "user"}}
        filters += [
            _authentication(job, place),
            # A descriptor without a value is a bucket for each value that is met.
            _limit(job, [{"entries": [{"key": "user"}]}], [{"actions": [user]}]),
        ]
        manager |= {"access_log": [_log(place)], "always_set_request_id_in_response": True}
        host["response_headers_to_add"] = [
            _set(name, value) for name, value in SECURITY_HEADERS.items()
        ]
        host["request_headers_to_add"] = [_set("X-Forwarded-Host", "%REQ(:AUTHORITY)%")]
    filters.append(_filter("router", "router", "Router"))
    manager |= {
        "route_config": {"name": "all", "virtual_hosts": [host]},
        "http_filters": filters,
    }
    chain = {"name": "envoy.filters.network.http_connection_manager", "typed_config": manager}
    listener = {
        "name": "front",
        "address": _address(place.port),
        "filter_chains": [{"filters": [chain]}],
    }
    cluster = {
        "name": "origin",
        "type": "STATIC",
        "connect_timeout": "5s",
        "circuit_breakers": {
            "thresholds": [
                {"max_connections": 8192, "max_pending_requests": 8192, "max_requests": 8192}
            ]
        },
        "load_assignment": {
            "cluster_name": "origin",
            "endpoints": [{"lb_endpoints": [{"endpoint": {"address": _address(place.upstream)}}]}],
        },
    }
    return {"static_resources": {"listeners": [listener], "clusters": [cluster]}}


def _address(port: int) -> Document:
    return {"socket_address": {"address": "127.0.0.1", "port_value": port}}


def _set(name: str, value: str) -> Document:
    action = "OVERWRITE_IF_EXISTS_OR_ADD"
    return {"header": {"key": name, "value": value}, "append_action": action}


def _filter(folder: str, name: str, kind: str, **keys: Any) -> Document:  # noqa: ANN401 - JSON
    typed = {"@type": f"{FILTERS}.{folder}.v3.{kind}", **keys}
    return {"name": f"envoy.filters.http.{name}", "typed_config": typed}


def _authentication(job: Job, place: Place) -> Document:
    provider = {
        "issuer": ISSUER,
        "audiences": [AUDIENCE],
        "local_jwks": {"filename": str(place.keys.key_set(job.algorithm))},
        "jwt_cache_config": {"jwt_cache_size": 10_000},
        "clock_skew_seconds": 1,
        "claim_to_headers": [{"header_name": "x-user-id", "claim_name": "sub"}],
    }
    return _filter(
        "jwt_authn",
        "jwt_authn",
        "JwtAuthentication",
        providers={"main": provider},
        rules=[{"match": {"prefix": "/"}, "requires": {"provider_name": "main"}}],
    )


def _limit(job: Job, descriptors: list[Document], actions: list[Document]) -> Document:
    bucket = {
        "max_tokens": job.quota,
        "tokens_per_fill": job.quota,
        "fill_interval": f"{WINDOW}s",
    }
    keys: Document = {"token_bucket": bucket}
    if descriptors:
        everybody = {
            "max_tokens": 2**31,
            "tokens_per_fill": 2**31,
            "fill_interval": f"{WINDOW}s",
        }
        keys = {
            "token_bucket": everybody,
            "descriptors": [each | {"token_bucket": bucket} for each in descriptors],
            "rate_limits": actions,
            "max_dynamic_descriptors": 10_000,
        }
    return _filter(
        "local_ratelimit",
        "local_ratelimit",
        "LocalRateLimit",
        stat_prefix="limits",
        filter_enabled=ALWAYS,
        filter_enforced=ALWAYS,
        enable_x_ratelimit_headers="DRAFT_VERSION_03",
        **keys,
    )


def _tree() -> Document:
    """Routes as a tree of prefixes; in a list each would be tried after the other."""
    route = {
        "name": "envoy.route",
        "typed_config": {
            "@type": f"{TYPE}envoy.config.route.v3.Route",
            "match": {"prefix": "/"},
            "route": FORWARD,
        },
    }
    path = {
        "name": "path",
        "typed_config": {
            "@type": f"{TYPE}envoy.type.matcher.v3.HttpRequestHeaderMatchInput",
            "header_name": ":path",
        },
    }
    routes = {f"/service-{number}/": {"action": route} for number in range(ROUTES)}
    return {"matcher_tree": {"input": path, "prefix_match_map": {"map": routes}}}


def _log(place: Place) -> Document:
    line = {
        "timestamp": "%START_TIME%",
        "request_id": "%REQ(X-REQUEST-ID)%",
        "client": "%DOWNSTREAM_REMOTE_ADDRESS_WITHOUT_PORT%",
        "method": "%REQ(:METHOD)%",
        "path": "%PATH(NQ)%",
        "status": "%RESPONSE_CODE%",
        "duration_ms": "%DURATION%",
        "upstream": "%UPSTREAM_HOST%",
        "upstream_ms": "%RESPONSE_DURATION%",
        "user": "%REQ(X-USER-ID)%",
        "bytes_in": "%BYTES_RECEIVED%",
        "bytes_out": "%BYTES_SENT%",
    }
    return {
        "name": "envoy.access_loggers.file",
        "typed_config": {
            "@type": f"{TYPE}envoy.extensions.access_loggers.file.v3.FileAccessLog",
            "path": str(place.log),
            "log_format": {"json_format": line},
        },
    }
