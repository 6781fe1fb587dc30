"""Who of several endpoints takes the next request."""

from __future__ import annotations

import contextlib
import threading
from collections import Counter
from typing import TYPE_CHECKING

from tests.support.client import request
from tests.support.gateway import configuration
from tests.support.patience import wait
from tests.support.upstream import Conversation, Script, answering, ok

if TYPE_CHECKING:
    from tests.conftest import StartGateway, StartUpstream


def test_round_robin_takes_turns(
    start_gateway: StartGateway, start_upstream: StartUpstream
) -> None:
    names = [b"a", b"b", b"c"]
    urls = [start_upstream(answering(ok(name))).url for name in names]
    gateway = start_gateway(configuration({"app": urls}))
    with gateway.client() as client:
        bodies = [client.exchange(request()).body for _ in range(9)]
    assert Counter(bodies) == {b"a": 3, b"b": 3, b"c": 3}
    assert set(bodies[:3]) == set(names)


def test_round_robin_keeps_to_the_weights_and_spreads(
    start_gateway: StartGateway, start_upstream: StartUpstream
) -> None:
    endpoints = [
        {"url": start_upstream(answering(ok(name))).url, "weight": weight}
        for name, weight in ((b"a", 5), (b"b", 2), (b"c", 1))
    ]
    gateway = start_gateway(configuration({"app": {"endpoints": endpoints}}))
    with gateway.client() as client:
        bodies = [client.exchange(request()).body for _ in range(80)]
    assert Counter(bodies) == {b"a": 50, b"b": 20, b"c": 10}
    # Every full round has each endpoint's share: no bursts beyond a round.
    for start in range(0, 80, 8):
        assert Counter(bodies[start : start + 8]) == {b"a": 5, b"b": 2, b"c": 1}
    assert b"aaaaa" not in b"".join(bodies)


def gated(name: bytes, go: threading.Event) -> Script:
    """Answer with a name, but not before the test's word."""

    def script(conversation: Conversation) -> None:
        while True:
            conversation.request()
            wait(go, "the test's word")
            conversation.send(ok(name))

    return script


def test_least_requests_avoids_the_busy(
    start_gateway: StartGateway, start_upstream: StartUpstream
) -> None:
    go = threading.Event()
    go_slow = threading.Event()
    go.set()
    slow, quick = start_upstream(gated(b"slow", go_slow)), start_upstream(gated(b"quick", go))
    gateway = start_gateway(
        configuration({"app": {"endpoints": [slow.url, quick.url], "balancer": "least_requests"}})
    )
    with contextlib.ExitStack() as stack:
        # Of endpoints that are as busy the first is chosen, and what it is sent stays there.
        stack.enter_context(gateway.client()).send(request())
        slow.next_request()
        other = stack.enter_context(gateway.client())
        bodies = [other.exchange(request()).body for _ in range(20)]
        assert bodies == [b"quick"] * 20
        go_slow.set()


def test_least_requests_fills_in_proportion_to_the_weights(
    start_gateway: StartGateway, start_upstream: StartUpstream
) -> None:
    go = threading.Event()
    large, small = start_upstream(gated(b"large", go)), start_upstream(gated(b"small", go))
    gateway = start_gateway(
        configuration(
            {
                "app": {
                    "endpoints": [
                        {"url": large.url, "weight": 3},
                        {"url": small.url, "weight": 1},
                    ],
                    "balancer": "least_requests",
                }
            }
        )
    )
    with contextlib.ExitStack() as stack:
        clients = [stack.enter_context(gateway.client()) for _ in range(40)]
        for client in clients:
            client.send(request())
            gateway.settle()
        go.set()
        bodies = Counter(client.response().body for client in clients)
    assert bodies == {b"large": 30, b"small": 10}
    del small


def test_least_requests_spreads_the_idle_evenly(
    start_gateway: StartGateway, start_upstream: StartUpstream
) -> None:
    urls = [start_upstream(answering(ok(name))).url for name in (b"a", b"b")]
    gateway = start_gateway(
        configuration({"app": {"endpoints": urls, "balancer": "least_requests"}})
    )
    with gateway.client() as client:
        bodies = Counter(client.exchange(request()).body for _ in range(20))
    assert bodies == {b"a": 10, b"b": 10}
