"""Spans of a request, as OpenTelemetry's semantic conventions for HTTP want them.

    SERVER    `METHOD route`   the request, from its head to its end
      INTERNAL  `authenticate`   finding out who asks, where that took a while
      CLIENT    `acquire`        asking the store for quotas
      CLIENT    `METHOD`         the upstream: connecting, asking, and passing its answer on

The last one has the identifier that the upstream was sent in `traceparent`, so that the upstream's
own spans hang below it. A request that was tried again was sent with the same one each time: there
is one span for all tries, of the last one's time, and `http.request.resend_count` says how often.
"""

from __future__ import annotations

import os
import random
import time
import uuid
from functools import lru_cache
from typing import TYPE_CHECKING, Final
from urllib.parse import urlsplit

from opentelemetry.sdk.resources import OTELResourceDetector, Resource
from opentelemetry.sdk.trace import ReadableSpan
from opentelemetry.sdk.util.instrumentation import InstrumentationScope
from opentelemetry.trace import SpanContext, SpanKind, Status, StatusCode, TraceFlags

from pygateway import __version__

if TYPE_CHECKING:
    from collections.abc import Iterable

    from opentelemetry.util.types import AttributeValue

    from pygateway.config.model.tracing import Tracing
    from pygateway.telemetry.finished import Finished

    Attributes = dict[str, AttributeValue]

SCHEMA: Final = "https://opentelemetry.io/schemas/1.36.0"
"""The version of the semantic conventions whose names are used."""

KNOWN_METHODS: Final = frozenset(
    {"CONNECT", "DELETE", "GET", "HEAD", "OPTIONS", "PATCH", "POST", "PUT", "TRACE"}
)
"""Others are `_OTHER`: clients could make up as many as they like."""

CLIENT_LEFT: Final = 499
"""Status of a request whose client left before there was anything to send; nobody was sent it."""

CLIENT_CLOSED: Final = "client-closed-request"
"""The problem of a request whose client has left: nothing here went wrong."""

DEFAULT_PORTS: Final = {"http": 80, "https": 443}

_SAMPLED: Final = TraceFlags(TraceFlags.SAMPLED)
_UNSET: Final = Status(StatusCode.UNSET)
_ERROR: Final = Status(StatusCode.ERROR)


class SpanMaker:
    """Makes spans.

    Args:
        settings: Which attributes they have in common.
    """

    def __init__(self, settings: Tracing) -> None:
        self._resource = resource(settings)
        self._scope = InstrumentationScope("pygateway", __version__, SCHEMA)

    def make(self, requests: Iterable[Finished]) -> list[ReadableSpan]:
        """Make the spans of requests, in an order in which parents come first."""
        # Looked at anew each time, because the clocks drift apart.
        offset = time.time_ns() - time.monotonic_ns()
        spans: list[ReadableSpan] = []
        for finished in requests:
            self._add(spans, finished, offset)
        return spans

    def _add(self, spans: list[ReadableSpan], finished: Finished, offset: int) -> None:
        trace_id = int(finished.trace_id, 16)
        parent_id, span_id, client_id = finished.spans
        began, ended = finished.began, max(finished.ended, finished.began)
        parent = _context(trace_id, int(parent_id, 16), remote=True) if parent_id else None
        request = _context(trace_id, int(span_id, 16))

        def add(
            name: str,
            kind: SpanKind,
            context: SpanContext,
            start: float,
            end: float,
            attributes: Attributes,
            status: Status,
        ) -> None:
            # A child's times are within its parent's, whatever has been rounded.
            start = min(max(start, began), ended)
            end = min(max(end, start), ended)
            spans.append(
                ReadableSpan(
                    name=name,
                    context=context,
                    parent=parent if context is request else request,
                    resource=self._resource,
                    attributes=attributes,
                    kind=kind,
                    status=status,
                    start_time=offset + round(start * 1e9),
                    end_time=offset + round(end * 1e9),
                    instrumentation_scope=self._scope,
                )
            )

        method = finished.method if finished.method in KNOWN_METHODS else "HTTP"
        name = method if finished.route is None else f"{method} {finished.route}"
        attributes, status = _of_request(finished)
        add(name, SpanKind.SERVER, request, began, ended, attributes, status)
        if finished.verify is not None:
            start, seconds = finished.verify
            context = _context(trace_id, _new_id())
            add("authenticate", SpanKind.INTERNAL, context, start, start + seconds, {}, _UNSET)
        if finished.store is not None:
            start, seconds = finished.store
            context = _context(trace_id, _new_id())
            about: Attributes = {"db.system.name": "redis", "db.operation.name": "acquire"}
            add("acquire", SpanKind.CLIENT, context, start, start + seconds, about, _UNSET)
        if finished.endpoint is not None:
            attributes, status = _of_upstream(finished, finished.endpoint)
            context = _context(trace_id, int(client_id, 16))
            start = (finished.sent or ended) - finished.connect
            add(method, SpanKind.CLIENT, context, start, ended, attributes, status)


def _of_request(finished: Finished) -> tuple[Attributes, Status]:
    status, problem = finished.status, finished.problem
    attributes = _method(finished.method)
    attributes["url.scheme"] = finished.scheme
    attributes["url.path"] = finished.path
    attributes["client.address"] = finished.client
    attributes["pygateway.request_id"] = finished.request_id
    attributes["http.request.body.size"] = finished.request_bytes
    attributes["http.response.body.size"] = finished.response_bytes
    if finished.route is not None:
        attributes["http.route"] = finished.route
    if status != CLIENT_LEFT:
        attributes["http.response.status_code"] = status
    if problem is not None:
        attributes["pygateway.problem"] = problem
    # What the gateway refuses is no error of its own; a response that broke off is.
    if problem == CLIENT_CLOSED or status == CLIENT_LEFT:
        attributes["error.type"] = CLIENT_CLOSED
        return attributes, _UNSET
    if status >= 500 or (problem is not None and status < 400):
        attributes["error.type"] = problem or str(status)
        return attributes, _ERROR
    return attributes, _UNSET


def _of_upstream(finished: Finished, endpoint: str) -> tuple[Attributes, Status]:
    attributes = _method(finished.method) | _server(endpoint)
    if finished.upstream is not None:
        attributes["pygateway.upstream"] = finished.upstream
    if finished.tries > 1:
        attributes["http.request.resend_count"] = finished.tries - 1
    if finished.answered:
        attributes["http.response.status_code"] = finished.status
        # To a client, 4xx is an error as well.
        error = finished.problem or (str(finished.status) if finished.status >= 400 else None)
    else:
        error = finished.problem or "_OTHER"
    if error is None:
        return attributes, _UNSET
    attributes["error.type"] = error
    return attributes, _ERROR


def _method(method: str) -> Attributes:
    if method in KNOWN_METHODS:
        return {"http.request.method": method}
    return {"http.request.method": "_OTHER", "http.request.method_original": method}


@lru_cache(maxsize=4096)
def _server(endpoint: str) -> Attributes:
    """Name an endpoint's address and port, or its unix socket."""
    if endpoint.startswith("unix:"):
        return {"server.address": endpoint.removeprefix("unix:"), "network.transport": "unix"}
    parts = urlsplit(endpoint)
    port = parts.port or DEFAULT_PORTS.get(parts.scheme, 0)
    return {"server.address": parts.hostname or "", "server.port": port, "url.scheme": parts.scheme}


def _context(trace_id: int, span_id: int, *, remote: bool = False) -> SpanContext:
    return SpanContext(trace_id, span_id, remote, _SAMPLED)


def _new_id() -> int:
    return random.getrandbits(64) or 1


def resource(settings: Tracing) -> Resource:
    """Describe this process; what the settings say counts most, then OTEL_RESOURCE_ATTRIBUTES."""
    own = Resource(
        {
            "service.name": "pygateway",
            "service.version": __version__,
            "service.instance.id": str(uuid.uuid4()),
            "process.pid": os.getpid(),
        }
    )
    configured: Attributes = dict(settings.attributes)
    if settings.service_name is not None:
        configured["service.name"] = settings.service_name
    # Never `Resource.create`, which would ask whatever else is installed.
    return own.merge(OTELResourceDetector().detect()).merge(Resource(configured))
