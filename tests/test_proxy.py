from __future__ import annotations

import socket
from typing import TYPE_CHECKING, Any

import pytest
import structlog

from pygateway._core import Gate
from tests.support.gateway import configuration

if TYPE_CHECKING:
    from tests.conftest import StartGateway


class Panic(BaseException):
    """As a panic of native code arrives: not an Exception."""


class BreakingGate:
    """The native gate, but for one path."""

    def __init__(self, specification: bytes, seed: bytes) -> None:
        self._gate = Gate(specification, seed)

    def __getattr__(self, name: str) -> Any:  # noqa: ANN401 - whatever the gate has
        return getattr(self._gate, name)

    def decide_head(self, head: bytes, *rest: Any) -> Any:  # noqa: ANN401
        if b" /broken " in head:
            raise Panic("secret detail")
        return self._gate.decide_head(head, *rest)


@pytest.mark.parametrize("body", ["", "hello"])
def test_a_panic_of_the_core_is_one_500_and_never_a_dead_worker(
    start_gateway: StartGateway, monkeypatch: pytest.MonkeyPatch, body: str
) -> None:
    monkeypatch.setattr("pygateway.gateway.Gate", BreakingGate)
    gateway = start_gateway(configuration({}, routes=[]))
    head = f"POST /broken HTTP/1.1\r\nHost: x\r\nContent-Length: {len(body)}\r\n\r\n"
    with structlog.testing.capture_logs() as logs, gateway.client() as client:
        client.send((head + body).encode())
        response = client.response()
        response.problem("internal")
        assert response.closes
        assert b"secret" not in response.body
        client.ended()
    assert [line["event"] for line in logs] == ["request failed"]
    assert gateway.fetch(b"GET /health HTTP/1.1\r\nHost: x\r\n\r\n").status == 200


def test_an_endpoint_that_cannot_be_connected_to_is_logged_once_with_the_reason(
    start_gateway: StartGateway,
) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        url = f"http://127.0.0.1:{taken.getsockname()[1]}"
        gateway = start_gateway(configuration({"app": url}))
        with structlog.testing.capture_logs() as logs:
            for _ in range(3):
                response = gateway.fetch(b"GET / HTTP/1.1\r\nHost: x\r\n\r\n")
                response.problem("upstream-unreachable")
    (line,) = logs
    assert (line["event"], line["log_level"]) == ("endpoint unreachable", "warning")
    assert (line["upstream"], line["endpoint"]) == ("app", url)
    assert "refused" in line["detail"]
