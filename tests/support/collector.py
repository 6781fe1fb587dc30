"""A collector of spans: OTLP over HTTP, decoded with OpenTelemetry's own messages.

It takes what it is sent, or behaves as a test wants: refuses, hangs, drips, talks nonsense.
"""

from __future__ import annotations

import contextlib
import gzip
import socket
import ssl
import threading
from collections.abc import Callable
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import TracebackType
from typing import Any, Self

from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import (
    ExportTraceServiceRequest,
    ExportTraceServiceResponse,
)
from opentelemetry.proto.common.v1.common_pb2 import KeyValue
from opentelemetry.proto.trace.v1.trace_pb2 import Span as SpanMessage
from opentelemetry.proto.trace.v1.trace_pb2 import Status

from tests.support.patience import PATIENCE

PROTOBUF = "application/x-protobuf"


@dataclass(frozen=True)
class Span:
    """A span as it arrived; identifiers are hexadecimal, times Unix nanoseconds."""

    name: str
    kind: str
    trace_id: str
    span_id: str
    parent_id: str
    start: int
    end: int
    attributes: dict[str, Any]
    status: str
    resource: dict[str, Any]
    scope: str


@dataclass(frozen=True)
class Delivery:
    """One request to the collector; header names are in lower case."""

    path: str
    headers: dict[str, str]
    spans: list[Span]


Behaviour = Callable[["Visit"], None]


class Visit(BaseHTTPRequestHandler):
    """One connection to the collector."""

    protocol_version = "HTTP/1.1"
    server: _Server

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"]))
        if self.headers.get("Content-Encoding") == "gzip":
            body = gzip.decompress(body)
        assert self.headers["Content-Type"] == PROTOBUF
        headers = {name.lower(): value for name, value in self.headers.items()}
        self.delivery = Delivery(self.path, headers, decode(body))
        self.server.receiver.arrived(self.delivery)
        with contextlib.suppress(ConnectionError, ssl.SSLError):
            self.server.receiver.behaviour(self)

    def answer(self, status: int, body: bytes = b"", **headers: str) -> None:
        """Answer; `_` in names of headers stands for `-`."""
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name.replace("_", "-"), value)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def take(self) -> None:
        """Count the spans as delivered."""
        self.server.receiver.took(self.delivery.spans)

    def wait_for_end(self, seconds: float | None = None) -> bool:
        """Wait until the collector is closed, or for some time; whether it is closed."""
        return self.server.receiver.closing.wait(seconds)

    def log_message(self, *_: object) -> None:
        """Say nothing."""


def accepting(visit: Visit) -> None:
    """Take everything, as the protocol wants."""
    visit.take()
    visit.answer(200, ExportTraceServiceResponse().SerializeToString(), Content_Type=PROTOBUF)


def answering(status: int, **headers: str) -> Behaviour:
    """Refuse with a status."""
    return lambda visit: visit.answer(status, b"no", **headers)


def refusing(count: int, message: str) -> Behaviour:
    """Take everything but some spans (OTLP, Partial Success)."""

    def behave(visit: Visit) -> None:
        response = ExportTraceServiceResponse()
        response.partial_success.rejected_spans = count
        response.partial_success.error_message = message
        visit.answer(200, response.SerializeToString(), Content_Type=PROTOBUF)

    return behave


def hanging(visit: Visit) -> None:
    """Never answer."""
    visit.wait_for_end()


def dripping(visit: Visit) -> None:
    """Answer with a byte at a time, and never come to an end."""
    visit.wfile.write(b"HTTP/1.1 200 OK\r\nX: ")
    while not visit.wait_for_end(0.02):
        visit.wfile.write(b"a")


def endless(visit: Visit) -> None:
    """Answer with a body that has no end."""
    visit.wfile.write(b"HTTP/1.1 200 OK\r\nContent-Type: application/x-protobuf\r\n\r\n")
    while not visit.server.receiver.closing.is_set():
        visit.wfile.write(b"\0" * 65536)


def talking_nonsense(visit: Visit) -> None:
    """Answer with something that is no HTTP."""
    visit.wfile.write(b"\x16\x03\x01 ?\r\n\r\n")
    visit.close_connection = True


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 128
    receiver: Receiver

    def handle_error(self, *_: object) -> None:
        """A gateway may hang up at any time; what a visit asserts shows in what is missing."""


class Receiver:
    """A running collector.

    Attributes:
        behaviour: What it does with the next request.
        deliveries: Every request so far, refused ones too.
        spans: Every span that was taken.
    """

    def __init__(
        self, behaviour: Behaviour = accepting, port: int = 0, tls: ssl.SSLContext | None = None
    ) -> None:
        self.behaviour = behaviour
        self.closing = threading.Event()
        self.deliveries: list[Delivery] = []
        self.spans: list[Span] = []
        self._changed = threading.Condition()
        self._scheme = "http" if tls is None else "https"
        self._server = _Server(("127.0.0.1", port), Visit)
        self._server.receiver = self
        if tls is not None:
            self._server.socket = tls.wrap_socket(
                self._server.socket, server_side=True, do_handshake_on_connect=False
            )
        self._thread = threading.Thread(
            target=self._server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True
        )
        self._thread.start()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        value: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.closing.set()
        self._server.shutdown()
        self._server.server_close()
        self._thread.join(PATIENCE)

    @property
    def port(self) -> int:
        """Where it listens."""
        return int(self._server.server_address[1])

    @property
    def url(self) -> str:
        """What a configuration calls it."""
        return f"{self._scheme}://127.0.0.1:{self.port}"

    def arrived(self, delivery: Delivery) -> None:
        """Take note of a request."""
        with self._changed:
            self.deliveries.append(delivery)
            self._changed.notify_all()

    def took(self, spans: list[Span]) -> None:
        """Take note of spans."""
        with self._changed:
            self.spans += spans
            self._changed.notify_all()

    def wait_for_deliveries(self, count: int) -> list[Delivery]:
        """Wait for so many requests."""
        return self._wait(lambda: self.deliveries, count, "requests")

    def wait_for_spans(self, count: int) -> list[Span]:
        """Wait for so many spans."""
        return self._wait(lambda: self.spans, count, "spans")

    def trace(self, count: int, trace_id: str | None = None) -> list[Span]:
        """Wait for so many spans of one trace, the first one by default."""

        def of_trace() -> list[Span]:
            wanted = trace_id or (self.spans[0].trace_id if self.spans else "")
            return [span for span in self.spans if span.trace_id == wanted]

        return self._wait(of_trace, count, "spans of the trace")

    def _wait(self, found: Callable[[], list[Any]], count: int, what: str) -> list[Any]:
        with self._changed:
            enough = self._changed.wait_for(lambda: len(found()) >= count, PATIENCE)
            assert enough, f"{len(found())} of {count} {what} arrived at the collector"
            return list(found())


def decode(body: bytes) -> list[Span]:
    """Read an export request."""
    message = ExportTraceServiceRequest.FromString(body)
    return [
        Span(
            name=span.name,
            kind=SpanMessage.SpanKind.Name(span.kind).removeprefix("SPAN_KIND_"),
            trace_id=span.trace_id.hex(),
            span_id=span.span_id.hex(),
            parent_id=span.parent_span_id.hex(),
            start=span.start_time_unix_nano,
            end=span.end_time_unix_nano,
            attributes=_attributes(span.attributes),
            status=Status.StatusCode.Name(span.status.code).removeprefix("STATUS_CODE_"),
            resource=_attributes(group.resource.attributes),
            scope=scope.scope.name,
        )
        for group in message.resource_spans
        for scope in group.scope_spans
        for span in scope.spans
    ]


def _attributes(pairs: Any) -> dict[str, Any]:  # noqa: ANN401 - repeated fields have no public type
    def value(pair: KeyValue) -> Any:  # noqa: ANN401
        return getattr(pair.value, pair.value.WhichOneof("value") or "string_value")

    return {pair.key: value(pair) for pair in pairs}


def refused_port() -> int:
    """A port of the loopback on which nobody listens."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        return int(listener.getsockname()[1])
