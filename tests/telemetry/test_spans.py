from __future__ import annotations

import os
import time
from typing import Any

import pytest
from opentelemetry.sdk.trace import ReadableSpan
from opentelemetry.trace import SpanKind, StatusCode

from pygateway.config import Tracing
from pygateway.telemetry.spans import SpanMaker, resource
from tests.telemetry.requests import SPANS, TRACE, finished

SETTINGS = Tracing(endpoint="http://localhost:4318")


def spans_of(**changes: Any) -> dict[str, ReadableSpan]:  # noqa: ANN401 - any field of `Finished`
    request = finished(**changes)
    spans = SpanMaker(SETTINGS).make([request])
    assert len(spans) == request.span_count
    names = {SpanKind.SERVER: "server", SpanKind.INTERNAL: "verify"}
    return {
        names.get(span.kind, "store" if span.name == "acquire" else "upstream"): span
        for span in spans
    }


def attributes_of(span: ReadableSpan) -> dict[str, Any]:
    return dict(span.attributes or {})


def ids_of(span: ReadableSpan) -> tuple[str, str, str]:
    context, parent = span.get_span_context(), span.parent
    assert context is not None
    return (
        f"{context.trace_id:032x}",
        f"{context.span_id:016x}",
        f"{parent.span_id:016x}" if parent else "",
    )


def seconds_of(span: ReadableSpan) -> tuple[float, float]:
    """Begin and end, by the monotonic clock."""
    offset = time.time_ns() - time.monotonic_ns()
    assert span.start_time is not None
    assert span.end_time is not None
    return round((span.start_time - offset) / 1e9, 2), round((span.end_time - offset) / 1e9, 2)


def test_the_whole_of_a_request() -> None:
    spans = spans_of(verify=(10.0, 0.1), store=(10.1, 0.05), connect=0.1)
    assert ids_of(spans["server"]) == (TRACE, SPANS[1], SPANS[0])
    assert ids_of(spans["upstream"]) == (TRACE, SPANS[2], SPANS[1])
    for name in ("verify", "store"):
        trace, span, parent = ids_of(spans[name])
        assert (trace, parent) == (TRACE, SPANS[1])
        assert span not in SPANS
    assert {name: seconds_of(span) for name, span in spans.items()} == {
        "server": (10.0, 11.0),
        "verify": (10.0, 10.1),
        "store": (10.1, 10.15),
        "upstream": (10.15, 11.0),
    }
    assert [spans[name].name for name in ("server", "verify", "store", "upstream")] == [
        "GET users",
        "authenticate",
        "acquire",
        "GET",
    ]
    assert attributes_of(spans["server"]) == {
        "http.request.method": "GET",
        "http.route": "users",
        "http.response.status_code": 200,
        "http.request.body.size": 0,
        "http.response.body.size": 2,
        "url.scheme": "http",
        "url.path": "/users/7",
        "client.address": "192.0.2.1",
        "pygateway.request_id": "id-1",
    }
    assert attributes_of(spans["upstream"]) == {
        "http.request.method": "GET",
        "http.response.status_code": 200,
        "server.address": "10.0.0.1",
        "server.port": 9000,
        "url.scheme": "http",
        "pygateway.upstream": "users",
    }
    assert spans["store"].kind is SpanKind.CLIENT
    assert attributes_of(spans["store"])["db.system.name"] == "redis"


def test_without_a_caller_it_is_the_root() -> None:
    assert ids_of(spans_of(spans=("", *SPANS[1:]))["server"]) == (TRACE, SPANS[1], "")


def test_a_request_that_went_nowhere_has_one_span() -> None:
    spans = spans_of(
        route=None, status=404, problem="route-not-found", sent=0.0, answered=0.0,
        upstream=None, endpoint=None, tries=0,
    )  # fmt: skip
    assert set(spans) == {"server"}
    assert spans["server"].name == "GET"
    assert "http.route" not in attributes_of(spans["server"])


@pytest.mark.parametrize(
    ("changes", "error", "status"),
    [
        ({}, None, StatusCode.UNSET),
        ({"status": 404}, None, StatusCode.UNSET),
        ({"status": 429, "problem": "rate-limited"}, None, StatusCode.UNSET),
        ({"status": 500}, "500", StatusCode.ERROR),
        ({"status": 504, "problem": "upstream-timeout"}, "upstream-timeout", StatusCode.ERROR),
        # A response that broke off after its head.
        ({"problem": "upstream-timeout"}, "upstream-timeout", StatusCode.ERROR),
        # The client's doing.
        ({"problem": "client-closed-request"}, "client-closed-request", StatusCode.UNSET),
        (
            {"status": 499, "problem": "client-closed-request"},
            "client-closed-request",
            StatusCode.UNSET,
        ),
    ],
)
def test_what_is_an_error_of_the_gateway(
    changes: dict[str, Any], error: str | None, status: StatusCode
) -> None:
    span = spans_of(**changes)["server"]
    assert (attributes_of(span).get("error.type"), span.status.status_code) == (error, status)
    sent = None if changes.get("status") == 499 else changes.get("status", 200)
    assert attributes_of(span).get("http.response.status_code") == sent
    assert attributes_of(span).get("pygateway.problem") == changes.get("problem")


@pytest.mark.parametrize(
    ("changes", "error", "answer"),
    [
        ({}, None, 200),
        ({"status": 404}, "404", 404),
        ({"status": 503}, "503", 503),
        ({"status": 502, "problem": "upstream-unreachable", "answered": 0.0},
         "upstream-unreachable", None),
        ({"problem": "upstream-protocol-error"}, "upstream-protocol-error", 200),
        ({"status": 499, "problem": "client-closed-request", "answered": 0.0},
         "client-closed-request", None),
    ],
)  # fmt: skip
def test_what_is_an_error_of_the_upstream(
    changes: dict[str, Any], error: str | None, answer: int | None
) -> None:
    span = spans_of(**changes)["upstream"]
    attributes = attributes_of(span)
    assert (attributes.get("error.type"), attributes.get("http.response.status_code")) == (
        error,
        answer,
    )
    assert span.status.status_code is (StatusCode.UNSET if error is None else StatusCode.ERROR)


def test_an_upstream_that_was_never_reached_takes_the_time_of_connecting() -> None:
    changes = {"sent": 0.0, "answered": 0.0, "connect": 0.5, "problem": "upstream-unreachable"}
    assert seconds_of(spans_of(status=502, **changes)["upstream"]) == (10.5, 11.0)


def test_children_stay_within_their_parent() -> None:
    spans = spans_of(verify=(9.9, 5.0), store=(12.0, 1.0), connect=3.0)
    assert [seconds_of(spans[name]) for name in ("verify", "store", "upstream")] == [
        (10.0, 11.0),
        (11.0, 11.0),
        (10.0, 11.0),
    ]


def test_retries_are_counted() -> None:
    assert attributes_of(spans_of(tries=3)["upstream"])["http.request.resend_count"] == 2


def test_methods_that_nobody_knows_make_no_names() -> None:
    spans = spans_of(method="BREW")
    assert [span.name for span in spans.values()] == ["HTTP users", "HTTP"]
    for span in spans.values():
        assert attributes_of(span)["http.request.method"] == "_OTHER"
        assert attributes_of(span)["http.request.method_original"] == "BREW"


@pytest.mark.parametrize(
    ("endpoint", "expected"),
    [
        ("https://users.example", ("users.example", 443)),
        ("http://[::1]:8080", ("::1", 8080)),
        ("unix:/run/users.sock", ("/run/users.sock", None)),
    ],
)
def test_endpoints(endpoint: str, expected: tuple[str, int | None]) -> None:
    attributes = attributes_of(spans_of(endpoint=endpoint)["upstream"])
    assert (attributes["server.address"], attributes.get("server.port")) == expected


def test_the_settings_say_more_than_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("OTEL_SERVICE_NAME", raising=False)
    monkeypatch.delenv("OTEL_RESOURCE_ATTRIBUTES", raising=False)
    attributes = resource(SETTINGS).attributes
    assert (attributes["service.name"], attributes["process.pid"]) == ("pygateway", os.getpid())
    monkeypatch.setenv("OTEL_RESOURCE_ATTRIBUTES", "service.name=a,k8s.pod.name=p,region=x")
    assert resource(SETTINGS).attributes["service.name"] == "a"
    monkeypatch.setenv("OTEL_SERVICE_NAME", "b")
    assert resource(SETTINGS).attributes["service.name"] == "b"
    settings = Tracing(
        endpoint="http://localhost:4318", service_name="c", attributes={"region": "y"}
    )
    attributes = resource(settings).attributes
    assert (attributes["service.name"], attributes["k8s.pod.name"], attributes["region"]) == (
        "c",
        "p",
        "y",
    )
