from __future__ import annotations

import asyncio
import socket
from typing import TYPE_CHECKING, Any

import pytest
import structlog

from pygateway._core import Gate
from tests.limits.fleet import eventually
from tests.support.client import request
from tests.support.gateway import configuration, route
from tests.support.issuer import Issuer, provider
from tests.support.redis import RedisServer

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from tests.conftest import StartGateway, StartUpstream
    from tests.support.gateway import Document, RunningGateway


class Panic(BaseException):
    """As a panic of native code arrives: not an Exception."""


class WrappedGate:
    """The native gate; subclasses change what they are about."""

    def __init__(self, specification: bytes, seed: bytes, *rest: Any) -> None:  # noqa: ANN401
        self._gate = Gate(specification, seed, *rest)

    def __getattr__(self, name: str) -> Any:  # noqa: ANN401 - whatever the gate has
        return getattr(self._gate, name)


class BreakingGate(WrappedGate):
    """Breaks for one path."""

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


class ForgetfulGate(WrappedGate):
    """Never learns anything, as if the keys changed between every two questions."""

    def decide_head(
        self,
        head: bytes,
        peer: Any,  # noqa: ANN401
        now: float,
        verdict: Any = None,  # noqa: ANN401
        funding: Any = None,  # noqa: ANN401
        earlier: Any = None,  # noqa: ANN401
    ) -> Any:  # noqa: ANN401
        return self._gate.decide_head(head, peer, now)

    def verify(self, unverified: Any, now: float) -> Any:  # noqa: ANN401
        return self._gate.deny(unverified, "token-invalid", now)


class PanickingGate(WrappedGate):
    """Breaks where signatures are verified."""

    def verify(self, unverified: Any, now: float) -> Any:  # noqa: ANN401
        raise Panic("secret detail")


class LatePanickingGate(WrappedGate):
    """Breaks once it is told what was found out."""

    def decide_head(
        self,
        head: bytes,
        peer: Any,  # noqa: ANN401
        now: float,
        verdict: Any = None,  # noqa: ANN401
        funding: Any = None,  # noqa: ANN401
        earlier: Any = None,  # noqa: ANN401
    ) -> Any:  # noqa: ANN401
        if verdict is not None:
            raise Panic("secret detail")
        return self._gate.decide_head(head, peer, now)


class TestAuthentication:
    """What is about the story alone; tests/auth has what is about credentials."""

    @pytest.fixture
    def issuer(self) -> Iterator[Issuer]:
        with Issuer() as made:
            yield made

    @staticmethod
    def protected(issuer: Issuer, url: str) -> Document:
        routes = [route("all", upstream="app", auth={"provider": "main"})]
        return configuration(
            {"app": url}, auth={"providers": {"main": provider(issuer)}}, routes=routes
        )

    def test_the_gate_is_not_asked_for_ever(
        self,
        issuer: Issuer,
        start_gateway: StartGateway,
        start_upstream: StartUpstream,
        monkeypatch: pytest.MonkeyPatch,
    ) -> None:
        monkeypatch.setattr("pygateway.gateway.Gate", ForgetfulGate)
        gateway = start_gateway(self.protected(issuer, start_upstream().url))
        with gateway.client() as client:
            for _ in range(2):
                response = client.exchange(request("GET", "/a", issuer.bearer()))
                response.problem("auth-unavailable")
                assert not response.closes

    @pytest.mark.parametrize("gate", [PanickingGate, LatePanickingGate])
    @pytest.mark.parametrize("body", [b"", b"hello"])
    def test_a_panic_while_it_is_found_out_who_asks_is_one_500(
        self,
        issuer: Issuer,
        start_gateway: StartGateway,
        start_upstream: StartUpstream,
        monkeypatch: pytest.MonkeyPatch,
        gate: type[WrappedGate],
        body: bytes,
    ) -> None:
        monkeypatch.setattr("pygateway.gateway.Gate", gate)
        upstream = start_upstream()
        gateway = start_gateway(self.protected(issuer, upstream.url))
        with structlog.testing.capture_logs() as logs, gateway.client() as client:
            response = client.exchange(request("POST", "/a", issuer.bearer(), body=body))
            response.problem("internal")
            assert response.closes
            assert b"secret" not in response.body
            client.ended()
        assert [line for line in logs if line["log_level"] == "error"]
        upstream.no_request()
        assert gateway.fetch(request("GET", "/health")).status == 200

    def test_a_known_token_makes_no_task(
        self, issuer: Issuer, start_gateway: StartGateway, start_upstream: StartUpstream
    ) -> None:
        gateway = start_gateway(self.protected(issuer, start_upstream().url))
        known = request("GET", "/a", issuer.bearer())
        assert gateway.fetch(known).status == 200
        made = count_tasks(gateway)
        for _ in range(3):
            assert gateway.fetch(known).status == 200
        # A new one with a known key waits its turn, and makes none either.
        assert gateway.fetch(request("GET", "/a", issuer.bearer())).status == 200
        assert made == []


class ForgettingFundings(WrappedGate):
    """Takes so many fundings for none, as if somebody else had spent the leases meanwhile."""

    forgets = 1

    def decide_head(
        self,
        head: bytes,
        peer: Any,  # noqa: ANN401
        now: float,
        verdict: Any = None,  # noqa: ANN401
        funding: Any = None,  # noqa: ANN401
        earlier: Any = None,  # noqa: ANN401
    ) -> Any:  # noqa: ANN401
        if funding is not None and self.forgets:
            self.forgets -= 1
            return self._gate.decide_head(head, peer, now, verdict)
        return self._gate.decide_head(head, peer, now, verdict, funding)


class ForgettingEveryFunding(ForgettingFundings):
    """Is never content."""

    forgets = 1000


class TestFunding:
    """What is about the story alone; tests/wire and tests/limits have what is about limits."""

    @pytest.fixture
    def server(self, tmp_path: Path) -> Iterator[RedisServer]:
        with RedisServer(tmp_path) as running:
            yield running

    @staticmethod
    def started(start_gateway: StartGateway, server: RedisServer, timeout: str) -> RunningGateway:
        limit = {"by": "global", "quota": 9, "window": "1h", "mode": "strict"}
        gateway = start_gateway(
            configuration(
                {},
                redis={"url": server.url, "timeout": timeout},
                rate_limits={"all": limit | {"on_store_failure": "open"}},
                routes=[route("all", respond={"status": 203}, rate_limits=["all"])],
            )
        )
        eventually(lambda: gateway.statistics()["rate_limits"]["store"]["up"], "connection")
        return gateway

    @pytest.mark.parametrize("gate", [ForgettingFundings, ForgettingEveryFunding])
    def test_nobody_waits_for_the_store_twice(
        self,
        server: RedisServer,
        start_gateway: StartGateway,
        monkeypatch: pytest.MonkeyPatch,
        gate: type[WrappedGate],
    ) -> None:
        monkeypatch.setattr("pygateway.gateway.Gate", gate)
        gateway = self.started(start_gateway, server, "200ms")
        server.hang()
        response = gateway.fetch(request())
        if gate is ForgettingFundings:
            # `on_store_failure` has decided.
            assert response.status == 203
        else:
            response.problem("rate-limit-unavailable")
        assert gateway.statistics()["rate_limits"]["store"]["acquired"] == 1

    def test_a_store_that_answers_in_time_is_asked_again(
        self, server: RedisServer, start_gateway: StartGateway, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr("pygateway.gateway.Gate", ForgettingFundings)
        gateway = self.started(start_gateway, server, "10s")
        assert gateway.fetch(request()).status == 203
        assert gateway.statistics()["rate_limits"]["store"]["acquired"] == 2


def count_tasks(gateway: RunningGateway) -> list[Any]:
    """What the gateway's loop makes tasks of from now on."""
    made: list[Any] = []

    def make(loop: asyncio.AbstractEventLoop, coroutine: Any, **options: Any) -> Any:  # noqa: ANN401
        made.append(coroutine)
        return asyncio.Task(coroutine, loop=loop, **options)

    gateway.call(lambda: asyncio.get_running_loop().set_task_factory(make))
    return made
