"""The collector of spans, told with OpenTelemetry's exporter (OTLP over HTTP).

The exporter encodes, compresses, sends, and tries again what may succeed later, until its timeout
has passed. It does not bound everything: a response that comes a byte at a time counts as progress,
and is read whatever its length; a redirect counts as success; the environment and `.netrc` may add
headers. The session that it is given here does: nothing but the settings has a say, an answer ends
with its deadline, and no more is read of it than says how many spans were refused.
"""

from __future__ import annotations

import contextlib
import io
import logging
import socket
import ssl
import threading
from time import monotonic
from typing import TYPE_CHECKING, Any, Final

import requests
import urllib3
from google.protobuf.message import DecodeError
from opentelemetry.exporter.otlp.proto.http import Compression
from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceResponse
from opentelemetry.sdk.trace.export import SpanExportResult
from requests.adapters import HTTPAdapter

from pygateway.telemetry.spans import SpanMaker

if TYPE_CHECKING:
    from collections.abc import Sequence

    from pygateway.config.model.tracing import Tracing
    from pygateway.telemetry.finished import Finished

LONGEST_ANSWER: Final = 64 * 1024
"""Bytes that are read of an answer; it holds a number and a message at most."""

LONGEST_MESSAGE: Final = 200
"""Characters of a collector's own words that are logged."""

_OWN_FIELDS: Final = frozenset({"content-type", "content-encoding", "user-agent"})
"""Fields of the exporter's; it may have read others from the environment."""


class Collector:
    """Exports requests as spans.

    Args:
        settings: Which collector, and what it is told beside spans.
    """

    def __init__(self, settings: Tracing) -> None:
        _silence()
        self._spans = SpanMaker(settings)
        self._session = Session(settings)
        self._exporter = OTLPSpanExporter(
            endpoint=settings.endpoint,
            timeout=settings.timeout,
            compression=Compression(settings.compression),
            session=self._session,
        )
        self._closed = False

    def send(self, finished: Sequence[Finished]) -> tuple[int, str | None]:
        """Export; give how many spans the collector has not taken, and why."""
        spans = self._spans.make(finished)
        session = self._session
        session.problem, session.refused = None, 0
        result = self._exporter.export(spans)
        if result is SpanExportResult.SUCCESS:
            return min(session.refused, len(spans)), session.problem
        return len(spans), session.problem or "the spans cannot be exported"

    def hurry(self, until: float) -> None:
        """Give up at this time, of the monotonic clock, whatever is being done by then."""
        self._session.until = until
        timer = threading.Timer(max(until - monotonic(), 0), self.close)
        timer.daemon = True
        timer.start()

    def close(self) -> None:
        """Let go of the collector; an export that is under way fails."""
        if not self._closed:
            self._closed = True
            # Interrupts the pause before another try, and then what is being tried.
            self._exporter.shutdown()  # type: ignore[no-untyped-call]
            self._session.end()


def _silence() -> None:
    """Keep what is said of every batch out of the log, which says it once."""
    for name in ("opentelemetry.exporter", "urllib3"):
        logger = logging.getLogger(name)
        logger.propagate = False
        if not logger.handlers:
            logger.addHandler(logging.NullHandler())


class Session(requests.Session):
    """Carries the exporter's requests, each within its deadline.

    Attributes:
        problem: What was wrong with the last request; None if it was accepted as a whole.
        refused: Spans that the collector said that it has refused.
        until: When every request has to have ended, by the monotonic clock; None if that is open.
    """

    def __init__(self, settings: Tracing) -> None:
        super().__init__()
        # No proxies, no .netrc, no authorities from the environment.
        self.trust_env = False
        self.problem: str | None = None
        self.refused = 0
        self.until: float | None = None
        self._authorities = settings.ca_file or _authorities_of_the_system()
        self._headers = {name: value.get_secret_value() for name, value in settings.headers.items()}
        self._adapter = Adapter()
        self.mount("http://", self._adapter)
        self.mount("https://", self._adapter)

    def end(self) -> None:
        """Have every request fail, the one under way too."""
        self.until = 0.0
        self.cut()

    def cut(self) -> None:
        """Have the request that is under way fail."""
        self._adapter.cut()

    def request(  # type: ignore[override]
        self,
        method: str | bytes,
        url: str | bytes,
        *,
        data: bytes,
        headers: dict[str, str],
        timeout: float,
        **_: Any,  # noqa: ANN401 - the exporter's other wishes, which the settings decide
    ) -> requests.Response:
        """Send a request of the exporter's, and take what is needed of the answer.

        Raises:
            requests.RequestException: There is no answer, or none in time.
        """
        own = {name: value for name, value in headers.items() if name.lower() in _OWN_FIELDS}
        prepared = requests.Request(
            str(method), str(url), headers=own | self._headers, data=data
        ).prepare()
        if self.until is not None:
            timeout = min(timeout, self.until - monotonic())
        if timeout <= 0:
            self.problem = self.problem or "there was no time left"
            raise requests.Timeout(self.problem)
        return self._judge(*self._exchange(prepared, timeout))

    def _exchange(
        self, prepared: requests.PreparedRequest, timeout: float
    ) -> tuple[requests.Response, bytes]:
        """Send, and read the answer, within `timeout` seconds for all of it.

        Raises:
            requests.ConnectionError: There is no answer, or none in time.
        """
        late = threading.Event()

        def give_up() -> None:
            late.set()
            self.cut()

        timer = threading.Timer(timeout, give_up)
        timer.daemon = True
        timer.start()
        problem: str | None = None
        try:
            with self.send(
                prepared,
                timeout=timeout,
                verify=self._authorities,
                cert=None,
                proxies={},
                stream=True,
                allow_redirects=False,
            ) as response:
                body = response.raw.read(LONGEST_ANSWER)
        except (requests.RequestException, urllib3.exceptions.HTTPError, OSError) as error:
            if isinstance(error, requests.Timeout):
                late.set()
            problem = _reason(error)
        finally:
            timer.cancel()
        # A head that was cut off looks like one that has come to its end.
        if late.is_set():
            problem = f"no answer within {timeout:.2g} s"
        if problem is not None:
            self.problem = problem
            raise requests.ConnectionError(problem)
        return response, body

    def _judge(self, response: requests.Response, body: bytes) -> requests.Response:
        """Take note of what the collector says, and pass on what the exporter goes by."""
        answer = requests.Response()
        answer.status_code, answer.reason = response.status_code, response.reason
        answer.headers = response.headers
        answer.raw = io.BytesIO(body)
        self.problem, self.refused = None, 0
        if 300 <= answer.status_code < 400:
            # The exporter would take it for success (OTLP, OTLP/HTTP Response).
            answer.status_code = 400
        if answer.status_code >= 300:
            self.problem = f"the collector answers {response.status_code}"
            return answer
        kind = response.headers.get("Content-Type", "")
        if body and kind.partition(";")[0].strip() == "application/x-protobuf":
            with contextlib.suppress(DecodeError):
                partial = ExportTraceServiceResponse.FromString(body).partial_success
                self.refused = max(partial.rejected_spans, 0)
                if self.refused:
                    message = partial.error_message[:LONGEST_MESSAGE]
                    self.problem = f"the collector refuses some: {message}"
        return answer


def _authorities_of_the_system() -> str | bool:
    """Give the file or directory that TLS goes by elsewhere in the gateway, too."""
    paths = ssl.get_default_verify_paths()
    return paths.cafile or paths.capath or True


def _reason(error: BaseException) -> str:
    """Say what is at the bottom of an error, without what it was wrapped in on its way."""
    while True:
        inner = getattr(error, "reason", None)
        inner = inner if isinstance(inner, BaseException) else error.__cause__ or error.__context__
        if inner is None:
            break
        error = inner
    text = error.strerror if isinstance(error, OSError) and error.strerror else str(error)
    return f"{type(error).__name__}: {text}"[:LONGEST_MESSAGE]


class Adapter(HTTPAdapter):
    """Knows the connection that it uses, so that it can be cut."""

    def __init__(self) -> None:
        self._socket: socket.socket | None = None
        super().__init__(pool_connections=1, pool_maxsize=1)

    def cut(self) -> None:
        """Have whoever waits for the connection see its end."""
        connection = self._socket
        if connection is not None:
            with contextlib.suppress(OSError):
                # Not the TLS connection's own, which would forget its state under the reader.
                socket.socket.shutdown(connection, socket.SHUT_RDWR)

    def init_poolmanager(self, *args: Any, **keywords: Any) -> None:  # noqa: ANN401
        """Have every connection tell of itself."""
        super().init_poolmanager(*args, **keywords)
        adapter = self

        class Plain(urllib3.connection.HTTPConnection):
            def connect(self) -> None:
                super().connect()
                adapter._socket = self.sock

        class Secure(urllib3.connection.HTTPSConnection):
            def connect(self) -> None:
                super().connect()
                adapter._socket = self.sock

        class PlainPool(urllib3.HTTPConnectionPool):
            ConnectionCls = Plain

        class SecurePool(urllib3.HTTPSConnectionPool):
            ConnectionCls = Secure

        self.poolmanager.pool_classes_by_scheme = {"http": PlainPool, "https": SecurePool}
