from __future__ import annotations

import json

import structlog

from pygateway._core import Gate
from pygateway.config import gate_specification, load_text
from pygateway.telemetry import request_logger

CONFIG = load_text(
    "{upstreams: {app: {endpoints: ['http://127.0.0.1:1']}},"
    " routes: [{name: users, match: {paths: ['/users/*']}, upstream: app}]}"
)


def test_a_line_about_a_request_has_the_names_of_the_access_log() -> None:
    gate = Gate(gate_specification(CONFIG), bytes(32))
    peer = gate.peer("192.0.2.7", False)
    decision = gate.decide(b"PUT", b"/users/1?token=secret", [(b"Host", b"a")], peer, 0.0)
    with structlog.testing.capture_logs() as logs:
        request_logger(decision, "app", endpoint="e").error("request failed", problem="internal")
    assert logs == [
        {
            "log_level": "error",
            "event": "request failed",
            "request_id": decision.request_id,
            "trace_id": decision.trace_id,
            "client": "192.0.2.7",
            "method": "PUT",
            "path": "/users/1",
            "route": "users",
            "upstream": "app",
            "endpoint": "e",
            "problem": "internal",
        }
    ]
    assert "secret" not in json.dumps(logs)


def test_what_is_not_known_is_left_out() -> None:
    gate = Gate(gate_specification(CONFIG), bytes(32))
    decision = gate.refuse("bad-request", "It cannot be read.", gate.peer("", False), 0.0)
    with structlog.testing.capture_logs() as logs:
        request_logger(decision).error("x")
        request_logger(None).error("x")
    assert logs[0].keys() == {"log_level", "event", "request_id", "trace_id"}
    assert logs[1].keys() == {"log_level", "event"}
